// Brings a mapped file into memory before it is used.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <thread>
#include <vector>

namespace qvlrt {

/// Threads that touch the pages of a mapping in ascending order. A disk gives its full rate only to
/// several requests at a time, and kernels that meet an absent page would wait for each alone.
/// Where the pages are in memory already, their entries in the page table are made for many at
/// once. Nothing depends on it: without threads, or before Linux 5.14, pages come when they are
/// touched.
class ReadAhead {
public:
  ReadAhead() = default;
  /// Waits for the blocks that are being read, at most 64 MiB.
  ~ReadAhead();
  ReadAhead(const ReadAhead &) = delete;
  ReadAhead &operator=(const ReadAhead &) = delete;

  /// Begins with `pages`, which lie in a file's mapping and outlive this object. The second call
  /// and later ones do nothing; neither does one with so few bytes that threads would not pay.
  void start(std::span<const std::byte> pages);
  bool started() const { return begun; }
  /// Whether every page was touched.
  bool finished() const { return blocksDone.load() == blockCount; }

private:
  void readBlocks();

  bool begun = false;
  std::span<const std::byte> bytes;
  std::size_t blockCount = 0;
  std::atomic<std::size_t> nextBlock = 0, blocksDone = 0;
  std::vector<std::thread> threads;
};

} // namespace qvlrt
