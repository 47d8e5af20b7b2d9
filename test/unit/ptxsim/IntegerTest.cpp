// Integer, logic and bit instructions against arithmetic of C++ on wider types.
#include "Simulation.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

namespace qvlsim::test {
namespace {

using U32 = std::uint32_t;
using U64 = std::uint64_t;
using S64 = std::int64_t;

/// Edge values and random ones; always the same.
template <typename T> std::vector<T> samples(unsigned seed) {
  std::vector<T> values = {0,
                           1,
                           2,
                           7,
                           static_cast<T>(-1),
                           static_cast<T>(-2),
                           std::numeric_limits<T>::max() / 2,
                           std::numeric_limits<T>::max() / 2 + 1,
                           31,
                           32,
                           33,
                           0x8000,
                           0xFFFF};
  std::mt19937_64 random(seed);
  std::shuffle(values.begin(), values.end(), random);
  while (values.size() < 64)
    values.push_back(static_cast<T>(random() >> (random() % 60)));
  return values;
}

const std::vector<U32> kA = samples<U32>(1), kB = samples<U32>(2), kC = samples<U32>(3);
const std::vector<U64> kWideA = samples<U64>(4), kWideB = samples<U64>(5), kWideC = samples<U64>(6);

template <typename Expected> void expectWords(std::string_view body, Expected expected) {
  std::vector<U32> out = mapWords3(body, kA, kB, kC);
  for (std::size_t i = 0; i < out.size(); ++i)
    ASSERT_EQ(out[i], static_cast<U32>(expected(kA[i], kB[i], kC[i])))
        << body << " of " << kA[i] << ", " << kB[i] << ", " << kC[i];
}
template <typename Expected> void expectLongs(std::string_view body, Expected expected) {
  std::vector<U64> out = mapLongs3(body, kWideA, kWideB, kWideC);
  for (std::size_t i = 0; i < out.size(); ++i)
    ASSERT_EQ(out[i], static_cast<U64>(expected(kWideA[i], kWideB[i], kWideC[i])))
        << body << " of " << kWideA[i] << ", " << kWideB[i];
}
S64 s(U32 x) { return static_cast<std::int32_t>(x); }

TEST(Integer, AddSubtractMultiply) {
  expectWords("add.u32 %r1, %r0, %r2;", [](U64 a, U64 b, U64) { return a + b; });
  expectWords("sub.s32 %r1, %r0, %r2;", [](U64 a, U64 b, U64) { return a - b; });
  expectWords("add.sat.s32 %r1, %r0, %r2;",
              [](U32 a, U32 b, U32) { return std::clamp<S64>(s(a) + s(b), INT32_MIN, INT32_MAX); });
  expectWords("sub.sat.s32 %r1, %r0, %r2;",
              [](U32 a, U32 b, U32) { return std::clamp<S64>(s(a) - s(b), INT32_MIN, INT32_MAX); });
  expectWords("mul.lo.u32 %r1, %r0, %r2;", [](U64 a, U64 b, U64) { return a * b; });
  expectWords("mul.hi.u32 %r1, %r0, %r2;", [](U64 a, U64 b, U64) { return a * b >> 32; });
  expectWords("mul.hi.s32 %r1, %r0, %r2;", [](U32 a, U32 b, U32) { return s(a) * s(b) >> 32; });
  expectWords("mad.lo.s32 %r1, %r0, %r2, %r3;", [](U64 a, U64 b, U64 c) { return a * b + c; });
  expectWords("mad.hi.u32 %r1, %r0, %r2, %r3;",
              [](U64 a, U64 b, U64 c) { return (a * b >> 32) + c; });
  expectWords("mad24.lo.u32 %r1, %r0, %r2, %r3;",
              [](U64 a, U64 b, U64 c) { return (a & 0xFFFFFF) * (b & 0xFFFFFF) + c; });
  expectWords("sad.s32 %r1, %r0, %r2, %r3;",
              [](U32 a, U32 b, U32 c) { return c + std::abs(s(a) - s(b)); });
  expectLongs("mul.hi.u64 %w1, %w0, %w2;",
              [](U64 a, U64 b, U64) { return static_cast<unsigned __int128>(a) * b >> 64; });
  expectLongs("mad.lo.s64 %w1, %w0, %w2, %w3;", [](U64 a, U64 b, U64 c) { return a * b + c; });
}

TEST(Integer, WideProducts) {
  expectLongs(
      "{ .reg .b32 a, b; cvt.u32.u64 a, %w0; cvt.u32.u64 b, %w2; mad.wide.s32 %w1, a, b, %w3; }",
      [](U64 a, U64 b, U64 c) {
        return static_cast<U64>(s(static_cast<U32>(a)) * s(static_cast<U32>(b))) + c;
      });
  expectWords("{ .reg .b16 a, b; cvt.u16.u32 a, %r0; cvt.u16.u32 b, %r2; mul.wide.s16 %r1, a, b; }",
              [](U32 a, U32 b, U32) {
                return static_cast<std::int16_t>(a) * static_cast<std::int16_t>(b);
              });
}

TEST(Integer, DivisionRoundsToZero) {
  expectWords("{ or.b32 %r2, %r2, 1; div.s32 %r1, %r0, %r2; }",
              [](U32 a, U32 b, U32) { return s(a) / s(b | 1); });
  expectWords("{ or.b32 %r2, %r2, 1; rem.s32 %r1, %r0, %r2; }",
              [](U32 a, U32 b, U32) { return s(a) % s(b | 1); });
  expectWords("{ or.b32 %r2, %r2, 1; div.u32 %r1, %r0, %r2; }",
              [](U32 a, U32 b, U32) { return a / (b | 1); });
  expectLongs("{ or.b64 %w2, %w2, 1; rem.u64 %w1, %w0, %w2; }",
              [](U64 a, U64 b, U64) { return a % (b | 1); });
}

TEST(Integer, CarryChains) {
  expectLongs("{ .reg .b32 a<4>, b<4>; mov.b64 {a0, a1}, %w0; mov.b64 {b0, b1}, %w2; add.cc.u32 "
              "a0, a0, b0; addc.u32 a1, a1, b1; mov.b64 %w1, {a0, a1}; }",
              [](U64 a, U64 b, U64) { return a + b; });
  expectLongs("{ .reg .b32 a<4>, b<4>; mov.b64 {a0, a1}, %w0; mov.b64 {b0, b1}, %w2; sub.cc.u32 "
              "a0, a0, b0; subc.u32 a1, a1, b1; mov.b64 %w1, {a0, a1}; }",
              [](U64 a, U64 b, U64) { return a - b; });
  expectLongs("{ .reg .b32 a<2>, b<2>, l, h; mov.b64 {a0, a1}, %w0; mov.b64 {b0, b1}, %w2; "
              "mul.lo.u32 l, a0, b0; mul.hi.u32 h, a0, b0;"
              "mad.lo.cc.u32 h, a0, b1, h; madc.hi.u32 b0, a0, b1, 0; mad.lo.u32 h, a1, b0, h; "
              "mov.b64 %w1, {l, b0}; }",
              [](U64 a, U64 b, U64) {
                U64 a0 = static_cast<U32>(a), b0 = static_cast<U32>(b), b1 = b >> 32;
                unsigned __int128 x = a0 * b0 + (static_cast<unsigned __int128>(a0 * b1) << 32);
                return static_cast<U32>(a0 * b0) | static_cast<U64>(x >> 64) << 32;
              });
}

TEST(Integer, MinimumMaximumAbsolute) {
  expectWords("min.s32 %r1, %r0, %r2;", [](U32 a, U32 b, U32) { return std::min(s(a), s(b)); });
  expectWords("max.u32 %r1, %r0, %r2;", [](U32 a, U32 b, U32) { return std::max(a, b); });
  expectWords("max.relu.s32 %r1, %r0, %r2;",
              [](U32 a, U32 b, U32) { return std::max<S64>({s(a), s(b), 0}); });
  expectWords("abs.s32 %r1, %r0;", [](U32 a, U32, U32) { return std::abs(s(a)); });
  expectWords("neg.s32 %r1, %r0;", [](U32 a, U32, U32) { return -s(a); });
  expectWords("add.u16x2 %r1, %r0, %r2;",
              [](U32 a, U32 b, U32) { return ((a + b) & 0xFFFF) | ((a >> 16) + (b >> 16)) << 16; });
}

TEST(Integer, DotProducts) {
  auto byte = [](U32 w, int k, bool sign) {
    return sign ? S64{static_cast<std::int8_t>(w >> 8 * k)}
                : S64{static_cast<std::uint8_t>(w >> 8 * k)};
  };
  expectWords("dp4a.s32.u32 %r1, %r0, %r2, %r3;", [&](U32 a, U32 b, U32 c) {
    S64 sum = c;
    for (int k = 0; k < 4; ++k)
      sum += byte(a, k, true) * byte(b, k, false);
    return sum;
  });
  expectWords("dp2a.hi.s32.s32 %r1, %r0, %r2, %r3;", [&](U32 a, U32 b, U32 c) {
    return S64{c} + static_cast<std::int16_t>(a) * byte(b, 2, true) +
           static_cast<std::int16_t>(a >> 16) * byte(b, 3, true);
  });
}

TEST(Integer, PackedVideo) {
  expectWords("vabsdiff4.u32.u32.u32.add %r1, %r0, %r2, %r3;", [](U32 a, U32 b, U32 c) {
    for (int k = 0; k < 32; k += 8)
      c += static_cast<U32>(
          std::abs(static_cast<int>(a >> k & 255) - static_cast<int>(b >> k & 255)));
    return c;
  });
  expectWords("vmin2.s32.s32.s32 %r1, %r0, %r2, %r3;", [](U32 a, U32 b, U32) {
    auto low = static_cast<std::uint16_t>(std::min<std::int16_t>(a, b)),
         high = static_cast<std::uint16_t>(std::min<std::int16_t>(a >> 16, b >> 16));
    return low | U32{high} << 16;
  });
}

TEST(Bits, LogicAndShifts) {
  expectWords("and.b32 %r1, %r0, %r2;", [](U32 a, U32 b, U32) { return a & b; });
  expectWords("xor.b32 %r1, %r0, %r2;", [](U32 a, U32 b, U32) { return a ^ b; });
  expectWords("lop3.b32 %r1, %r0, %r2, %r3, 0xCA;",
              [](U32 a, U32 b, U32 c) { return (a & b) | (~a & c); });
  expectWords("cnot.b32 %r1, %r0;", [](U32 a, U32, U32) { return a == 0; });
  expectWords("shl.b32 %r1, %r0, %r2;", [](U32 a, U32 b, U32) { return b > 31 ? 0 : a << b; });
  expectWords("shr.u32 %r1, %r0, %r2;", [](U32 a, U32 b, U32) { return b > 31 ? 0 : a >> b; });
  expectWords("shr.s32 %r1, %r0, %r2;", [](U32 a, U32 b, U32) { return s(a) >> std::min(b, 31U); });
  expectWords("shf.l.wrap.b32 %r1, %r0, %r2, %r3;", [](U32 a, U32 b, U32 c) {
    return static_cast<U32>(((U64{b} << 32 | a) << (c & 31)) >> 32);
  });
  expectWords("shf.r.clamp.b32 %r1, %r0, %r2, %r3;", [](U32 a, U32 b, U32 c) {
    return static_cast<U32>((U64{b} << 32 | a) >> std::min(c, 32U));
  });
}

TEST(Bits, Fields) {
  // Bit by bit, as the ISA's pseudocode does it.
  auto extract = [](U32 a, U32 position, U32 length, bool sign) {
    U32 result = 0;
    U32 last = std::min(position + length - 1, 31U);
    bool top = sign && length != 0 && a >> last & 1;
    for (U32 i = 0; i < 32; ++i)
      result |= U32{i < length && position + i <= 31 ? (a >> (position + i) & 1) != 0 : top} << i;
    return result;
  };
  expectWords("bfe.u32 %r1, %r0, %r2, %r3;",
              [&](U32 a, U32 b, U32 c) { return extract(a, b & 255, c & 255, false); });
  expectWords("bfe.s32 %r1, %r0, %r2, %r3;",
              [&](U32 a, U32 b, U32 c) { return extract(a, b & 255, c & 255, true); });
  expectWords("bfi.b32 %r1, %r0, %r2, %r3, 9;", [](U32 a, U32 b, U32 c) {
    U32 result = b;
    for (U32 i = 0; i < 9 && (c & 255) + i <= 31; ++i)
      result = (result & ~(1U << ((c & 255) + i))) | (a >> i & 1) << ((c & 255) + i);
    return result;
  });
}

TEST(Bits, CountAndPermute) {
  expectWords("popc.b32 %r1, %r0;", [](U32 a, U32, U32) { return std::popcount(a); });
  expectWords("clz.b32 %r1, %r0;", [](U32 a, U32, U32) { return std::countl_zero(a); });
  expectWords("bfind.u32 %r1, %r0;",
              [](U32 a, U32, U32) { return a == 0 ? -1 : 31 - std::countl_zero(a); });
  expectWords("bfind.s32 %r1, %r0;", [](U32 a, U32, U32) {
    U32 x = a >> 31 ? ~a : a;
    return x == 0 ? -1 : 31 - std::countl_zero(x);
  });
  expectWords("brev.b32 %r1, %r0;", [](U32 a, U32, U32) {
    U32 r = 0;
    for (int i = 0; i < 32; ++i)
      r |= (a >> i & 1) << (31 - i);
    return r;
  });
  expectWords("prmt.b32 %r1, %r0, %r2, 0x9170;", [](U32 a, U32 b, U32) {
    auto byte = [&](unsigned n) -> U32 { return (n < 4 ? a >> 8 * n : b >> 8 * (n - 4)) & 255; };
    return byte(0) | byte(7) << 8 | byte(1) << 16 | (byte(1) & 0x80 ? 255U : 0U) << 24;
  });
}

TEST(Compare, PredicatesAndSelection) {
  expectWords("setp.lt.s32 %p1|%p2, %r0, %r2; selp.b32 %r1, 5, 6, %p1; @%p2 add.u32 %r1, %r1, 10;",
              [](U32 a, U32 b, U32) { return s(a) < s(b) ? 5 : 16; });
  expectWords(
      "setp.ne.u32 %p3, %r3, 0; setp.hi.and.u32 %p1, %r0, %r2, !%p3; selp.u32 %r1, 1, 0, %p1;",
      [](U32 a, U32 b, U32 c) { return a > b && c == 0; });
  expectWords("set.ge.u32.s32 %r1, %r0, %r2;",
              [](U32 a, U32 b, U32) { return s(a) >= s(b) ? -1 : 0; });
  expectWords("slct.u32.s32 %r1, %r0, %r2, %r3;",
              [](U32 a, U32 b, U32 c) { return s(c) >= 0 ? a : b; });
}

TEST(Move, PacksAndUnpacks) {
  expectLongs("{ .reg .b16 a, b, c, d; mov.b64 {a, b, c, d}, %w0; mov.b64 %w1, {d, c, b, a}; }",
              [](U64 a, U64, U64) {
                return a >> 48 | (a >> 32 & 0xFFFF) << 16 | (a >> 16 & 0xFFFF) << 32 | a << 48;
              });
  expectLongs("{ .reg .b128 q; mov.b128 q, {%w0, %w2}; mov.b128 {_, %w1}, q; }",
              [](U64, U64 b, U64) { return b; });
}

} // namespace
} // namespace qvlsim::test
