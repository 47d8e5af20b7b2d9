// Every mma.sync form against a dense product, with fragments placed by the formulas of the PTX ISA
// (section 9.7.14.5, "Matrix fragments"), element by element.
#include "ElementFormat.h"
#include "Simulation.h"

#include <gtest/gtest.h>

#include <limits>

namespace qvlsim::test {
namespace {

struct Form {
  unsigned m, k;
  std::string a, b, result;
};
void PrintTo(const Form &f, std::ostream *out) {
  *out << "m" << f.m << "n8k" << f.k << " " << f.result << " " << f.a << " " << f.b;
}

struct Place {
  unsigned row, column;
};

/// a_i of the ISA's tables.
Place placeA(const Form &f, unsigned bits, unsigned lane, unsigned i) {
  const unsigned group = lane >> 2, thread = lane & 3;
  if (f.m == 8) // m8n8k16, 8-bit
    return {group, thread * 4 + (i & 3)};
  if (bits == 16 && f.k == 16)
    return {(i < 2 || (i >= 4 && i < 6)) ? group : group + 8,
            i < 4 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8};
  if (bits == 16)
    return {i < 2 ? group : group + 8, thread * 2 + (i & 1)};
  if (bits == 32 && f.k == 4)
    return {i == 0 ? group : group + 8, thread};
  if (bits == 32)
    return {(i == 0 || i == 2) ? group : group + 8, i < 2 ? thread : thread + 4};
  if (f.k == 16)
    return {i < 4 ? group : group + 8, thread * 4 + (i & 3)};
  return {(i < 4 || (i >= 8 && i < 12)) ? group : group + 8,
          i < 8 ? thread * 4 + (i & 3) : thread * 4 + (i & 3) + 16};
}

/// b_i: row along K.
Place placeB(const Form &f, unsigned bits, unsigned lane, unsigned i) {
  const unsigned group = lane >> 2, thread = lane & 3;
  if (bits == 16)
    return {i < 2 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8, group};
  if (bits == 32)
    return {i == 0 ? thread : thread + 4, group};
  return {i < 4 ? thread * 4 + (i & 3) : thread * 4 + (i & 3) + 16, group};
}

Place placeC(unsigned lane, unsigned i) {
  const unsigned group = lane >> 2, thread = lane & 3;
  return {i < 2 ? group : group + 8, thread * 2 + (i & 1)};
}

/// Registers of all lanes, [lane][register], filled element by element.
template <typename PlaceOf>
std::vector<std::uint32_t> fragment(const std::vector<double> &matrix, unsigned columns,
                                    unsigned elements, const ElementFormat &format, PlaceOf place) {
  const unsigned packed = 32 / format.bits, registers = elements / packed;
  std::vector<std::uint32_t> out(32 * registers);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < elements; ++i) {
      const Place p = place(lane, i);
      out[lane * registers + i / packed] |= encode(format, matrix[p.row * columns + p.column])
                                            << format.bits * (i % packed);
    }
  return out;
}

std::string registerList(const std::string &prefix, unsigned count) {
  std::string text = "{";
  for (unsigned q = 0; q < count; ++q)
    text += (q ? "," : "") + prefix + std::to_string(q);
  return text + "}";
}

/// Loads fragments from three buffers, runs `instruction`, stores D into the fourth.
std::string mmaText(const std::string &instruction, unsigned a, unsigned b, unsigned c) {
  std::string body = ".reg .b32 %a<8>, %b<8>, %c<8>, %e<8>;\n";
  const auto move = [&](int parameter, const std::string &prefix, unsigned count, bool store) {
    body += "mul.wide.u32 %w0, %r90, " + std::to_string(4 * count) + "; add.u64 %w0, %w0, %w" +
            std::to_string(90 + parameter) + ";\n";
    for (unsigned q = 0; q < count; ++q) {
      const std::string reg = prefix + std::to_string(q),
                        at = "[%w0+" + std::to_string(4 * q) + "]";
      body += store ? "st.global.b32 " + at + ", " + reg + ";\n"
                    : "ld.global.b32 " + reg + ", " + at + ";\n";
    }
  };
  move(0, "%a", a, false);
  move(1, "%b", b, false);
  move(2, "%c", c, false);
  body += instruction + " " + registerList("%e", c) + ", " + registerList("%a", a) + ", " +
          registerList("%b", b) + ", " + registerList("%c", c) + ";\n";
  move(3, "%e", c, true);
  return kernelText(body, 4);
}

std::string mnemonic(const Form &f, const std::string &modifier = "") {
  return "mma.sync.aligned.m" + std::to_string(f.m) + "n8k" + std::to_string(f.k) + ".row.col" +
         modifier + "." + f.result + "." + f.a + "." + f.b + "." + f.result;
}

class MmaForms : public testing::TestWithParam<Form> {};

TEST_P(MmaForms, ComputesTheDenseProduct) {
  const Form &f = GetParam();
  const ElementFormat &fa = elementFormat(f.a), &fb = elementFormat(f.b),
                      &fc = elementFormat(f.result);
  const auto a = smallMatrix(fa, f.m, f.k, 1), b = smallMatrix(fb, f.k, 8, 2),
             c = smallMatrix(fc, f.m, 8, 3);
  std::vector<double> expected = product(a, b, f.m, 8, f.k);
  for (std::size_t e = 0; e < c.size(); ++e)
    expected[e] += c[e];
  const auto at = [&](unsigned lane, unsigned i) { return placeC(lane, i); };
  const unsigned elementsA = f.m * f.k / 32, elementsB = f.k * 8 / 32, elementsC = f.m * 8 / 32;
  const auto ra = fragment(a, f.k, elementsA, fa,
                           [&](unsigned l, unsigned i) { return placeA(f, fa.bits, l, i); });
  const auto rb = fragment(b, 8, elementsB, fb,
                           [&](unsigned l, unsigned i) { return placeB(f, fb.bits, l, i); });
  const auto rc = fragment(c, 8, elementsC, fc, at);

  Simulation s(mmaText(mnemonic(f), static_cast<unsigned>(ra.size() / 32),
                       static_cast<unsigned>(rb.size() / 32),
                       static_cast<unsigned>(rc.size() / 32)));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const std::uint64_t out = s.fresh(rc.size() * 4);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, s.upload(ra), s.upload(rb), s.upload(rc), out)), "");
  EXPECT_EQ(s.download<std::uint32_t>(out, rc.size()), fragment(expected, 8, elementsC, fc, at));
}

