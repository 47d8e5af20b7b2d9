// Choosing code by the machine's features, and loading it.
#include "lib/Runtime/Device/Cpu/CodeObject.h"
#include "lib/Runtime/Device/Cpu/CpuFeatures.h"
#include "qvlrt/cpu_device.h"
#include "qvlrt/executor.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>

namespace qvlrt {
namespace {

using test::FailsWith;

/// An artifact with the program "which": result i32 [1], the number of the loaded variant.
qvlfmt::ArtifactT variantArtifact() {
  qvlfmt::ArtifactT artifact = test::emptyArtifact();
  test::ProgramBuilder b("which");
  std::uint32_t one = b.constant(1);
  std::uint32_t out = b.transient(qvlfmt::ElementType::I32, {one}, 0, 0);
  b.launch(test::kVariant, one, {out}, {});
  b.result("variant", out);
  artifact.targets[0]->programs.push_back(b.take());
  return artifact;
}

absl::StatusOr<std::int32_t> loadedVariant(qvlfmt::ArtifactT artifact, std::string features) {
  std::unique_ptr<Module> module = test::openArtifact(std::move(artifact));
  absl::StatusOr<std::unique_ptr<Device>> device =
      createCpuDevice({.threads = 1, .features = std::move(features)});
  if (!device.ok())
    return device.status();
  absl::StatusOr<std::unique_ptr<Executor>> executor = Executor::create(*module, **device);
  if (!executor.ok())
    return executor.status();
  absl::StatusOr<std::vector<DeviceTensor>> results = (*executor)->run(0, {});
  if (!results.ok())
    return results.status();
  return *static_cast<const std::int32_t *>((*results)[0].data.pointer());
}

bool machineRuns(std::string_view set) {
  CpuFeatures needed = *parseFeatureSet(set);
  return (machineFeatures() & needed) == needed;
}

TEST(CpuFeatures, SetsIncludeTheirBase) {
  CpuFeatures v3 = *parseFeatureSet("v3"), v4 = *parseFeatureSet("v4");
  EXPECT_EQ(v3 & v4, v3);
  for (const char *name : {"v4+vnni", "v4+bf16"}) {
    EXPECT_EQ(*parseFeatureSet(name) & v4, v4);
    EXPECT_NE(*parseFeatureSet(name), v4);
  }
  EXPECT_EQ(*parseFeatureSet("v3+avxvnni") & v4, v3);
}

TEST(CpuFeatures, UnknownSetsAreRefused) {
  EXPECT_FALSE(parseFeatureSet("").has_value());
  EXPECT_FALSE(parseFeatureSet("v5").has_value());
  EXPECT_FALSE(parseFeatureSet("v4+amx").has_value());
  EXPECT_THAT(chooseFeatures("v3,v9", *parseFeatureSet("v3")).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "unknown feature set \"v9\""));
  EXPECT_THAT(createCpuDevice({.threads = 1, .features = "mmx"}).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "QVL_CPU_FEATURES"));
}

TEST(CpuFeatures, EnvironmentOverrides) {
  setenv("QVL_CPU_FEATURES", "nonsense", 1);
  EXPECT_THAT(createCpuDevice({.threads = 1, .features = std::nullopt}).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "nonsense"));
  unsetenv("QVL_CPU_FEATURES");
  EXPECT_OK(createCpuDevice({.threads = 1, .features = std::nullopt}).status());
}

TEST(CpuFeatures, SetsThatTheMachineLacksAreRefused) {
  CpuFeatures machine = *parseFeatureSet("v4+vnni");
  EXPECT_EQ(*chooseFeatures(std::nullopt, machine), machine);
  EXPECT_EQ(*chooseFeatures("v3", machine), *parseFeatureSet("v3"));
  EXPECT_EQ(*chooseFeatures("v4,v4+vnni", machine), machine);
  EXPECT_THAT(chooseFeatures("v3,v4+bf16", machine).status(),
              FailsWith(absl::StatusCode::kInvalidArgument,
                        "this machine does not run v4+bf16, only v3, v4, v4+vnni"));
  EXPECT_THAT(chooseFeatures("v3", 0).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "does not run v3, only none"));
}

