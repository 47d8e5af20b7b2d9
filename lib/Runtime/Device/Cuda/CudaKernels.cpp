#include "CudaKernels.h"

#include "lib/Runtime/Core/CubinImage.h"
#include "lib/Runtime/Core/FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <array>

namespace qvlrt {

bool runsObject(const qvlfmt::CodeObject &object, const ComputeCapability &capability) {
  constexpr std::string_view kPrefix = "sm_";
  std::string_view name = viewOf(object.feature_set());
  if (!name.starts_with(kPrefix))
    return false;
  name.remove_prefix(kPrefix.size());
  const bool specific = name.ends_with('a');
  if (specific)
    name.remove_suffix(1);
  int number = 0;
  if (!absl::SimpleAtoi(absl::string_view(name.data(), name.size()), &number))
    return false;
  return specific || isCubin(object) ? number == capability.number()
                                     : number <= capability.number();
}

bool runsKernels(const qvlfmt::Target &target, const ComputeCapability &capability) {
  const auto fits = [&](const qvlfmt::KernelVariant *variant) {
    return runsObject(*target.objects()->Get(variant->object()), capability);
  };
  return !target.kernels() || std::all_of(target.kernels()->begin(), target.kernels()->end(),
                                          [&](const qvlfmt::Kernel *kernel) {
                                            return std::any_of(kernel->variants()->begin(),
                                                               kernel->variants()->end(), fits);
                                          });
}

absl::StatusOr<std::unique_ptr<CudaKernels>>
CudaKernels::load(const Driver &driver, const ComputeCapability &capability, CUcontext context,
                  const qvlfmt::Target &target, std::string_view artifact) {
  std::unique_ptr<CudaKernels> kernels(new CudaKernels(driver, context, target));
  if (!target.kernels())
    return kernels;
  for (const qvlfmt::Kernel *kernel : *target.kernels())
    if (absl::Status status = kernels->loadEntry(*kernel, capability); !status.ok())
      return absl::Status(status.code(),
                          absl::StrCat(std::string(artifact), ": ", status.message()));
  return kernels;
}

CudaKernels::~CudaKernels() {
  driver.cuCtxSetCurrent(context).IgnoreError();
  for (const auto &[number, module] : modules)
    if (module)
      driver.cuModuleUnload(module).IgnoreError();
}

std::string CudaKernels::offeredTargets() const {
  std::vector<std::string> names;
  for (const qvlfmt::CodeObject *object : *code.objects())
    names.push_back(object->feature_set()->str());
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<CUmodule> CudaKernels::loadObject(std::uint32_t number) {
  const qvlfmt::CodeObject &object = *code.objects()->Get(number);
  // PTX is text that ends with a null byte; for a cubin that byte is harmless.
  std::string image;
  if (object.bytes())
    image.assign(reinterpret_cast<const char *>(object.bytes()->data()), object.bytes()->size());
  std::array<char, 4096> log{};
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  CUmodule module = nullptr;
  absl::Status status = driver.cuModuleLoadDataEx(&module, image.c_str(), 2, options, values);
  if (status.ok())
    return module;
  log.back() = '\0';
  return absl::Status(status.code(),
                      absl::StrCat("code object ", number, " (", object.feature_set()->c_str(),
                                   ") does not load: ", status.message(), log[0] ? ": " : "",
                                   log.data()));
}

absl::StatusOr<std::uint32_t> CudaKernels::chooseObject(const qvlfmt::Kernel &kernel,
                                                        const ComputeCapability &capability) {
  std::string refusal; // what the driver says of code that is for this GPU
  for (const qvlfmt::KernelVariant *variant : *kernel.variants()) {
    const std::uint32_t number = variant->object();
    const qvlfmt::CodeObject &object = *code.objects()->Get(number);
    if (!runsObject(object, capability))
      continue;
    auto known = modules.find(number);
    if (known == modules.end()) {
      absl::StatusOr<CUmodule> loaded = loadObject(number);
      // A binary that is refused for whatever it is, or text too new for the driver: a later
      // variant may do.
      const bool passedOver = absl::IsFailedPrecondition(loaded.status()) ||
                              (isCubin(object) && absl::IsInvalidArgument(loaded.status()));
      if (!loaded.ok() && !passedOver)
        return loaded.status();
      if (!loaded.ok())
        refusal = absl::StrCat("; ", loaded.status().message(),
                               "; a newer driver may load it, or use --device=cpu");
      known = modules.emplace(number, loaded.ok() ? *loaded : nullptr).first;
    }
    if (known->second)
      return number;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "kernel ", kernel.name()->c_str(), " has no code for this GPU of sm_", capability.number(),
      ", the artifact has code for ", offeredTargets(), refusal,
      refusal.empty() ? "; compile it with --target=cuda:sm_80 or use --device=cpu" : ""));
}

absl::StatusOr<CudaKernels::Function>
CudaKernels::loadFunction(CUmodule module, const char *symbol, std::uint64_t shared,
                          const ComputeCapability &capability) const {
  constexpr unsigned kSharedWithoutOptIn = 48 << 10;
  Function function;
  absl::Status status = driver.cuModuleGetFunction(&function.function, module, symbol);
  if (absl::IsInvalidArgument(status))
    return absl::InvalidArgumentError(absl::StrCat("the code lacks the kernel ", symbol, " (",
                                                   status.message(),
                                                   "); compile the checkpoint again"));
  QVLRT_RETURN_IF_ERROR(status);
  int threads = 0;
  QVLRT_RETURN_IF_ERROR(driver.cuFuncGetAttribute(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK,
                                                  function.function));
  function.threads = static_cast<unsigned>(threads);
  if (shared > static_cast<std::uint64_t>(capability.maxShared))
    return absl::InvalidArgumentError(absl::StrCat("kernel ", symbol, " needs ", shared,
                                                   " bytes of shared memory, the GPU has ",
                                                   capability.maxShared));
  function.sharedBytes = static_cast<unsigned>(shared);
  if (function.sharedBytes > kSharedWithoutOptIn)
    QVLRT_RETURN_IF_ERROR(driver.cuFuncSetAttribute(function.function,
                                                    CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                                    static_cast<int>(function.sharedBytes)));
  return function;
}

absl::Status CudaKernels::loadEntry(const qvlfmt::Kernel &kernel,
                                    const ComputeCapability &capability) {
  QVLRT_ASSIGN_OR_RETURN(const std::uint32_t object, chooseObject(kernel, capability));
  CUmodule module = modules.at(object);
  Entry entry;
  QVLRT_ASSIGN_OR_RETURN(entry.narrow, loadFunction(module, kernel.name()->c_str(),
                                                    kernel.scratch_bytes(), capability));
  if (kernel.wide())
    for (const qvlfmt::WideForm *form : *kernel.wide())
      if (form->object() == object) {
        QVLRT_ASSIGN_OR_RETURN(entry.wide, loadFunction(module, form->symbol()->c_str(),
                                                        form->shared_bytes(), capability));
        entry.wideForm = form;
      }
  entries.push_back(entry);
  return absl::OkStatus();
}

} // namespace qvlrt
