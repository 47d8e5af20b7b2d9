// The devices that the conformance tests run on.
//
// A device takes part with a source file of its own that holds one DeviceRegistration; it then
// inherits every test. A device that this machine lacks says so by a status, and its tests are
// skipped with that message.
#pragma once

#include "qvlfmt/artifact_generated.h"
#include "qvlrt/device.h"

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace qvlrt::test {

struct DeviceCase {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<Device>>()> create;
  /// A target with the kernels of TestKernel, in that order, in the form that the device loads.
  std::function<std::unique_ptr<qvlfmt::TargetT>()> kernels;
  bool runsKernels = true;
};

/// A static object of this type registers a device.
class DeviceRegistration {
public:
  explicit DeviceRegistration(DeviceCase device);
};

const std::vector<DeviceCase> &registeredDevices();
std::vector<DeviceCase> devicesThatRunKernels();

/// One test on one device; skipped where the machine lacks it.
class DeviceTest : public testing::TestWithParam<DeviceCase> {
protected:
  void SetUp() override;
  /// Loads the test kernels.
  void loadKernels();
  std::vector<std::byte> read(DeviceRange range);

  std::unique_ptr<Device> device;
  flatbuffers::FlatBufferBuilder target; // read by `kernels`, so it dies after them
  std::unique_ptr<LoadedKernels> kernels;
};

/// Prints a parameter in test output.
void PrintTo(const DeviceCase &device, std::ostream *out);

std::string deviceName(const testing::TestParamInfo<DeviceCase> &info);

} // namespace qvlrt::test

/// Runs a suite derived from DeviceTest on all registered devices, or on those that run kernels.
#define QVL_ON_ALL_DEVICES(Suite)                                                                  \
  INSTANTIATE_TEST_SUITE_P(Devices, Suite, testing::ValuesIn(registeredDevices()), deviceName)
#define QVL_ON_DEVICES_THAT_RUN_KERNELS(Suite)                                                     \
  INSTANTIATE_TEST_SUITE_P(Devices, Suite, testing::ValuesIn(devicesThatRunKernels()), deviceName)
