// The golden file of each format version: old files stay readable, and the format does not change
// silently.
//
// golden/format-MAJOR.MINOR.qvl of the version in qvlfmt/Version.h is written by this test when
// QVL_UPDATE_GOLDENS is set. That is right for a new version only: a file of a released version is
// never written again.
#include "qvlrt/executor.h"
#include "qvlrt/null_device.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace qvlrt {
namespace {

/// The versions that have a golden file; the last one is what this tree writes.
const char *const kVersions[] = {"1.0", "1.1"};

std::string goldenPath(const std::string &version) {
  return QVL_SOURCE_DIR "/test/unit/runtime/golden/format-" + version + ".qvl";
}

std::string currentVersion() {
  return std::to_string(qvlfmt::kVersionMajor) + "." + std::to_string(qvlfmt::kVersionMinor);
}

/// The test artifact with placeholders for the code objects, which differ from compiler to
/// compiler, and with what the minor versions added.
test::Bytes buildGolden() {
  qvlfmt::ArtifactT artifact = test::testArtifact();
  for (auto &object : artifact.targets[0]->objects)
    object->bytes.assign(8, 0x90);
  artifact.weights[1]->shape = {4, 5};
  artifact.weights[1]->interleave = 2; // 1.1
  return test::assembleArtifact(artifact, test::testWeights());
}

test::Bytes readGolden(const std::string &version) {
  std::ifstream file(goldenPath(version), std::ios::binary);
  std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  std::span<const std::byte> view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

class GoldenArtifacts : public testing::TestWithParam<const char *> {};

TEST_P(GoldenArtifacts, AreReadByThisVersion) {
  absl::StatusOr<std::unique_ptr<Module>> module = Module::open(goldenPath(GetParam()));
  ASSERT_OK(module.status());
  EXPECT_OK((*module)->verifyWeights());
  EXPECT_EQ((*module)->facts().max_context(), test::kMaxContext);
  std::unique_ptr<Device> device = createNullDevice();
  absl::StatusOr<std::unique_ptr<Executor>> executor = Executor::create(**module, *device);
  ASSERT_OK(executor.status());
  const ArgumentShape shape[] = {{"x", qvlfmt::ElementType::F32, {16, 8}}};
  EXPECT_EQ(*(*executor)->planMemory(*(*executor)->program("dense"), shape), 1024u);
}

INSTANTIATE_TEST_SUITE_P(Versions, GoldenArtifacts, testing::ValuesIn(kVersions),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// The rows of a panel of 1.0 are in order.
TEST(GoldenArtifact, LacksWhatCameLater) {
  const test::Bytes old = readGolden("1.0"), current = readGolden(currentVersion());
  absl::StatusOr<const qvlfmt::Artifact *> before = verifyArtifact("1.0", old),
                                           now = verifyArtifact("current", current);
  ASSERT_OK(before.status());
  ASSERT_OK(now.status());
  EXPECT_EQ((*before)->weights()->Get(1)->interleave(), 0);
  EXPECT_EQ((*now)->weights()->Get(1)->interleave(), 2);
}

TEST(GoldenArtifact, IsWhatThisVersionWrites) {
  ASSERT_EQ(std::end(kVersions)[-1], currentVersion()) << "add the golden file of the new version";
  test::Bytes built = buildGolden();
  if (std::getenv("QVL_UPDATE_GOLDENS"))
    std::ofstream(goldenPath(currentVersion()), std::ios::binary)
        .write(reinterpret_cast<const char *>(built.data()),
               static_cast<std::streamsize>(built.size()));
  EXPECT_TRUE(built == readGolden(currentVersion()))
      << "the bytes of format " << currentVersion()
      << " changed: raise the version in qvlfmt/Version.h and add a golden file";
}

} // namespace
} // namespace qvlrt
