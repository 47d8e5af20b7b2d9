#include "qvlrt/device_selection.h"

#include "qvlrt/cpu_device.h"
#include "qvlrt/cuda_device.h"
#include "qvlrt/status.h"

#include "absl/strings/numbers.h"

namespace qvlrt {

std::optional<DeviceSelection> parseDevice(std::string_view text) {
  DeviceSelection selection;
  if (text == "auto")
    return selection;
  selection.kind = DeviceKind::Cpu;
  if (text == "cpu")
    return selection;
  selection.kind = DeviceKind::Cuda;
  if (text == "cuda")
    return selection;
  constexpr std::string_view kPrefix = "cuda:";
  if (!text.starts_with(kPrefix))
    return std::nullopt;
  text.remove_prefix(kPrefix.size());
  // Digits only: the number parser accepts signs and spaces.
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos ||
      !absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &selection.ordinal))
    return std::nullopt;
  return selection;
}

absl::StatusOr<std::unique_ptr<Device>> createDevice(const DeviceSelection &selection,
                                                     const Module &module) {
  const CudaDeviceOptions cuda{.ordinal = selection.ordinal, .driver = selection.cudaDriver};
  if (selection.kind == DeviceKind::Cuda)
    return createCudaDevice(cuda);
  // Without code for GPUs the driver is not even loaded.
  if (const auto code = module.target("cuda"); selection.kind == DeviceKind::Auto && code.ok()) {
    absl::StatusOr<std::unique_ptr<Device>> device = createCudaDevice(cuda);
    if (device.ok() && !(*device)->limits().simulated && (*device)->runs(**code))
      return device;
  }
  return createCpuDevice({.threads = selection.threads, .features = std::nullopt});
}

absl::StatusOr<std::string> chosenTarget(const DeviceSelection &selection, const Module &module) {
  if (selection.kind == DeviceKind::Auto && module.target("cuda").ok()) {
    QVLRT_ASSIGN_OR_RETURN(const std::unique_ptr<Device> device, createDevice(selection, module));
    if (module.target(device->name()).ok())
      return std::string(device->name());
  }
  if (selection.kind == DeviceKind::Auto)
    return module.artifact().targets()->Get(0)->name()->str();
  const char *name = selection.kind == DeviceKind::Cuda ? "cuda" : "cpu";
  QVLRT_RETURN_IF_ERROR(module.target(name).status());
  return name;
}

} // namespace qvlrt
