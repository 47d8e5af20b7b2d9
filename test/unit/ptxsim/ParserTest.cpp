// Refusals at load: one clear status with file and line, whatever the text.
#include "Simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

using testing::HasSubstr;

std::string messageOf(std::string_view text) {
  return std::string(Module::parse(text, "t.ptx").status().message());
}
/// The message for a kernel whose body starts at line 9 of the text.
std::string bodyMessage(std::string_view body) { return messageOf(kernelText(body)); }

TEST(Parser, NamesFileAndLineOfUnknownOpcodes) {
  EXPECT_THAT(bodyMessage("\nfrobnicate.u32 %r1, %r2;"),
              HasSubstr("t.ptx:10: unknown opcode 'frobnicate'"));
}

TEST(Parser, RefusesUnknownModifiersAndTypes) {
  EXPECT_THAT(bodyMessage("add.rn.u32 %r1, %r2, %r3;"),
              HasSubstr("type '.rn' is not one of this instruction"));
  EXPECT_THAT(bodyMessage("add.s8 %r1, %r2, %r3;"), HasSubstr("type '.s8'"));
  EXPECT_THAT(bodyMessage("add.u32.wobble %r1, %r2, %r3;"),
              HasSubstr("unknown modifier '.wobble'"));
  EXPECT_THAT(bodyMessage("cvt.u32.f32 %r1, %f2;"), HasSubstr("needs .rni"));
  EXPECT_THAT(bodyMessage("fma.f32 %f1, %f2, %f3, %f4;"), HasSubstr("rounding mode expected"));
}

TEST(Parser, ChecksOperands) {
  EXPECT_THAT(bodyMessage("add.u32 %r1, %r2;"), HasSubstr("3 operands expected, not 2"));
  EXPECT_THAT(bodyMessage("add.u32 %r1, %r2, %w3;"), HasSubstr("does not fit type .u32"));
  EXPECT_THAT(bodyMessage("add.u32 %r1, %r2, %nosuch;"), HasSubstr("unknown register '%nosuch'"));
  EXPECT_THAT(bodyMessage("add.u32 %r1, %r2, %r100;"), HasSubstr("unknown register '%r100'"));
  EXPECT_THAT(bodyMessage("add.u32 5, %r2, %r3;"), HasSubstr("a constant cannot be written"));
  EXPECT_THAT(bodyMessage("@%r1 add.u32 %r1, %r2, %r3;"), HasSubstr("'%r1' is not a predicate"));
  EXPECT_THAT(bodyMessage("bra NOWHERE;"), HasSubstr("unknown label 'NOWHERE'"));
  EXPECT_THAT(bodyMessage("ld.shared.u32 %r1, [p0];"), HasSubstr("lies in .param"));
  EXPECT_THAT(bodyMessage("ld.global.v2.u32 {%r1, %r2, %r3}, [%w1];"),
              HasSubstr("differs from the vector length"));
}

TEST(Parser, RefusesDoubleDeclarations) {
  EXPECT_THAT(bodyMessage("L: L: ret;"), HasSubstr("'L' is declared twice"));
  EXPECT_THAT(bodyMessage(".reg .b32 x; .reg .b64 x;"), HasSubstr("'x' is declared twice"));
}

TEST(Parser, EveryPrefixOfAModuleEndsInAStatus) {
  std::string text = kernelText(
      ".shared .align 4 .b8 s[64]; .local .b32 l[2];\n@!%p1 ld.global.v2.f32 {%f1, %f2}, "
      "[%w90+8];\n"
      "{ .reg .b32 t; mov.b32 t, 0x10; }\nL: mov.f64 %d1, 0d3FF0000000000000; bra.uni L;");
  for (std::size_t n = 0; n < text.size(); ++n) {
    auto parsed = Module::parse(std::string_view(text).substr(0, n), "t.ptx");
    if (n > text.find(".visible") && n < text.rfind('}'))
      EXPECT_FALSE(parsed.ok()) << n;
  }
  EXPECT_TRUE(Module::parse(text, "t.ptx").ok());
}

