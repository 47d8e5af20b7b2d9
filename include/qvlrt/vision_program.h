// Calls of the programs "vision" and "vision_still".
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlrt/executor.h"

#include <cstdint>
#include <span>
#include <string_view>
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
  std::int64_t windowRows = INT64_MAX; // patches of a whole window

  static VisionLimits of(const qvlfmt::ModelFacts &facts);
};

/// Checks shapes and values of a call. Kernels trust what passes here.
/// Error: InvalidArgument, naming the operand, the element, its value and the bound.
absl::Status checkVisionCall(const VisionCall &call, const VisionLimits &limits);

/// What the temporal patches of a call hold.
enum class VisionFrames {
  Any,  ///< frames of videos
  Still ///< one picture each, repeated in every frame
};

/// A vision entry point of an executor: checks, binds, runs.
class VisionProgram {
public:
  /// The entry point for such calls: still ones take "vision_still" where the artifact has it (an
  /// option of its compiler), all others "vision". Error: NotFound.
  static absl::StatusOr<VisionProgram> create(Executor &executor,
                                              VisionFrames frames = VisionFrames::Any);

  /// "vision" or "vision_still".
  std::string_view name() const { return frames > 1 ? "vision_still" : "vision"; }

  /// Runs the call and writes f32 features [P / 4, hidden_size] into `features` (its size is
  /// checked). Pixels are whole patch rows for either program. Error: InvalidArgument, also when
  /// the frames of a still call differ.
  absl::Status run(const VisionCall &call, DeviceRange features,
                   std::vector<CommandRecord> *records = nullptr);

  /// Arena bytes of a call with P patches, Sw windows and Sf frames, without running.
  absl::StatusOr<std::uint64_t> planMemory(std::int64_t patches, std::int64_t windows,
                                           std::int64_t frames) const;

private:
  VisionProgram(Executor &executor, std::uint32_t program, std::int64_t frames)
      : executor(&executor), program(program), frames(frames) {}

  Executor *executor; // borrowed
  std::uint32_t program;
  std::int64_t frames; // of a patch row, of which the program reads one
};

} // namespace qvlrt
