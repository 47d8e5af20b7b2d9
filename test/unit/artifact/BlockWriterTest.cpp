#include "qvl/Artifact/BlockWriter.h"

#include "FileSizeLimit.h"
#include "qvl/Import/Failure.h"
#include "test/unit/import/CheckpointFiles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using namespace qvl;
using namespace qvl::test;
using testing::HasSubstr;

constexpr uint64_t kBlock = BlockWriter::kBlockBytes;

/// What `count` bytes from `offset` of a file look like that differs at every offset nearby.
std::string pattern(uint64_t offset, uint64_t count) {
  std::string bytes(count, '\0');
  for (uint64_t i = 0; i < count; ++i)
    bytes[i] = static_cast<char>(1 + (offset + i) % 251);
  return bytes;
}

class BlockWriterTest : public testing::Test {
protected:
  void write(uint64_t offset, const std::string &bytes) {
    EXPECT_EQ(messageOf(writer.writeAt(offset, {bytes.data(), bytes.size()})), "");
  }
  std::string commit() {
    EXPECT_EQ(messageOf(writer.finish()), "");
    EXPECT_EQ(messageOf(file->commit()), "");
    return readFile(path);
  }

  TemporaryDirectory directory;
  std::string path = directory.path("model.qvl");
  std::unique_ptr<AtomicFile> file = llvm::cantFail(AtomicFile::create(path));
  BlockWriter writer{*file};
};

TEST_F(BlockWriterTest, GapsAreZero) {
  write(3, "def");
  write(8, "ij");
  EXPECT_EQ(commit(), std::string("\0\0\0def\0\0ij", 10));
}

TEST_F(BlockWriterTest, PiecesOfAnySizeAcrossBlocks) {
  const uint64_t sizes[] = {1, kBlock - 1, kBlock, 5, 2 * kBlock + 7, 0, 3};
  uint64_t offset = 0;
  for (uint64_t size : sizes) {
    write(offset, pattern(offset, size));
    offset += size;
  }
  EXPECT_TRUE(commit() == pattern(0, offset)); // EXPECT_EQ would print megabytes
}

TEST_F(BlockWriterTest, AGapOfSeveralBlocks) {
  const uint64_t begin = 3 * kBlock + 11;
  write(1, "b");
  write(begin, "z");
  std::string expected(begin + 1, '\0');
  expected[1] = 'b';
  expected[begin] = 'z';
  EXPECT_TRUE(commit() == expected);
}

TEST_F(BlockWriterTest, OnlyWholeBlocksBeforeTheEnd) {
  // Nothing may reach the file before its block is complete: this limit would refuse it.
  {
    FileSizeLimit limit(0);
    write(0, pattern(0, kBlock - 1));
  }
  EXPECT_EQ(commit().size(), kBlock - 1);
}

TEST_F(BlockWriterTest, AFullDiskIsAnError) {
  FileSizeLimit limit(1000);
  const std::string bytes = pattern(0, kBlock);
  llvm::Error error = writer.writeAt(0, {bytes.data(), bytes.size()});
  EXPECT_EQ(failureKind(error), FailureKind::System);
  EXPECT_THAT(messageOf(std::move(error)), HasSubstr("model.qvl: cannot write"));
}

} // namespace