TEST(Parser, EveryChangedByteEndsInAStatus) {
  std::string text = kernelText(
      "mov.u32 %r1, 7; setp.lt.s32 %p1|%p2, %r1, 3;\n@%p1 bra L; st.global.u32 [%w90], %r1;\nL:");
  for (std::size_t n = 0; n < text.size(); ++n)
    for (char c : {'\0', '{', ';', '9', '%', '.', '"'}) {
      std::string changed = text;
      changed[n] = c;
      Module::parse(changed, "t.ptx").status().IgnoreError(); // must return
    }
}

TEST(Parser, HugeDeclarationsCostNothingOrAreRefused) {
  EXPECT_EQ(bodyMessage(".reg .b32 %big<4000000000>; mov.u32 %big3999999999, 1;"), "");
  EXPECT_THAT(bodyMessage(".local .b8 huge[1000000000];"), HasSubstr("local memory exceed"));
  EXPECT_THAT(bodyMessage(".shared .b8 huge[16000000]; mov.u32 %r1, huge;"),
              HasSubstr("bytes of static shared memory"));
  EXPECT_THAT(messageOf(".version 8.0\n.target sm_80\n.global .b8 a[0xFFFFFFFF][0xFFFFFFFF][16];"),
              HasSubstr("exceeds the address space"));
  EXPECT_THAT(messageOf(".version 8.0\n.target sm_80\n.global .b64 a[0x1000000000000000];"),
              HasSubstr("too large"));
}

TEST(Parser, DeepNestingIsRefused) {
  EXPECT_THAT(bodyMessage(std::string(100000, '{')), HasSubstr("nested too deeply"));
  EXPECT_THAT(bodyMessage("mov.u32 %r1, " + std::string(100000, '(') + "1;"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(bodyMessage("mov.u32 %r1, " + std::string(100000, '-') + "1;"),
              HasSubstr("nested too deeply"));
}

TEST(Parser, ReadsDirectivesOfCompilers) {
  auto parsed = Module::parse(
      "//\n.version 9.0\n.target sm_90a, debug\n.address_size 64\n"
      ".file 1 \"a.cu\"\n.extern .shared .align 16 .b8 dyn[];\n.global .align 4 .u32 t[3] = {1, "
      "0x2, 3};\n"
      ".visible .entry k(.param .u64 .ptr .global .align 1 a, .param .align 8 .b8 s[12], .param "
      ".u8 c)\n"
      ".maxntid 128, 1, 1\n.minnctapersm 2\n.explicitcluster\n.reqnctapercluster 2, 1, 1\n"
      "{\n.pragma \"nounroll\";\n.loc 1 2 3, function_name $L, inlined_at 1 2 3\n.shared .b64 "
      "w[4];\n"
      ".reg .b32 %r<2>;\nmov.u32 %r1, w;\nmov.u32 %r1, dyn;\nret;\n}\n"
      ".section .debug_info { .b8 1 .b32 { } }\n",
      "t.ptx");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const KernelInfo *k = (*parsed)->find("k");
  ASSERT_NE(k, nullptr);
  EXPECT_EQ(k->parameterBytes, 8U + 12 + 1);
  EXPECT_EQ(k->parameters[2].offset, 20U);
  EXPECT_EQ(k->maxThreads.x, 128U);
  EXPECT_EQ(k->requiredCluster.x, 2U);
  EXPECT_EQ(k->staticSharedBytes, 32U);
  EXPECT_EQ((*parsed)->globals()[0].size, 12U);
}

TEST(Parser, RefusesCallsOfWhatIsNotDefined) {
  EXPECT_THAT(
      messageOf(".version 8.0\n.target sm_80\n.extern .func f;\n.entry k() {\ncall f;\nret;\n}"),
      HasSubstr("t.ptx:5: function 'f' is called but not defined"));
}

} // namespace
} // namespace qvlsim::test
