// What the emitters of matrix products need to know about a target.
#pragma once

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cstdint>
#include <memory>

namespace mlir::qvl {

/// Shape of a register tile: `rows` of activations times `vectors` of output columns.
struct TileForm {
  int64_t rows;
  int64_t vectors;
  /// Pairs of bf16 weights do not fit beside the accumulators: both of a pair are read when their
  /// turn comes.
  bool rereadsPairs = false;
};

/// The seam between the loop nests, which are the same everywhere, and the registers and
/// instructions of a target. All sums are in f32; an output element is one chain in ascending k
/// whatever the form, so forms agree bit for bit: of fused multiply-adds, or of products of pairs
/// of bf16 where the target has an instruction for them and both operands are bf16.
class TileTarget {
public:
  virtual ~TileTarget() = default;

  /// f32 lanes of a vector register.
  virtual int64_t lanes() const = 0;
  /// Forms of the inner tile of a projection, most rows first, one row last; the rows of a form are
  /// a multiple of those of the next one. Their columns divide a panel of 32 or are a multiple of
  /// it.
  virtual ArrayRef<TileForm> linearForms() const = 0;
  /// Largest inner tile of attention.
  virtual TileForm attentionForm() const = 0;

  VectorType vectorType(MLIRContext *context) const {
    return VectorType::get({lanes()}, Float32Type::get(context));
  }
  /// Loads weights as f32: `vectors` vectors of neighbouring columns of a panel line that holds
  /// f32, one value of k. `pointer` points at the first column.
  SmallVector<Value> loadSingles(ImplicitLocOpBuilder &b, Value pointer, int64_t vectors) const;
  /// The same of a line that holds pairs of bf16, two values of k: those of value `step`. With
  /// `reread` LLVM does not keep a pair in a register from one step to the next.
  SmallVector<Value> loadOfPairs(ImplicitLocOpBuilder &b, Value pointer, int64_t vectors,
                                 int64_t step, bool reread) const;

  /// Whether addPairProducts() has an instruction.
  virtual bool multipliesBf16Pairs() const { return false; }
  /// `sums + input[2k] · weights[2k] + input[2k + 1] · weights[2k + 1]` in f32 lanes, from vectors
  /// of twice as many bf16.
  virtual Value addPairProducts(ImplicitLocOpBuilder &, Value /*input*/, Value /*weights*/,
                                Value /*sums*/) const {
    llvm_unreachable("this target multiplies f32 only");
  }
};

/// AVX-512: 32 registers of 16 lanes.
std::unique_ptr<TileTarget> createAvx512Target();
/// AVX-512 with BF16: a dot product of pairs, twice the rate of f32.
std::unique_ptr<TileTarget> createAvx512Bf16Target();
/// AVX2 with FMA: 16 registers of 8 lanes.
std::unique_ptr<TileTarget> createAvx2Target();

} // namespace mlir::qvl
