#include "qvlrt/processor.h"

#include "MediaLoader.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

/// Sizes beyond any model of this family; they keep products of a few of them inside 64 bits.
constexpr int kMaxPatchSize = 1024;
constexpr int kMaxMergeSize = 16;

absl::Status badFacts(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the model facts are damaged (", what, "): compile the artifact again"));
}

bool inRange(std::int64_t value, std::int64_t most) { return value > 0 && value <= most; }

absl::Status checkProcessorFacts(const qvlfmt::ModelFacts &model) {
  const qvlfmt::ProcessorFacts *facts = model.processor();
  if (!facts || !model.chat_template())
    return badFacts("no processor facts");
  if (!inRange(facts->patch_size(), kMaxPatchSize) ||
      !inRange(facts->merge_size(), kMaxMergeSize) ||
      !inRange(facts->temporal_patch_size(), kMaxMergeSize) ||
      facts->window_size() < facts->patch_size() * facts->merge_size())
    return badFacts("patch, merge or window size");
  if (model.patch_row() != patchLayout(*facts).rowElements())
    return badFacts("columns of the patch rows");
  if (facts->min_pixels() <= 0 || facts->max_pixels() < facts->min_pixels())
    return badFacts("pixel limits");
  const qvlfmt::Vec3 *deviation = facts->image_std();
  if (!(facts->rescale_factor() > 0) || !facts->image_mean() || !deviation ||
      !(deviation->x() > 0 && deviation->y() > 0 && deviation->z() > 0))
    return badFacts("normalisation");
  return absl::OkStatus();
}

/// All media of the messages, in order.
std::vector<MediaSource> collectMedia(const std::vector<Message> &messages) {
  std::vector<MediaSource> media;
  for (const Message &message : messages)
    for (const ContentPart &part : message.content)
      if (part.media)
        media.push_back(*part.media);
  return media;
}

/// Refuses special-token text that came from outside: a model reads it as the structure of the
/// conversation.
absl::Status checkTexts(const std::vector<Message> &messages, const Tokenizer &tokenizer) {
  const auto check = [&](std::string_view text) -> absl::Status {
    const auto found = tokenizer.findSpecialText(text);
    if (!found)
      return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrFormat("the text of a message contains the special token %s; take it out, or pass "
                        "--allow-special if it is meant",
                        std::string(*found)));
  };
  for (const Message &message : messages) {
    if (absl::Status status = check(message.role); !status.ok())
      return status;
    for (const ContentPart &part : message.content)
      if (absl::Status status = check(part.text); !status.ok())
        return status;
  }
  return absl::OkStatus();
}

absl::Status planVision(VisionInput &input, const qvlfmt::ProcessorFacts &facts) {
  if (input.grids.empty())
    return absl::OkStatus();
  const PatchLayout layout = patchLayout(facts);
  absl::StatusOr<WindowPlan> windows = planWindows(input.grids, layout, facts.window_size());
  if (!windows.ok())
    return windows.status();
  input.windows = *std::move(windows);
  input.positions = visionPositions(input.grids, layout);
  return absl::OkStatus();
}

absl::Status planMedia(std::vector<MediaSource> &sources, const MediaLoader &loader,
                       const qvlfmt::ProcessorFacts &facts, ProcessedRequest &request) {
  for (MediaSource &source : sources) {
    absl::StatusOr<MediaItem> item = loader.plan(source);
    if (!item.ok())
      return item.status();
    const bool isImage = item->kind == MediaKind::Image;
    (isImage ? request.images : request.videos).grids.push_back(item->grid);
    if (!isImage)
      request.secondPerGrid.push_back(item->secondPerGrid);
    request.mediaTokens += item->tokens;
    request.media.push_back(*std::move(item));
  }
  for (VisionInput *input : {&request.images, &request.videos})
    if (absl::Status status = planVision(*input, facts); !status.ok())
      return status;
  return absl::OkStatus();
}

/// Row of the features of each placeholder: all images in order, then all videos.
std::vector<std::int32_t> featureRows(const std::vector<std::int64_t> &ids, std::int64_t imagePad,
                                      std::int64_t videoPad, std::int64_t imageTokens) {
  std::vector<std::int32_t> rows(ids.size(), -1);
  auto nextImage = std::int32_t{0};
  auto nextVideo = static_cast<std::int32_t>(imageTokens);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == imagePad)
      rows[i] = nextImage++;
    else if (ids[i] == videoPad)
      rows[i] = nextVideo++;
  }
  return rows;
}

