// Numbers of attention tests: random operands in memory, and what results may differ by.
#pragma once

#include "../kernels/KernelFixture.h"
#include "GpuKernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace qvl::test {

/// Memory of numbers of type `element`, f32 or bf16, and back.
GpuBuffer encode(const std::vector<float> &values, const std::string &element);
std::vector<float> decode(GpuBuffer &buffer, const std::string &element);
size_t elementBytes(const std::string &element);

class AttentionTest : public testing::Test {
protected:
  /// `count` numbers, uniform in [-1, 1), that `element` can hold.
  std::vector<float> uniform(size_t count, const std::string &element);

  std::mt19937 random{20261124};
};

/// Error model of attention over values of magnitude at most one.
struct AttentionErrors {
  int64_t headDim;
  bool narrowProbabilities; // rounded to bf16 for the tensor cores
  bool narrowResult;        // bf16

  /// The largest allowed distance from the reference, which is rounded to the type of the result.
  ///
  /// In f32 the result moves by the relative errors of the probabilities: a few roundings of the
  /// exponent, of exp and of the sums, and the error of a score, which grows like a random walk of
  /// head_dim steps of half an ulp of a partial sum, itself of the order of sqrt(head_dim) / 3
  /// before scaling. Rounding to bf16, with its 8 bits, moves a number by up to 2^-8 of itself:
  /// probabilities, and with them the mean of the values by no more than 2^-8, a result, and its
  /// reference. With bf16 operands exp is 2^x with a relative error of 2^-22.
  double bound(double reference) const {
    double exact = 0x1p-24 * (6 + std::sqrt(static_cast<double>(headDim)) / 2);
    double narrow = narrowProbabilities ? 0x1p-8 : 0;
    return exact + narrow + (narrowResult ? 0x1p-22 + 0x1p-7 * std::abs(reference) : 0);
  }

  void expectNear(const std::vector<float> &result, const std::vector<double> &reference,
                  const std::string &what) const;
};

} // namespace qvl::test
