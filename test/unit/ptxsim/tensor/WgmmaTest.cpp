// wgmma against dense products. The tests lay matrices out in shared memory by the pictures of PTX
// ISA section 9.7.15.5.1, with swizzles as permutations of chunks in rows.
#include "ElementFormat.h"
#include "Simulation.h"

#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

struct Case {
  std::string a, b, result;
  unsigned n;
  unsigned swizzle; // span in bytes: 16 (none), 32, 64, 128
  bool aTransposed = false, bTransposed = false, aInRegisters = false;
  int scaleA = 1, scaleB = 1;
};
void PrintTo(const Case &c, std::ostream *out) {
  *out << c.result << " " << c.a << " " << c.b << " n" << c.n << " swizzle " << c.swizzle
       << (c.aTransposed ? " tA" : "") << (c.bTransposed ? " tB" : "")
       << (c.aInRegisters ? " regA" : "") << " " << c.scaleA << c.scaleB;
}

/// A laid-out operand and its descriptor without the start address.
struct Image {
  std::vector<std::uint8_t> bytes;
  std::uint64_t descriptor = 0;
};

std::uint64_t modeBits(unsigned span) {
  return std::uint64_t{span == 128 ? 1u : span == 64 ? 2u : span == 32 ? 3u : 0u} << 62;
}
/// Chunk `c` of row `r` of an 8-row atom.
unsigned permuted(unsigned c, unsigned r, unsigned span) {
  return span == 128 ? c ^ r : span == 64 ? c ^ (r / 2) : span == 32 ? c ^ (r / 4) : c;
}

/// `lines` rows of A (or columns of B) of K elements; value(line, k). The matrix is `span` bytes
/// wide along its major dimension, as a TMA box is.
template <typename Value>
Image layOut(const ElementFormat &format, unsigned lines, unsigned k, unsigned span, bool mnMajor,
             Value value) {
  const unsigned size = format.bits / 8, perChunk = 16 / size;
  Image image;
  std::uint64_t leading = 0, stride = 0;
  const auto put = [&](std::uint64_t offset, unsigned line, unsigned at) {
    if (image.bytes.size() < offset + size)
      image.bytes.resize(offset + size);
    const std::uint32_t bits = encode(format, value(line, at));
    std::memcpy(&image.bytes[offset], &bits, size);
  };
  if (!mnMajor) {
    // Atoms of 8 lines by `span` bytes, one below the other. Without swizzle: core matrices of 8
    // lines by 16 bytes, those along K first.
    stride = span == 16 ? 256 : 8 * span;
    leading = span == 16 ? 128 : 16;
    for (unsigned line = 0; line < lines; ++line)
      for (unsigned at = 0; at < k; ++at) {
        const unsigned row = line % 8, chunk = at / perChunk, in = at % perChunk * size;
        const std::uint64_t atom = std::uint64_t{line / 8} * stride;
        put(span == 16 ? atom + chunk * 128 + row * 16 + in
                       : atom + row * span + permuted(chunk, row, span) * 16 + in,
            line, at);
      }
  } else {
    // Atoms of `span` bytes along M or N by 8 of K; the two atoms along K follow one another.
    const unsigned wide = span / size;
    const std::uint64_t alongK = 8 * span, alongMn = 16 * span;
    stride = span == 16 ? alongMn : alongK;
    leading = span == 16 ? alongK : alongMn;
    for (unsigned line = 0; line < lines; ++line)
      for (unsigned at = 0; at < k; ++at) {
        const unsigned row = at % 8, chunk = line % wide / perChunk, in = line % perChunk * size;
        put(line / wide * alongMn + at / 8 * alongK + row * span + permuted(chunk, row, span) * 16 +
                in,
            line, at);
      }
  }
  image.bytes.resize((image.bytes.size() + 1023) / 1024 * 1024);
  image.descriptor = leading >> 4 << 16 | stride >> 4 << 32 | modeBits(span);
  return image;
}

std::string list(const std::string &prefix, unsigned count) {
  std::string text = "{";
  for (unsigned q = 0; q < count; ++q)
    text += (q ? "," : "") + prefix + std::to_string(q);
  return text + "}";
}

