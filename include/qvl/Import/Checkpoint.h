// The weights of a checkpoint directory: safetensors files, one or sharded (the model
// specification, section 2).
//
// Opening reads headers only. A file that ends right behind its header can be opened and traced;
// that the data are there is checked when a tensor is read.
#pragma once

#include "qvl/Import/ModelConfig.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace qvl {

/// Element types that weights may have.
enum class DType { BF16, F16, F32 };

/// Bytes of one element.
int64_t byteWidth(DType dtype);
/// The safetensors spelling: "BF16", "F16", "F32".
llvm::StringRef toString(DType dtype);

using Shape = llvm::SmallVector<int64_t, 5>;

/// "[3840, 1280]"
std::string toString(llvm::ArrayRef<int64_t> shape);

/// One tensor of a safetensors file.
struct TensorInfo {
  std::string canonicalName; ///< "visual.blocks.0.norm1.weight"
  std::string sourceName;    ///< the name in the file
  std::string file;          ///< path of the file
  DType dtype = DType::BF16;
  Shape shape;         ///< as stored; the patch kernel is [V, C, T, P, P]
  uint64_t offset = 0; ///< from the start of the file, in bytes
  uint64_t bytes = 0;

  int64_t elements() const;
};

/// Limits of what is believed before it is read.
struct CheckpointLimits {
  uint64_t headerBytes = 100'000'000; ///< of one file, the limit of the safetensors library
  uint64_t tensors = 1'000'000;       ///< of the whole checkpoint
  uint64_t shards = 10'000;
};

/// The name by which this project knows a tensor of any exporter (section 2).
std::string canonicalTensorName(llvm::StringRef sourceName);

/// A name and shape that the model needs.
struct ExpectedTensor {
  std::string name; ///< canonical
  Shape shape;
};

/// All tensors of a model in module order: vision, then language (sections 2.1 and 2.2). A tied
/// head is left out.
std::vector<ExpectedTensor> expectedTensors(const ModelConfig &config);

/// The headers of a checkpoint, verified: ranges inside the limits, distinct, consistent with dtype
/// and shape.
class Checkpoint {
public:
  /// Opens `directory`: model.safetensors, else model.safetensors.index.json and its shards.
  static llvm::Expected<Checkpoint> open(llvm::StringRef directory,
                                         const CheckpointLimits &limits = {});

  /// The tensor with that canonical name, or null.
  const TensorInfo *find(llvm::StringRef canonicalName) const;
  /// In the order of files, then of offsets.
  llvm::ArrayRef<TensorInfo> tensors() const { return infos; }
  llvm::StringRef directory() const { return root; }

  /// Fails with one line that names every missing, surplus or wrongly shaped tensor. A head beside
  /// a tied embedding is ignored with a warning.
  llvm::Error matches(const ModelConfig &config, std::vector<std::string> &warnings) const;

  /// Fails with the first file that ends before its last tensor.
  llvm::Error checkDataPresent() const;

private:
  llvm::Error addFile(llvm::StringRef path, const CheckpointLimits &limits);
  llvm::Error addShards(llvm::StringRef indexPath, const CheckpointLimits &limits);

  std::string root;
  std::vector<TensorInfo> infos;
  llvm::StringMap<size_t> byName;
};

/// Reads the bytes of tensors block by block. Keeps one file open at a time and buffers nothing, so
/// that memory stays bounded by the caller's block.
class TensorReader {
public:
  TensorReader();
  ~TensorReader();
  TensorReader(TensorReader &&) noexcept;
  TensorReader &operator=(TensorReader &&) noexcept;

  /// Fills `block` with the bytes of `tensor` that start at `begin` (from the tensor's start). A
  /// file that ends before is reported as truncated.
  llvm::Error read(const TensorInfo &tensor, uint64_t begin, llvm::MutableArrayRef<char> block);

private:
  llvm::Error use(const std::string &file);

  int descriptor = -1;
  std::string openFile;
};

} // namespace qvl
