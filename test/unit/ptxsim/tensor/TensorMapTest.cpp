// The argument rules of cuTensorMapEncodeTiled.
#include "qvlsim/TensorMap.h"

#include <gtest/gtest.h>

#include <functional>

namespace qvlsim {
namespace {

TensorMapArguments valid() {
  TensorMapArguments a;
  a.dataType = 9; // bf16
  a.rank = 2;
  a.globalAddress = 0x1000;
  a.dims = {100, 50};
  a.strides = {208};
  a.box = {64, 8};
  a.elementStrides = {1, 1};
  a.swizzle = 3;
  return a;
}

TEST(TensorMapTest, RoundTrip) {
  std::array<std::byte, kTensorMapBytes> bytes;
  TensorMapArguments a = valid();
  a.elementStrides[1] = 3;
  ASSERT_TRUE(encodeTensorMap(a, bytes).ok());
  const auto map = decodeTensorMap(bytes);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->address, 0x1000u);
  EXPECT_EQ(map->elementBytes, 2u);
  EXPECT_EQ(map->dims[1], 50u);
  EXPECT_EQ(map->strides[1], 208u);
  EXPECT_EQ(map->box[1], 3u) << "8 elements, every third";
  EXPECT_EQ(map->boxBytes(), 64u * 2 * 3);
}

TEST(TensorMapTest, RefusesWhatTheDriverRefuses) {
  struct Case {
    const char *word;
    std::function<void(TensorMapArguments &)> change;
  };
  const Case cases[] = {
      {"tensorDataType", [](auto &a) { a.dataType = 99; }},
      {"tensorRank", [](auto &a) { a.rank = 0; }},
      {"tensorRank", [](auto &a) { a.rank = 6; }},
      {"globalAddress", [](auto &a) { a.globalAddress = 0x1008; }},
      {"globalDim[0]", [](auto &a) { a.dims[0] = 0; }},
      {"globalDim[1]", [](auto &a) { a.dims[1] = (std::uint64_t{1} << 32) + 1; }},
      {"globalStrides[0]", [](auto &a) { a.strides[0] = 200; }},
      {"globalStrides[0]", [](auto &a) { a.strides[0] = std::uint64_t{1} << 40; }},
      {"boxDim[1]", [](auto &a) { a.box[1] = 257; }},
      {"boxDim[0]", [](auto &a) { a.box[0] = 12; }},
      {"swizzle", [](auto &a) { a.box[0] = 72; }},
      {"elementStrides[1]", [](auto &a) { a.elementStrides[1] = 9; }},
      {"interleave", [](auto &a) { a.interleave = 3; }},
      {"NaN", [](auto &a) { a.dataType = 2, a.box[0] = 32, a.fill = 1; }},
      {"interleaved",
       [](auto &a) {
         a.rank = 3, a.interleave = 1, a.dims[2] = a.box[2] = a.elementStrides[2] = 1,
         a.strides[1] = 16;
       }},
      {"atoms", [](auto &a) { a.swizzle = 4; }},
      {"4- and 6-bit", [](auto &a) { a.dataType = 13; }},
  };
  std::array<std::byte, kTensorMapBytes> bytes;
  for (const Case &c : cases) {
    TensorMapArguments a = valid();
    c.change(a);
    const absl::Status status = encodeTensorMap(a, bytes);
    EXPECT_FALSE(status.ok()) << c.word;
    EXPECT_NE(std::string(status.message()).find(c.word), std::string::npos) << status;
  }
}

TEST(TensorMapTest, RefusesForeignBytes) {
  std::array<std::byte, kTensorMapBytes> bytes{};
  EXPECT_FALSE(decodeTensorMap(bytes).ok());
  ASSERT_TRUE(encodeTensorMap(valid(), bytes).ok());
  bytes[20] ^= std::byte{1};
  EXPECT_FALSE(decodeTensorMap(bytes).ok());
}

} // namespace
} // namespace qvlsim