struct Kernel {
  unsigned imageBytes, startB, accumulators, k;
  std::uint64_t descriptorA, descriptorB;
  std::string mnemonic, immediates;
  bool aInRegisters, accumulate;
  std::string wait = "wgmma.wait_group.sync.aligned 0;\n";
};

/// 128 threads: shared image from p0, accumulators from p1, D to p2, A fragments from p3.
std::string wgmmaText(const Kernel &kernel) {
  const auto number = [](auto v) { return std::to_string(v); };
  const unsigned c = kernel.accumulators;
  std::string t = ".shared .align 1024 .b8 tile[" + number(kernel.imageBytes) + "]; .reg .b32 %e<" +
                  number(c) +
                  ">, %a<4>;\n"
                  "mov.u32 %r1, tile; shl.b32 %r2, %r90, 2; add.u32 %r3, %r1, %r2; cvt.u64.u32 "
                  "%w1, %r2; add.u64 %w2, %w90, %w1;\n"
                  "L: ld.global.b32 %r4, [%w2]; st.shared.b32 [%r3], %r4; add.u64 %w2, %w2, 512; "
                  "add.u32 %r3, %r3, 512; add.u32 %r2, %r2, 512;\n"
                  "setp.lt.u32 %p1, %r2, " +
                  number(kernel.imageBytes) +
                  ";\n@%p1 bra L;\nfence.proxy.async; bar.sync 0;\n"
                  "mul.wide.u32 %w3, %r90, " +
                  number(4 * c) + "; add.u64 %w4, %w91, %w3; add.u64 %w5, %w92, %w3;\n";
  for (unsigned q = 0; q < c; ++q)
    t += "ld.global.b32 %e" + number(q) + ", [%w4+" + number(4 * q) + "];\n";
  t += "mul.wide.u32 %w6, %r90, 16; add.u64 %w6, %w93, %w6; ld.global.v4.b32 {%a0,%a1,%a2,%a3}, "
       "[%w6];\n"
       "and.b32 %r5, %r1, 0x3FFFF; shr.u32 %r5, %r5, 4; cvt.u64.u32 %w7, %r5; or.b64 %w8, %w7, " +
       number(kernel.descriptorA) +
       ";\n"
       "add.u64 %w9, %w7, " +
       number(kernel.startB >> 4) + "; or.b64 %w9, %w9, " + number(kernel.descriptorB) +
       ";\n"
       "setp.eq.u32 %p2, 0, " +
       std::string(kernel.accumulate ? "0" : "1") + ";\nwgmma.fence.sync.aligned;\n" +
       kernel.mnemonic + " " + list("%e", c) + ", " +
       (kernel.aInRegisters ? list("%a", 4) : "%w8") + ", %w9, %p2" + kernel.immediates +
       ";\nwgmma.commit_group.sync.aligned;\n" + kernel.wait;
  for (unsigned q = 0; q < c; ++q)
    t += "st.global.b32 [%w5+" + number(4 * q) + "], %e" + number(q) + ";\n";
  return kernelText(t, 4);
}

/// One case with everything that running it needs.
struct Problem {
  Kernel kernel;
  std::vector<std::uint8_t> image;
  std::vector<std::uint32_t> accumulators, fragmentsA, expected;
};

/// d_i of the ISA: row g + 8 for odd pairs, column 8 (i / 4) + 2 t + i mod 2, 16 rows a warp.
std::vector<std::uint32_t> fragmentsOfD(const std::vector<double> &matrix, unsigned n,
                                        const ElementFormat &format) {
  const unsigned packed = 32 / format.bits, elements = n / 2, registers = elements / packed;
  std::vector<std::uint32_t> out(128 * registers);
  for (unsigned thread = 0; thread < 128; ++thread)
    for (unsigned i = 0; i < elements; ++i) {
      const unsigned row = thread / 32 * 16 + thread % 32 / 4 + 8 * (i / 2 % 2),
                     column = i / 4 * 8 + thread % 4 * 2 + i % 2;
      out[thread * registers + i / packed] |= encode(format, matrix[row * n + column])
                                              << format.bits * (i % packed);
    }
  return out;
}

