#include "qvl/Artifact/AtomicFile.h"

#include "FileSizeLimit.h"
#include "qvl/Import/Failure.h"
#include "test/unit/import/CheckpointFiles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <csignal>
#include <sys/stat.h>

namespace {

using namespace qvl;
using namespace qvl::test;
using testing::ElementsAre;
using testing::HasSubstr;

class AtomicFileTest : public testing::TestWithParam<AtomicFile::Staging> {
protected:
  std::unique_ptr<AtomicFile> create(const std::string &path) {
    return llvm::cantFail(AtomicFile::create(path, GetParam()));
  }
  static void write(AtomicFile &file, uint64_t offset, llvm::StringRef text) {
    EXPECT_EQ(messageOf(file.writeAt(offset, {text.data(), text.size()})), "");
  }

  TemporaryDirectory directory;
};

INSTANTIATE_TEST_SUITE_P(Staging, AtomicFileTest,
                         testing::Values(AtomicFile::Staging::Unnamed, AtomicFile::Staging::Named),
                         [](const auto &info) {
                           return info.param == AtomicFile::Staging::Named ? "Named" : "Unnamed";
                         });

TEST_P(AtomicFileTest, AppearsAtCommit) {
  const std::string path = directory.path("model.qvl");
  auto file = create(path);
  EXPECT_EQ(messageOf(file->reserve(6)), "");
  write(*file, 3, "def");
  write(*file, 0, "ab");
  EXPECT_EQ(readFile(path), "");
  EXPECT_EQ(messageOf(file->commit()), "");
  EXPECT_EQ(readFile(path), std::string("ab\0def", 6));
  file.reset();
  EXPECT_THAT(directory.entries(), ElementsAre("model.qvl"));
}

TEST_P(AtomicFileTest, DiscardedLeavesTheFormerFile) {
  const std::string path = directory.write("model.qvl", "former");
  auto file = create(path);
  write(*file, 0, "new");
  file.reset();
  EXPECT_EQ(readFile(path), "former");
  EXPECT_THAT(directory.entries(), ElementsAre("model.qvl"));
}

TEST_P(AtomicFileTest, ReplacesTheFormerFile) {
  const std::string path = directory.write("model.qvl", "a longer former file");
  auto file = create(path);
  write(*file, 0, "new");
  EXPECT_EQ(messageOf(file->commit()), "");
  EXPECT_EQ(readFile(path), "new");
  EXPECT_THAT(directory.entries(), ElementsAre("model.qvl"));
}

TEST_P(AtomicFileTest, KeepsALink) {
  const std::string target = directory.write("target", "former");
  std::filesystem::create_symlink(target, directory.path("link"));
  auto file = create(directory.path("link"));
  write(*file, 0, "new");
  EXPECT_EQ(messageOf(file->commit()), "");
  EXPECT_TRUE(std::filesystem::is_symlink(directory.path("link")));
  EXPECT_EQ(readFile(target), "new");
}

TEST_P(AtomicFileTest, HonoursTheUmask) {
  const mode_t former = ::umask(027);
  const std::string path = directory.path("model.qvl");
  EXPECT_EQ(messageOf(create(path)->commit()), "");
  ::umask(former);
  struct stat status;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_P(AtomicFileTest, LongestName) {
  const std::string path = directory.path(std::string(255, 'n'));
  EXPECT_EQ(messageOf(create(path)->commit()), "");
  EXPECT_EQ(readFile(path), "");
}

TEST_P(AtomicFileTest, BadPaths) {
  const auto error = [&](const std::string &path) {
    llvm::Error error = AtomicFile::create(path, GetParam()).takeError();
    EXPECT_EQ(failureKind(error), FailureKind::BadInput) << path;
    return messageOf(std::move(error));
  };
  EXPECT_THAT(error(directory.path()), HasSubstr("is a directory"));
  EXPECT_THAT(error("/dev/full"), HasSubstr("is not a regular file"));
  EXPECT_THAT(error(directory.path("none/model.qvl")), HasSubstr("there is no directory"));
  EXPECT_THAT(error(directory.path("none") + "/"), HasSubstr("does not name a file"));
  EXPECT_THAT(error(""), HasSubstr("does not name a file"));
  EXPECT_THAT(error(directory.path(std::string(300, 'n'))), HasSubstr("too long"));
  directory.write("file", "");
  EXPECT_THAT(error(directory.path("file/model.qvl")), HasSubstr("there is no directory"));
}

TEST_P(AtomicFileTest, DirectoryThatRefuses) {
  // Nobody, not even root, creates files in procfs.
  llvm::Error error = AtomicFile::create("/proc/model.qvl", GetParam()).takeError();
  EXPECT_EQ(failureKind(error), FailureKind::BadInput);
  EXPECT_THAT(messageOf(std::move(error)), HasSubstr("/proc/model.qvl: cannot write in /proc"));
}

TEST_P(AtomicFileTest, FullDisk) {
  auto file = create(directory.path("model.qvl"));
  FileSizeLimit limit(1000);
  llvm::Error error = file->reserve(1001);
  EXPECT_EQ(failureKind(error), FailureKind::System);
  EXPECT_THAT(messageOf(std::move(error)), HasSubstr("model.qvl: cannot claim 1001 bytes"));
  error = file->writeAt(999, {"ab", 2});
  EXPECT_EQ(failureKind(error), FailureKind::System);
  EXPECT_THAT(messageOf(std::move(error)), HasSubstr("model.qvl: cannot write"));
  file.reset();
  EXPECT_THAT(directory.entries(), ElementsAre());
}

TEST_P(AtomicFileTest, KilledLeavesNothing) {
  for (int signal : {SIGINT, SIGTERM}) {
    const auto interrupted = [&] {
      auto file = create(directory.path("model.qvl"));
      write(*file, 0, "new");
      std::raise(signal);
    };
    EXPECT_EXIT(interrupted(), testing::KilledBySignal(signal), "");
    EXPECT_THAT(directory.entries(), ElementsAre());
  }
}

} // namespace
