#include "ArtifactVerifier.h"
#include "ElementTypes.h"
#include "FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <cmath>

namespace qvlrt {

namespace {

absl::Status invalidFact(absl::string_view name, double value) {
  return absl::InvalidArgumentError(absl::StrCat("model facts: ", name, " is ", value));
}

/// A size that the runtime multiplies and divides by.
absl::Status checkSize(absl::string_view name, std::int64_t value) {
  if (value < 1 || value > kMaxModelSize)
    return invalidFact(name, static_cast<double>(value));
  return absl::OkStatus();
}

absl::Status checkRange(absl::string_view name, double value, double low, double high) {
  // Written so that NaN fails.
  if (!(value >= low && value <= high))
    return invalidFact(name, value);
  return absl::OkStatus();
}

absl::Status checkId(absl::string_view name, std::int64_t id, const qvlfmt::ModelFacts &facts) {
  if (id < 0 || id >= facts.vocab_size())
    return absl::InvalidArgumentError(absl::StrCat("model facts: ", name, " is ", id,
                                                   ", the vocabulary has ", facts.vocab_size()));
  return absl::OkStatus();
}

struct NamedSize {
  const char *name;
  std::int64_t value;
};

absl::Status checkSizes(std::initializer_list<NamedSize> sizes) {
  for (const NamedSize &size : sizes)
    QVLRT_RETURN_IF_ERROR(checkSize(size.name, size.value));
  return absl::OkStatus();
}

absl::Status checkLanguageSizes(const qvlfmt::ModelFacts &facts) {
  QVLRT_RETURN_IF_ERROR(checkSizes({{"hidden_size", facts.hidden_size()},
                                    {"layers", facts.layers()},
                                    {"heads", facts.heads()},
                                    {"kv_heads", facts.kv_heads()},
                                    {"head_dim", facts.head_dim()},
                                    {"vocab_size", facts.vocab_size()},
                                    {"max_context", facts.max_context()},
                                    {"page_size", facts.page_size()}}));
  if (facts.heads() % facts.kv_heads() != 0)
    return absl::InvalidArgumentError(absl::StrCat("model facts: ", facts.heads(), " heads over ",
                                                   facts.kv_heads(), " kv_heads"));
  if (absl::Status status = verifyPage(facts, facts.kv_element()); !status.ok())
    return absl::InvalidArgumentError(absl::StrCat("model facts: ", status.message()));
  return absl::OkStatus();
}

absl::Status checkIds(const qvlfmt::ModelFacts &facts) {
  QVLRT_RETURN_IF_ERROR(checkId("vision_start_id", facts.vision_start_id(), facts));
  QVLRT_RETURN_IF_ERROR(checkId("vision_end_id", facts.vision_end_id(), facts));
  QVLRT_RETURN_IF_ERROR(checkId("image_pad_id", facts.image_pad_id(), facts));
  return checkId("video_pad_id", facts.video_pad_id(), facts);
}

absl::Status checkColor(absl::string_view name, const qvlfmt::Vec3 *color, double low) {
  if (!color)
    return absl::InvalidArgumentError(absl::StrCat("model facts: ", name, " is missing"));
  for (double channel : {color->x(), color->y(), color->z()})
    QVLRT_RETURN_IF_ERROR(checkRange(name, channel, low, 1e6));
  return absl::OkStatus();
}

absl::Status checkProcessor(const qvlfmt::ProcessorFacts &facts, std::int64_t patchRow) {
  QVLRT_RETURN_IF_ERROR(checkSizes({{"patch_size", facts.patch_size()},
                                    {"temporal_patch_size", facts.temporal_patch_size()},
                                    {"merge_size", facts.merge_size()},
                                    {"window_size", facts.window_size()},
                                    {"patch_row", patchRow}}));
  const std::int64_t row[] = {3, facts.temporal_patch_size(), facts.patch_size(),
                              facts.patch_size()};
  if (tensorBytes(row, qvlfmt::ElementType::U8) != static_cast<std::uint64_t>(patchRow))
    return invalidFact("patch_row", static_cast<double>(patchRow));
  if (facts.merge_size() > 64) // its square counts the rows of a group
    return invalidFact("merge_size", facts.merge_size());
  if (facts.window_size() < std::int64_t{facts.merge_size()} * facts.patch_size())
    return invalidFact("window_size", facts.window_size());
  if (facts.min_pixels() < 1 || facts.max_pixels() < facts.min_pixels())
    return absl::InvalidArgumentError(
        absl::StrCat("model facts: pixels from ", facts.min_pixels(), " to ", facts.max_pixels()));
  QVLRT_RETURN_IF_ERROR(checkRange("tokens_per_second", facts.tokens_per_second(), 0, 1e6));
  QVLRT_RETURN_IF_ERROR(checkRange("rescale_factor", facts.rescale_factor(), 0, 1e6));
  QVLRT_RETURN_IF_ERROR(checkColor("image_mean", facts.image_mean(), -1e6));
  return checkColor("image_std", facts.image_std(), 1e-6); // a divisor
}

absl::Status checkGeneration(const qvlfmt::GenerationDefaults &defaults,
                             const qvlfmt::ModelFacts &facts) {
  QVLRT_RETURN_IF_ERROR(checkRange("temperature", defaults.temperature(), 0, 1e6));
  QVLRT_RETURN_IF_ERROR(checkRange("top_k", defaults.top_k(), 0, 1e9));
  QVLRT_RETURN_IF_ERROR(checkRange("top_p", defaults.top_p(), 0, 1));
  QVLRT_RETURN_IF_ERROR(checkRange("min_p", defaults.min_p(), 0, 1));
  QVLRT_RETURN_IF_ERROR(checkRange("repetition_penalty", defaults.repetition_penalty(), 1e-6, 1e6));
  for (std::int32_t id : spanOf(defaults.eos_ids()))
    QVLRT_RETURN_IF_ERROR(checkId("eos_ids", id, facts));
  return defaults.pad_id() == -1 ? absl::OkStatus() : checkId("pad_id", defaults.pad_id(), facts);
}

} // namespace

absl::Status verifyPage(const qvlfmt::ModelFacts &facts, qvlfmt::ElementType element) {
  if (!isElementType(element))
    return absl::InvalidArgumentError(absl::StrCat("kv_element is ", element));
  const std::int64_t page[] = {facts.layers(), 2, facts.kv_heads(), facts.page_size(),
                               facts.head_dim()};
  if (tensorBytes(page, element).value_or(kMaxTensorBytes + 1) > kMaxTensorBytes)
    return absl::InvalidArgumentError("one KV page is larger than any memory");
  const std::int64_t pages = (std::int64_t{facts.max_context()} - 1) / facts.page_size() + 1;
  const std::int64_t context[] = {pages, static_cast<std::int64_t>(*tensorBytes(page, element))};
  if (!tensorBytes(context, qvlfmt::ElementType::U8))
    return absl::InvalidArgumentError("the KV cache of a context is larger than any memory");
  return absl::OkStatus();
}

absl::Status verifyFacts(const qvlfmt::ModelFacts &facts) {
  if (!facts.processor() || !facts.generation())
    return absl::InvalidArgumentError("model facts: processor or generation facts are missing");
  QVLRT_RETURN_IF_ERROR(checkLanguageSizes(facts));
  QVLRT_RETURN_IF_ERROR(checkIds(facts));
  QVLRT_RETURN_IF_ERROR(checkProcessor(*facts.processor(), facts.patch_row()));
  return checkGeneration(*facts.generation(), facts);
}

} // namespace qvlrt
