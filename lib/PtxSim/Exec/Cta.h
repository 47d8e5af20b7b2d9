// A thread block: shared memory, barriers, warps.
#pragma once

#include "Exec/Warp.h"
#include "qvlsim/Dim3.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace qvlsim {

/// One of the sixteen barriers of a CTA (PTX ISA 9.0, section 9.7.13.1).
struct NamedBarrier {
  std::uint32_t expected = 0; // threads; 0 while nobody waits
  std::uint32_t arrived = 0;
  std::uint64_t generation = 0; // completed uses
  std::uint32_t reduction = 0;  // threads whose predicate is true, of this generation
  std::uint32_t lastReduction = 0, lastExpected = 0; // of the generation before
};
inline constexpr unsigned kNamedBarriers = 16;

class Cta {
public:
  Cluster *cluster = nullptr;
  unsigned rank = 0;   // in the cluster
  Dim3 block{0, 0, 0}; // %ctaid
  std::uint32_t sharedBytes = 0;
  std::unique_ptr<std::byte[]> sharedStorage; // shared points to its 1024-byte aligned start
  std::byte *shared = nullptr;
  std::unique_ptr<std::uint8_t[]> sharedInitialised; // one byte a byte
  std::array<NamedBarrier, kNamedBarriers> barriers{};
  std::vector<std::unique_ptr<Warp>> warps;
  std::array<std::unique_ptr<Extension>, static_cast<unsigned>(ExtensionSlot::Count)> extensions;

  /// Threads that have not exited.
  std::uint32_t liveThreads() const;
  template <typename T> T &extension(ExtensionSlot slot) {
    auto &held = extensions[static_cast<unsigned>(slot)];
    if (!held)
      held = std::make_unique<T>();
    return static_cast<T &>(*held);
  }
};

} // namespace qvlsim
