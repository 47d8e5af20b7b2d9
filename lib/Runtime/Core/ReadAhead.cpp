#include "ReadAhead.h"

#include <algorithm>
#include <cstdint>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

#ifndef MADV_POPULATE_READ // Linux 5.14; Debian 12's libc has it
#define MADV_POPULATE_READ 22
#endif

namespace qvlrt {

/// One reaches the rate of a fast disk alone, but shares the processors with the kernels.
static constexpr std::size_t kThreads = 2;
/// Small blocks of two threads look like random reads to the kernel, which then reads less ahead;
/// destruction waits for one of each thread.
static constexpr std::size_t kBlockBytes = std::size_t{32} << 20;
/// A file of this size is read faster than it would take to notice.
static constexpr std::size_t kLeastBytes = std::size_t{64} << 20;

/// The span from the start of its first page on.
static std::span<const std::byte> fromPage(std::span<const std::byte> bytes) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::size_t inPage = reinterpret_cast<std::uintptr_t>(bytes.data()) % page;
  return {bytes.data() - inPage, bytes.size() + inPage};
}

void ReadAhead::start(std::span<const std::byte> pages) {
  if (begun)
    return;
  begun = true;
  if (pages.size() < kLeastBytes)
    return;
  bytes = fromPage(pages);
  blockCount = (bytes.size() + kBlockBytes - 1) / kBlockBytes;
  try {
    while (threads.size() < kThreads)
      threads.emplace_back(&ReadAhead::readBlocks, this);
  } catch (const std::system_error &) {
    // As many threads as the system grants.
  }
}

/// Takes blocks until none is left. A block that cannot be read (an old kernel, a file cut short
/// meanwhile) ends the thread: whoever needs those pages will meet the error.
void ReadAhead::readBlocks() {
  for (std::size_t block; (block = nextBlock.fetch_add(1)) < blockCount;) {
    std::span<const std::byte> rest = bytes.subspan(block * kBlockBytes);
    void *start = const_cast<std::byte *>(rest.data());
    if (madvise(start, std::min(rest.size(), kBlockBytes), MADV_POPULATE_READ) != 0)
      return;
    blocksDone.fetch_add(1);
  }
}

ReadAhead::~ReadAhead() {
  nextBlock.store(blockCount);
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace qvlrt