absl::Status fillPixels(const std::vector<MediaSource> &sources, const MediaLoader &loader,
                        std::int64_t patchRow, ProcessedRequest &request) {
  for (VisionInput *input : {&request.images, &request.videos})
    input->pixelValues.resize(static_cast<std::size_t>(input->patches() * patchRow));
  std::size_t nextImage = 0;
  std::size_t nextVideo = 0;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const MediaItem &item = request.media[i];
    const bool isImage = item.kind == MediaKind::Image;
    std::size_t &next = isImage ? nextImage : nextVideo;
    const auto count = static_cast<std::size_t>(item.grid.patches() * patchRow);
    const std::span<float> all = (isImage ? request.images : request.videos).pixelValues;
    if (absl::Status status = loader.fill(sources[i], item, all.subspan(next, count)); !status.ok())
      return status;
    next += count;
  }
  return absl::OkStatus();
}

} // namespace

std::int64_t VisionInput::patches() const {
  std::int64_t total = 0;
  for (const Grid &grid : grids)
    total += grid.patches();
  return total;
}

absl::StatusOr<Processor> Processor::create(const qvlfmt::ModelFacts &model,
                                            const qvlfmt::Tokenizer &tokenizerTables) {
  if (absl::Status status = checkProcessorFacts(model); !status.ok())
    return status;
  absl::StatusOr<Tokenizer> tokenizer = Tokenizer::create(tokenizerTables);
  if (!tokenizer.ok())
    return tokenizer.status();
  return Processor(model, *std::move(tokenizer));
}

absl::StatusOr<ProcessedRequest> Processor::plan(const std::vector<Message> &messages,
                                                 const ProcessorOptions &options) const {
  return run(messages, options, Depth::Plan);
}

absl::StatusOr<ProcessedRequest> Processor::process(const std::vector<Message> &messages,
                                                    const ProcessorOptions &options) const {
  return run(messages, options, Depth::Pixels);
}

absl::StatusOr<ProcessedRequest> Processor::run(const std::vector<Message> &messages,
                                                const ProcessorOptions &options,
                                                Depth depth) const {
  if (!options.allowSpecial)
    if (absl::Status status = checkTexts(messages, textTokenizer); !status.ok())
      return status;
  const MediaLoader loader(*model->processor(), options);
  std::vector<MediaSource> sources = collectMedia(messages);
  ProcessedRequest request;
  if (absl::Status status = planMedia(sources, loader, *model->processor(), request); !status.ok())
    return status;
  if (absl::Status status = addText(messages, options, request); !status.ok())
    return status;
  if (depth == Depth::Plan)
    return request;
  // Before anything large is allocated: what cannot be answered is not decoded.
  if (static_cast<std::int64_t>(request.ids.size()) > model->max_context())
    return absl::OutOfRangeError(absl::StrFormat(
        "the prompt has %u tokens (%d of them media), more than the context of %d; shorten it or "
        "lower --max-pixels",
        request.ids.size(), request.mediaTokens, model->max_context()));
  if (absl::Status status = fillPixels(sources, loader, model->patch_row(), request); !status.ok())
    return status;
  return request;
}

absl::Status Processor::addText(const std::vector<Message> &messages,
                                const ProcessorOptions &options, ProcessedRequest &request) const {
  absl::StatusOr<std::string> text =
      renderChat(model->chat_template()->string_view(), messages, options.chat);
  if (!text.ok())
    return text.status();
  absl::StatusOr<std::vector<std::int64_t>> ids = textTokenizer.encode(*text);
  if (!ids.ok())
    return ids.status();
  std::vector<std::int64_t> imageTokens;
  std::vector<std::int64_t> videoTokens;
  std::int64_t allImageTokens = 0;
  for (const MediaItem &item : request.media) {
    const bool isImage = item.kind == MediaKind::Image;
    (isImage ? imageTokens : videoTokens).push_back(item.tokens);
    allImageTokens += isImage ? item.tokens : 0;
  }
  absl::StatusOr<std::vector<std::int64_t>> expanded = expandPlaceholders(
      *ids, {model->image_pad_id(), imageTokens}, {model->video_pad_id(), videoTokens});
  if (!expanded.ok())
    return expanded.status();
  request.ids = *std::move(expanded);
  absl::StatusOr<MropePositions> positions = planPositions(
      {request.ids, model->vision_start_id(), model->image_pad_id(), model->video_pad_id(),
       request.images.grids, request.videos.grids, request.secondPerGrid,
       model->processor()->tokens_per_second(), model->processor()->merge_size()},
      options.mropeVariant);
  if (!positions.ok())
    return positions.status();
  request.positions = std::move(positions->positions);
  request.ropeDelta = positions->delta;
  request.featureRows =
      featureRows(request.ids, model->image_pad_id(), model->video_pad_id(), allImageTokens);
  return absl::OkStatus();
}

} // namespace qvlrt
