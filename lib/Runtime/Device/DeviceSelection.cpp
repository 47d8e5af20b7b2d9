#include "qvlrt/device_selection.h"

#include "qvlrt/cpu_device.h"
#include "qvlrt/cuda_device.h"

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
                                                     bool hasCudaCode) {
  const CudaDeviceOptions cuda{.ordinal = selection.ordinal, .driver = selection.cudaDriver};
  if (selection.kind == DeviceKind::Cuda)
    return createCudaDevice(cuda);
  if (selection.kind == DeviceKind::Auto && hasCudaCode) {
    absl::StatusOr<std::unique_ptr<Device>> device = createCudaDevice(cuda);
    if (device.ok() && !(*device)->limits().simulated)
      return device;
  }
  return createCpuDevice({.threads = selection.threads, .features = std::nullopt});
}

} // namespace qvlrt
