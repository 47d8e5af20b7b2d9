// Sweeps every expanded math function over f32 against the f64 math library.

#include "test/unit/math/JitFunction.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

namespace {

constexpr int kBatch = 4096;

/// Distance of `value` from `exact` in units of the last place of f32 at `exact`; NaN must meet NaN
/// and infinity infinity, where overflow begins half an ulp above the largest number.
double ulpsBetween(float value, double exact) {
  if (std::isnan(exact))
    return std::isnan(value) ? 0 : INFINITY;
  if (std::isinf(static_cast<float>(exact)) || std::isinf(value))
    return value == static_cast<float>(exact) ? 0 : INFINITY;
  int exponent = std::max(std::ilogb(exact == 0 ? 0x1p-200 : exact), -126);
  return std::abs(value - exact) / std::ldexp(1.0, exponent - 23);
}

struct Function {
  const char *name;
  double (*exact)(double);
  double maxUlps;
  float maxMagnitude; ///< Larger operands are not swept.
  friend void PrintTo(const Function &f, std::ostream *os) { *os << f.name; }
};

double rsqrtExact(double x) { return 1 / std::sqrt(x); }

class MathTest : public testing::TestWithParam<std::tuple<Function, bool>> {};

TEST_P(MathTest, StaysWithinTheBound) {
  auto [function, vectors] = GetParam();
  JitFunction compiled(function.name,
                       vectors ? JitFunction::Form::Vector : JitFunction::Form::Scalar);
  ASSERT_TRUE(compiled.ok());
  double worst = 0;
  float worstAt = 0;
  int64_t swept = 0;
  std::vector<float> in, out(kBatch);
  auto flush = [&] {
    in.resize(kBatch, 0.5f);
    compiled(in.data(), out.data(), kBatch);
    for (int i = 0; i < kBatch; ++i)
      if (double ulps = ulpsBetween(out[i], function.exact(in[i])); ulps > worst)
        worst = ulps, worstAt = in[i];
    swept += kBatch;
    in.clear();
  };
  // A prime stride over the bit patterns: every exponent, both signs, infinities and NaN.
  const uint64_t stride = vectors ? 257 : 4099;
  for (uint64_t bits = 0; bits <= 0xffffffff; bits += stride) {
    float x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (std::abs(x) > function.maxMagnitude)
      continue;
    in.push_back(x);
    if (in.size() == kBatch)
      flush();
  }
  for (float x : {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN})
    in.push_back(x);
  flush();
  std::printf("%s: %.3f ulp at %a, %lld values\n", function.name, worst, worstAt,
              static_cast<long long>(swept));
  EXPECT_LE(worst, function.maxUlps) << "at " << worstAt;
}

const float kEverything = std::numeric_limits<float>::infinity();
INSTANTIATE_TEST_SUITE_P(All, MathTest,
                         testing::Combine(testing::Values(Function{"exp", std::exp, 2, kEverything},
                                                          Function{"erf", std::erf, 2, kEverything},
                                                          Function{"rsqrt", rsqrtExact, 2,
                                                                   kEverything},
                                                          Function{"sin", std::sin, 1, 0x1p48f},
                                                          Function{"cos", std::cos, 1, 0x1p48f}),
                                          testing::Bool()),
                         [](const auto &info) {
                           return std::string(std::get<0>(info.param).name) +
                                  (std::get<1>(info.param) ? "_vector" : "_scalar");
                         });

/// Scaling in one instruction changes no bit, down to denormals and for infinities; a NaN stays
/// one.
TEST(MathTest, ExpScaledByAvx512) {
  if (!__builtin_cpu_supports("avx512f"))
    GTEST_SKIP() << "this CPU has no AVX-512";
  JitFunction expected("exp", JitFunction::Form::Vector), scaled("exp", JitFunction::Form::Avx512);
  ASSERT_TRUE(expected.ok() && scaled.ok());
  std::vector<float> in(kBatch), e(kBatch), s(kBatch);
  constexpr uint64_t kStride = 251; // prime: every exponent, both signs, infinities and NaN
  for (uint64_t bits = 0; bits <= 0xffffffff; bits += kStride * kBatch) {
    for (int i = 0; i < kBatch; ++i)
      in[i] = std::bit_cast<float>(static_cast<uint32_t>(bits + kStride * i));
    expected(in.data(), e.data(), kBatch);
    scaled(in.data(), s.data(), kBatch);
    for (int i = 0; i < kBatch; ++i)
      ASSERT_TRUE(std::isnan(e[i]) ? std::isnan(s[i])
                                   : std::bit_cast<uint32_t>(e[i]) == std::bit_cast<uint32_t>(s[i]))
          << "exp(" << in[i] << ") = " << e[i] << ", scaled " << s[i];
  }
}

/// The angles a rotary table takes: whole positions times an inverse frequency.
TEST(MathTest, RotaryAnglesOfLongContexts) {
  JitFunction sine("sin", JitFunction::Form::Vector), cosine("cos", JitFunction::Form::Vector);
  ASSERT_TRUE(sine.ok() && cosine.ok());
  std::vector<float> in(kBatch), s(kBatch), c(kBatch);
  double worst = 0;
  for (int position = 0; position < 131072; position += kBatch)
    for (float frequency : {1.0f, 0.8058422f, 0.1f, 1e-6f}) {
      for (int i = 0; i < kBatch; ++i)
        in[i] = static_cast<float>(position + i) * frequency;
      sine(in.data(), s.data(), kBatch);
      cosine(in.data(), c.data(), kBatch);
      for (int i = 0; i < kBatch; ++i)
        worst = std::max({worst, ulpsBetween(s[i], std::sin(static_cast<double>(in[i]))),
                          ulpsBetween(c[i], std::cos(static_cast<double>(in[i])))});
    }
  EXPECT_LE(worst, 0.501);
}

} // namespace
