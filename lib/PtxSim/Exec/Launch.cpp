#include "qvlsim/Launch.h"

#include "Exec/Cluster.h"
#include "Exec/LaunchChecks.h"
#include "Exec/LaunchState.h"
#include "Memory/AddressSpaces.h"
#include "Module/SpecialRegisters.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <thread>

namespace qvlsim {
namespace {

constexpr std::uint64_t kMaxSpinningCtas =
    256; // kept by one host thread while they wait for others

std::uint64_t launchValue(const LaunchState &launch, const PoolValue &value) {
  switch (value.kind) {
  case PoolValue::Kind::GlobalAddress:
    return launch.instance->address(value.index) + value.value;
  case PoolValue::Kind::FunctionAddress:
    return kCodeWindow + 16 * std::uint64_t{value.index};
  case PoolValue::Kind::GridSpecial:
    return gridSpecial(launch, value.special);
  default:
    return value.value; // literals and offsets of parameters
  }
}

void fillLaunchBank(LaunchState &launch) {
  const detail::Program &program = *launch.program;
  constexpr std::size_t kAlign = 64;
  launch.bankStorage = std::make_unique<std::byte[]>(program.launchPoolBytes + kAlign);
  auto address = reinterpret_cast<std::uintptr_t>(launch.bankStorage.get());
  std::byte *data = launch.bankStorage.get() + (kAlign - address % kAlign) % kAlign;
  std::size_t units = program.launchPoolBytes / kLaneUnit + 1;
  launch.bankWritten = std::make_unique<LaneMask[]>(units);
  std::fill_n(launch.bankWritten.get(), units, kAllLanes);
  launch.bank = {data, launch.bankWritten.get()};
  for (const PoolValue &value : program.launchPool) {
    std::uint64_t v = launchValue(launch, value);
    if (value.predicate)
      v = v ? kAllLanes : 0;
    if (value.wide)
      std::fill_n(reinterpret_cast<std::uint64_t *>(data + value.offset), kWarpSize, v);
    else
      std::fill_n(reinterpret_cast<std::uint32_t *>(data + value.offset), kWarpSize,
                  static_cast<std::uint32_t>(v));
  }
}

/// Runs clusters from a shared counter. Clusters that only poll memory are set aside, so that those
/// that they wait for run too.
class Worker {
public:
  Worker(LaunchState &launch, std::atomic<std::uint64_t> &next, std::uint64_t clusters)
      : launch_(launch), next_(next), clusters_(clusters) {}

  void run() {
    while (!launch_.stop.load(std::memory_order_relaxed)) {
      bool room = spinning_.size() * launch_.cluster.volume() < kMaxSpinningCtas;
      std::uint64_t index = room ? next_.fetch_add(1) : clusters_;
      std::unique_ptr<Cluster> cluster;
      if (index < clusters_) {
        cluster = std::make_unique<Cluster>(launch_, index);
      } else if (!spinning_.empty()) {
        cluster = std::move(spinning_.front());
        spinning_.pop_front();
      } else {
        return;
      }
      if (cluster->run() == Cluster::Progress::Spinning)
        spinning_.push_back(std::move(cluster));
      else
        counts.add(cluster->counts);
    }
  }
  Counts counts;

private:
  LaunchState &launch_;
  std::atomic<std::uint64_t> &next_;
  std::uint64_t clusters_;
  std::deque<std::unique_ptr<Cluster>> spinning_;
};

Counts runClusters(LaunchState &launch) {
  std::uint64_t clusters = launch.options.grid.volume() / launch.cluster.volume();
  unsigned threads = launch.options.threads ? launch.options.threads
                                            : std::max(1U, std::thread::hardware_concurrency());
  threads = static_cast<unsigned>(std::min<std::uint64_t>(threads, clusters));
  std::atomic<std::uint64_t> next{0};
  std::deque<Worker> workers;
  for (unsigned t = 0; t < threads; ++t)
    workers.emplace_back(launch, next, clusters);
  std::vector<std::thread> pool;
  for (unsigned t = 1; t < threads; ++t)
    pool.emplace_back([&workers, t] { workers[t].run(); });
  workers[0].run();
  for (std::thread &thread : pool)
    thread.join();
  Counts counts;
  for (const Worker &worker : workers)
    counts.add(worker.counts);
  return counts;
}

LaunchResult refused(const LaunchState &launch, std::string_view kernel, std::string cause) {
  Fault fault;
  fault.kind = FaultKind::LaunchBounds;
  fault.file = launch.program->fileName;
  fault.instruction = std::string(kernel);
  fault.detail = std::move(cause);
  return {std::move(fault), {}};
}

} // namespace

void LaunchState::report(Fault f) {
  std::lock_guard lock(faultMutex);
  if (!fault)
    fault = std::move(f);
  stop.store(true);
}

void Counts::add(const Counts &other) {
  warpInstructions += other.warpInstructions;
  threadInstructions += other.threadInstructions;
  for (std::size_t c = 0; c < byClass.size(); ++c)
    byClass[c] += other.byClass[c];
  sharedRequests += other.sharedRequests;
  sharedBankConflicts += other.sharedBankConflicts;
  globalRequests += other.globalRequests;
  globalSectors += other.globalSectors;
  matrixFlops += other.matrixFlops;
}

LaunchResult launch(const ModuleInstance &instance, std::string_view kernel,
                    std::span<const std::byte> parameters, DeviceMemory &memory,
                    const LaunchOptions &options) {
  LaunchState state;
  state.program = &instance.module().program();
  state.instance = &instance;
  state.options = options;
  state.info = instance.module().find(kernel);
  if (state.info == nullptr)
    return refused(state, kernel, "the module has no kernel of that name");
  for (const auto &function : state.program->functions)
    if (function->entry && function->name == kernel)
      state.kernel = function.get();
  if (std::string cause = checkLaunch(state, parameters.size()); !cause.empty())
    return refused(state, kernel, std::move(cause));
  state.parameters.assign(parameters.begin(), parameters.end());
  state.memory = memory.snapshot();
  fillLaunchBank(state);
  if (options.races)
    state.observer = makeRaceObserver();
  Counts counts = runClusters(state);
  return {std::move(state.fault), counts};
}

} // namespace qvlsim