TEST(CpuVariant, BestThatTheMachineRunsIsLoaded) {
  if (!machineRuns("v3"))
    GTEST_SKIP() << "this machine is below v3";
  EXPECT_EQ(*loadedVariant(variantArtifact(), "v3"), 3);
  if (!machineRuns("v4"))
    GTEST_SKIP() << "this machine does not run v4";
  EXPECT_EQ(*loadedVariant(variantArtifact(), "v4"), 4);
}

TEST(CpuVariant, UnknownSetsAreLeftAside) {
  qvlfmt::ArtifactT artifact = variantArtifact();
  artifact.targets[0]->objects[0]->feature_set = "v9"; // of a newer compiler
  EXPECT_EQ(*loadedVariant(std::move(artifact), "v3"), 3);
}

TEST(CpuVariant, NoneThatFitsNamesBoth) {
  qvlfmt::ArtifactT artifact = variantArtifact();
  artifact.targets[0]->objects[1]->feature_set = "v4+bf16";
  EXPECT_THAT(loadedVariant(std::move(artifact), "v3").status(),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "this machine runs v3, the artifact has code for v4, v4+bf16; compile it"));
}

TEST(CpuVariant, BrokenCodeIsRefused) {
  qvlfmt::ArtifactT text = variantArtifact();
  text.targets[0]->objects[1]->bytes.assign(100, 'x');
  EXPECT_THAT(loadedVariant(std::move(text), "v3").status(),
              FailsWith(absl::StatusCode::kInvalidArgument,
                        "code object 1 (v3) does not load: not an x86-64 shared object"));
  qvlfmt::ArtifactT empty = variantArtifact();
  empty.targets[0]->objects[1]->bytes.clear();
  EXPECT_THAT(loadedVariant(std::move(empty), "v3").status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "not an x86-64 shared object"));
  qvlfmt::ArtifactT cut = variantArtifact();
  cut.targets[0]->objects[1]->bytes.resize(64); // only the ELF header
  EXPECT_THAT(loadedVariant(std::move(cut), "v3").status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "code object 1 (v3) does not load"));
}

TEST(CpuVariant, MissingSymbolIsNamed) {
  qvlfmt::ArtifactT artifact = variantArtifact();
  artifact.targets[0]->kernels[0]->name = "absent";
  EXPECT_THAT(loadedVariant(std::move(artifact), "v3").status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "lacks the kernel absent"));
}

/// The bytes of code object `number` of the test target.
test::Bytes objectBytes(int number) {
  qvlfmt::ArtifactT artifact = test::emptyArtifact();
  std::span<const std::byte> bytes =
      std::as_bytes(std::span(artifact.targets[0]->objects[number]->bytes));
  return {bytes.begin(), bytes.end()};
}

TEST(CodeObject, SecondObjectIsNotTheFirstOnAReusedDescriptor) {
  absl::StatusOr<LoadedObject> first = LoadedObject::load(objectBytes(0));
  absl::StatusOr<LoadedObject> second = LoadedObject::load(objectBytes(1));
  ASSERT_OK(first.status());
  ASSERT_OK(second.status());
  EXPECT_NE(first->symbol("variant"), second->symbol("variant"));
  EXPECT_EQ(first->symbol("absent"), nullptr);
}

/// Points TMPDIR at a folder for the length of a test.
class CodeObjectFile : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    setenv("TMPDIR", folder.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("TMPDIR");
    std::filesystem::remove_all(folder);
  }
  std::string folder = "/tmp/qvl-code-XXXXXX";
};

TEST_F(CodeObjectFile, LoadsAndLeavesNothingBehind) {
  absl::StatusOr<LoadedObject> object = LoadedObject::loadThroughTemporaryFile(objectBytes(0));
  ASSERT_OK(object.status());
  EXPECT_NE(object->symbol("variant"), nullptr);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(CodeObjectFile, BrokenCodeLeavesNothingBehind) {
  EXPECT_THAT(LoadedObject::loadThroughTemporaryFile(test::Bytes(100)).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, ""));
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(CodeObjectFile, NamesAFolderThatCannotBeWritten) {
  setenv("TMPDIR", (folder + "/absent").c_str(), 1);
  EXPECT_THAT(
      LoadedObject::loadThroughTemporaryFile(objectBytes(0)).status(),
      FailsWith(absl::StatusCode::kResourceExhausted, "cannot create " + folder + "/absent"));
}

} // namespace
} // namespace qvlrt