/// A fragments: four registers of 4 bytes; register pairs (0, 1) and (2, 3) are 16 bytes apart in
/// K, odd registers 8 rows down.
std::vector<std::uint32_t> fragmentsOfA(const std::vector<double> &a, unsigned k,
                                        const ElementFormat &format) {
  const unsigned packed = 32 / format.bits;
  std::vector<std::uint32_t> out(512);
  for (unsigned thread = 0; thread < 128; ++thread)
    for (unsigned q = 0; q < 4; ++q)
      for (unsigned e = 0; e < packed; ++e) {
        const unsigned row = thread / 32 * 16 + thread % 32 / 4 + 8 * (q % 2),
                       column = (thread % 4 + 4 * (q / 2)) * packed + e;
        out[thread * 4 + q] |= packed == 1 ? encode(format, a[row * k + column])
                                           : encode(format, a[row * k + column]) << format.bits * e;
      }
  return out;
}

Problem makeProblem(const Case &c, bool accumulate = true) {
  const ElementFormat &fa = elementFormat(c.a), &fb = elementFormat(c.b),
                      &fd = elementFormat(c.result);
  const unsigned k = 256 / fa.bits;
  const auto a = smallMatrix(fa, 64, k, 7), b = smallMatrix(fb, k, c.n, 8),
             d = smallMatrix(fd, 64, c.n, 9);
  const Image ia = layOut(fa, 64, k, c.swizzle, c.aTransposed,
                          [&](unsigned line, unsigned at) { return a[line * k + at]; });
  const Image ib = layOut(fb, c.n, k, c.swizzle, c.bTransposed,
                          [&](unsigned line, unsigned at) { return b[at * c.n + line]; });
  auto expected = product(a, b, 64, c.n, k);
  for (std::size_t e = 0; e < expected.size(); ++e)
    expected[e] = expected[e] * c.scaleA * c.scaleB + (accumulate ? d[e] : 0);

  Problem p;
  p.image = ia.bytes;
  p.image.insert(p.image.end(), ib.bytes.begin(), ib.bytes.end());
  p.accumulators = fragmentsOfD(d, c.n, fd);
  p.fragmentsA = fragmentsOfA(a, k, fa);
  p.expected = fragmentsOfD(expected, c.n, fd);
  const bool half = c.a == "f16" || c.a == "bf16", integer = fa.exponentBits == 0;
  std::string immediates;
  if (!integer) {
    immediates = ", " + std::to_string(c.scaleA) + ", " + std::to_string(c.scaleB);
    if (half)
      immediates += (c.aInRegisters ? "" : std::string(", ") + (c.aTransposed ? "1" : "0")) + ", " +
                    (c.bTransposed ? "1" : "0");
  }
  p.kernel = {static_cast<unsigned>(p.image.size()),
              static_cast<unsigned>(ia.bytes.size()),
              static_cast<unsigned>(p.accumulators.size() / 128),
              k,
              ia.descriptor,
              ib.descriptor,
              "wgmma.mma_async.sync.aligned.m64n" + std::to_string(c.n) + "k" + std::to_string(k) +
                  "." + c.result + "." + c.a + "." + c.b,
              immediates,
              c.aInRegisters,
              accumulate};
  return p;
}

LaunchResult launchProblem(const Problem &p, AsyncMode mode, std::vector<std::uint32_t> &out) {
  Simulation s(wgmmaText(p.kernel));
  EXPECT_TRUE(s.status().ok()) << s.status();
  if (!s.status().ok())
    return {};
  s.options.async = mode;
  const std::uint64_t d = s.fresh(p.expected.size() * 4);
  LaunchResult result = s.run("k", {1}, {128}, s.upload(p.image), s.upload(p.accumulators), d,
                              s.upload(p.fragmentsA));
  out = s.download<std::uint32_t>(d, p.expected.size());
  return result;
}

class Wgmma : public testing::TestWithParam<Case> {};

