// Floating arithmetic against exact sums in extended precision.
#include "Simulation.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace qvlsim::test {
namespace {

using U32 = std::uint32_t;
using U64 = std::uint64_t;

float f(U32 bits) { return std::bit_cast<float>(bits); }
U32 b(float value) { return std::bit_cast<U32>(value); }

std::vector<U32> samples(unsigned seed) {
  std::vector<U32> values = {b(0.0f),    b(-0.0f),  b(1.0f),      b(-1.5f),
                             b(3.4e38f), b(1e-40f), b(0x1p-126f), b(0x1.fffffep-1f)};
  U32 state = seed;
  while (values.size() < 128) {
    state = state * 1664525 + 1013904223;
    values.push_back((state & 0x807FFFFF) | ((110 + (state >> 11) % 35) << 23));
  }
  std::rotate(values.begin(), values.begin() + seed % 8, values.end());
  return values;
}
const std::vector<U32> kA = samples(1), kB = samples(2), kC = samples(3);

std::vector<U32> evaluate(const std::string &instruction) {
  return mapWords3("{ .reg .f32 d, a, b, c; mov.b32 a, %r0; mov.b32 b, %r2; mov.b32 c, %r3; " +
                       instruction + " mov.b32 %r1, d; }",
                   kA, kB, kC);
}

/// Whether `result` is the neighbour of the exact value (in long double, with more than twice the
/// bits that sums and products of these samples need) that the mode asks for.
bool rounds(float result, long double exact, const std::string &mode) {
  if (!std::isfinite(result)) // overflow
    return mode == "rn" || (mode == "rp") == (exact > 0);
  long double r = result;
  if (r == exact)
    return true;
  long double above = std::nextafter(result, INFINITY), below = std::nextafter(result, -INFINITY);
  if (mode == "rm")
    return r < exact && above > exact;
  if (mode == "rp")
    return r > exact && below < exact;
  if (mode == "rz")
    return std::fabs(r) < std::fabs(exact) && (exact > 0 ? above > exact : below < exact);
  return std::fabs(r - exact) <= std::fabs(above - exact) &&
         std::fabs(r - exact) <= std::fabs(below - exact);
}

TEST(Float, EveryRoundingModeOfEveryOperation) {
  for (std::string mode : {"rn", "rz", "rm", "rp"}) {
    std::vector<U32> sum = evaluate("add." + mode + ".f32 d, a, b;"),
                     product = evaluate("mul." + mode + ".f32 d, a, b;");
    std::vector<U32> quotient = evaluate("div." + mode + ".f32 d, a, b;"),
                     root = evaluate("abs.f32 a, a; sqrt." + mode + ".f32 d, a;");
    for (std::size_t i = 0; i < kA.size(); ++i) {
      long double a = f(kA[i]), x = f(kB[i]);
      // Further apart, the exact sum has more bits than a long double.
      if (a == 0 || x == 0 || std::abs(std::ilogb(a) - std::ilogb(x)) < 38)
        EXPECT_TRUE(rounds(f(sum[i]), a + x, mode))
            << mode << " " << f(kA[i]) << " + " << f(kB[i]) << " = " << f(sum[i]);
      EXPECT_TRUE(rounds(f(product[i]), a * x, mode))
          << mode << " " << f(kA[i]) << " * " << f(kB[i]) << " = " << f(product[i]);
      if (x != 0 && std::isfinite(f(quotient[i])))
        EXPECT_TRUE(rounds(f(quotient[i]), a / x, mode))
            << mode << " " << f(kA[i]) << " / " << f(kB[i]) << " = " << f(quotient[i]);
      EXPECT_TRUE(rounds(f(root[i]), sqrtl(fabsl(a)), mode))
          << mode << " sqrt " << f(kA[i]) << " = " << f(root[i]);
    }
  }
}

TEST(Float, FmaRoundsOnce) {
  std::vector<U32> out = evaluate("fma.rn.f32 d, a, b, c;");
  for (std::size_t i = 0; i < kA.size(); ++i)
    EXPECT_EQ(out[i], b(std::fma(f(kA[i]), f(kB[i]), f(kC[i])))) << i;
}

TEST(Float, FlushAndSaturate) {
  std::vector<U32> tiny = {b(1e-40f), b(-1e-40f), b(0x1p-126f), b(2.0f), b(-2.0f), 0x7FC00000};
  EXPECT_EQ(
      mapWords("{ .reg .f32 a; mov.b32 a, %r0; add.ftz.f32 a, a, 0f00000000; mov.b32 %r1, a; }",
               tiny)[0],
      0U);
  EXPECT_EQ(
      mapWords("{ .reg .f32 a; mov.b32 a, %r0; mul.ftz.f32 a, a, 0f3F000000; mov.b32 %r1, a; }",
               tiny)[2],
      0U); // a subnormal result
  EXPECT_EQ(
      mapWords("{ .reg .f32 a; mov.b32 a, %r0; add.sat.f32 a, a, 0f00000000; mov.b32 %r1, a; }",
               tiny),
      (std::vector<U32>{b(1e-40f), 0, b(0x1p-126f), b(1.0f), 0, 0}));
}

TEST(Float, MinimumAndMaximumOfNanAndZero) {
  std::vector<U32> a = {0x7FC00000, b(1.0f), b(-0.0f), b(0.0f), 0x7FC00000},
                   c = {b(2.0f), 0x7FC00000, b(0.0f), b(-0.0f), 0x7FC00000};
  EXPECT_EQ(
      mapWords3(
          "{ .reg .f32 x, y; mov.b32 x, %r0; mov.b32 y, %r2; min.f32 x, x, y; mov.b32 %r1, x; }", a,
          c, c),
      (std::vector<U32>{b(2.0f), b(1.0f), b(-0.0f), b(-0.0f), 0x7FFFFFFF}));
  EXPECT_EQ(mapWords3("{ .reg .f32 x, y; mov.b32 x, %r0; mov.b32 y, %r2; max.NaN.f32 x, x, y; "
                      "mov.b32 %r1, x; }",
                      a, c, c),
            (std::vector<U32>{0x7FFFFFFF, 0x7FFFFFFF, 0, 0, 0x7FFFFFFF}));
}

TEST(Float, ComparisonsOrderNan) {
  std::vector<U32> a = {b(1.0f), b(2.0f), 0x7FC00000}, c = {b(2.0f), b(2.0f), b(1.0f)};
  auto compare = [&](const std::string &op) {
    return mapWords3("{ .reg .f32 x, y; mov.b32 x, %r0; mov.b32 y, %r2; setp." + op +
                         ".f32 %p1, x, y; selp.u32 %r1, 1, 0, %p1; }",
                     a, c, c);
  };
  EXPECT_EQ(compare("lt"), (std::vector<U32>{1, 0, 0}));
  EXPECT_EQ(compare("ltu"), (std::vector<U32>{1, 0, 1}));
  EXPECT_EQ(compare("ne"), (std::vector<U32>{1, 0, 0}));
  EXPECT_EQ(compare("neu"), (std::vector<U32>{1, 0, 1}));
  EXPECT_EQ(compare("num"), (std::vector<U32>{1, 1, 0}));
  EXPECT_EQ(compare("nan"), (std::vector<U32>{0, 0, 1}));
}

/// Reference half arithmetic: exact in long double, rounded by the compiler's _Float16.
TEST(Half, ScalarAndPackedArithmetic) {
  std::vector<U32> a, c, d;
  U32 state = 7;
  for (int i = 0; i < 256; ++i) {
    state = state * 1664525 + 1013904223;
    a.push_back((state >> 3) & 0xBFFFBFFF); // exponents below 16: finite
    c.push_back((state * 7) & 0xBFFFBFFF);
    d.push_back((state * 13) & 0xBFFFBFFF);
  }
  std::vector<U32> sum = mapWords3("add.rn.f16x2 %r1, %r0, %r2;", a, c, d),
                   fma = mapWords3("fma.rn.f16x2 %r1, %r0, %r2, %r3;", a, c, d);
  auto half = [](U32 bits) {
    return static_cast<long double>(std::bit_cast<_Float16>(static_cast<std::uint16_t>(bits)));
  };
  auto narrow = [](long double v) {
    return std::bit_cast<std::uint16_t>(static_cast<_Float16>(v));
  };
  for (std::size_t i = 0; i < a.size(); ++i)
    for (int at : {0, 16}) {
      EXPECT_EQ(sum[i] >> at & 0xFFFF, narrow(half(a[i] >> at) + half(c[i] >> at))) << i;
      EXPECT_EQ(fma[i] >> at & 0xFFFF,
                narrow(half(a[i] >> at) * half(c[i] >> at) + half(d[i] >> at)))
          << i;
    }
}

TEST(Half, BrainFloatFmaRoundsOnce) {
  // 1.0078125 * 1.0078125 = 1.01568603515625: between 1.015625 and 1.0234375.
  EXPECT_EQ(
      mapWords3("fma.rn.bf16x2 %r1, %r0, %r2, %r3;", {0x3F813F81}, {0x3F813F81}, {0x00008000})[0],
      0x3F823F82U);
  EXPECT_EQ(mapWords3("max.NaN.bf16x2 %r1, %r0, %r2;", {0x7FC03F80}, {0x3F804000}, {0})[0],
            0x7FFF4000U);
  EXPECT_EQ(mapWords("neg.bf16x2 %r1, %r0;", {0x3F80BF80})[0], 0xBF803F80U);
}

TEST(Float, DoublesInDirectedModes) {
  std::vector<U64> one = {std::bit_cast<U64>(1.0)}, three = {std::bit_cast<U64>(3.0)};
  auto run = [&](const std::string &mode) {
    return std::bit_cast<double>(
        mapLongs3("{ .reg .f64 a, c; mov.b64 a, %w0; mov.b64 c, %w2; div." + mode +
                      ".f64 a, a, c; mov.b64 %w1, a; }",
                  one, three, three)[0]);
  };
  EXPECT_EQ(run("rz"), 0x1.5555555555555p-2);
  EXPECT_EQ(run("rp"), 0x1.5555555555556p-2);
  EXPECT_EQ(run("rn"), 0x1.5555555555555p-2);
}

TEST(Approximate, StaysWithinTheDocumentedError) {
  std::vector<U32> in;
  for (int i = 1; i < 200; ++i)
    in.push_back(b(i * 0.171f - 9));
  struct Case {
    const char *name;
    double (*function)(double);
    double relative, absolute;
  };
  for (const Case &c :
       {Case{"ex2.approx", std::exp2, 0x1p-22, 0}, Case{"sin.approx", std::sin, 0, 0x1p-20},
        Case{"cos.approx", std::cos, 0, 0x1p-20}, Case{"tanh.approx", std::tanh, 0x1p-10, 0}}) {
    std::vector<U32> out = mapWords(std::string("{ .reg .f32 a; mov.b32 a, %r0; ") + c.name +
                                        ".f32 a, a; mov.b32 %r1, a; }",
                                    in);
    for (std::size_t i = 0; i < in.size(); ++i) {
      double exact = c.function(f(in[i]));
      EXPECT_NEAR(f(out[i]), exact, c.absolute + c.relative * std::fabs(exact))
          << c.name << " " << f(in[i]);
    }
  }
}

} // namespace
} // namespace qvlsim::test
