// The weights of bicubic resampling along one axis.
#pragma once

#include <cstdint>
#include <vector>

namespace qvlrt {

/// Weights of every output of one axis. Output i is the sum over j < count[i] of input[start[i] +
/// j] * weight[i * taps + j].
template <typename T> struct AxisWeights {
  std::int64_t taps = 0; ///< room for each output
  std::vector<std::int64_t> start;
  std::vector<std::int64_t> count;
  std::vector<T> weight;
  int precision = 0; ///< fraction bits of integer weights
};

/// Normalised weights in f64 (the model specification, section 4.3).
AxisWeights<double> bicubicWeights(std::int64_t inputs, std::int64_t outputs);

/// Rounded to 22 fraction bits, as Pillow does.
AxisWeights<std::int32_t> roundToPillow(const AxisWeights<double> &weights);

/// Rounded to the most fraction bits with which the largest weight fits 16 bits, as torchvision
/// does (section 4.4).
AxisWeights<std::int32_t> roundTo16Bits(const AxisWeights<double> &weights);

/// Rounded to f32.
AxisWeights<float> roundToFloat(const AxisWeights<double> &weights);

} // namespace qvlrt
