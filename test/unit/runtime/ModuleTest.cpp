// Opening good and bad files.
#include "qvlrt/module.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <cstring>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace qvlrt {
namespace {

using test::Bytes, test::FailsWith;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Bytes goodFile() {
  qvlfmt::ArtifactT artifact = test::testArtifact();
  return test::assembleArtifact(artifact, test::testWeights());
}

TEST(Module, ShowsWhatTheFileHolds) {
  std::unique_ptr<Module> module = test::openArtifact(test::testArtifact());
  EXPECT_EQ(module->facts().vocab_size(), test::kVocab);
  EXPECT_EQ(module->tokenizer().merges()->size(), 1u);
  EXPECT_EQ((*module->target("cpu"))->programs()->size(), 4u);
  ASSERT_EQ(module->weightCount(), 2u);
  EXPECT_EQ(module->weightBytes(0).size(), 32u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(module->weightBytes(0).data()) % 4096, 0u);
  EXPECT_EQ(module->totalWeightBytes(), 32u + 48u);
  EXPECT_EQ(Bytes(module->weightBytes(1).begin(), module->weightBytes(1).end()),
            test::testWeights()[1]);
  EXPECT_OK(module->verifyWeights());
}

TEST(Module, NamesTheTargetsItHas) {
  std::unique_ptr<Module> module = test::openArtifact(test::testArtifact());
  EXPECT_THAT(module->target("cuda").status(),
              FailsWith(absl::StatusCode::kNotFound,
                        "no code for cuda, only for cpu; choose another --device or compile with "
                        "--target=cpu,cuda:sm_80"));
}

TEST(Module, FindsAWeightThatChanged) {
  Bytes file = goodFile();
  file.back() ^= std::byte{1};
  std::string path = test::writeTemporary(file);
  absl::StatusOr<std::unique_ptr<Module>> module = Module::open(path);
  unlink(path.c_str());
  ASSERT_OK(module.status());
  EXPECT_THAT((*module)->verifyWeights(), FailsWith(absl::StatusCode::kDataLoss, "weight panel"));
}

TEST(Module, RefusesWhatIsNoFile) {
  EXPECT_THAT(Module::open("/nonexistent/model.qvl").status(),
              FailsWith(absl::StatusCode::kNotFound, "/nonexistent/model.qvl: cannot open"));
  EXPECT_THAT(Module::open("/tmp").status(), FailsWith(kInvalid, "/tmp: not a regular file"));
  EXPECT_THAT(Module::open("/dev/null").status(), FailsWith(kInvalid, "not a regular file"));
  std::string empty = test::writeTemporary({});
  EXPECT_THAT(Module::open(empty).status(), FailsWith(kInvalid, "the file is empty"));
  unlink(empty.c_str());
}

TEST(Module, DoesNotWaitForANamedPipe) {
  std::string path = test::writeTemporary({});
  unlink(path.c_str());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(Module::open(path).status(), FailsWith(kInvalid, "not a regular file"));
  unlink(path.c_str());
}

TEST(Module, RefusesAnUnreadableFile) {
  // The superuser reads every file, so it becomes somebody else for the call.
  constexpr uid_t kNobody = 65534;
  uid_t self = geteuid();
  std::string path = test::writeTemporary(goodFile());
  chmod(path.c_str(), 0);
  if (self == 0)
    ASSERT_EQ(seteuid(kNobody), 0);
  absl::Status status = Module::open(path).status();
  ASSERT_EQ(seteuid(self), 0);
  unlink(path.c_str());
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kPermissionDenied, "cannot open"));
}

TEST(ArtifactHeader, RefusesAnotherKindOfFile) {
  const char text[] =
      "{\"format\": \"not this one\"} and enough bytes to hold a header of 64 bytes";
  EXPECT_THAT(verifyArtifact("a.json", std::as_bytes(std::span(text))).status(),
              FailsWith(kInvalid, "a.json: not a qvl artifact"));
  EXPECT_THAT(verifyArtifact("a.json", std::as_bytes(std::span(text)).first(3)).status(),
              FailsWith(kInvalid, "not a qvl artifact"));
}

TEST(ArtifactHeader, NamesTheVersions) {
  Bytes file = goodFile();
  test::changeHeader(file, [](qvlfmt::FileHeader &header) {
    header.version_major = 2;
    header.version_minor = 0;
  });
  EXPECT_THAT(verifyArtifact("m.qvl", file).status(),
              FailsWith(kInvalid, "m.qvl: format 2.0 is newer than 1." +
                                      std::to_string(qvlfmt::kVersionMinor) +
                                      ": update qvl-run or recompile"));
  test::changeHeader(file, [](qvlfmt::FileHeader &header) {
    header.version_major = 1;
    header.version_minor = 7;
  });
  EXPECT_THAT(verifyArtifact("m.qvl", file).status(), FailsWith(kInvalid, "format 1.7 is newer"));
  test::changeHeader(file, [](qvlfmt::FileHeader &header) {
    header.version_major = 0;
    header.version_minor = 9;
  });
  EXPECT_THAT(verifyArtifact("m.qvl", file).status(), FailsWith(kInvalid, "format 0.9 is older"));
}

TEST(ArtifactHeader, SaysHowMuchIsMissing) {
  Bytes file = goodFile();
  std::string expected = "m.qvl: truncated: " + std::to_string(file.size() - 1) + " of " +
                         std::to_string(file.size()) + " bytes; copy or compile it again";
  EXPECT_THAT(verifyArtifact("m.qvl", std::span(file).first(file.size() - 1)).status(),
              FailsWith(kInvalid, expected));
  EXPECT_THAT(verifyArtifact("m.qvl", std::span(file).first(20)).status(),
              FailsWith(kInvalid, "truncated: 20 of 64 bytes"));
}

TEST(ArtifactHeader, RefusesALongerFile) {
  Bytes file = goodFile();
  file.push_back(std::byte{0});
  EXPECT_THAT(verifyArtifact("m.qvl", file).status(), FailsWith(kInvalid, "its header says"));
}

TEST(ArtifactHeader, ChecksExtents) {
  struct Case {
    void (*change)(qvlfmt::FileHeader &);
    const char *message;
  };
  const Case cases[] = {
      {[](qvlfmt::FileHeader &h) { h.metadata_offset = 0; }, "metadata of"},
      {[](qvlfmt::FileHeader &h) { h.metadata_offset += 1; }, "metadata of"},
      {[](qvlfmt::FileHeader &h) { h.metadata_offset = UINT64_MAX - 15; }, "metadata of"},
      {[](qvlfmt::FileHeader &h) { h.metadata_bytes = h.file_bytes; }, "metadata of"},
      {[](qvlfmt::FileHeader &h) { h.metadata_bytes = UINT64_MAX; }, "metadata of"},
      {[](qvlfmt::FileHeader &h) { h.metadata_bytes = 0; }, "checksum of the metadata"},
      {[](qvlfmt::FileHeader &h) { h.weights_offset = 64; }, "weights at"},
      {[](qvlfmt::FileHeader &h) { h.weights_offset = h.file_bytes + 1; }, "weights at"},
      {[](qvlfmt::FileHeader &h) { h.metadata_checksum ^= 1; }, "checksum of the metadata"},
  };
  for (const Case &test : cases) {
    Bytes file = goodFile();
    test::changeHeader(file, test.change);
    EXPECT_THAT(verifyArtifact("m.qvl", file).status(), FailsWith(kInvalid, test.message));
  }
}

} // namespace
} // namespace qvlrt
