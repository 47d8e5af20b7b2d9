// The part of the happens-before model that all clusters of a launch share.
#pragma once

#include "Races/ShadowLine.h"

#include "absl/container/flat_hash_map.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>

namespace qvlsim::races {

/// Clocks published at memory locations by release patterns and taken over by acquire patterns
/// (PTX ISA 9.0, section 8.10). A release is visible to acquires in the same instance of a scope
/// that includes both threads: each (location, instance) keeps a clock. It only grows: an acquire
/// may thus know more than the value that it read tells, which can hide a race but not invent one.
class SyncLocations {
public:
  struct Key {
    std::uint64_t address;
    std::uint64_t instance; // see ClusterModel::instanceOf
    bool operator==(const Key &) const = default;
    template <typename H> friend H AbslHashValue(H h, const Key &key) {
      return H::combine(std::move(h), key.address, key.instance);
    }
  };

  /// True when no release has been published yet: the common case, without a lock.
  bool empty() const { return empty_.load(std::memory_order_acquire); }
  void publish(const Key &key, const std::shared_ptr<const ForeignClocks> &clock);
  /// Null when nothing was published there.
  std::shared_ptr<const ForeignClocks> find(const Key &key);

private:
  std::mutex mutex_;
  std::atomic<bool> empty_ = true;
  absl::flat_hash_map<Key, std::shared_ptr<const ForeignClocks>> clocks_;
};

/// Shadow of 4 KiB of global memory; lines are made on first use.
struct ShadowPage {
  static constexpr std::uint32_t kBytes = 4096;
  std::mutex mutex; // held over each access to the lines
  std::array<std::unique_ptr<ShadowLine>, kBytes / ShadowLine::kBytes> lines;
  CellPool pool{64};

  ShadowLine &line(std::uint64_t address) {
    std::unique_ptr<ShadowLine> &line = lines[address % kBytes / ShadowLine::kBytes];
    if (!line)
      line = std::make_unique<ShadowLine>();
    return *line;
  }
};

/// Shadow of global memory and its synchronising locations, for one launch.
class GlobalShadow {
public:
  /// The shadow of the page with this number (address / ShadowPage::kBytes). It lives as long as
  /// the launch, so that clusters may keep the pointer.
  ShadowPage &page(std::uint64_t number);
  SyncLocations &locations() { return locations_; }

private:
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<std::uint64_t, std::unique_ptr<ShadowPage>> pages;
  };
  std::array<Shard, 16> shards_;
  SyncLocations locations_;
};

} // namespace qvlsim::races
