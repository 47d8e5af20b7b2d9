// Small valid artifacts whose kernels are those of TestKernels.c.
#pragma once

#include "ArtifactImage.h"
#include "qvlrt/module.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace qvlrt::test {

// Sizes of the test model.
inline constexpr int kHidden = 8;
inline constexpr int kVocab = 300;
inline constexpr int kMaxContext = 40;
inline constexpr int kPageTokens = 16;
inline constexpr int kLayers = 2, kKvHeads = 1, kHeadDim = 4;
inline constexpr std::int64_t kPageElements =
    std::int64_t{kLayers} * 2 * kKvHeads * kPageTokens * kHeadDim;
inline constexpr int kPatchRow = 3 * 2 * 2 * 2;

/// Numbers of the kernels in the test target.
enum TestKernel : std::uint32_t {
  kAffine,
  kDotWeight,
  kCountTiles,
  kProbeScratch,
  kVariant,
  kTinyLanguage,
  kTinyVision,
};

inline constexpr std::uint64_t kScratchBytes = 1000; // of kProbeScratch

/// Appends size nodes, buffers and commands to a program; every call returns the new number.
class ProgramBuilder {
public:
  explicit ProgramBuilder(std::string name) { program->name = std::move(name); }
  /// Goes on with a program.
  explicit ProgramBuilder(std::unique_ptr<qvlfmt::ProgramT> begun) : program(std::move(begun)) {}

  std::uint32_t size(qvlfmt::SizeOp op, std::uint32_t lhs, std::uint32_t rhs);
  std::uint32_t constant(std::int64_t value);
  /// Dimension `dimension` of argument `argument`.
  std::uint32_t dim(std::uint32_t argument, std::uint32_t dimension);

  /// An argument whose dim i is `dims[i]`, or a size of its own for -1.
  std::uint32_t argument(std::string name, qvlfmt::ElementType element,
                         const std::vector<std::int64_t> &dims);
  std::uint32_t transient(qvlfmt::ElementType element, std::vector<std::uint32_t> dims,
                          std::uint32_t first, std::uint32_t last);
  std::uint32_t weight(std::uint32_t index, std::vector<std::uint32_t> dims);
  std::uint32_t view(std::uint32_t of, std::vector<std::uint32_t> dims);

  std::uint32_t launch(std::uint32_t kernel, std::uint32_t grid, std::vector<std::uint32_t> buffers,
                       std::vector<std::uint32_t> scalars);
  std::uint32_t fill(std::uint32_t buffer, std::uint8_t value);
  std::uint32_t copy(std::uint32_t from, std::uint32_t to);
  void result(std::string name, std::uint32_t buffer);

  std::unique_ptr<qvlfmt::ProgramT> take() { return std::move(program); }

private:
  std::uint32_t addBuffer(qvlfmt::BufferKind kind, qvlfmt::ElementType element,
                          std::vector<std::uint32_t> dims);
  std::uint32_t addCommand(qvlfmt::CommandKind kind, std::vector<std::uint32_t> buffers);

  std::unique_ptr<qvlfmt::ProgramT> program = std::make_unique<qvlfmt::ProgramT>();
};

/// Facts, tokenizer, weights ("scale" f32 [8] = 1 .. 8 and the bf16 panels "panel" [3, 5]), and the
/// target "cpu" with all kernels and no programs.
qvlfmt::ArtifactT emptyArtifact();

/// The above with the programs:
///   "dense"    x f32 [R, 8] -> y = dot(2 (2 x + 1) + 1, scale) f32 [R], also "wide", the argument
///   of the dot "vision"   the operands of a vision call -> tiny_vision "prefill", "decode"   the
///   operands of a language call -> tiny_language
qvlfmt::ArtifactT testArtifact();

/// A vision entry point for patch rows of that many columns, on tiny_vision.
std::unique_ptr<qvlfmt::ProgramT> visionProgram(const char *name, int patchRow);

/// A wide form of "affine", which is launched on rows of eight f32, in the first code object.
std::unique_ptr<qvlfmt::WideFormT> wideAffine();

/// Lets a language program choose ids: each byte of them is `byte`.
void chooseIds(std::unique_ptr<qvlfmt::ProgramT> &program, std::uint8_t byte);

/// Stored bytes of the weights of these artifacts.
std::vector<Bytes> testWeights();

/// Writes, opens and removes an artifact; a failure ends the test process with the message.
std::unique_ptr<Module> openArtifact(qvlfmt::ArtifactT artifact);

} // namespace qvlrt::test
