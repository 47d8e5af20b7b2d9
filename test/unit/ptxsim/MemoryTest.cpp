// Loads, stores and what they may not do.
#include "Simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

/// The fault of `body` with %w90 the address of eight initialised words.
std::string fault(std::string_view body, std::string_view globals = "") {
  std::string text = kernelText(body);
  text.insert(text.find(".visible"), globals);
  Simulation s(text);
  EXPECT_TRUE(s.status().ok()) << s.status();
  return s.status().ok() ? faultOf(s.run("k", {1}, {32}, s.upload(std::vector<U32>(8, 5)))) : "";
}

TEST(Memory, FaultNamesEverything) {
  std::string line = fault("\n@%p9 ret;");
  EXPECT_THAT(
      line,
      StartsWith("uninitialised-read: test.ptx:10: @%p9 ret: block (0,0,0) thread (0,0,0): "));
}

TEST(Memory, BoundsOfEverySpace) {
  EXPECT_THAT(fault("ld.global.u32 %r1, [%w90+32];"), StartsWith("out-of-bounds"));
  EXPECT_THAT(fault("ld.global.u32 %r1, [%w90+-4];"), StartsWith("out-of-bounds"));
  EXPECT_THAT(fault("ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%w90+32];"),
              StartsWith("out-of-bounds"));
  EXPECT_THAT(fault("mov.u64 %w1, 0; ld.global.u32 %r1, [%w1];"), HasSubstr("a null pointer"));
  EXPECT_THAT(fault(".shared .b32 s[4]; st.shared.u32 [s+16], 1;"), StartsWith("out-of-bounds"));
  EXPECT_THAT(fault(".local .b32 l[4]; st.local.u32 [l+16], 1;"), StartsWith("out-of-bounds"));
  EXPECT_THAT(fault("ld.param.u64 %w1, [p0+8];"), StartsWith("out-of-bounds"));
  EXPECT_THAT(fault("ld.const.u32 %r1, [c+8];", ".const .u32 c[2] = {1, 2};\n"),
              StartsWith("out-of-bounds"));
  EXPECT_EQ(fault("ld.const.u32 %r1, [c+4];", ".const .u32 c[2] = {1, 2};\n"), "");
}

TEST(Memory, Alignment) {
  EXPECT_THAT(fault("ld.global.u32 %r1, [%w90+2];"), StartsWith("misaligned"));
  EXPECT_THAT(fault("ld.global.v2.u32 {%r1, %r2}, [%w90+4];"), StartsWith("misaligned"));
  EXPECT_THAT(fault(".shared .align 16 .b8 s[64]; st.shared.u64 [s+4], %w90;"),
              StartsWith("misaligned"));
}

TEST(Memory, WhatNothingHasWritten) {
  EXPECT_THAT(fault(".shared .b32 s[32]; ld.shared.u32 %r1, [s];"),
              StartsWith("uninitialised-read"));
  // Padding may be copied, in local memory and in vectors; what comes of it may not be used.
  EXPECT_THAT(fault(".local .b32 l[4]; ld.local.u32 %r1, [l]; st.global.u32 [%w90], %r1;"),
              StartsWith("uninitialised-read"));
  EXPECT_EQ(
      fault(".local .align 8 .b32 l[4]; st.local.u32 [l], 3; ld.local.v2.u32 {%r1, %r2}, [l]; "
            "st.local.v2.u32 [l+8], {%r1, %r2}; ld.local.u32 %r3, [l+8]; add.u32 %r4, %r3, 1;"),
      "");
  EXPECT_THAT(
      fault(".local .align 8 .b32 l[4]; st.local.u32 [l], 3; ld.local.v2.u32 {%r1, %r2}, [l]; "
            "st.local.v2.u32 [l+8], {%r1, %r2}; ld.local.u32 %r3, [l+12]; add.u32 %r4, %r3, 1;"),
      StartsWith("uninitialised-read"));
  EXPECT_THAT(fault("add.u32 %r1, %r2, 1;"), StartsWith("uninitialised-read"));
  EXPECT_THAT(fault("st.global.u32 [%w90], %r1;"), StartsWith("uninitialised-read"));
  EXPECT_THAT(fault("mov.u32 %r1, %r2; st.global.u32 [%w90], %r1;"),
              HasSubstr(": st.global.u32 [%w90], %r1:")); // a copy is no use
  EXPECT_THAT(fault("setp.eq.u32 %p1, %r90, 3; @%p1 mov.u32 %r1, 1; add.u32 %r2, %r1, 1;"),
              StartsWith("uninitialised-read")); // other lanes
  EXPECT_EQ(fault("setp.eq.u32 %p1, %r90, 3; @%p1 mov.u32 %r1, 1; @%p1 add.u32 %r2, %r1, 1;"), "");
  Simulation s(kernelText("ld.global.u32 %r1, [%w90];"));
  EXPECT_THAT(faultOf(s.run("k", {1}, {1}, s.fresh(64))), StartsWith("uninitialised-read"));
}

TEST(Memory, ConstantsAndParametersAreReadOnly) {
  EXPECT_THAT(
      fault("mov.u64 %w1, c; cvta.const.u64 %w1, %w1; st.u32 [%w1], 3;", ".const .u32 c = 1;\n"),
      StartsWith("read-only-write"));
}

