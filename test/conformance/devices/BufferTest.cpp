// Allocation, copies, fills and their accounts.
#include "DeviceRegistry.h"
#include "test/unit/runtime/StatusMatchers.h"

#include <gtest/gtest.h>
#include <numeric>

namespace qvlrt::test {
namespace {

class DeviceBuffers : public DeviceTest {};
QVL_ON_ALL_DEVICES(DeviceBuffers);

std::vector<std::byte> pattern(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

TEST_P(DeviceBuffers, DescribeTheDevice) {
  EXPECT_FALSE(device->name().empty());
  EXPECT_EQ(device->description().rfind(device->name(), 0), 0u) << device->description();
  EXPECT_GE(device->limits().workers, 1);
  EXPECT_GT(device->limits().maxAllocation, 0u);
}

TEST_P(DeviceBuffers, AreAligned) {
  for (std::uint64_t bytes : {0ull, 1ull, 63ull, 64ull, 65ull, 100000ull, 5ull << 20}) {
    absl::StatusOr<DeviceBuffer> buffer = DeviceBuffer::allocate(*device, bytes);
    ASSERT_OK(buffer.status());
    EXPECT_EQ(buffer->range().address % kBufferAlignment, 0u);
    EXPECT_EQ(buffer->bytes(), bytes);
  }
}

TEST_P(DeviceBuffers, KeepWhatWasCopied) {
  std::vector<std::byte> bytes = pattern(1000);
  DeviceBuffer buffer = *DeviceBuffer::copyOf(*device, bytes);
  EXPECT_EQ(read(buffer.range()), bytes);
  DeviceBuffer second = *DeviceBuffer::allocate(*device, 1000);
  ASSERT_OK(device->copy(second.range(), buffer.range()));
  ASSERT_OK(device->synchronize());
  EXPECT_EQ(read(second.range()), bytes);
}

TEST_P(DeviceBuffers, CopyAndFillParts) {
  std::vector<std::byte> bytes = pattern(1000);
  DeviceBuffer buffer = *DeviceBuffer::copyOf(*device, bytes);
  ASSERT_OK(device->fill(buffer.range().subrange(10, 20), 0xab));
  ASSERT_OK(device->copyToDevice(buffer.range().subrange(100, 5), std::span(bytes).first(5)));
  ASSERT_OK(device->copy(buffer.range().subrange(900, 100), buffer.range().subrange(0, 100)));
  std::fill_n(bytes.begin() + 10, 20, std::byte{0xab});
  std::copy_n(pattern(5).begin(), 5, bytes.begin() + 100);
  std::copy_n(bytes.begin(), 100, bytes.begin() + 900);
  EXPECT_EQ(read(buffer.range()), bytes);
}

TEST_P(DeviceBuffers, OfNoBytesCopyAndFill) {
  DeviceBuffer empty = *DeviceBuffer::allocate(*device, 0);
  EXPECT_OK(device->copyToDevice(empty.range(), {}));
  EXPECT_OK(device->copyToHost({}, empty.range()));
  EXPECT_OK(device->fill(empty.range(), 1));
}

TEST_P(DeviceBuffers, RefuseCopiesOfAnotherSize) {
  DeviceBuffer buffer = *DeviceBuffer::allocate(*device, 10);
  std::vector<std::byte> bytes(11);
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(device->copyToDevice(buffer.range(), bytes),
              FailsWith(kInvalid, "copy of 11 bytes into 10"));
  EXPECT_THAT(device->copyToHost(bytes, buffer.range()),
              FailsWith(kInvalid, "copy of 10 bytes into 11"));
  EXPECT_THAT(device->copy(buffer.range(), buffer.range().subrange(0, 9)),
              FailsWith(kInvalid, "copy of 9 bytes into 10"));
}

TEST_P(DeviceBuffers, AreAccounted) {
  std::uint64_t before = device->memory().allocated;
  {
    DeviceBuffer first = *DeviceBuffer::allocate(*device, 1000);
    DeviceBuffer second = *DeviceBuffer::allocate(*device, 500);
    EXPECT_EQ(device->memory().allocated, before + 1500);
    DeviceBuffer moved = std::move(first);
    EXPECT_EQ(device->memory().allocated, before + 1500);
    moved = DeviceBuffer();
  }
  EXPECT_EQ(device->memory().allocated, before);
  EXPECT_GE(device->memory().peak, before + 1500);
}

TEST_P(DeviceBuffers, ThatNoMachineHoldsAreRefused) {
  for (std::uint64_t bytes : {std::uint64_t{1} << 60, UINT64_MAX})
    EXPECT_THAT(device->allocate(bytes).status(),
                FailsWith(absl::StatusCode::kResourceExhausted, std::to_string(bytes)));
}

TEST_P(DeviceBuffers, HostBytesReachTheDevice) {
  alignas(64) static const std::array<std::byte, 128> bytes = [] {
    std::array<std::byte, 128> values;
    values.fill(std::byte{42});
    return values;
  }();
  absl::StatusOr<DeviceRange> range = device->useHostBytes(bytes);
  ASSERT_OK(range.status());
  EXPECT_EQ(read(*range), std::vector<std::byte>(128, std::byte{42}));
  device->dropHostBytes(*range);
}

} // namespace
} // namespace qvlrt::test
