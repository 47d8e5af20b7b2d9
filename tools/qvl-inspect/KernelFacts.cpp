// What an artifact says about its kernels, and which of its code this machine would run.
#include "KernelFacts.h"

#include "Names.h"
#include "PtxFacts.h"
#include "lib/Runtime/Core/CubinImage.h"
#include "lib/Runtime/Core/FlatbufferViews.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <set>

namespace qvlinspect {

using Json = nlohmann::ordered_json;
using qvlrt::countOf, qvlrt::viewOf;

std::vector<KernelUse> usesOf(const qvlfmt::Target &target, std::uint32_t kernel) {
  std::vector<KernelUse> uses;
  for (std::uint32_t i = 0; i < countOf(target.programs()); ++i) {
    const qvlfmt::Program &program = *target.programs()->Get(i);
    KernelUse use{.program = viewOf(program.name()), .launches = 0, .labels = {}};
    for (std::uint32_t j = 0; j < countOf(program.commands()); ++j) {
      const qvlfmt::Command &command = *program.commands()->Get(j);
      if (command.kind() != qvlfmt::CommandKind::Launch || command.kernel() != kernel)
        continue;
      ++use.launches;
      use.labels.push_back(printable(command.label()));
    }
    if (use.launches > 0)
      uses.push_back(std::move(use));
  }
  return uses;
}

std::string objectText(const qvlfmt::Target &target, std::uint32_t number) {
  const qvlfmt::CodeObject &object = *target.objects()->Get(number);
  const bool cubin = viewOf(target.name()) == "cuda" && qvlrt::isCubin(object);
  return absl::StrCat(printable(object.feature_set()), cubin ? " cubin" : "");
}

std::vector<std::string> featureSets(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel) {
  std::vector<std::string> sets;
  for (std::uint32_t i = 0; i < countOf(kernel.variants()); ++i)
    sets.push_back(objectText(target, kernel.variants()->Get(i)->object()));
  return sets;
}

std::string chosenSet(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel,
                      qvlrt::CpuFeatures features) {
  if (viewOf(target.name()) != "cpu")
    return "";
  const std::optional<std::uint32_t> object = qvlrt::chooseObject(target, kernel, features);
  return object ? printable(target.objects()->Get(*object)->feature_set()) : "";
}

std::vector<std::string> chosenSets(const qvlfmt::Target &target, qvlrt::CpuFeatures features) {
  std::set<std::string> used;
  for (std::uint32_t i = 0; i < countOf(target.kernels()); ++i) {
    std::string set = chosenSet(target, *target.kernels()->Get(i), features);
    if (set.empty())
      return {};
    used.insert(std::move(set));
  }
  std::vector<std::string> sets;
  for (std::uint32_t i = 0; i < countOf(target.objects()); ++i) {
    std::string set = printable(target.objects()->Get(i)->feature_set());
    if (used.erase(set) > 0)
      sets.push_back(std::move(set));
  }
  return sets;
}

std::string ptxText(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel,
                    std::uint32_t variant) {
  if (viewOf(target.name()) != "cuda")
    return "";
  return ptxOf(target, kernel.variants()->Get(variant)->object(), viewOf(kernel.name()));
}

std::string ptxText(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel) {
  std::string text;
  for (std::uint32_t i = 0; i < countOf(kernel.variants()) && text.empty(); ++i)
    text = ptxText(target, kernel, i);
  return text;
}

std::string ptxOf(const qvlfmt::Target &target, std::uint32_t number, std::string_view symbol) {
  const qvlfmt::CodeObject &object = *target.objects()->Get(number);
  if (!object.bytes() || qvlrt::isCubin(object))
    return "";
  return extractKernel(
      {reinterpret_cast<const char *>(object.bytes()->data()), object.bytes()->size()}, symbol);
}

std::string kernelText(const qvlfmt::Target &target, std::uint32_t number,
                       qvlrt::CpuFeatures features) {
  const qvlfmt::Kernel &kernel = *target.kernels()->Get(number);
  const bool cpu = viewOf(target.name()) == "cpu";
  std::string text = absl::StrFormat(
      "kernel %s of target %s\n  buffers    %u\n  scalars    %u\n  scratch    %u bytes a %s\n"
      "  code for   %s\n",
      printable(kernel.name()), printable(target.name()), kernel.buffer_count(),
      kernel.scalar_count(), kernel.scratch_bytes(), cpu ? "worker" : "block",
      absl::StrJoin(featureSets(target, kernel), ", "));
  for (std::uint32_t i = 0; i < countOf(kernel.wide()); ++i) {
    const qvlfmt::WideForm &form = *kernel.wide()->Get(i);
    absl::StrAppendFormat(&text, "  wide form  %s of %s from %u tiles on, %u bytes a block\n",
                          printable(form.symbol()),
                          printable(target.objects()->Get(form.object())->feature_set()),
                          form.least_tiles(), form.shared_bytes());
  }
  const std::string chosen = chosenSet(target, kernel, features);
  if (cpu) // a GPU is not asked
    absl::StrAppend(&text, "  runs here  ", chosen.empty() ? "no" : chosen, "\n");
  for (const KernelUse &use : usesOf(target, number)) {
    absl::StrAppendFormat(&text, "  launched by %s: %u\n", printable(use.program), use.launches);
    for (const std::string &label : use.labels)
      absl::StrAppend(&text, "    ", label, "\n");
  }
  if (const std::string ptx = ptxText(target, kernel); !ptx.empty())
    absl::StrAppend(&text, "\n", ptx);
  return text;
}

Json describeKernel(const qvlfmt::Target &target, std::uint32_t number,
                    qvlrt::CpuFeatures features) {
  const qvlfmt::Kernel &kernel = *target.kernels()->Get(number);
  const std::string chosen = chosenSet(target, kernel, features);
  Json launches = Json::object();
  for (const KernelUse &use : usesOf(target, number))
    launches[printable(use.program)] = use.labels;
  const std::string ptx = ptxText(target, kernel);
  return {{"name", printable(kernel.name())},
          {"buffers", kernel.buffer_count()},
          {"scalars", kernel.scalar_count()},
          {"scratch_bytes", kernel.scratch_bytes()},
          {"feature_sets", featureSets(target, kernel)},
          {"runs_here", chosen.empty() ? Json() : Json(chosen)},
          {"launches", std::move(launches)},
          {"ptx", ptx.empty() ? Json() : Json(ptx)}};
}

} // namespace qvlinspect
