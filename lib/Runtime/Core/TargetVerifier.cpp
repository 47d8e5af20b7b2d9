#include "ArtifactVerifier.h"
#include "CubinImage.h"
#include "FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <set>
#include <string_view>

namespace qvlrt {

namespace {

absl::Status checkKernel(const qvlfmt::Kernel &kernel, std::uint32_t objects) {
  if (kernel.buffer_count() > kMaxKernelOperands || kernel.scalar_count() > kMaxKernelOperands)
    return absl::InvalidArgumentError(
        absl::StrCat(kernel.buffer_count(), " buffers and ", kernel.scalar_count(), " scalars"));
  if (kernel.scratch_bytes() > kMaxScratchBytes)
    return absl::InvalidArgumentError(absl::StrCat("scratch of ", kernel.scratch_bytes(),
                                                   " bytes, the limit is ", kMaxScratchBytes));
  if (countOf(kernel.variants()) == 0)
    return absl::InvalidArgumentError("no variant");
  for (const qvlfmt::KernelVariant *variant : *kernel.variants())
    if (variant->object() >= objects)
      return absl::InvalidArgumentError(
          absl::StrCat("a variant in object ", variant->object(), " of ", objects));
  return absl::OkStatus();
}

absl::Status checkKernels(const qvlfmt::Target &target) {
  std::set<std::string_view> names;
  for (std::uint32_t i = 0; i < countOf(target.kernels()); ++i) {
    const qvlfmt::Kernel &kernel = *target.kernels()->Get(i);
    absl::Status status = checkKernel(kernel, countOf(target.objects()));
    if (status.ok() && !names.insert(viewOf(kernel.name())).second)
      status = absl::InvalidArgumentError("the name occurs twice");
    if (!status.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("kernel ", i, " (", kernel.name()->c_str(), "): ", status.message()));
  }
  return absl::OkStatus();
}

/// Code for CPUs is opened by the system's loader, which checks it; PTX is checked by whoever
/// assembles it.
absl::Status checkObjects(const qvlfmt::Target &target) {
  for (std::uint32_t i = 0; i < countOf(target.objects()); ++i) {
    const qvlfmt::CodeObject &object = *target.objects()->Get(i);
    if (viewOf(target.name()) != "cuda" || !isCubin(object))
      continue;
    if (absl::Status status = checkCubin(object); !status.ok())
      return absl::InvalidArgumentError(absl::StrCat(
          "code object ", i, " (", object.feature_set()->c_str(), "): ", status.message()));
  }
  return absl::OkStatus();
}

absl::Status checkPrograms(const qvlfmt::Target &target, std::uint32_t weightCount) {
  std::set<std::string_view> names;
  for (std::uint32_t i = 0; i < countOf(target.programs()); ++i) {
    const qvlfmt::Program &program = *target.programs()->Get(i);
    absl::Status status = verifyProgram(program, target, weightCount);
    if (status.ok() && !names.insert(viewOf(program.name())).second)
      status = absl::InvalidArgumentError("the name occurs twice");
    if (!status.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("program ", program.name()->c_str(), ": ", status.message()));
  }
  return absl::OkStatus();
}

} // namespace

absl::Status verifyTarget(const qvlfmt::Target &target, const qvlfmt::ModelFacts &facts,
                          std::uint32_t weightCount) {
  absl::Status status = verifyPage(facts, target.kv_element().value_or(facts.kv_element()));
  if (status.ok())
    status = checkObjects(target);
  if (status.ok())
    status = checkKernels(target);
  if (status.ok())
    status = checkPrograms(target, weightCount);
  if (!status.ok())
    return absl::InvalidArgumentError(
        absl::StrCat("target ", target.name()->c_str(), ": ", status.message()));
  return absl::OkStatus();
}

} // namespace qvlrt
