// The golden file of each format version: old files stay readable, and the format does not change
// silently.
//
// golden/format-MAJOR.MINOR.qvl is written by this test when QVL_UPDATE_GOLDENS is set. That is
// right for a new version only: a file of a released version is never written again.
#include "qvlrt/executor.h"
#include "qvlrt/kv_cache.h"
#include "qvlrt/null_device.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace qvlrt {
namespace {

using qvlfmt::ElementType;

std::string goldenPath(int minor) {
  return QVL_SOURCE_DIR "/test/unit/runtime/golden/format-1." + std::to_string(minor) + ".qvl";
}

/// The test artifact with a value in each field that a version added, and placeholders for the code
/// objects, which differ from compiler to compiler.
test::Bytes buildGolden() {
  qvlfmt::ArtifactT artifact = test::testArtifact();
  artifact.targets[0]->kv_element = ElementType::BF16;
  for (auto &object : artifact.targets[0]->objects)
    object->bytes.assign(8, 0x90);
  artifact.weights[1]->shape = {4, 5};
  artifact.weights[1]->interleave = 2;
  auto form = test::wideAffine();
  form->object = 1;
  form->least_tiles = 264;
  form->shared_bytes = 4096;
  artifact.targets[0]->kernels[0]->wide.push_back(std::move(form));
  return test::assembleArtifact(artifact, test::testWeights());
}

test::Bytes readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  std::span<const std::byte> view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

TEST(GoldenArtifact, OfEveryVersionIsReadByThisOne) {
  int read = 0;
  for (int minor = 0; minor <= qvlfmt::kVersionMinor; ++minor) {
    if (!std::filesystem::exists(goldenPath(minor)))
      continue; // a version that no release had
    ++read;
    absl::StatusOr<std::unique_ptr<Module>> module = Module::open(goldenPath(minor));
    ASSERT_OK(module.status());
    EXPECT_OK((*module)->verifyWeights());
    EXPECT_EQ((*module)->facts().max_context(), test::kMaxContext);
    std::unique_ptr<Device> device = createNullDevice();
    absl::StatusOr<std::unique_ptr<Executor>> executor = Executor::create(**module, *device);
    ASSERT_OK(executor.status());
    const ArgumentShape shape[] = {{"x", ElementType::F32, {16, 8}}};
    EXPECT_EQ(*(*executor)->planMemory(*(*executor)->program("dense"), shape), 1024u);
  }
  EXPECT_GE(read, 3);
}

TEST(GoldenArtifact, WithoutTheElementsOfItsCacheTakesThoseOfTheFacts) {
  const auto element = [](int minor) {
    std::unique_ptr<Module> module = *Module::open(goldenPath(minor));
    return KvPageLayout::of(module->facts(), *module->artifact().targets()->Get(0)).element;
  };
  EXPECT_EQ(element(0), ElementType::F32);
  EXPECT_EQ(element(2), ElementType::BF16);
}

TEST(GoldenArtifact, WithoutWideFormsHasNone) {
  const auto forms = [](int minor) {
    std::unique_ptr<Module> module = *Module::open(goldenPath(minor));
    const auto *wide = module->artifact().targets()->Get(0)->kernels()->Get(0)->wide();
    return wide ? wide->size() : 0;
  };
  EXPECT_EQ(forms(2), 0u);
  EXPECT_EQ(forms(qvlfmt::kVersionMinor), 1u);
}

// The rows of a panel of 1.0 are in order.
TEST(GoldenArtifact, WithoutInterleaveHasRowsInOrder) {
  const auto interleave = [](int minor) {
    std::unique_ptr<Module> module = *Module::open(goldenPath(minor));
    return module->artifact().weights()->Get(1)->interleave();
  };
  EXPECT_EQ(interleave(0), 0);
  EXPECT_EQ(interleave(1), 2);
  EXPECT_EQ(interleave(qvlfmt::kVersionMinor), 2);
}

TEST(GoldenArtifact, IsWhatThisVersionWrites) {
  test::Bytes built = buildGolden();
  if (std::getenv("QVL_UPDATE_GOLDENS"))
    std::ofstream(goldenPath(qvlfmt::kVersionMinor), std::ios::binary)
        .write(reinterpret_cast<const char *>(built.data()),
               static_cast<std::streamsize>(built.size()));
  EXPECT_TRUE(built == readFile(goldenPath(qvlfmt::kVersionMinor)))
      << "the bytes of the format changed: raise the version in qvlfmt/Version.h and add a golden "
         "file";
}

} // namespace
} // namespace qvlrt