TEST_P(Wgmma, ComputesTheDenseProduct) {
  for (const AsyncMode mode : {AsyncMode::Late, AsyncMode::Early})
    for (const bool accumulate : {true, false}) {
      const Problem p = makeProblem(GetParam(), accumulate);
      std::vector<std::uint32_t> out;
      EXPECT_EQ(faultOf(launchProblem(p, mode, out)), "");
      EXPECT_EQ(out, p.expected);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Wgmma,
    testing::Values(Case{"bf16", "bf16", "f32", 64, 128}, Case{"bf16", "bf16", "f32", 8, 64},
                    Case{"bf16", "bf16", "f32", 24, 32}, Case{"bf16", "bf16", "f32", 40, 16},
                    Case{"f16", "f16", "f32", 256, 128}, Case{"f16", "f16", "f16", 32, 128},
                    Case{"tf32", "tf32", "f32", 16, 128}, Case{"tf32", "tf32", "f32", 16, 16},
                    Case{"e4m3", "e4m3", "f32", 64, 128}, Case{"e5m2", "e4m3", "f32", 64, 64},
                    Case{"e4m3", "e4m3", "f16", 16, 32}, Case{"s8", "s8", "s32", 32, 128},
                    Case{"u8", "s8", "s32", 48, 16}));
INSTANTIATE_TEST_SUITE_P(MajorB, Wgmma,
                         testing::Values(Case{"bf16", "bf16", "f32", 128, 128, false, true},
                                         Case{"bf16", "bf16", "f32", 64, 64, false, true},
                                         Case{"f16", "f16", "f32", 32, 32, false, true},
                                         Case{"f16", "f16", "f32", 24, 16, false, true},
                                         Case{"bf16", "bf16", "f32", 64, 128, true, true},
                                         Case{"bf16", "bf16", "f32", 64, 16, true, false},
                                         Case{"f16", "f16", "f32", 64, 64, true, false},
                                         Case{"f16", "f16", "f32", 32, 32, true, true}));
INSTANTIATE_TEST_SUITE_P(
    RegistersAndSigns, Wgmma,
    testing::Values(Case{"bf16", "bf16", "f32", 64, 128, false, false, true},
                    Case{"f16", "f16", "f16", 64, 128, false, true, true},
                    Case{"tf32", "tf32", "f32", 32, 64, false, false, true},
                    Case{"e4m3", "e5m2", "f32", 32, 128, false, false, true},
                    Case{"s8", "u8", "s32", 32, 128, false, false, true},
                    Case{"bf16", "bf16", "f32", 64, 128, false, false, false, -1, 1},
                    Case{"f16", "f16", "f32", 64, 128, false, false, false, 1, -1},
                    Case{"e5m2", "e5m2", "f32", 64, 128, false, false, false, -1, -1}));

TEST(WgmmaTest, ResultsAreNotThereBeforeTheWait) {
  Problem p = makeProblem({"bf16", "bf16", "f32", 64, 128});
  p.kernel.wait = "";
  std::vector<std::uint32_t> out;
  const LaunchResult none = launchProblem(p, AsyncMode::Late, out);
  ASSERT_TRUE(none.fault);
  EXPECT_EQ(none.fault->line > 0, true);
  p.kernel.wait = "wgmma.wait_group.sync.aligned 1;\n";
  EXPECT_TRUE(launchProblem(p, AsyncMode::Late, out).fault);
}

TEST(WgmmaTest, ReportsOperandsOutsideSharedMemory) {
  Problem p = makeProblem({"bf16", "bf16", "f32", 64, 128});
  p.kernel.startB = p.kernel.imageBytes;
  std::vector<std::uint32_t> out;
  const LaunchResult result = launchProblem(p, AsyncMode::Late, out);
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->kind, FaultKind::OutOfBounds);
}

TEST(WgmmaTest, RefusesFormsThatDoNotExist) {
  for (const char *form :
       {"m64n12k16.f32.bf16.bf16", "m64n264k16.f32.bf16.bf16", "m64n8k8.f32.bf16.bf16",
        "m64n8k16.f16.bf16.bf16", "m64n40k32.s32.s8.s8", "m32n8k16.f32.f16.f16"}) {
    Problem p = makeProblem({"bf16", "bf16", "f32", 8, 128});
    p.kernel.mnemonic = std::string("wgmma.mma_async.sync.aligned.") + form;
    EXPECT_FALSE(Simulation(wgmmaText(p.kernel)).status().ok()) << form;
  }
}

} // namespace
} // namespace qvlsim::test
