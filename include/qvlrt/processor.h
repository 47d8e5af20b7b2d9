// From messages to the operands of the model: the one entry point of this library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "qvlfmt/artifact_generated.h"
#include "qvlrt/chat_template.h"
#include "qvlrt/image.h"
#include "qvlrt/messages.h"
#include "qvlrt/mrope_positions.h"
#include "qvlrt/patchify.h"
#include "qvlrt/resize.h"
#include "qvlrt/tokenizer.h"
#include "qvlrt/window_plan.h"

namespace qvlrt {

/// Choices of one request; the defaults are the canonical ones.
struct ProcessorOptions {
  std::optional<std::int64_t> minPixels; ///< instead of the model's limits
  std::optional<std::int64_t> maxPixels;
  bool allowSpecial = false; ///< accept the text of special tokens inside messages
  ChatTemplateOptions chat;
  AlphaMode alpha = AlphaMode::Drop;
  ImageLimits imageLimits;
  ResizeMode resizeMode = ResizeMode::Pillow;
  NormalizeMode normalizeMode = NormalizeMode::Slow;
  MropeVariant mropeVariant = MropeVariant::A;
};

/// One picture or video of a request, in the order of the messages.
struct MediaItem {
  MediaKind kind = MediaKind::Image;
  std::string source; ///< as the user wrote it
  ImageSize original; ///< after EXIF orientation
  ImageSize resized;
  Grid grid;
  std::int64_t tokens = 0; ///< language tokens
  std::int64_t frames = 1; ///< as given, before the last one is repeated to fill a temporal patch
  double sampleFps = 0;    ///< of a video
  double secondPerGrid = 0;
};

/// Operands of one call of the vision encoder: all images, or all videos, of a request. P patches,
/// M = P / merge^2.
struct VisionInput {
  std::vector<float> pixelValues; ///< [P, patch_row]; empty in a plan
  std::vector<Grid> grids;
  WindowPlan windows;
  std::vector<std::int32_t> positions; ///< [2, P]
  std::int64_t patches() const;
};

/// Everything a run needs; T prompt tokens.
struct ProcessedRequest {
  std::vector<std::int64_t> ids; ///< [T], placeholders expanded
  VisionInput images;
  VisionInput videos;
  std::vector<double> secondPerGrid;   ///< of each video
  std::vector<std::int32_t> positions; ///< [3, T]
  std::int64_t ropeDelta = 0;          ///< position of the j-th generated token = T + j + ropeDelta
  std::vector<std::int32_t>
      featureRows; ///< [T], row of the features (all images, then all videos); -1 is text
  std::vector<MediaItem> media;
  std::int64_t mediaTokens = 0;
};

/// Turns messages into operands. Holds views of the artifact's metadata, which must outlive it.
/// Immutable.
class Processor {
public:
  /// Checks the facts this library divides and indexes by. Errors: InvalidArgument.
  static absl::StatusOr<Processor> create(const qvlfmt::ModelFacts &model,
                                          const qvlfmt::Tokenizer &tokenizerTables);

  /// Tokenizes, decodes, resizes and plans. Errors: InvalidArgument or NotFound with one line that
  /// names the file.
  absl::StatusOr<ProcessedRequest> process(const std::vector<Message> &messages,
                                           const ProcessorOptions &options = {}) const;

  /// The same without decoding pixels: sizes come from file headers, `pixelValues` stays empty.
  absl::StatusOr<ProcessedRequest> plan(const std::vector<Message> &messages,
                                        const ProcessorOptions &options = {}) const;

  const Tokenizer &tokenizer() const { return textTokenizer; }

private:
  enum class Depth { Plan, Pixels };
  Processor(const qvlfmt::ModelFacts &model, Tokenizer tokenizer)
      : model(&model), textTokenizer(std::move(tokenizer)) {}
  absl::StatusOr<ProcessedRequest> run(const std::vector<Message> &messages,
                                       const ProcessorOptions &options, Depth depth) const;
  absl::Status addText(const std::vector<Message> &messages, const ProcessorOptions &options,
                       ProcessedRequest &request) const;

  const qvlfmt::ModelFacts *model;
  Tokenizer textTokenizer;
};

} // namespace qvlrt
