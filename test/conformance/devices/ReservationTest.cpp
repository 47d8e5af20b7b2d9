// Address space that gets its memory later: the ground of the KV cache.
#include "DeviceRegistry.h"
#include "test/unit/runtime/StatusMatchers.h"

#include <gtest/gtest.h>

namespace qvlrt::test {
namespace {

class DeviceReservations : public DeviceTest {};
QVL_ON_ALL_DEVICES(DeviceReservations);

constexpr std::uint64_t kUnit = 4096;

TEST_P(DeviceReservations, TakeNoMemory) {
  std::uint64_t before = device->memory().allocated;
  absl::StatusOr<DeviceRange> range = device->reserve(std::uint64_t{64} << 30);
  ASSERT_OK(range.status());
  EXPECT_EQ(device->memory().allocated, before);
  EXPECT_EQ(range->address % kBufferAlignment, 0u);
  device->release(*range, 0);
}

TEST_P(DeviceReservations, CommittedPartsAreZeroAndWritable) {
  DeviceRange range = *device->reserve(16 * kUnit);
  ASSERT_OK(device->commit(range, 0, 2 * kUnit));
  EXPECT_EQ(read(range.subrange(0, 2 * kUnit)), std::vector<std::byte>(2 * kUnit, std::byte{0}));
  ASSERT_OK(device->fill(range.subrange(0, 2 * kUnit), 9));
  // The next part leaves what is there, and the address does not move.
  ASSERT_OK(device->commit(range, 2 * kUnit, kUnit));
  EXPECT_EQ(read(range.subrange(kUnit, kUnit)), std::vector<std::byte>(kUnit, std::byte{9}));
  EXPECT_EQ(read(range.subrange(2 * kUnit, kUnit)), std::vector<std::byte>(kUnit, std::byte{0}));
  device->release(range, 3 * kUnit);
}

TEST_P(DeviceReservations, CommittedPartsAreAccounted) {
  std::uint64_t before = device->memory().allocated;
  DeviceRange range = *device->reserve(16 * kUnit);
  ASSERT_OK(device->commit(range, 0, 5 * kUnit));
  EXPECT_EQ(device->memory().allocated, before + 5 * kUnit);
  device->release(range, 5 * kUnit);
  EXPECT_EQ(device->memory().allocated, before);
}

TEST_P(DeviceReservations, EndWhereTheyEnd) {
  DeviceRange range = *device->reserve(4 * kUnit);
  for (auto [offset, bytes] : {std::pair(4 * kUnit, kUnit), std::pair(std::uint64_t{0}, 5 * kUnit),
                               std::pair(kUnit, UINT64_MAX - kUnit + 1)})
    EXPECT_THAT(device->commit(range, offset, bytes),
                FailsWith(absl::StatusCode::kInvalidArgument, "in a reservation of 16384"));
  device->release(range, 0);
}

TEST_P(DeviceReservations, DoNotCommitMoreThanTheMachineHas) {
  std::uint64_t before = device->memory().allocated;
  std::uint64_t bytes = (device->limits().maxAllocation / kUnit + 1) * kUnit;
  DeviceRange range = *device->reserve(bytes);
  EXPECT_THAT(device->commit(range, 0, bytes),
              FailsWith(absl::StatusCode::kResourceExhausted, "out of memory: "));
  EXPECT_EQ(device->memory().allocated, before);
  device->release(range, 0);
}

TEST_P(DeviceReservations, ThatNoAddressSpaceHoldsAreRefused) {
  EXPECT_THAT(device->reserve(std::uint64_t{1} << 62).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, "cannot reserve"));
}

} // namespace
} // namespace qvlrt::test
