#include "qvlrt/npy.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlrt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string temporary(const char *name) { return ::testing::TempDir() + name; }

/// A file with the given dictionary and data.
std::string npy(std::string dictionary, const std::string &data, char major = 1) {
  std::string bytes = "\x93NUMPY";
  bytes +=
      {major, 0, static_cast<char>(dictionary.size()), static_cast<char>(dictionary.size() >> 8)};
  if (major > 1)
    bytes += std::string(2, '\0');
  return bytes + dictionary + data;
}

TEST(Npy, WritesWhatNumPyWrites) {
  const std::vector<std::int32_t> values = {1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> shape = {2, 3};
  ASSERT_TRUE(writeNpy<std::int32_t>(temporary("a.npy"), shape, values).ok());
  std::ifstream file(temporary("a.npy"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const std::string text = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }";
  const std::string header = text + std::string(128 - 10 - 1 - text.size(), ' ') + "\n";
  EXPECT_EQ(bytes, std::string("\x93NUMPY\x01\0v\0", 10) + header +
                       std::string(reinterpret_cast<const char *>(values.data()), 24));
}

template <typename T> void expectRoundTrip(std::vector<std::int64_t> shape, std::vector<T> values) {
  const std::string path = temporary("round.npy");
  ASSERT_TRUE(writeNpy<T>(path, shape, values).ok());
  const auto array = readNpy(path);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->shape, shape);
  const auto elements = array->template elements<T>();
  EXPECT_EQ(std::vector<T>(elements.begin(), elements.end()), values);
}

TEST(Npy, RoundTripsEveryTypeAndRank) {
  expectRoundTrip<float>({2, 1}, {1.5F, -2.0F});
  expectRoundTrip<double>({1}, {0.1});
  expectRoundTrip<std::int32_t>({}, {7});
  expectRoundTrip<std::int64_t>({3}, {1, -2, std::int64_t{1} << 40});
  expectRoundTrip<std::uint8_t>({1, 2, 2}, {1, 2, 3, 255});
  expectRoundTrip<std::uint16_t>({2}, {1, 65535});
  expectRoundTrip<float>({0, 5}, {});
}

TEST(Npy, ElementsOfAnotherTypeAreEmpty) {
  const auto array =
      parseNpy(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}", "abc"), "x");
  EXPECT_THAT(array->elements<std::uint8_t>(), ElementsAre('a', 'b', 'c'));
  EXPECT_TRUE(array->elements<float>().empty());
}

TEST(Npy, AcceptsLaterVersions) {
  EXPECT_TRUE(
      parseNpy(npy("{\"shape\": (3,), 'descr':'|u1','fortran_order':False}\n", "abc", 2), "x")
          .ok());
  EXPECT_TRUE(
      parseNpy(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}", "abc", 3), "x").ok());
}

TEST(Npy, RefusesEverythingElse) {
  const auto message = [](const std::string &bytes) {
    const auto array = parseNpy(bytes, "file");
    EXPECT_FALSE(array.ok());
    return std::string(array.status().message());
  };
  const auto header = [](const char *descr, const char *order, const char *shape) {
    return std::string("{'descr': '") + descr + "', 'fortran_order': " + order +
           ", 'shape': " + shape + ", }";
  };
  EXPECT_THAT(message(""), HasSubstr("file: no .npy file"));
  EXPECT_THAT(message("\x93NUMPX"), HasSubstr("no .npy file"));
  EXPECT_THAT(message(npy("{}", "", 4)), HasSubstr("no .npy file"));
  EXPECT_THAT(message(npy(header("<f4", "False", "(1,)"), "abcd").substr(0, 30)),
              HasSubstr("truncated"));
  for (const std::string &dictionary :
       {header(">f4", "False", "(1,)"), header("<f4", "True", "(1,)"),
        header("<f4", "False", "(1)"), header("<f4", "False", "(-1,)"),
        header("<f4", "False", "(99999999999999999999,)"), header("O", "False", "(1,)"),
        std::string("{'descr': '<f4', 'shape': (1,)}"), std::string("{'descr': '<f4'"),
        std::string("{'descr': '<f4"), header("<f4", "False", "(1,)") + "x",
        std::string("{'a': 1}"),
        header("<f4", "False",
               "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)")})
    EXPECT_THAT(message(npy(dictionary, "abcd")), HasSubstr("unsupported .npy header"))
        << dictionary;
  for (const char *shape :
       {"(2,)", "(0,)", "(4294967296, 4294967296, 1)", "(4611686018427387904,)"})
    EXPECT_THAT(message(npy(header("<f4", "False", shape), "abcd")),
                HasSubstr("does not fit the 4 bytes"))
        << shape;
}

TEST(Npy, ReportsWhatCannotBeWrittenOrRead) {
  const std::vector<std::uint8_t> values = {1};
  const std::vector<std::int64_t> shape = {1};
  const std::vector<std::int64_t> other = {2};
  EXPECT_EQ(writeNpy<std::uint8_t>("/no/such/folder/x.npy", shape, values).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(writeNpy<std::uint8_t>("/dev/full", shape, values).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(writeNpy<std::uint8_t>(temporary("b.npy"), other, values).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(readNpy("/no/such/file.npy").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(readNpy("/dev/zero").ok());
  ASSERT_TRUE(writeNpy<std::uint8_t>(temporary("b.npy"), shape, values).ok());
  EXPECT_THAT(std::string(readNpy(temporary("b.npy"), 10).status().message()),
              HasSubstr("at most 10 bytes"));
}

} // namespace
} // namespace qvlrt