TEST(Memory, GenericAddressesReachEverySpace) {
  Simulation s(kernelText(
      ".shared .b32 sh[2]; .local .b32 lo[2];\n"
      "mov.u64 %w1, sh; cvta.shared.u64 %w2, %w1; st.u32 [%w2+4], 11; mov.u64 %w3, lo; "
      "cvta.local.u64 %w4, %w3; st.u32 [%w4], 22;\n"
      "ld.shared.u32 %r1, [sh+4]; ld.local.u32 %r2, [lo]; isspacep.shared %p1, %w2; selp.u32 %r3, "
      "100, 0, %p1; isspacep.global %p2, %w90; selp.u32 %r4, 1000, 0, %p2;\n"
      "add.u32 %r1, %r1, %r2; add.u32 %r1, %r1, %r3; add.u32 %r1, %r1, %r4; cvta.to.shared.u64 "
      "%w5, %w2; ld.shared.u32 %r5, [%w5+4]; add.u32 %r1, %r1, %r5; st.u32 [%w90], %r1;"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  U64 out = s.fresh(4);
  EXPECT_EQ(faultOf(s.run("k", {1}, {1}, out)), "");
  EXPECT_EQ(s.download<U32>(out, 1)[0], 11U + 22 + 100 + 1000 + 11);
}

TEST(Memory, LoadsExtendIntoWiderRegisters) {
  Simulation s(kernelText(
      "ld.global.s8 %r1, [%w90]; st.global.u32 [%w90+4], %r1; ld.global.u8 %r2, [%w90]; "
      "st.global.u32 [%w90+8], %r2; ld.global.s16 %w1, [%w90]; st.global.u64 [%w90+16], %w1;\n"
      "ld.global.s8 %h1, [%w90]; cvt.u32.u16 %r3, %h1; st.global.u32 [%w90+12], %r3;"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  U64 data = s.upload(std::vector<U32>{0xFFFF80F0, 0, 0, 0, 0, 0});
  EXPECT_EQ(faultOf(s.run("k", {1}, {1}, data)), "");
  EXPECT_EQ(s.download<U32>(data, 6),
            (std::vector<U32>{0xFFFF80F0, 0xFFFFFFF0, 0xF0, 0xFFF0, 0xFFFF80F0, 0xFFFFFFFF}));
}

TEST(Memory, VariablesHaveTheirInitialValues) {
  std::string text = kernelText("ld.global.u64 %w1, [q]; ld.u32 %r1, [%w1]; ld.global.f32 %f1, "
                                "[t+8]; mov.b32 %r2, %f1; st.global.v2.u32 [%w90], {%r1, %r2};");
  text.insert(text.find(".visible"),
              ".global .align 4 .f32 t[4] = {1.5, -2.0, 0f40400000};\n.global .u32 n[2] = {7, "
              "9};\n.global .u64 q = generic(n)+4;\n");
  Simulation s(text);
  ASSERT_TRUE(s.status().ok()) << s.status();
  U64 out = s.fresh(8);
  EXPECT_EQ(faultOf(s.run("k", {1}, {1}, out)), "");
  EXPECT_EQ(s.download<U32>(out, 2), (std::vector<U32>{9, 0x40400000}));
}

TEST(DeviceMemory, LimitsReservationsAndHostMemory) {
  DeviceMemory memory(1 << 20);
  EXPECT_TRUE(absl::IsResourceExhausted(memory.allocate((1 << 20) + 1).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(memory.allocate(~U64{0}).status()));
  U64 a = memory.allocate(1 << 20).value();
  EXPECT_TRUE(absl::IsResourceExhausted(memory.allocate(1).status()));
  EXPECT_TRUE(memory.free(a).ok());
  EXPECT_FALSE(memory.free(a).ok());
  U64 range = memory.reserve(1 << 16, 1 << 16).value();
  EXPECT_FALSE(memory.fill(range, std::byte{1}, 4).ok());
  EXPECT_TRUE(memory.map(range, 4096).ok());
  EXPECT_TRUE(memory.map(range + 4096, 4096).ok());
  EXPECT_FALSE(memory.map(range + 8191, 4096).ok());
  EXPECT_TRUE(memory.fill(range + 4000, std::byte{7}, 200).ok()); // across both
  std::byte four[4];
  EXPECT_TRUE(memory.read(range + 4094, four).ok());
  EXPECT_EQ(four[3], std::byte{7});
  EXPECT_FALSE(memory.release(range).ok());
  U32 host[4] = {1, 2, 3, 4};
  EXPECT_TRUE(memory.registerHost(host, sizeof(host)).ok());
  EXPECT_FALSE(memory.registerHost(host, 4).ok());
  EXPECT_TRUE(memory.fill(reinterpret_cast<U64>(host), std::byte{0}, 4).ok());
  EXPECT_EQ(host[0], 0U);
  EXPECT_TRUE(memory.unregisterHost(host).ok());
}

TEST(Memory, CountsSectorsAndConflicts) {
  Simulation s(kernelText(".shared .b32 s[1024]; shl.b32 %r1, %r90, 7; mov.u32 %r2, s; add.u32 "
                          "%r2, %r2, %r1; st.shared.u32 [%r2], 1; mul.wide.u32 %w1, %r90, 4; "
                          "add.u64 %w1, %w90, %w1; st.global.u32 [%w1], 1;"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  s.options.count = true;
  LaunchResult result = s.run("k", {1}, {32}, s.fresh(128));
  EXPECT_EQ(faultOf(result), "");
  EXPECT_EQ(result.counts.sharedBankConflicts, 31U); // all lanes in bank 0
  EXPECT_EQ(result.counts.globalSectors, 4U);        // 128 bytes
  EXPECT_EQ(result.counts.globalRequests, 1U);
}

} // namespace
} // namespace qvlsim::test
