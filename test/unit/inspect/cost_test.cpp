// What is read out of PTX text, and what launches move and compute.
#include "tools/qvl-inspect/Assembler.h"
#include "tools/qvl-inspect/LaunchWork.h"
#include "tools/qvl-inspect/PtxFacts.h"

#include "TestArtifacts.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>

namespace qvlinspect {
namespace {

using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

std::string read(const std::string &path) {
  std::ifstream file(QVL_SOURCE_DIR "/" + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(PtxFacts, ThreadsAndInnerLoop) {
  const PtxFacts facts = readPtx(read("test/ptx/kernels/gemm_mma.ptx"));
  EXPECT_EQ(facts.threads, 128);
  EXPECT_THAT(facts.innerLoop, Contains(Pair("mma.sync", 64)));
  EXPECT_THAT(facts.innerLoop, Contains(Pair("ldmatrix.sync.shared", 16)));
  EXPECT_THAT(facts.innerLoop, Contains(Pair("bar.sync", ::testing::Gt(0))));
}

TEST(PtxFacts, OfTextWithoutALoop) {
  const PtxFacts facts = readPtx(".entry k()\n{\n  ret;\n}\n");
  EXPECT_EQ(facts.threads, 0);
  EXPECT_TRUE(facts.innerLoop.empty());
}

TEST(PtxFacts, TheInnermostLoopCounts) {
  const PtxFacts facts = readPtx("$L__BB0_1:\n  add.s32 %r1, %r1, 1;\n"
                                 "$L__BB0_2:\n  fma.rn.f32 %f1, %f1, %f2, %f3;\n"
                                 "  ld.global.v4.b32 {%r2, %r3, %r4, %r5}, [%rd1];\n"
                                 "  @%p1 bra $L__BB0_2;\n  @%p2 bra \t$L__BB0_1;\n  ret;\n");
  EXPECT_THAT(facts.innerLoop, ::testing::UnorderedElementsAre(Pair("bra", 1), Pair("fma", 1),
                                                               Pair("ld.global.v4", 1)));
}

TEST(PtxFacts, OneKernelOfAModule) {
  const std::string module = read("test/conformance/devices/TestKernels.ptx");
  const std::string text = extractKernel(module, "dot_weight");
  EXPECT_THAT(text, StartsWith(".version"));
  EXPECT_THAT(text, HasSubstr(".visible .entry dot_weight("));
  EXPECT_EQ(text.find("affine"), text.npos);
  EXPECT_EQ(text.find("count_tiles"), text.npos);
  EXPECT_THAT(text, EndsWith("ret;\n\n}\n"));
  EXPECT_EQ(extractKernel(module, "dot"), "");
  EXPECT_EQ(extractKernel("", "affine"), "");
  EXPECT_THAT(extractKernel(".entry cut(\n", "cut"), HasSubstr(".entry cut("));
}

TEST(Assembler, ReadsTheReport) {
  const AssembledKernel kernel = parseAssemblerReport(
      "ptxas info    : Compiling entry function 'gemm' for 'sm_80'\n"
      "    0 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n"
      "ptxas info    : Used 207 registers, used 1 barriers, 376 bytes cmem[0]\n");
  EXPECT_EQ(kernel.registers, 207);
  EXPECT_EQ(kernel.spillBytes, 20);
  EXPECT_EQ(parseAssemblerReport("").registers, 0);
}

TEST(Assembler, ReadsTheListing) {
  EXPECT_THAT(
      parseDisassembly(".text.gemm:\n        /*0000*/                   MOV R1, c[0x0][0x28] ;\n"
                       "        /*0010*/              @!P0 HMMA.16816.F32.BF16 R4, R8, R12, R4 ;\n"
                       "        /*0020*/                   HMMA.16816.F32.BF16 R4, R8, R12, R4 ;\n"
                       "        /* 0x000fe200000e0f00 */\n"),
      ::testing::ElementsAre(Pair("HMMA", 2), Pair("MOV", 1)));
  EXPECT_TRUE(parseDisassembly("cuobjdump: no such file").empty());
}

TEST(Assembler, RunsWhereItIsInstalled) {
  const auto kernel = assemble(read("test/ptx/kernels/gemm_mma.ptx"));
  if (!kernel)
    GTEST_SKIP() << "there is no ptxas";
  EXPECT_GT(kernel->registers, 100);
  EXPECT_EQ(kernel->spillBytes, 0);
  EXPECT_FALSE(assemble("no PTX").has_value());
  EXPECT_FALSE(assemble(".target sm_80;rm\n").has_value());
}

TEST(LaunchWork, FamiliesAreNamesWithoutSizes) {
  EXPECT_EQ(familyOf("fused_linear_384x128_1"), "fused_linear");
  EXPECT_EQ(familyOf("attention_nx128"), "attention");
  EXPECT_EQ(familyOf("cached_attention_nx192"), "cached_attention");
  EXPECT_EQ(familyOf("sample_n"), "sample");
  EXPECT_EQ(familyOf("affine"), "affine");
}

TEST(LaunchWork, CountsOperandsOnce) {
  qvlfmt::ArtifactT artifact = qvlrt::test::testArtifact();
  const auto module = qvlrt::test::openArtifact(std::move(artifact));
  const qvlfmt::Target &target = *module->artifact().targets()->Get(0);
  const auto work = launchWork(module->artifact(), target, *target.programs()->Get(0), Workload());
  ASSERT_TRUE(work.ok()) << work.status();
  ASSERT_EQ(work->size(), 3u);
  EXPECT_EQ((*work)[0].bytes, 2 * 8 * 4.0);      // x [1, 8] and what is made of it
  EXPECT_EQ((*work)[2].bytes, 8 * 4 + 32 + 4.0); // wide, the stored weight, y
  EXPECT_EQ((*work)[2].flops, 0);                // a vector is no projection
  EXPECT_EQ((*work)[0].blocks, 1);
}

/// A program decode of one launch of a kernel called sample_n.
qvlfmt::ArtifactT choosingArtifact(bool samples) {
  using qvlfmt::ElementType;
  qvlfmt::ArtifactT artifact = qvlrt::test::testArtifact();
  artifact.model->generation->do_sample = samples;
  qvlfmt::TargetT &target = *artifact.targets[0];
  qvlfmt::KernelT &kernel = *target.kernels[qvlrt::test::kAffine];
  kernel.name = "sample_n";
  kernel.buffer_count = kernel.scalar_count = 7;
  target.programs.clear();
  qvlrt::test::ProgramBuilder b("decode");
  std::vector<std::uint32_t> operands = {b.argument("logits", ElementType::F32, {-1, 100}),
                                         b.argument("seen", ElementType::I32, {-1, 4}),
                                         b.argument("sampling", ElementType::F32, {-1, 5}),
                                         b.argument("draws", ElementType::I64, {-1}),
                                         b.argument("values", ElementType::F32, {-1, 1}),
                                         b.argument("best", ElementType::I32, {-1, 1})};
  const std::uint32_t rows = b.dim(0, 0);
  operands.push_back(b.transient(ElementType::I32, {rows}, 0, 0));
  const std::uint32_t ids = operands.back();
  b.launch(qvlrt::test::kAffine, rows, std::move(operands), std::vector<std::uint32_t>(7, rows));
  b.result("ids", ids);
  target.programs.push_back(b.take());
  return artifact;
}

TEST(LaunchWork, AGreedyChoiceDoesNotReadTheLogits) {
  const double choice = 5 * 4 + 8 + 4 + 4 + 4; // settings, draw, best value and column, id
  for (const bool samples : {false, true}) {
    const auto module = qvlrt::test::openArtifact(choosingArtifact(samples));
    const qvlfmt::Target &target = *module->artifact().targets()->Get(0);
    const auto work =
        launchWork(module->artifact(), target, *target.programs()->Get(0), Workload());
    ASSERT_TRUE(work.ok()) << work.status();
    EXPECT_EQ(work->front().bytes, choice + (samples ? 100 * 4 + 4 * 4 : 0));
  }
}

} // namespace
} // namespace qvlinspect
