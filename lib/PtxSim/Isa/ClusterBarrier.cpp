// barrier.cluster, mapa and getctarank (PTX ISA 9.0, sections 9.7.13.4, 9.7.9.22 and 9.7.9.23).
#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Memory/AccessObserver.h"
#include "Memory/AddressSpaces.h"
#include "Module/Decode.h"
#include "Module/FunctionBuilder.h"
#include "Module/InstructionTable.h"
#include "absl/strings/str_format.h"

#include <array>

namespace qvlsim {
namespace {

/// Of the cluster: how often the barrier has completed.
struct ClusterGeneration : Extension {
  std::uint64_t completed = 0;
};

/// Of a warp: lanes that have arrived at the current generation, and lanes that have arrived and
/// not waited yet.
struct ClusterArrival : Extension {
  LaneMask arrived = 0, owed = 0;
  std::array<std::uint64_t, kWarpSize> generation{};
};

std::uint64_t &completedOf(Cluster &cluster) {
  return cluster.extension<ClusterGeneration>(ExtensionSlot::Mbarrier).completed;
}
ClusterArrival &arrivalOf(Warp &warp) {
  return warp.extension<ClusterArrival>(ExtensionSlot::Mbarrier);
}

/// Completes the barrier once every thread that has not exited has arrived.
void completeIfAllArrived(Cluster &cluster) {
  for (const auto &cta : cluster.ctas)
    for (const auto &warp : cta->warps)
      if (warp->live() & ~arrivalOf(*warp).arrived)
        return;
  for (const auto &cta : cluster.ctas)
    for (const auto &warp : cta->warps)
      arrivalOf(*warp).arrived = 0;
  ++completedOf(cluster);
  cluster.notify();
}

/// variant: 1 for .aligned.
bool checkAligned(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!i.variant || mask == warp.live())
    return true;
  warp.fail(i, FaultKind::DivergentBarrier,
            static_cast<unsigned>(std::countr_zero(warp.live() & ~mask)),
            "an .aligned cluster barrier has to be executed by all threads of the warp");
  return false;
}

Step misuse(Warp &warp, const Instruction &i, LaneMask lanes, std::string_view what) {
  return warp.fail(i, FaultKind::BarrierMisuse, static_cast<unsigned>(std::countr_zero(lanes)),
                   what);
}

Step arrive(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!checkAligned(warp, i, mask))
    return Step::Fault;
  ClusterArrival &own = arrivalOf(warp);
  if (own.owed & mask)
    return misuse(warp, i, own.owed & mask,
                  "the thread arrives again before barrier.cluster.wait for its last arrival");
  const std::uint64_t generation = completedOf(warp.cluster());
  if (warp.observer() && !warp.observer()->clusterArrive(warp, i, mask, i.ordering, generation))
    return Step::Fault;
  own.arrived |= mask;
  own.owed |= mask;
  forLanes(mask, [&](unsigned lane) { own.generation[lane] = generation; });
  completeIfAllArrived(warp.cluster());
  return Step::Next;
}

/// WarpWait::describe.
std::string describeWait(const Warp &warp) {
  int arrived = 0, threads = 0;
  std::string missing;
  for (const auto &cta : warp.cluster().ctas)
    for (const auto &member : cta->warps) {
      const LaneMask there = arrivalOf(*member).arrived & member->live();
      arrived += std::popcount(there);
      threads += std::popcount(member->live());
      if (there != member->live() && missing.empty())
        missing = absl::StrFormat(", warp %d of CTA rank %d has not", member->index(), cta->rank);
    }
  return absl::StrFormat("the cluster barrier: %d of %d threads have arrived%s", arrived, threads,
                         missing);
}

Step wait(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!checkAligned(warp, i, mask))
    return Step::Fault;
  ClusterArrival &own = arrivalOf(warp);
  if (mask & ~own.owed)
    return misuse(warp, i, mask & ~own.owed,
                  "the thread waits without barrier.cluster.arrive before it");
  completeIfAllArrived(warp.cluster()); // threads may have exited since the last arrival
  const std::uint64_t completed = completedOf(warp.cluster());
  LaneMask early = 0;
  forLanes(mask,
           [&](unsigned lane) { early |= own.generation[lane] >= completed ? 1u << lane : 0u; });
  if (early) {
    warp.wait.describe = describeWait;
    return Step::Retry;
  }
  own.owed &= ~mask;
  if (warp.observer() && !warp.observer()->clusterWait(warp, i, mask, completed - 1))
    return Step::Fault;
  return Step::Next;
}