INSTANTIATE_TEST_SUITE_P(
    All, MmaForms,
    testing::Values(Form{16, 8, "f16", "f16", "f32"}, Form{16, 16, "f16", "f16", "f32"},
                    Form{16, 8, "f16", "f16", "f16"}, Form{16, 16, "f16", "f16", "f16"},
                    Form{16, 8, "bf16", "bf16", "f32"}, Form{16, 16, "bf16", "bf16", "f32"},
                    Form{16, 4, "tf32", "tf32", "f32"}, Form{16, 8, "tf32", "tf32", "f32"},
                    Form{16, 32, "e4m3", "e4m3", "f32"}, Form{16, 32, "e5m2", "e5m2", "f32"},
                    Form{16, 32, "e4m3", "e5m2", "f32"}, Form{16, 32, "e5m2", "e4m3", "f32"},
                    Form{16, 16, "e4m3", "e4m3", "f32"}, Form{16, 32, "e4m3", "e4m3", "f16"},
                    Form{8, 16, "s8", "s8", "s32"}, Form{16, 16, "s8", "u8", "s32"},
                    Form{16, 32, "s8", "s8", "s32"}, Form{16, 32, "u8", "s8", "s32"},
                    Form{16, 32, "u8", "u8", "s32"}));

/// All elements of A, B and C the same.
std::int32_t uniformS8(const std::string &modifier, std::int32_t accumulator, std::uint32_t bytes) {
  Simulation s(mmaText(mnemonic({16, 32, "u8", "u8", "s32"}, modifier), 4, 2, 4));
  EXPECT_TRUE(s.status().ok()) << s.status();
  const std::uint64_t out = s.fresh(512);
  const auto result = s.run("k", {1}, {32}, s.upload(std::vector<std::uint32_t>(128, bytes)),
                            s.upload(std::vector<std::uint32_t>(64, bytes)),
                            s.upload(std::vector<std::int32_t>(128, accumulator)), out);
  EXPECT_EQ(faultOf(result), "");
  return s.download<std::int32_t>(out, 128)[77];
}

