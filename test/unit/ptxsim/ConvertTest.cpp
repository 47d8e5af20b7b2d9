// cvt: every rounding of every floating format against a search over all patterns of the format.
#include "Simulation.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace qvlsim::test {
namespace {

using U32 = std::uint32_t;
using U64 = std::uint64_t;

/// A value of a small format from its definition: sign, exponent, mantissa (independent of the
/// simulator).
double valueOf(U32 bits, int exponentBits, int mantissaBits) {
  int bias = (1 << (exponentBits - 1)) - 1;
  U32 mantissa = bits & ((1U << mantissaBits) - 1);
  int exponent = static_cast<int>(bits >> mantissaBits & ((1U << exponentBits) - 1));
  double magnitude = exponent == 0 ? mantissa * std::pow(2.0, 1 - bias - mantissaBits)
                                   : (1 + mantissa * std::pow(2.0, -mantissaBits)) *
                                         std::pow(2.0, exponent - bias);
  return bits >> (exponentBits + mantissaBits) & 1 ? -magnitude : magnitude;
}

struct Format {
  const char *type;
  int exponentBits, mantissaBits;
  U32 largest; // pattern of the largest finite value
};

/// The pattern that a rounding mode picks, by scanning the ordered patterns of the format.
U32 roundBySearch(double value, const Format &f, char mode) {
  bool negative = std::signbit(value);
  double magnitude = std::fabs(value);
  U32 below = 0;
  U32 high = f.largest; // the greatest pattern whose value is not above `magnitude`
  while (below < high) {
    U32 middle = (below + high + 1) / 2;
    if (valueOf(middle, f.exponentBits, f.mantissaBits) <= magnitude)
      below = middle;
    else
      high = middle - 1;
  }
  U32 sign = negative ? 1U << (f.exponentBits + f.mantissaBits) : 0;
  double low = valueOf(below, f.exponentBits, f.mantissaBits);
  if (low == magnitude)
    return sign | below;
  // Beyond the largest value the next step counts as if the format went on.
  double next = below == f.largest
                    ? low + (low - valueOf(below - 1, f.exponentBits, f.mantissaBits))
                    : valueOf(below + 1, f.exponentBits, f.mantissaBits);
  bool up = mode == 'n'   ? magnitude - low > next - magnitude ||
                                (magnitude - low == next - magnitude && (below & 1))
            : mode == 'z' ? false
            : mode == 'm' ? negative
                          : !negative;
  return sign | (below + up);
}

std::vector<float> interesting() {
  std::vector<float> values = {
      0.0f,       -0.0f,      1.0f,    -1.0f,   65504.0f, 65519.0f,      65520.0f,
      -65520.0f,  448.0f,     464.0f,  465.0f,  57344.0f, 61440.0f,      6e-8f,
      5.9e-8f,    2.98e-8f,   3.0e-8f, 0x1p-9f, 0x1p-10f, 0x1.8p-10f,    0x1p-17f,
      0x1.2p-16f, 3.3895e38f, 1e-40f,  -1e-45f, 0.1f,     1.00048828125f};
  U32 state = 12345;
  while (values.size() < 512) {
    state = state * 1664525 + 1013904223;
    float v = std::bit_cast<float>((state & 0x807FFFFF) | ((96 + (state >> 9) % 56) << 23));
    values.push_back(v);
    values.push_back(std::bit_cast<float>(std::bit_cast<U32>(v) & 0xFFFFE000)); // ties of f16
    values.push_back(
        std::bit_cast<float>((std::bit_cast<U32>(v) & 0xFFFF0000) | 0x8000)); // ties of bf16
  }
  return values;
}

std::vector<U32> bitsOf(const std::vector<float> &values) {
  std::vector<U32> bits;
  for (float v : values)
    bits.push_back(std::bit_cast<U32>(v));
  return bits;
}

const Format kF16{"f16", 5, 10, 0x7BFF}, kBF16{"bf16", 8, 7, 0x7F7F}, kE5M2{"e5m2", 5, 2, 0x7B},
    kE4M3{"e4m3", 4, 3, 0x7E};

TEST(Convert, F32ToHalvesInEveryRounding) {
  std::vector<float> values = interesting();
  for (const Format &f : {kF16, kBF16})
    for (char mode : {'n', 'z', 'm', 'p'}) {
      if (f.exponentBits == 8 && mode != 'n' && mode != 'z')
        continue;
      std::string body = std::string("{ .reg .b16 h; .reg .f32 x; mov.b32 x, %r0; cvt.r") + mode +
                         "." + f.type + ".f32 h, x; cvt.u32.u16 %r1, h; }";
      std::vector<U32> out = mapWords(body, bitsOf(values));
      for (std::size_t i = 0; i < values.size(); ++i)
        ASSERT_EQ(out[i], roundBySearch(values[i], f, mode))
            << f.type << " r" << mode << " of " << values[i];
    }
}

TEST(Convert, F32ToEightBitFormatsSaturates) {
  std::vector<float> values = interesting();
  for (const Format &f : {kE4M3, kE5M2}) {
    std::string body = std::string("{ .reg .b16 h; .reg .f32 x, y; mov.b32 x, %r0; mov.b32 y, "
                                   "0f3F800000; cvt.rn.satfinite.") +
                       f.type + "x2.f32 h, y, x; cvt.u32.u16 %r1, h; }";
    std::vector<U32> out = mapWords(body, bitsOf(values));
    for (std::size_t i = 0; i < values.size(); ++i) {
      U32 sign = std::signbit(values[i]) ? 0x80 : 0, nearest = roundBySearch(values[i], f, 'n');
      U32 expected = (nearest & 0x7F) > f.largest ? sign | f.largest : nearest;
      ASSERT_EQ(out[i] & 0xFF, expected) << f.type << " of " << values[i];
      ASSERT_EQ(out[i] >> 8, roundBySearch(1.0, f, 'n'));
    }
  }
}

TEST(Convert, EightBitFormatsWidenExactly) {
  std::vector<U32> patterns;
  for (U32 p = 0; p < 256; ++p)
    patterns.push_back(p);
  for (const Format &f : {kE4M3, kE5M2}) {
    std::string body =
        std::string("{ .reg .b16 h; .reg .b32 x; cvt.u16.u32 h, %r0; cvt.rn.f16x2.") + f.type +
        "x2 x, h; and.b32 %r1, x, 0xFFFF; }";
    std::vector<U32> out = mapWords(body, patterns);
    for (U32 p = 0; p < 256; ++p)
      if ((p & 0x7F) <= f.largest)
        ASSERT_EQ(valueOf(out[p], 5, 10), valueOf(p, f.exponentBits, f.mantissaBits)) << p;
    EXPECT_EQ(out[0x7F], 0x7FFFU); // NaN in both formats
  }
}

TEST(Convert, SpecialValues) {
  std::vector<U32> in = {0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001};
  EXPECT_EQ(
      mapWords(
          "{ .reg .b16 h; .reg .f32 x; mov.b32 x, %r0; cvt.rn.f16.f32 h, x; cvt.u32.u16 %r1, h; }",
          in),
      (std::vector<U32>{0x7C00, 0xFC00, 0x7FFF, 0x7FFF}));
  EXPECT_EQ(mapWords("{ .reg .b16 h; .reg .f32 x; mov.b32 x, %r0; cvt.rn.relu.bf16.f32 h, x; "
                     "cvt.u32.u16 %r1, h; }",
                     in),
            (std::vector<U32>{0x7F80, 0, 0x7FFF, 0x7FFF}));
  EXPECT_EQ(mapWords("{ .reg .f32 x; mov.b32 x, %r0; cvt.rni.s32.f32 %r1, x; }", in),
            (std::vector<U32>{0x7FFFFFFF, 0x80000000, 0, 0}));
  EXPECT_EQ(mapWords("{ .reg .f32 x; mov.b32 x, %r0; cvt.sat.f32.f32 x, x; mov.b32 %r1, x; }", in),
            (std::vector<U32>{0x3F800000, 0, 0, 0}));
}

TEST(Convert, FloatToInteger) {
  std::vector<float> values = {0.5f,   1.5f,    2.5f, -0.5f, -1.5f, -2.7f, 3.2f,
                               300.0f, -300.0f, 3e9f, -3e9f, 1e20f, -1e20f};
  struct Case {
    const char *mode;
    double (*round)(double);
  };
  for (Case c : {Case{"rni", std::nearbyint}, Case{"rzi", std::trunc}, Case{"rmi", std::floor},
                 Case{"rpi", std::ceil}}) {
    auto convert = [&](const char *type) {
      return mapWords(std::string("{ .reg .f32 x; mov.b32 x, %r0; cvt.") + c.mode + "." + type +
                          ".f32 %r1, x; }",
                      bitsOf(values));
    };
    std::vector<U32> s32 = convert("s32"), u32 = convert("u32"), s8 = convert("s8");
    for (std::size_t i = 0; i < values.size(); ++i) {
      double v = c.round(values[i]);
      EXPECT_EQ(static_cast<std::int32_t>(s32[i]), std::clamp(v, -2147483648.0, 2147483647.0))
          << c.mode << values[i];
      EXPECT_EQ(u32[i], std::clamp(v, 0.0, 4294967295.0)) << c.mode << values[i];
      EXPECT_EQ(static_cast<std::int32_t>(s8[i]), std::clamp(v, -128.0, 127.0))
          << c.mode << values[i];
    }
  }
}

TEST(Convert, IntegerToFloatRoundsOnce) {
  std::vector<U64> values = {0,
                             1,
                             0xFFFFFFFFFFFFFFFF,
                             0x8000000000000000,
                             0x7FFFFFFFFFFFFFFF,
                             (U64{1} << 53) + 1,
                             (U64{1} << 54) + 2,
                             (U64{1} << 24) + 1,
                             0x8000008000000001,
                             0x8000008000000000,
                             0xFFFFFF8000000000,
                             0x123456789ABCDEF1};
  std::vector<U64> out = mapLongs3(
      "{ .reg .f32 x; .reg .b32 b; cvt.rn.f32.u64 x, %w0; mov.b32 b, x; cvt.u64.u32 %w1, b; }",
      values, values, values);
  std::vector<U64> wide =
      mapLongs3("{ .reg .f64 x; cvt.rn.f64.s64 x, %w0; mov.b64 %w1, x; }", values, values, values);
  std::vector<U64> up =
      mapLongs3("{ .reg .f64 x; cvt.rp.f64.u64 x, %w0; mov.b64 %w1, x; }", values, values, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(out[i], std::bit_cast<U32>(static_cast<float>(values[i]))) << values[i];
    EXPECT_EQ(wide[i],
              std::bit_cast<U64>(static_cast<double>(static_cast<std::int64_t>(values[i]))))
        << values[i];
    auto rounded = std::bit_cast<double>(up[i]);
    long double exact = static_cast<long double>(values[i]);
    EXPECT_TRUE(rounded >= exact && std::nextafter(rounded, 0.0) < exact + (exact == 0))
        << values[i];
  }
}

TEST(Convert, IntegersExtendTruncateAndSaturate) {
  std::vector<U32> in = {0, 127, 128, 255, 256, 0x8000, 0xFFFF, 0x12345680, 0xFFFFFF80, 0xFFFFFF7F};
  std::vector<U32> s8 = mapWords("cvt.s32.s8 %r1, %r0;", in),
                   sat = mapWords("cvt.sat.s8.s32 %r1, %r0;", in),
                   low = mapWords("cvt.u8.u32 %r1, %r0;", in),
                   satU = mapWords("cvt.sat.u8.s32 %r1, %r0;", in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    auto s = static_cast<std::int32_t>(in[i]);
    EXPECT_EQ(static_cast<std::int32_t>(s8[i]), static_cast<std::int8_t>(in[i]));
    EXPECT_EQ(static_cast<std::int32_t>(sat[i]), std::clamp(s, -128, 127));
    EXPECT_EQ(low[i], in[i] & 0xFF);
    EXPECT_EQ(static_cast<std::int32_t>(satU[i]), std::clamp(s, 0, 255));
  }
}

TEST(Convert, Tf32AndNarrowingOfDoubles) {
  std::vector<U32> in = {0x3F800FFF, 0x3F801000, 0x3F801001, 0x3F803000, 0xBF801000};
  EXPECT_EQ(mapWords("{ .reg .f32 x; mov.b32 x, %r0; cvt.rna.tf32.f32 %r1, x; }", in),
            (std::vector<U32>{0x3F800000, 0x3F802000, 0x3F802000, 0x3F804000, 0xBF802000}));
  std::vector<U64> wide;
  for (double d :
       {0.1, 1e300, 1e-300, 0x1.000001p0, 0x1.0000011p0, 0x1p-149, 0x1.8p-150, -0x1.fffffefp127})
    wide.push_back(std::bit_cast<U64>(d));
  std::vector<U64> out = mapLongs3("{ .reg .f64 x; .reg .f32 y; .reg .b32 b; mov.b64 x, %w0; "
                                   "cvt.rn.f32.f64 y, x; mov.b32 b, y; cvt.u64.u32 %w1, b; }",
                                   wide, wide, wide);
  for (std::size_t i = 0; i < wide.size(); ++i)
    EXPECT_EQ(out[i], std::bit_cast<U32>(static_cast<float>(std::bit_cast<double>(wide[i])))) << i;
}

} // namespace
} // namespace qvlsim::test