/// variant: 1 where addresses are generic.
Step mapAddress(Warp &warp, const Instruction &i, LaneMask mask) {
  const std::uint64_t window = i.variant ? kSharedWindow : 0;
  constexpr std::uint64_t kOffset = (std::uint64_t{1} << kSharedRankShift) - 1;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const std::uint64_t address = readLane64(warp, i.operands[1], lane) - window;
    const auto rank = readLane<std::uint32_t>(warp, i.operands[2], lane);
    if (address >= kSharedWindowBytes)
      return warp.fail(i, FaultKind::IllegalInstructionUse, lane,
                       "mapa: the address does not lie in shared memory");
    if (rank >= warp.cluster().ctas.size())
      return warp.fail(i, FaultKind::IllegalInstructionUse, lane,
                       absl::StrFormat("mapa: rank %d in a cluster of %d CTAs", rank,
                                       warp.cluster().ctas.size()));
    writeLane64(warp, i.operands[0], lane,
                window + (std::uint64_t{rank} << kSharedRankShift | (address & kOffset)));
  }
  return Step::Next;
}

Step ctaRank(Warp &warp, const Instruction &i, LaneMask mask) {
  const std::uint64_t window = i.variant ? kSharedWindow : 0;
  forLanes(mask, [&](unsigned lane) {
    const std::uint64_t address = readLane64(warp, i.operands[1], lane) - window;
    writeLane(warp, i.operands[0], lane, static_cast<std::uint32_t>(address >> kSharedRankShift));
  });
  return Step::Next;
}

absl::Status decodeArrive(Decoder &d) {
  d.out.ordering =
      d.optionalOf({"release", "relaxed"}) == 1 ? Ordering::Relaxed : Ordering::Release;
  d.out.variant = d.accept("aligned");
  d.out.instructionClass = InstructionClass::Barrier;
  d.expectOperands(0);
  d.out.handler = arrive;
  return absl::OkStatus();
}

absl::Status decodeWait(Decoder &d) {
  d.accept("acquire");
  d.out.ordering = Ordering::Acquire;
  d.out.variant = d.accept("aligned");
  d.out.instructionClass = InstructionClass::Barrier;
  d.expectOperands(0);
  d.out.handler = wait;
  return absl::OkStatus();
}

/// A register, or the name of a shared variable.
void sharedAddressSource(Decoder &d, std::size_t index, Type type) {
  const ParsedOperand &operand = d.parsed(index);
  StateSpace space = StateSpace::Shared;
  if (operand.kind == ParsedOperand::Kind::Name && !d.builder().findRegister(operand.text))
    if (auto address = d.builder().findAddress(
            operand.text, operand.hasDisplacement ? operand.bits : 0, byteSize(type) == 8, space))
      return d.append(*address);
  d.source(index, type);
}

absl::Status decodeAddress(Decoder &d, bool map) {
  d.out.variant = !d.accept("shared::cluster");
  const Type type = d.type({Type::U32, Type::U64});
  d.expectOperands(map ? 3 : 2);
  d.destination(0, map ? type : Type::U32);
  sharedAddressSource(d, 1, type);
  if (map)
    d.source(2, Type::U32);
  d.out.instructionClass = InstructionClass::Move;
  d.out.handler = map ? mapAddress : ctaRank;
  return absl::OkStatus();
}

} // namespace

void addClusterBarrierInstructions(InstructionTable &table) {
  table.add("barrier.cluster.arrive", decodeArrive);
  table.add("barrier.cluster.wait", decodeWait);
  table.add("mapa", [](Decoder &d) { return decodeAddress(d, true); });
  table.add("getctarank", [](Decoder &d) { return decodeAddress(d, false); });
}

} // namespace qvlsim
