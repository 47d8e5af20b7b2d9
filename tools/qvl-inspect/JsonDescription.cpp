// An artifact as one JSON object.
#include "JsonDescription.h"

#include "KernelFacts.h"
#include "Names.h"
#include "ProgramListing.h"
#include "lib/Runtime/Core/CubinImage.h"
#include "lib/Runtime/Core/FlatbufferViews.h"

#include "absl/strings/str_format.h"

namespace qvlinspect {
namespace {

using Json = nlohmann::ordered_json;
using qvlrt::countOf, qvlrt::spanOf;

Json vectorJson(const qvlfmt::Vec3 *vector) {
  return vector ? Json({vector->x(), vector->y(), vector->z()}) : Json();
}

Json processorJson(const qvlfmt::ProcessorFacts &facts) {
  return {{"min_pixels", facts.min_pixels()},
          {"max_pixels", facts.max_pixels()},
          {"patch_size", facts.patch_size()},
          {"temporal_patch_size", facts.temporal_patch_size()},
          {"merge_size", facts.merge_size()},
          {"window_size", facts.window_size()},
          {"tokens_per_second", facts.tokens_per_second()},
          {"image_mean", vectorJson(facts.image_mean())},
          {"image_std", vectorJson(facts.image_std())},
          {"rescale_factor", facts.rescale_factor()}};
}

Json generationJson(const qvlfmt::GenerationDefaults &defaults) {
  return {{"do_sample", defaults.do_sample()},
          {"temperature", defaults.temperature()},
          {"top_k", defaults.top_k()},
          {"top_p", defaults.top_p()},
          {"min_p", defaults.min_p()},
          {"repetition_penalty", defaults.repetition_penalty()},
          {"eos_ids", spanOf(defaults.eos_ids())},
          {"pad_id", defaults.pad_id()}};
}

Json modelJson(const qvlfmt::ModelFacts &facts) {
  return {{"name", printable(facts.name())},
          {"architecture", printable(facts.architecture())},
          {"hidden_size", facts.hidden_size()},
          {"layers", facts.layers()},
          {"heads", facts.heads()},
          {"kv_heads", facts.kv_heads()},
          {"head_dim", facts.head_dim()},
          {"vocab_size", facts.vocab_size()},
          {"max_context", facts.max_context()},
          {"page_size", facts.page_size()},
          {"kv_element", elementText(facts.kv_element())},
          {"patch_row", facts.patch_row()},
          {"vision_start_id", facts.vision_start_id()},
          {"vision_end_id", facts.vision_end_id()},
          {"image_pad_id", facts.image_pad_id()},
          {"video_pad_id", facts.video_pad_id()},
          {"chat_template", printable(facts.chat_template())},
          {"processor", facts.processor() ? processorJson(*facts.processor()) : Json()},
          {"generation", facts.generation() ? generationJson(*facts.generation()) : Json()}};
}

Json tokenizerJson(const qvlfmt::Tokenizer &tokenizer) {
  const std::uint32_t offsets = countOf(tokenizer.piece_offsets());
  return {{"pieces", offsets == 0 ? 0 : offsets - 1},
          {"merges", countOf(tokenizer.merges())},
          {"added_tokens", countOf(tokenizer.added_tokens())}};
}

Json objectsJson(const qvlfmt::Target &target, qvlrt::CpuFeatures features) {
  Json objects = Json::array();
  for (std::uint32_t i = 0; i < countOf(target.objects()); ++i) {
    const qvlfmt::CodeObject &object = *target.objects()->Get(i);
    const auto needed = qvlrt::parseFeatureSet(qvlrt::viewOf(object.feature_set()));
    objects.push_back({{"feature_set", printable(object.feature_set())},
                       {"bytes", countOf(object.bytes())},
                       {"cubin", qvlrt::viewOf(target.name()) == "cuda" && qvlrt::isCubin(object)},
                       {"supported_here", needed && (*needed & features) == *needed}});
  }
  return objects;
}

Json targetJson(const qvlfmt::Artifact &artifact, const qvlfmt::Target &target,
                qvlrt::CpuFeatures features) {
  Json kernels = Json::array(), programs = Json::array();
  for (std::uint32_t i = 0; i < countOf(target.kernels()); ++i)
    kernels.push_back(describeKernel(target, i, features));
  for (std::uint32_t i = 0; i < countOf(target.programs()); ++i)
    programs.push_back(describeProgram(artifact, target, *target.programs()->Get(i)));
  return {{"name", printable(target.name())},
          {"precision", printable(target.precision())},
          {"kv_element", elementText(target.kv_element().value_or(artifact.model()->kv_element()))},
          {"objects", objectsJson(target, features)},
          {"runs_here", chosenSets(target, features)},
          {"kernels", std::move(kernels)},
          {"programs", std::move(programs)}};
}

Json weightJson(const qvlfmt::Weight &weight) {
  const qvlfmt::Encoding &encoding = *weight.encoding();
  return {{"name", printable(weight.name())},
          {"shape", spanOf(weight.shape())},
          {"encoding",
           {{"element", elementText(encoding.element())},
            {"panel_n", encoding.panel_n()},
            {"k_group", encoding.k_group()},
            {"pad_n", encoding.pad_n()},
            {"pad_k", encoding.pad_k()},
            {"interleave", weight.interleave()}}},
          {"offset", weight.offset()},
          {"bytes", weight.bytes()},
          {"checksum", absl::StrFormat("%016x", weight.checksum())}};
}

} // namespace

Json describeArtifact(const qvlrt::Module &module, qvlrt::CpuFeatures features) {
  const qvlfmt::Artifact &artifact = module.artifact();
  Json targets = Json::array(), weights = Json::array();
  for (const qvlfmt::Target *target : *artifact.targets())
    targets.push_back(targetJson(artifact, *target, features));
  for (std::uint32_t i = 0; i < module.weightCount(); ++i)
    weights.push_back(weightJson(*artifact.weights()->Get(i)));
  return {{"file", module.path()},
          {"bytes", module.fileBytes()},
          {"version", {{"major", artifact.version_major()}, {"minor", artifact.version_minor()}}},
          {"producer", printable(artifact.producer())},
          {"model", modelJson(module.facts())},
          {"tokenizer", tokenizerJson(module.tokenizer())},
          {"targets", std::move(targets)},
          {"weights",
           {{"count", module.weightCount()},
            {"bytes", module.totalWeightBytes()},
            {"table", std::move(weights)}}}};
}

} // namespace qvlinspect
