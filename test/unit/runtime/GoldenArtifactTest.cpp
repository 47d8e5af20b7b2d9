// The golden file of each format version: old files stay readable, and the format does not change
// silently.
//
// golden/format-1.0.qvl is written by this test when QVL_UPDATE_GOLDENS is set. That is right for a
// new version only: a file of a released version is never written again.
#include "qvlrt/executor.h"
#include "qvlrt/null_device.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace qvlrt {
namespace {

const char kGoldenPath[] = QVL_SOURCE_DIR "/test/unit/runtime/golden/format-1.0.qvl";

/// The test artifact with placeholders for the code objects, which differ from compiler to
/// compiler.
test::Bytes buildGolden() {
  qvlfmt::ArtifactT artifact = test::testArtifact();
  for (auto &object : artifact.targets[0]->objects)
    object->bytes.assign(8, 0x90);
  return test::assembleArtifact(artifact, test::testWeights());
}

test::Bytes readGolden() {
  std::ifstream file(kGoldenPath, std::ios::binary);
  std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  std::span<const std::byte> view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

TEST(GoldenArtifact, IsReadByThisVersion) {
  absl::StatusOr<std::unique_ptr<Module>> module = Module::open(kGoldenPath);
  ASSERT_OK(module.status());
  EXPECT_OK((*module)->verifyWeights());
  EXPECT_EQ((*module)->facts().max_context(), test::kMaxContext);
  std::unique_ptr<Device> device = createNullDevice();
  absl::StatusOr<std::unique_ptr<Executor>> executor = Executor::create(**module, *device);
  ASSERT_OK(executor.status());
  const ArgumentShape shape[] = {{"x", qvlfmt::ElementType::F32, {16, 8}}};
  EXPECT_EQ(*(*executor)->planMemory(*(*executor)->program("dense"), shape), 1024u);
}

TEST(GoldenArtifact, IsWhatThisVersionWrites) {
  test::Bytes built = buildGolden();
  if (std::getenv("QVL_UPDATE_GOLDENS"))
    std::ofstream(kGoldenPath, std::ios::binary)
        .write(reinterpret_cast<const char *>(built.data()),
               static_cast<std::streamsize>(built.size()));
  EXPECT_TRUE(built == readGolden()) << "the bytes of format 1.0 changed: raise the version in "
                                        "qvlfmt/Version.h and add a golden file";
}

} // namespace
} // namespace qvlrt
