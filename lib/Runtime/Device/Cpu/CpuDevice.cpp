#include "qvlrt/cpu_device.h"

#include "CodeObject.h"
#include "CpuFeatures.h"
#include "lib/Runtime/Device/HostDevice.h"
#include "lib/Runtime/Device/LaunchChecks.h"
#include "qvlfmt/KernelAbi.h"
#include "qvlrt/status.h"
#include "qvlrt/thread_pool.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <map>
#include <vector>

namespace qvlrt {

namespace {

/// Entry points and scratch of one target's kernels.
class CpuKernels final : public LoadedKernels {
public:
  explicit CpuKernels(const qvlfmt::Target &target) : target(target) {}
  std::uint32_t size() const override { return static_cast<std::uint32_t>(entries.size()); }

  const qvlfmt::Target &target;                  // borrowed from the module
  std::map<std::uint32_t, LoadedObject> objects; // by number in the target; only those in use
  std::vector<qvl_kernel> entries;               // point into `objects`
  std::vector<DeviceBuffer> scratch; // one a worker, as large as the largest kernel asks
};

class CpuDevice final : public HostDevice {
public:
  CpuDevice(std::unique_ptr<ThreadPool> pool, CpuFeatures features)
      : pool(std::move(pool)), features(features) {}

  std::string_view name() const override { return "cpu"; }
  std::string description() const override {
    return absl::StrCat("cpu (", describeFeatures(features), "; ", pool->threads(), " threads)");
  }
  DeviceLimits limits() const override {
    DeviceLimits limits = HostDevice::limits();
    limits.workers = pool->threads();
    return limits;
  }

  bool runs(const qvlfmt::Target &target) const override {
    return !target.kernels() ||
           std::all_of(target.kernels()->begin(), target.kernels()->end(),
                       [&](const qvlfmt::Kernel *kernel) {
                         return chooseObject(target, *kernel, features).has_value();
                       });
  }
  absl::StatusOr<std::unique_ptr<LoadedKernels>> loadKernels(const qvlfmt::Target &target,
                                                             std::string_view artifact) override;
  absl::Status launch(const LoadedKernels &kernels, const Launch &launch) override;

private:
  absl::Status loadEntry(CpuKernels &kernels, const qvlfmt::Kernel &kernel) const;
  absl::Status allocateScratch(CpuKernels &kernels);

  std::unique_ptr<ThreadPool> pool;
  CpuFeatures features;
};

/// Feature sets of all objects of a target, for the message that none fits.
std::string offeredFeatureSets(const qvlfmt::Target &target) {
  std::vector<std::string> names;
  for (const qvlfmt::CodeObject *object : *target.objects())
    names.push_back(object->feature_set()->str());
  return absl::StrJoin(names, ", ");
}

absl::Status CpuDevice::loadEntry(CpuKernels &kernels, const qvlfmt::Kernel &kernel) const {
  const std::optional<std::uint32_t> chosen = chooseObject(kernels.target, kernel, features);
  if (!chosen)
    return absl::FailedPreconditionError(absl::StrCat(
        "this machine runs ", describeFeatures(features), ", the artifact has code for ",
        offeredFeatureSets(kernels.target), "; compile it with --target=cpu:native here"));
  const std::uint32_t number = *chosen;
  const qvlfmt::CodeObject &object = *kernels.target.objects()->Get(number);
  auto loaded = kernels.objects.find(number);
  if (loaded == kernels.objects.end()) {
    std::span<const std::byte> bytes;
    if (object.bytes())
      bytes = {reinterpret_cast<const std::byte *>(object.bytes()->data()), object.bytes()->size()};
    absl::StatusOr<LoadedObject> code = LoadedObject::load(bytes);
    if (!code.ok())
      return absl::Status(code.status().code(),
                          absl::StrCat("code object ", number, " (", object.feature_set()->c_str(),
                                       ") does not load: ", code.status().message()));
    loaded = kernels.objects.emplace(number, *std::move(code)).first;
  }
  void *entry = loaded->second.symbol(kernel.name()->str());
  if (!entry)
    return absl::InvalidArgumentError(absl::StrCat(
        "code object ", number, " (", object.feature_set()->c_str(), ") lacks the kernel ",
        kernel.name()->c_str(), "; compile the checkpoint again"));
  kernels.entries.push_back(reinterpret_cast<qvl_kernel>(entry));
  return absl::OkStatus();
}

absl::Status CpuDevice::allocateScratch(CpuKernels &kernels) {
  std::uint64_t bytes = 0;
  for (const qvlfmt::Kernel *kernel : *kernels.target.kernels())
    bytes = std::max(bytes, kernel->scratch_bytes());
  for (int worker = 0; worker < pool->threads(); ++worker) {
    QVLRT_ASSIGN_OR_RETURN(DeviceBuffer scratch, DeviceBuffer::allocate(*this, bytes));
    kernels.scratch.push_back(std::move(scratch));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LoadedKernels>> CpuDevice::loadKernels(const qvlfmt::Target &target,
                                                                      std::string_view artifact) {
  auto kernels = std::make_unique<CpuKernels>(target);
  if (!target.kernels())
    return kernels;
  for (const qvlfmt::Kernel *kernel : *target.kernels())
    if (absl::Status status = loadEntry(*kernels, *kernel); !status.ok())
      return absl::Status(status.code(),
                          absl::StrCat(std::string(artifact), ": ", status.message()));
  QVLRT_RETURN_IF_ERROR(allocateScratch(*kernels));
  return kernels;
}

absl::Status CpuDevice::launch(const LoadedKernels &loaded, const Launch &launch) {
  const auto &kernels = static_cast<const CpuKernels &>(loaded);
  QVLRT_RETURN_IF_ERROR(checkLaunch(kernels.target, launch));
  qvl_kernel entry = kernels.entries[launch.kernel];
  pool->run(launch.grid, [&](int worker, std::int64_t begin, std::int64_t end) {
    const DeviceRange &scratch = kernels.scratch[worker].range();
    qvl_kernel_context context{scratch.pointer(), static_cast<std::int64_t>(scratch.bytes), worker};
    entry(&context, launch.buffers.data(), launch.scalars.data(), begin, end);
  });
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<std::unique_ptr<Device>> createCpuDevice(const CpuDeviceOptions &options) {
  QVLRT_ASSIGN_OR_RETURN(CpuFeatures features,
                         options.features ? chooseFeatures(options.features, machineFeatures())
                                          : processFeatures());
  QVLRT_ASSIGN_OR_RETURN(
      std::unique_ptr<ThreadPool> pool,
      ThreadPool::create(options.threads == 0 ? availableCpus() : options.threads));
  return std::make_unique<CpuDevice>(std::move(pool), features);
}

} // namespace qvlrt
