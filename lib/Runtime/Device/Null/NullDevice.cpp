#include "qvlrt/null_device.h"

#include "lib/Runtime/Device/HostDevice.h"
#include "lib/Runtime/Device/LaunchChecks.h"

namespace qvlrt {

namespace {

/// The target whose launches are checked.
class NullKernels final : public LoadedKernels {
public:
  explicit NullKernels(const qvlfmt::Target &target) : target(target) {}
  std::uint32_t size() const override { return target.kernels() ? target.kernels()->size() : 0; }

  const qvlfmt::Target &target; // borrowed from the module
};

class NullDevice final : public HostDevice {
public:
  std::string_view name() const override { return "null"; }
  std::string description() const override { return "null (runs no kernels)"; }

  DeviceLimits limits() const override {
    DeviceLimits limits = HostDevice::limits();
    limits.runsKernels = false;
    return limits;
  }

  bool runs(const qvlfmt::Target &) const override { return true; }

  absl::StatusOr<std::unique_ptr<LoadedKernels>> loadKernels(const qvlfmt::Target &target,
                                                             std::string_view) override {
    return std::make_unique<NullKernels>(target);
  }

  absl::Status launch(const LoadedKernels &kernels, const Launch &launch) override {
    return checkLaunch(static_cast<const NullKernels &>(kernels).target, launch);
  }
};

} // namespace

std::unique_ptr<Device> createNullDevice() { return std::make_unique<NullDevice>(); }

} // namespace qvlrt
