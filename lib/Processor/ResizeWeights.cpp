#include "ResizeWeights.h"

#include <algorithm>
#include <cmath>

namespace qvlrt {
namespace {

constexpr double kSupport = 2.0;
constexpr int kPillowPrecision = 22;

/// The cubic convolution kernel with a = -0.5, evaluated in the order of the reference.
double cubic(double t) {
  constexpr double a = -0.5;
  t = std::abs(t);
  if (t < 1)
    return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2)
    return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

template <typename T, typename Convert>
AxisWeights<T> convert(const AxisWeights<double> &weights, int precision, Convert &&convertOne) {
  AxisWeights<T> out{weights.taps, weights.start, weights.count, {}, precision};
  out.weight.reserve(weights.weight.size());
  for (double weight : weights.weight)
    out.weight.push_back(convertOne(weight));
  return out;
}

/// Half away from zero at the given number of fraction bits.
AxisWeights<std::int32_t> roundToBits(const AxisWeights<double> &weights, int precision) {
  return convert<std::int32_t>(weights, precision, [precision](double weight) {
    return static_cast<std::int32_t>(std::ldexp(weight, precision) + (weight < 0 ? -0.5 : 0.5));
  });
}

} // namespace

AxisWeights<double> bicubicWeights(std::int64_t inputs, std::int64_t outputs) {
  const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
  const double filterScale = std::max(scale, 1.0);
  const double support = kSupport * filterScale;
  AxisWeights<double> out;
  out.taps = static_cast<std::int64_t>(std::ceil(support)) * 2 + 1;
  out.weight.resize(static_cast<std::size_t>(outputs * out.taps));
  for (std::int64_t x = 0; x < outputs; ++x) {
    const double centre = (static_cast<double>(x) + 0.5) * scale;
    const auto low = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - support + 0.5));
    const auto high = std::min(inputs, static_cast<std::int64_t>(centre + support + 0.5));
    double *weight = out.weight.data() + x * out.taps;
    double sum = 0;
    for (std::int64_t j = 0; j < high - low; ++j) {
      weight[j] = cubic((static_cast<double>(j + low) - centre + 0.5) * (1.0 / filterScale));
      sum += weight[j];
    }
    for (std::int64_t j = 0; j < high - low; ++j)
      weight[j] /= sum;
    out.start.push_back(low);
    out.count.push_back(high - low);
  }
  return out;
}

AxisWeights<std::int32_t> roundToPillow(const AxisWeights<double> &weights) {
  return roundToBits(weights, kPillowPrecision);
}

AxisWeights<std::int32_t> roundTo16Bits(const AxisWeights<double> &weights) {
  const double largest = *std::max_element(weights.weight.begin(), weights.weight.end());
  int precision = 0;
  while (precision < kPillowPrecision &&
         std::floor(0.5 + std::ldexp(largest, precision + 1)) < 32768)
    ++precision;
  return roundToBits(weights, precision);
}

AxisWeights<float> roundToFloat(const AxisWeights<double> &weights) {
  return convert<float>(weights, 0, [](double weight) { return static_cast<float>(weight); });
}

} // namespace qvlrt
