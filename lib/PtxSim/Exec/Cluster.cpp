#include "Exec/Cluster.h"

#include "Exec/Deadlock.h"
#include "Exec/Interpreter.h"
#include "Exec/LaunchState.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace qvlsim {
namespace {

constexpr std::size_t kSharedAlign = 1024;
constexpr std::uint64_t kSlice = 4096; // instructions of a warp before others run
constexpr unsigned kPollRounds = 4;    // rounds of polling without an event: spinning
constexpr unsigned kSpinRounds = 64;   // rounds before another cluster may run

std::unique_ptr<Cta> makeCta(Cluster &cluster, unsigned rank, const Dim3 &block) {
  const LaunchState &launch = cluster.launch();
  auto cta = std::make_unique<Cta>();
  cta->cluster = &cluster;
  cta->rank = rank;
  cta->block = block;
  cta->sharedBytes = launch.sharedBytes;
  cta->sharedStorage =
      std::make_unique_for_overwrite<std::byte[]>(launch.sharedBytes + kSharedAlign);
  auto address = reinterpret_cast<std::uintptr_t>(cta->sharedStorage.get());
  cta->shared = cta->sharedStorage.get() + (kSharedAlign - address % kSharedAlign) % kSharedAlign;
  std::memset(cta->shared, 0xFF, launch.sharedBytes);
  cta->sharedInitialised = std::make_unique<std::uint8_t[]>(launch.sharedBytes + 1);
  return cta;
}

} // namespace

std::uint32_t Cta::liveThreads() const {
  std::uint32_t n = 0;
  for (const auto &warp : warps)
    n += static_cast<std::uint32_t>(std::popcount(warp->live()));
  return n;
}

Cluster::Cluster(LaunchState &launch, std::uint64_t index)
    : launch_(launch), index_(index), random_(launch.options.seed * 0x9E3779B97F4A7C15U + index) {
  const Dim3 c = launch.cluster, grid = launch.options.grid;
  const std::uint64_t across = grid.x / c.x, down = grid.y / c.y;
  const auto x0 = static_cast<std::uint32_t>(index % across * c.x),
             y0 = static_cast<std::uint32_t>(index / across % down * c.y),
             z0 = static_cast<std::uint32_t>(index / across / down * c.z);
  for (std::uint32_t z = 0; z < c.z; ++z)
    for (std::uint32_t y = 0; y < c.y; ++y)
      for (std::uint32_t x = 0; x < c.x; ++x)
        ctas.push_back(
            makeCta(*this, static_cast<unsigned>(ctas.size()), {x0 + x, y0 + y, z0 + z}));
  const auto threads = static_cast<std::uint32_t>(launch.options.block.volume());
  for (auto &cta : ctas)
    for (std::uint32_t first = 0; first < threads; first += kWarpSize) {
      std::uint32_t n = std::min<std::uint32_t>(threads - first, kWarpSize);
      cta->warps.push_back(std::make_unique<Warp>());
      cta->warps.back()->start(*cta, first / kWarpSize, n == kWarpSize ? kAllLanes : (1U << n) - 1);
      order_.push_back(cta->warps.back().get());
    }
  if (launch.observer != nullptr)
    launch.observer->clusterBegin(*this);
}

Cluster::~Cluster() {
  pending.clear();
  if (launch_.observer != nullptr)
    launch_.observer->clusterEnd(*this);
}

bool Cluster::lateAsync() const { return launch_.options.async == AsyncMode::Late; }

/// One turn for every warp that can run; false after a fault.
bool Cluster::runWarps(bool &ran, bool &polled) {
  if (launch_.options.seed != 0)
    std::shuffle(order_.begin(), order_.end(), random_);
  for (Warp *warp : order_) {
    if (warp->state == Warp::State::Done ||
        (warp->state == Warp::State::Waiting && warp->waitEpoch == epoch_))
      continue;
    if (launch_.stop.load(std::memory_order_relaxed))
      return false;
    const std::uint64_t before = epoch_;
    if (!runWarp(*warp, kSlice))
      return false;
    if (warp->state == Warp::State::Yielded)
      polled = true;
    else if (warp->state != Warp::State::Waiting || epoch_ != before)
      ran = true;
    if (warp->state == Warp::State::Done)
      notify(); // barriers count the threads that are left
  }
  return true;
}

bool Cluster::endCtas() {
  for (const auto &cta : ctas) {
    for (const auto &extension : cta->extensions)
      if (extension && !extension->end(*cta))
        return false;
    if (launch_.observer != nullptr && !launch_.observer->ctaEnd(*cta))
      return false;
  }
  return true;
}

Cluster::Progress Cluster::run() {
  for (unsigned rounds = 0;; ++rounds) {
    bool ran = false, polled = false;
    const std::uint64_t before = epoch_;
    if (!runWarps(ran, polled))
      return Progress::Failed;
    if (launch_.options.instructionLimit != 0 &&
        counts.warpInstructions > launch_.options.instructionLimit) {
      for (Warp *warp : order_)
        if (warp->state != Warp::State::Done) {
          const StackEntry &top = warp->stack.back();
          warp->fail(
              warp->frames[top.frame].function->code[top.pc], FaultKind::InstructionLimit, 0,
              absl::StrFormat("more than %d warp instructions", launch_.options.instructionLimit));
          return Progress::Failed;
        }
    }
    bool done = std::all_of(order_.begin(), order_.end(),
                            [](const Warp *w) { return w->state == Warp::State::Done; });
    if (done) {
      while (!pending.empty())
        if (!pending.completeOne())
          return Progress::Failed;
      return endCtas() ? Progress::Finished : Progress::Failed;
    }
    if (ran || epoch_ != before) {
      idleRounds_ = 0;
    } else if (polled && ++idleRounds_ < kPollRounds) {
      continue;
    } else if (!pending.empty()) {
      idleRounds_ = 0;
      if (!pending.completeOne())
        return Progress::Failed;
      notify();
    } else {
      reportDeadlock(*this);
      return Progress::Failed;
    }
    if (rounds >= kSpinRounds)
      return Progress::Spinning;
  }
}

} // namespace qvlsim
