// What all clusters of one launch share.
#pragma once

#include "Exec/Warp.h"
#include "Memory/AccessObserver.h"
#include "Module/Program.h"
#include "qvlsim/Launch.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace qvlsim {

struct LaunchState {
  const detail::Program *program = nullptr;
  const ModuleInstance *instance = nullptr;
  const Function *kernel = nullptr;
  const KernelInfo *info = nullptr;
  LaunchOptions options;
  Dim3 cluster{1, 1, 1};
  std::uint32_t sharedBytes = 0; // of a CTA: static, aligned dynamic
  std::uint32_t dynamicSharedStart = 0;
  std::vector<std::byte> parameters;
  std::shared_ptr<const DeviceMemory::Snapshot> memory;
  std::unique_ptr<AccessObserver> observer;

  // Bank::Launch.
  std::unique_ptr<std::byte[]> bankStorage;
  std::unique_ptr<LaneMask[]> bankWritten;
  LaneBank bank;

  std::atomic<bool> stop{false};
  std::mutex faultMutex;
  std::optional<Fault> fault;

  /// Keeps the first fault and stops every cluster.
  void report(Fault f);
};

/// The observer that LaunchOptions::races asks for.
std::unique_ptr<AccessObserver> makeRaceObserver();

} // namespace qvlsim