TEST(MmaTest, SaturatesOnlyWithSatfinite) {
  constexpr std::int32_t top = std::numeric_limits<std::int32_t>::max();
  EXPECT_EQ(uniformS8(".satfinite", top - 5, 0x01010101), top);
  EXPECT_EQ(uniformS8("", top - 5, 0x01010101), std::numeric_limits<std::int32_t>::min() + 26);
}

TEST(MmaTest, Tf32IgnoresTheThirteenLowBits) {
  Simulation s(mmaText(mnemonic({16, 8, "tf32", "tf32", "f32"}), 4, 2, 4));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const std::uint64_t out = s.fresh(512);
  // 1 + 2^-10 keeps its last tf32 bit, everything below is dropped: 8 products of (1 + 2^-10).
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, s.upload(std::vector<std::uint32_t>(128, 0x3F803FFFu)),
                          s.upload(std::vector<std::uint32_t>(64, 0x3F801FFFu)),
                          s.upload(std::vector<float>(128, 0.0f)), out)),
            "");
  EXPECT_EQ(s.download<float>(out, 128)[5], 8.0f * (1.0f + 0x1p-10f));
}

TEST(MmaTest, DoubleM8N8K4) {
  const auto a = smallMatrix(elementFormat("f32"), 8, 4, 4),
             b = smallMatrix(elementFormat("f32"), 4, 8, 5);
  const auto expected = product(a, b, 8, 8, 4);
  std::vector<double> ra(32), rb(32), rc(64);
  for (unsigned lane = 0; lane < 32; ++lane) {
    ra[lane] = a[(lane >> 2) * 4 + (lane & 3)];
    rb[lane] = b[(lane & 3) * 8 + (lane >> 2)];
    for (unsigned i = 0; i < 2; ++i)
      rc[lane * 2 + i] = expected[(lane >> 2) * 8 + (lane & 3) * 2 + i];
  }
  Simulation s(kernelText(
      "mul.wide.u32 %w0, %r90, 8; add.u64 %w1, %w90, %w0; add.u64 %w2, %w91, %w0;\n"
      "ld.global.f64 %d0, [%w1]; ld.global.f64 %d1, [%w2]; mov.f64 %d2, 0d0000000000000000;\n"
      "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%d3,%d4}, {%d0}, {%d1}, {%d2,%d2};\n"
      "mul.wide.u32 %w0, %r90, 16; add.u64 %w1, %w92, %w0;\n"
      "st.global.f64 [%w1], %d3; st.global.f64 [%w1+8], %d4;",
      3));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const std::uint64_t out = s.fresh(512);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, s.upload(ra), s.upload(rb), out)), "");
  EXPECT_EQ(s.download<double>(out, 64), rc);
}

TEST(MmaTest, RefusesPartialWarps) {
  Simulation s(mmaText(mnemonic({16, 16, "f16", "f16", "f32"}), 4, 2, 4));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const std::uint64_t buffer = s.upload(std::vector<std::uint32_t>(128));
  const auto result = s.run("k", {1}, {31}, buffer, buffer, buffer, s.fresh(512));
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->kind, FaultKind::PartialWarpCollective);
}

TEST(MmaTest, RefusesFormsThatDoNotExist) {
  for (const char *form :
       {"m16n8k16.row.col.f16.bf16.bf16.f16", "m16n8k4.row.col.f32.f16.f16.f32",
        "m16n8k16.col.row.f32.f16.f16.f32", "m16n8k32.row.col.f32.e4m3.f16.f32",
        "m16n8k16.row.col.satfinite.f32.f16.f16.f32", "m16n8k32.row.col.f32.s8.s8.f32"})
    EXPECT_FALSE(
        Simulation(mmaText(std::string("mma.sync.aligned.") + form, 4, 2, 4)).status().ok())
        << form;
  EXPECT_FALSE(Simulation(mmaText(mnemonic({16, 16, "f16", "f16", "f32"}), 4, 1, 4)).status().ok());
}

} // namespace
} // namespace qvlsim::test
