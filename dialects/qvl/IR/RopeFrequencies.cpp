// Inverse frequencies of rotary embedding, shared by every consumer of qvl.rope_table.

#include "dialects/qvl/IR/Qvl.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;

/// 1 / theta^(numerator / denominator) with each step rounded to f32. The power is taken in f64 and
/// rounded once, which is what a correctly rounded f32 power gives.
static float inverseFrequency(double theta, int64_t numerator, int64_t denominator) {
  float exponent = static_cast<float>(2 * numerator) / static_cast<float>(2 * denominator);
  auto power = static_cast<float>(
      std::pow(static_cast<double>(static_cast<float>(theta)), static_cast<double>(exponent)));
  return 1.0f / power;
}

SmallVector<float> mlir::qvl::ropeFrequencies(double theta, ArrayRef<int64_t> sections,
                                              FrequencySharing sharing) {
  int64_t angles = 0;
  for (int64_t size : sections)
    angles += size;
  SmallVector<float> frequencies;
  for (int64_t size : sections)
    for (int64_t j = 0; j < size; ++j) {
      bool shared = sharing == FrequencySharing::shared;
      frequencies.push_back(shared ? inverseFrequency(theta, frequencies.size(), angles)
                                   : inverseFrequency(theta, j, size));
    }
  return frequencies;
}

SmallVector<int64_t> mlir::qvl::ropeAxes(ArrayRef<int64_t> sections) {
  SmallVector<int64_t> axes;
  for (auto [axis, size] : llvm::enumerate(sections))
    axes.append(size, axis);
  return axes;
}
