#include "Races/GlobalShadow.h"

namespace qvlsim::races {

void SyncLocations::publish(const Key &key, const std::shared_ptr<const ForeignClocks> &clock) {
  std::lock_guard lock(mutex_);
  std::shared_ptr<const ForeignClocks> &published = clocks_[key];
  published = joined(published, clock);
  empty_.store(false, std::memory_order_release);
}

std::shared_ptr<const ForeignClocks> SyncLocations::find(const Key &key) {
  std::lock_guard lock(mutex_);
  auto it = clocks_.find(key);
  return it == clocks_.end() ? nullptr : it->second;
}

ShadowPage &GlobalShadow::page(std::uint64_t number) {
  Shard &shard = shards_[number % shards_.size()];
  std::lock_guard lock(shard.mutex);
  std::unique_ptr<ShadowPage> &page = shard.pages[number];
  if (!page)
    page = std::make_unique<ShadowPage>();
  return *page;
}

} // namespace qvlsim::races
