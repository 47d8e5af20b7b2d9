// Calls of the program "vision".
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlrt/executor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace qvlrt {

/// Operands of one call on P patches (any number of pictures and frames one after the other), in
/// host memory. Rows are in raster order of merged groups: four consecutive rows become one
/// feature.
struct VisionCall {
  std::span<const float> pixels;           // [P, patch_row]
  std::span<const std::int32_t> positions; // [2, P] row and column of each patch in its frame
  std::span<const std::int32_t>
      window; // [P / 4] window order: a permutation of groups inside each frame
  std::span<const std::int32_t> windows; // [Sw + 1] cumulative rows of the windows, in window order
  std::span<const std::int32_t> frames;  // [Sf + 1] cumulative rows of the frames
};

/// What the shapes of a call are checked against.
struct VisionLimits {
  std::int64_t patchRow = 0; // columns of pixels
  std::int64_t groupRows =
      4; // rows of a merged group: merge_size^2; "P / 4" above is P / groupRows

  static VisionLimits of(const qvlfmt::ModelFacts &facts);
};

/// Checks shapes and values of a call. Kernels trust what passes here.
/// Error: InvalidArgument, naming the operand, the element, its value and the bound.
absl::Status checkVisionCall(const VisionCall &call, const VisionLimits &limits);

/// The vision entry point of an executor: checks, binds, runs.
class VisionProgram {
public:
  /// Error: NotFound.
  static absl::StatusOr<VisionProgram> create(Executor &executor);

  /// Runs the call and writes f32 features [P / 4, hidden_size] into `features` (its size is
  /// checked).
  absl::Status run(const VisionCall &call, DeviceRange features,
                   std::vector<CommandRecord> *records = nullptr);

  /// Arena bytes of a call with P patches, Sw windows and Sf frames, without running.
  absl::StatusOr<std::uint64_t> planMemory(std::int64_t patches, std::int64_t windows,
                                           std::int64_t frames) const;

private:
  VisionProgram(Executor &executor, std::uint32_t program)
      : executor(&executor), program(program) {}

  Executor *executor; // borrowed
  std::uint32_t program;
};

} // namespace qvlrt
