#include "DeviceRegistry.h"

#include "test/unit/runtime/StatusMatchers.h"

namespace qvlrt::test {

static std::vector<DeviceCase> &registry() {
  // In a function: registrations run before main in any order.
  static std::vector<DeviceCase> devices;
  return devices;
}

DeviceRegistration::DeviceRegistration(DeviceCase device) {
  registry().push_back(std::move(device));
}

const std::vector<DeviceCase> &registeredDevices() { return registry(); }

std::vector<DeviceCase> devicesThatRunKernels() {
  std::vector<DeviceCase> devices;
  for (const DeviceCase &device : registry())
    if (device.runsKernels)
      devices.push_back(device);
  return devices;
}

std::string deviceName(const testing::TestParamInfo<DeviceCase> &info) { return info.param.name; }

void PrintTo(const DeviceCase &device, std::ostream *out) { *out << device.name; }

void DeviceTest::SetUp() {
  absl::StatusOr<std::unique_ptr<Device>> created = GetParam().create();
  if (absl::IsFailedPrecondition(created.status()))
    GTEST_SKIP() << created.status();
  ASSERT_OK(created.status());
  device = *std::move(created);
  EXPECT_EQ(device->limits().runsKernels, GetParam().runsKernels);
}

void DeviceTest::loadKernels() {
  target.Finish(qvlfmt::Target::Pack(target, GetParam().kernels().get()));
  absl::StatusOr<std::unique_ptr<LoadedKernels>> loaded = device->loadKernels(
      *flatbuffers::GetRoot<qvlfmt::Target>(target.GetBufferPointer()), "test.qvl");
  ASSERT_OK(loaded.status());
  kernels = *std::move(loaded);
}

std::vector<std::byte> DeviceTest::read(DeviceRange range) {
  std::vector<std::byte> bytes(range.bytes);
  EXPECT_OK(device->copyToHost(bytes, range));
  return bytes;
}

} // namespace qvlrt::test
