// What is read out of PTX text, and what launches move and compute.
#include "tools/qvl-inspect/Assembler.h"
#include "tools/qvl-inspect/KernelCost.h"
#include "tools/qvl-inspect/LaunchWork.h"
#include "tools/qvl-inspect/PtxFacts.h"

#include "TestArtifacts.h"

#include <filesystem>
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

TEST(PtxFacts, ThreadsThatNoBlockHasAreNone) {
  EXPECT_EQ(readPtx(".maxntid 1024, 1, 1\n").threads, 1024);
  for (const char *number : {"1025", "-1", "9223372036854775807", "9223372036854775808", "x", ""})
    EXPECT_EQ(readPtx(std::string(".reqntid ") + number + ", 1, 1\n").threads, 0) << number;
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

TEST(PtxFacts, AKernelComesWithTheVariablesThatItNames) {
  const std::string module = ".version 8.0\n.target sm_80\n.address_size 64\n"
                             ".extern .shared .align 16 .b8 a_shared[];\n"
                             ".global .align 4 .b8 a_table[2] = {0, 1};\n.const .b32 a_one = 1;\n"
                             ".entry a()\n{\n  mov.u64 %rd1, a_table; mov.b32 %r1, a_shared;\n"
                             "  ld.const.b32 %r2, [a_one];\n}\n"
                             ".global .align 4 .b8 b_table[2] = {0, 1};\n"
                             ".entry b()\n{\n  mov.u64 %rd1, b_table;\n}\n";
  const std::string a = extractKernel(module, "a"), b = extractKernel(module, "b");
  for (const char *line :
       {".extern .shared .align 16 .b8 a_shared[];\n",
        ".global .align 4 .b8 a_table[2] = {0, 1};\n", ".const .b32 a_one = 1;\n"}) {
    EXPECT_THAT(a, HasSubstr(line));
    EXPECT_THAT(b, ::testing::Not(HasSubstr(line)));
  }
  EXPECT_THAT(a, ::testing::Not(HasSubstr("b_table")));
  EXPECT_THAT(b, HasSubstr(".global .align 4 .b8 b_table[2] = {0, 1};\n"));
}

TEST(PtxFacts, StatementsOfAssemblyInOneLine) {
  const PtxFacts facts =
      readPtx("$L__BB0_1:   // a loop; mov.u32 %r1, %r2;\n"
              "\twgmma.fence.sync.aligned; {.reg .pred p; setp.eq.b32 p, 0, 0; "
              "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%r1, %r2}, %rd1, p, 1, 1, 0;}\n"
              "\t@%p1 bra \t$L__BB0_1;\n\tret;\n");
  EXPECT_THAT(facts.innerLoop, ::testing::UnorderedElementsAre(Pair("wgmma.sync", 2),
                                                               Pair("setp", 1), Pair("bra", 1)));
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

constexpr const char *kListing =
    ".text.gemm:\n        /*0000*/                   MOV R1, c[0x0][0x28] ;\n"
    ".L_x_0:\n"
    "        /*0010*/              @!P0 HMMA.16816.F32.BF16 R4, R8, R12, R4 ;\n"
    "        /*0020*/                   HMMA.16816.F32.BF16 R4, R8, R12, R4 ;\n"
    "        /*0030*/                   LDGSTS.E.BYPASS.LTC128B.128 [R2], [R4.64] ;\n"
    "        /*0040*/               @P0 BRA `(.L_x_0) ;\n"
    "        /* 0x000fe200000e0f00 */\n"
    "        /*0050*/                   EXIT ;\n"
    ".L_x_1:\n        /*0060*/                   BRA `(.L_x_1);\n";

TEST(Assembler, ReadsTheListing) {
  const MachineCode code = parseDisassembly(kListing);
  EXPECT_THAT(code.all,
              ::testing::ElementsAre(Pair("BRA", 2), Pair("HMMA.16816", 2), Pair("EXIT", 1),
                                     Pair("LDGSTS.128", 1), Pair("MOV", 1)));
  EXPECT_THAT(code.innerLoop,
              ::testing::ElementsAre(Pair("HMMA.16816", 2), Pair("BRA", 1), Pair("LDGSTS.128", 1)));
  EXPECT_TRUE(parseDisassembly("cuobjdump: no such file").all.empty());
}

/// A folder with programs that print what the tests want.
class FakeAssembler : public ::testing::Test {
protected:
  void SetUp() override {
    folder = ::testing::TempDir() + "it's an assembler"; // a quote and blanks in its name
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
  }
  void program(const std::string &name, const std::string &script) const {
    const std::string path = folder + "/" + name;
    std::ofstream(path) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  std::string folder;
};

TEST_F(FakeAssembler, RunsBothPrograms) {
  program("ptxas", "[ \"$2\" = -arch=sm_90 ] || exit 1\n"
                   "grep -q entry \"$5\" && echo made > \"$4\" && echo Used 40 registers >&2\n");
  program("nvdisasm", "[ \"$1\" = -c ] && grep -q made \"$2\" && echo '/*0*/ EXIT ;'\n");
  const auto kernel = Assembler(folder).assemble(".entry k() { ret; }", "sm_90");
  ASSERT_TRUE(kernel.has_value());
  EXPECT_EQ(kernel->registers, 40);
  EXPECT_THAT(kernel->code.all, ::testing::ElementsAre(Pair("EXIT", 1)));
  EXPECT_FALSE(Assembler(folder).assemble(".entry k() { ret; }", "sm_80").has_value());
  EXPECT_FALSE(Assembler(folder).assemble("", "sm_90").has_value());
}

TEST_F(FakeAssembler, DoesWithoutADisassemblerAndWithoutAny) {
  EXPECT_FALSE(Assembler(folder).assemble(".entry k() { ret; }", "sm_90").has_value());
  program("ptxas", "echo Used 40 registers\n");
  const auto kernel = Assembler(folder).assemble(".entry k() { ret; }", "sm_90");
  ASSERT_TRUE(kernel.has_value());
  EXPECT_TRUE(kernel->code.all.empty());
}

TEST(Assembler, RunsWhereItIsInstalled) {
  const auto kernel = Assembler().assemble(read("test/ptx/kernels/gemm_mma.ptx"), "sm_80");
  if (!kernel)
    GTEST_SKIP() << "there is no ptxas";
  EXPECT_GT(kernel->registers, 100);
  EXPECT_EQ(kernel->spillBytes, 0);
  EXPECT_FALSE(Assembler().assemble("no PTX", "sm_80").has_value());
}

TEST(Assembler, ArchitectureOfTheText) {
  EXPECT_EQ(architectureOf(".version 8.0\n.target sm_90a, debug\n"), "sm_90a");
  EXPECT_EQ(architectureOf("no PTX"), "");
  EXPECT_EQ(architectureOf(".target sm_80;rm\n"), "");
}

TEST(KernelCost, CardsTakeTheirArchitectureAndEarlierOnes) {
  EXPECT_EQ(architectureOn(kCards[0], "sm_80"), "sm_80");
  EXPECT_EQ(architectureOn(kCards[0], "sm_90a"), std::nullopt);
  EXPECT_EQ(architectureOn(kCards[1], "sm_80"), "sm_90");
  EXPECT_EQ(architectureOn(kCards[1], "sm_90a"), "sm_90a");
  EXPECT_EQ(architectureOn(kCards[1], "sm_100a"), std::nullopt);
}

TEST(LaunchWork, FamiliesAreNamesWithoutSizes) {
  EXPECT_EQ(familyOf("fused_linear_384x128_1"), "fused_linear");
  EXPECT_EQ(familyOf("attention_nx128"), "attention");
  EXPECT_EQ(familyOf("cached_attention_nx192"), "cached_attention");
  EXPECT_EQ(familyOf("sample_n"), "sample");
  EXPECT_EQ(familyOf("cached_attention_splits_nx64x6x2"), "cached_attention_splits");
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

TEST(LaunchWork, ReadsNothingThatAKernelDoesNotHave) {
  // Kernels are known by their names: these get a scalar, a vector, or nothing at all.
  for (const char *name : {"cached_attention_splits_64", "cached_attention_64", "attention_64",
                           "gather_rows_8", "embed_8", "sample_300", "fused_linear_8x8"}) {
    qvlfmt::ArtifactT artifact = qvlrt::test::emptyArtifact();
    qvlrt::test::ProgramBuilder b("decode");
    b.argument("x", qvlfmt::ElementType::F32, {-1});
    const std::uint32_t one = b.constant(1);
    b.launch(qvlrt::test::kAffine, one,
             {b.transient(qvlfmt::ElementType::F32, {one}, 0, 0),
              b.transient(qvlfmt::ElementType::F32, {}, 0, 0)},
             {one, one, one, one});
    b.launch(qvlrt::test::kVariant, one, {}, {});
    artifact.targets[0]->programs.push_back(b.take());
    artifact.targets[0]->programs[0]->commands[1]->outputs = 0;
    artifact.targets[0]->kernels[qvlrt::test::kAffine]->name = name;
    artifact.targets[0]->kernels[qvlrt::test::kVariant]->buffer_count = 0;
    const auto module = qvlrt::test::openArtifact(std::move(artifact));
    const qvlfmt::Target &target = *module->artifact().targets()->Get(0);
    const auto launches = launchWork(module->artifact(), target, *target.programs()->Get(0), {});
    ASSERT_TRUE(launches.ok()) << launches.status();
    ASSERT_EQ(launches->size(), 2u);
    EXPECT_LE((*launches)[0].bytes, 8) << name;
    EXPECT_EQ((*launches)[1].bytes, 0) << name;
    EXPECT_EQ((*launches)[1].flops, 0) << name;
  }
}

} // namespace
} // namespace qvlinspect
