#include "lib/Runtime/Core/ReadAhead.h"

#include "absl/strings/str_format.h"
#include <gtest/gtest.h>

#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using qvlrt::ReadAhead;

constexpr std::size_t kSize = std::size_t{100} << 20; // not a multiple of a block

/// A mapped file of kSize bytes without a name.
class MappedScratch {
public:
  MappedScratch() : file(memfd_create("read-ahead", MFD_CLOEXEC)) {
    if (ftruncate(file, kSize) != 0)
      ADD_FAILURE() << "no memory for a file of " << kSize << " bytes";
    memory = mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE, file, 0);
  }
  ~MappedScratch() {
    munmap(memory, kSize);
    close(file);
  }

  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte *>(memory), kSize};
  }
  void cutTo(std::size_t size) { EXPECT_EQ(ftruncate(file, size), 0); }

  /// Bytes of the mapping that have an entry in the page table.
  std::size_t mappedBytes() const {
    std::ifstream maps("/proc/self/smaps");
    const std::string begin = absl::StrFormat("%x-", reinterpret_cast<std::uintptr_t>(memory));
    bool inside = false;
    for (std::string line; std::getline(maps, line);) {
      inside |= line.starts_with(begin);
      if (inside && line.starts_with("Rss:"))
        return std::stoull(line.substr(4)) << 10;
    }
    return 0;
  }

private:
  int file;
  void *memory;
};

bool finishes(const ReadAhead &reader) {
  using Clock = std::chrono::steady_clock;
  for (auto end = Clock::now() + std::chrono::seconds(30); Clock::now() < end; usleep(1000))
    if (reader.finished())
      return true;
  return false;
}

/// Whether this kernel knows MADV_POPULATE_READ.
bool canPopulate() {
  MappedScratch scratch;
  return madvise(const_cast<std::byte *>(scratch.bytes().data()), 4096, 22) == 0;
}

TEST(ReadAheadTest, TouchesEveryPage) {
  if (!canPopulate())
    GTEST_SKIP() << "needs Linux 5.14";
  MappedScratch scratch;
  ReadAhead reader;
  EXPECT_EQ(scratch.mappedBytes(), 0u);
  reader.start(scratch.bytes());
  ASSERT_TRUE(finishes(reader));
  EXPECT_EQ(scratch.mappedBytes(), kSize);
}

TEST(ReadAheadTest, BeginsWithThePageOfItsFirstByte) {
  if (!canPopulate())
    GTEST_SKIP() << "needs Linux 5.14";
  MappedScratch scratch;
  ReadAhead reader;
  const std::size_t page = sysconf(_SC_PAGESIZE), skipped = kSize / 8;
  reader.start(scratch.bytes().subspan(skipped + page - 1));
  ASSERT_TRUE(finishes(reader));
  EXPECT_EQ(scratch.mappedBytes(), kSize - skipped);
}

TEST(ReadAheadTest, OnlyTheFirstStartCounts) {
  if (!canPopulate())
    GTEST_SKIP() << "needs Linux 5.14";
  MappedScratch first, second;
  ReadAhead reader;
  EXPECT_FALSE(reader.started());
  reader.start(first.bytes());
  EXPECT_TRUE(reader.started());
  ASSERT_TRUE(finishes(reader));
  reader.start(second.bytes());
  usleep(50000); // long enough for a thread to begin
  EXPECT_EQ(second.mappedBytes(), 0u);
}

TEST(ReadAheadTest, FewBytesAreLeftAlone) {
  MappedScratch scratch;
  ReadAhead reader;
  reader.start(scratch.bytes().first(std::size_t{63} << 20));
  EXPECT_TRUE(reader.started());
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(scratch.mappedBytes(), 0u);
}

TEST(ReadAheadTest, AFileCutShortIsNoFault) {
  MappedScratch scratch;
  scratch.cutTo(kSize / 2);
  ReadAhead reader;
  reader.start(scratch.bytes());
  usleep(50000); // long enough for the half that is there
  EXPECT_FALSE(reader.finished());
}

TEST(ReadAheadTest, StopsBeforeTheEnd) {
  for (int i = 0; i < 50; ++i) {
    MappedScratch scratch;
    std::optional<ReadAhead> reader(std::in_place);
    reader->start(scratch.bytes());
    reader.reset();
    const std::size_t touched = scratch.mappedBytes();
    usleep(2000);
    EXPECT_EQ(scratch.mappedBytes(), touched) << "a thread goes on";
  }
}

} // namespace
