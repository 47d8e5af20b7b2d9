// `--expected-output`: tensors of a run against files.
#include "Comparison.h"

#include "qvlrt/status.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace qvlrun {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Difference {
  double largest = 0;     // |actual - expected|
  double share = 0;       // largest share of the limit
  std::int64_t worst = 0; // element with that share
};

Difference compareFloats(std::span<const float> actual, std::span<const float> expected,
                         double rtol, double atol) {
  Difference difference;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (actual[i] == expected[i])
      continue;
    const double apart = std::fabs(double{actual[i]} - double{expected[i]});
    const double limit = atol + rtol * std::fabs(double{expected[i]});
    // Not a number on one side, or a limit of zero, is beyond every limit.
    const double share = apart / limit;
    const double used = std::isnan(share) ? kInfinity : share;
    difference.largest = std::max(difference.largest, std::isnan(apart) ? kInfinity : apart);
    if (used > difference.share)
      difference = {difference.largest, used, static_cast<std::int64_t>(i)};
  }
  return difference;
}

template <typename T>
Difference compareExactly(std::span<const std::uint8_t> actual,
                          std::span<const std::uint8_t> expected) {
  Difference difference;
  for (std::size_t i = 0; i < actual.size() / sizeof(T); ++i) {
    T a, e;
    std::memcpy(&a, actual.data() + i * sizeof(T), sizeof(T));
    std::memcpy(&e, expected.data() + i * sizeof(T), sizeof(T));
    if (a == e)
      continue;
    if (difference.share == 0)
      difference = {0, kInfinity, static_cast<std::int64_t>(i)};
    difference.largest = std::max(difference.largest, std::fabs(double(a) - double(e)));
  }
  return difference;
}

Difference compareElements(const NamedTensor &actual, const qvlrt::NpyArray &expected,
                           const Options &options) {
  if (actual.type == qvlrt::NpyType::F32)
    return compareFloats(
        {reinterpret_cast<const float *>(actual.bytes.data()), actual.bytes.size() / sizeof(float)},
        expected.elements<float>(), options.rtol, options.atol);
  if (actual.type == qvlrt::NpyType::I32)
    return compareExactly<std::int32_t>(actual.bytes, expected.bytes);
  return compareExactly<std::int64_t>(actual.bytes, expected.bytes);
}

std::string shapeText(std::span<const std::int64_t> shape) {
  return "[" + absl::StrJoin(shape.begin(), shape.end(), ", ") + "]";
}

absl::Status compareOne(const NamedTensor &actual, const qvlrt::NpyArray &expected,
                        const std::string &path, const Options &options) {
  if (actual.type != expected.type || actual.shape != expected.shape)
    return absl::InvalidArgumentError(
        absl::StrFormat("%s is %s with %d bytes an element, but %s holds %s with %d", actual.name,
                        shapeText(actual.shape), qvlrt::npyElementBytes(actual.type), path,
                        shapeText(expected.shape), qvlrt::npyElementBytes(expected.type)));
  const Difference difference = compareElements(actual, expected, options);
  const std::string line =
      absl::StrFormat("%s %s: largest difference %g, %.3g %% of the limit", actual.name,
                      shapeText(actual.shape), difference.largest, 100 * difference.share);
  if (difference.share > 1)
    return absl::InvalidArgumentError(absl::StrFormat("%s differs from %s: %s, at element %d",
                                                      actual.name, path, line, difference.worst));
  std::fprintf(stderr, "%s\n", line.c_str());
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<std::vector<qvlrt::NpyArray>>
readExpected(std::span<const ExpectedOutput> expected) {
  std::vector<qvlrt::NpyArray> arrays;
  for (const ExpectedOutput &output : expected) {
    QVLRT_ASSIGN_OR_RETURN(qvlrt::NpyArray array, qvlrt::readNpy(output.path));
    arrays.push_back(std::move(array));
  }
  return arrays;
}

absl::Status compareOutputs(const Options &options, std::span<const qvlrt::NpyArray> expected,
                            std::span<const NamedTensor> actual) {
  absl::Status first;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const ExpectedOutput &output = options.expected[i];
    const auto tensor = std::find_if(actual.begin(), actual.end(),
                                     [&](const NamedTensor &t) { return t.name == output.tensor; });
    if (tensor == actual.end())
      return absl::InvalidArgumentError(
          absl::StrFormat("%s is expected, but this run has no such tensor", output.tensor));
    first.Update(compareOne(*tensor, expected[i], output.path, options));
  }
  return first;
}

} // namespace qvlrun
