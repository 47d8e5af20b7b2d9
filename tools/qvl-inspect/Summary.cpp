// An artifact as lines for people.
#include "Summary.h"

#include "KernelFacts.h"
#include "Names.h"
#include "ProgramListing.h"
#include "lib/Runtime/Core/FlatbufferViews.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace qvlinspect {
namespace {

using qvlrt::countOf, qvlrt::spanOf;

std::string modelText(const qvlfmt::ModelFacts &facts) {
  std::string text = absl::StrFormat(
      "\nmodel %s (%s)\n"
      "  language   %d layers, hidden size %d, %d heads of %d, %d KV heads\n"
      "  vocabulary %d\n"
      "  context    %d tokens; KV cache %s in pages of %d tokens\n",
      printable(facts.name()), printable(facts.architecture()), facts.layers(), facts.hidden_size(),
      facts.heads(), facts.head_dim(), facts.kv_heads(), facts.vocab_size(), facts.max_context(),
      elementText(facts.kv_element()), facts.page_size());
  if (const qvlfmt::ProcessorFacts *processor = facts.processor())
    absl::StrAppendFormat(
        &text,
        "  pictures   %d to %d pixels, patches of %d x %d (%d frames), %d x %d patches a token, "
        "windows of %d pixels\n",
        processor->min_pixels(), processor->max_pixels(), processor->patch_size(),
        processor->patch_size(), processor->temporal_patch_size(), processor->merge_size(),
        processor->merge_size(), processor->window_size());
  if (const qvlfmt::GenerationDefaults *defaults = facts.generation())
    absl::StrAppendFormat(
        &text,
        "  generation %s, temperature %g, top-k %d, top-p %g, repetition penalty %g, end ids %s\n",
        defaults->do_sample() ? "sampled" : "greedy", defaults->temperature(), defaults->top_k(),
        defaults->top_p(), defaults->repetition_penalty(),
        absl::StrJoin(spanOf(defaults->eos_ids()), ", "));
  absl::StrAppend(&text, "  template   ", printable(facts.chat_template()), "\n");
  return text;
}

std::string tokenizerText(const qvlfmt::Tokenizer &tokenizer) {
  const std::uint32_t offsets = countOf(tokenizer.piece_offsets());
  return absl::StrFormat("  tokenizer  %u pieces, %u merges, %u added tokens\n",
                         offsets == 0 ? 0 : offsets - 1, countOf(tokenizer.merges()),
                         countOf(tokenizer.added_tokens()));
}

std::string programsText(const qvlfmt::Target &target) {
  std::string text;
  for (std::uint32_t i = 0; i < countOf(target.programs()); ++i) {
    const qvlfmt::Program &program = *target.programs()->Get(i);
    const CommandCounts counts = countCommands(program);
    absl::StrAppendFormat(&text, "  program %s: %u commands, %u launches\n    (%s)\n    -> (%s)\n",
                          printable(program.name()), counts.total(), counts.launches,
                          argumentList(program), resultList(program));
  }
  return text;
}

std::string kernelsText(const qvlfmt::Target &target) {
  std::string text = absl::StrFormat("  %-36s %7s %7s %9s %8s  %s\n", "kernel", "buffers",
                                     "scalars", "scratch", "launches", "code for");
  for (std::uint32_t i = 0; i < countOf(target.kernels()); ++i) {
    const qvlfmt::Kernel &kernel = *target.kernels()->Get(i);
    std::uint32_t launches = 0;
    for (const KernelUse &use : usesOf(target, i))
      launches += use.launches;
    absl::StrAppendFormat(&text, "  %-36s %7u %7u %9u %8u  %s\n", printable(kernel.name()),
                          kernel.buffer_count(), kernel.scalar_count(), kernel.scratch_bytes(),
                          launches, absl::StrJoin(featureSets(target, kernel), ", "));
  }
  return text;
}

/// What this machine's CPU would do with the code. A GPU is not asked.
std::string hereText(const qvlfmt::Target &target, qvlrt::CpuFeatures features) {
  if (qvlrt::viewOf(target.name()) != "cpu")
    return "";
  const std::vector<std::string> chosen = chosenSets(target, features);
  return absl::StrFormat("  this machine (%s) %s\n", qvlrt::describeFeatures(features),
                         chosen.empty() ? "does not run it"
                                        : absl::StrCat("uses ", absl::StrJoin(chosen, ", ")));
}

std::string targetText(const qvlfmt::Target &target, const qvlfmt::ModelFacts &facts,
                       qvlrt::CpuFeatures features) {
  std::vector<std::string> objects;
  for (std::uint32_t i = 0; i < countOf(target.objects()); ++i)
    objects.push_back(absl::StrFormat("%s (%u bytes)", objectText(target, i),
                                      countOf(target.objects()->Get(i)->bytes())));
  return absl::StrFormat("\ntarget %s, precision %s: %u kernels, code for %s\n"
                         "  KV cache %s\n",
                         printable(target.name()), printable(target.precision()),
                         countOf(target.kernels()), absl::StrJoin(objects, ", "),
                         elementText(target.kv_element().value_or(facts.kv_element()))) +
         hereText(target, features) + programsText(target) + kernelsText(target);
}

std::string weightsText(const qvlrt::Module &module) {
  std::string text = absl::StrFormat("\nweights: %u tensors, %u bytes\n  %-52s %-16s %-28s %12s\n",
                                     module.weightCount(), module.totalWeightBytes(), "name",
                                     "shape", "stored as", "bytes");
  for (std::uint32_t i = 0; i < module.weightCount(); ++i) {
    const qvlfmt::Weight &weight = *module.artifact().weights()->Get(i);
    absl::StrAppendFormat(&text, "  %-52s %-16s %-28s %12u\n", printable(weight.name()),
                          shapeText(weight.shape()), encodingText(*weight.encoding()),
                          weight.bytes());
  }
  return text;
}

} // namespace

std::string summarize(const qvlrt::Module &module, qvlrt::CpuFeatures features) {
  const qvlfmt::Artifact &artifact = module.artifact();
  std::string text =
      absl::StrFormat("%s: artifact %d.%d, %u bytes, made by %s\n", printable(module.path()),
                      artifact.version_major(), artifact.version_minor(), module.fileBytes(),
                      artifact.producer() ? printable(artifact.producer()) : "an unknown compiler");
  absl::StrAppend(&text, modelText(module.facts()), tokenizerText(module.tokenizer()));
  for (const qvlfmt::Target *target : *artifact.targets())
    absl::StrAppend(&text, targetText(*target, module.facts(), features));
  return text + weightsText(module);
}

} // namespace qvlinspect
