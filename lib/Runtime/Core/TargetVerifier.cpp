#include "ArtifactVerifier.h"
#include "CubinImage.h"
#include "ElementTypes.h"
#include "FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace qvlrt {

namespace {

// What a CUtensorMap can hold, and a launch.
constexpr std::uint32_t kMaxMapRank = 5, kMaxMapBox = 256, kMaxMaps = 8;
constexpr std::uint64_t kMaxMapSize = std::uint64_t{1} << 32;
constexpr std::uint64_t kMapUnit = 16; // bytes

absl::Status checkMapSizes(const qvlfmt::TensorMap &map) {
  std::span<const std::uint64_t> sizes = spanOf(map.sizes());
  std::span<const std::uint32_t> box = spanOf(map.box());
  if (sizes.empty() || sizes.size() > kMaxMapRank || box.size() != sizes.size())
    return absl::InvalidArgumentError(
        absl::StrCat(sizes.size(), " sizes and a box of ", box.size()));
  std::uint64_t bytes = elementBytes(map.element());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const bool isLast = i + 1 == sizes.size();
    if (sizes[i] > kMaxMapSize || (sizes[i] == 0 && !isLast))
      return absl::InvalidArgumentError(absl::StrCat("size ", i, " is ", sizes[i]));
    if (box[i] < 1 || box[i] > kMaxMapBox)
      return absl::InvalidArgumentError(absl::StrCat("box ", i, " is ", box[i]));
    const std::uint64_t size = std::max<std::uint64_t>(sizes[i], 1);
    if (bytes > kMaxTensorBytes / size)
      return absl::InvalidArgumentError(
          absl::StrCat("more than the ", kMaxTensorBytes, " bytes of a tensor"));
    bytes *= size;
    if (!isLast && bytes % kMapUnit != 0)
      return absl::InvalidArgumentError(absl::StrCat("a stride of ", bytes, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status checkMap(const qvlfmt::TensorMap &map, const qvlfmt::Kernel &kernel) {
  if (map.buffer() >= kernel.buffer_count())
    return absl::InvalidArgumentError(
        absl::StrCat("buffer ", map.buffer(), " of ", kernel.buffer_count()));
  if (!isElementType(map.element()))
    return absl::InvalidArgumentError(absl::StrCat("element type ", map.element()));
  QVLRT_RETURN_IF_ERROR(checkMapSizes(map));
  if (map.sizes()->Get(map.sizes()->size() - 1) == 0 && map.scalar() >= kernel.scalar_count())
    return absl::InvalidArgumentError(
        absl::StrCat("scalar ", map.scalar(), " of ", kernel.scalar_count()));
  const std::uint32_t swizzle = map.swizzle();
  if (swizzle != 0 && swizzle != 32 && swizzle != 64 && swizzle != 128)
    return absl::InvalidArgumentError(absl::StrCat("a swizzle of ", swizzle, " bytes"));
  const std::uint64_t line = map.box()->Get(0) * elementBytes(map.element());
  if (line % kMapUnit != 0 || (swizzle != 0 && line > swizzle))
    return absl::InvalidArgumentError(
        absl::StrCat("lines of ", line, " bytes with a swizzle of ", swizzle));
  return absl::OkStatus();
}

absl::Status checkWideForm(const qvlfmt::WideForm &form, const qvlfmt::Kernel &kernel) {
  const auto uses = [&](const qvlfmt::KernelVariant *variant) {
    return variant->object() == form.object();
  };
  if (std::none_of(kernel.variants()->begin(), kernel.variants()->end(), uses))
    return absl::InvalidArgumentError(absl::StrCat("no variant in object ", form.object()));
  if (form.shared_bytes() > kMaxScratchBytes)
    return absl::InvalidArgumentError(absl::StrCat("shared memory of ", form.shared_bytes(),
                                                   " bytes, the limit is ", kMaxScratchBytes));
  if (countOf(form.maps()) > kMaxMaps)
    return absl::InvalidArgumentError(absl::StrCat(countOf(form.maps()), " tensor maps"));
  for (std::uint32_t i = 0; i < countOf(form.maps()); ++i)
    if (absl::Status status = checkMap(*form.maps()->Get(i), kernel); !status.ok())
      return absl::InvalidArgumentError(absl::StrCat("tensor map ", i, ": ", status.message()));
  return absl::OkStatus();
}

absl::Status checkWideForms(const qvlfmt::Kernel &kernel) {
  std::set<std::uint32_t> objects;
  for (std::uint32_t i = 0; i < countOf(kernel.wide()); ++i) {
    const qvlfmt::WideForm &form = *kernel.wide()->Get(i);
    absl::Status status = checkWideForm(form, kernel);
    if (status.ok() && !objects.insert(form.object()).second)
      status = absl::InvalidArgumentError(absl::StrCat("a second one in object ", form.object()));
    if (!status.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("wide form ", i, " (", form.symbol()->c_str(), "): ", status.message()));
  }
  return absl::OkStatus();
}

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
  return checkWideForms(kernel);
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

absl::Status checkPrograms(const qvlfmt::Target &target, const WeightTable *weights) {
  std::set<std::string_view> names;
  for (std::uint32_t i = 0; i < countOf(target.programs()); ++i) {
    const qvlfmt::Program &program = *target.programs()->Get(i);
    absl::Status status = verifyProgram(program, target, weights);
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
                          const WeightTable *weights) {
  absl::Status status = verifyPage(facts, target.kv_element().value_or(facts.kv_element()));
  if (status.ok())
    status = checkObjects(target);
  if (status.ok())
    status = checkKernels(target);
  if (status.ok())
    status = checkPrograms(target, weights);
  if (!status.ok())
    return absl::InvalidArgumentError(
        absl::StrCat("target ", target.name()->c_str(), ": ", status.message()));
  return absl::OkStatus();
}

} // namespace qvlrt
