// Fences between proxies, and instructions that only steer the machine: dependent launches,
// prefetches, cache policies.
#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Memory/Access.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"

namespace qvlsim {
namespace {

Step proxyFence(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!warp.observer())
    return Step::Next;
  const bool acquire = i.ordering == Ordering::Acquire;
  const Proxy other = i.variant ? Proxy::TensorMap : Proxy::Async;
  const bool ok = warp.observer()->proxyFence(warp, i, mask, acquire ? other : Proxy::Generic,
                                              acquire ? Proxy::Generic : other, i.scope);
  return ok ? Step::Next : Step::Fault;
}

Step initFence(Warp &warp, const Instruction &i, LaneMask mask) {
  if (warp.observer() && !warp.observer()->mbarrierInitFence(warp, i, mask))
    return Step::Fault;
  return Step::Next;
}

Step nothing(Warp &, const Instruction &, LaneMask) { return Step::Next; }

Step cachePolicy(Warp &warp, const Instruction &i, LaneMask mask) {
  forLanes(mask, [&](unsigned lane) { writeLane(warp, i.operands[0], lane, std::uint64_t{0}); });
  return Step::Next;
}

absl::Status decodeProxyAsync(Decoder &d) {
  d.optionalOf({"global", "shared::cta", "shared::cluster"});
  d.expectOperands(0);
  d.out.ordering = Ordering::AcquireRelease;
  d.out.instructionClass = InstructionClass::Barrier;
  d.out.handler = proxyFence;
  return absl::OkStatus();
}

/// fence.proxy.async::generic.{acquire.sync_restrict::shared::cluster,
/// release.sync_restrict::shared::cta}.cluster
absl::Status decodeProxyAsyncGeneric(Decoder &d) {
  const bool acquire = d.oneOf({"acquire", "release"}) == 0;
  d.oneOf({acquire ? "sync_restrict::shared::cluster" : "sync_restrict::shared::cta"});
  d.oneOf({"cluster"});
  d.expectOperands(0);
  d.out.ordering = acquire ? Ordering::Acquire : Ordering::Release;
  d.out.scope = Scope::Cluster;
  d.out.instructionClass = InstructionClass::Barrier;
  d.out.handler = proxyFence;
  return absl::OkStatus();
}

absl::Status decodeProxyTensorMap(Decoder &d) {
  const bool acquire = d.oneOf({"acquire", "release"}) == 0;
  d.out.ordering = acquire ? Ordering::Acquire : Ordering::Release;
  d.out.scope = d.scope();
  d.out.variant = 1;
  if (acquire) {
    d.expectOperands(2);
    d.address(0, StateSpace::Generic);
    d.constant(1, 128, 128);
  } else {
    d.expectOperands(0);
  }
  d.out.instructionClass = InstructionClass::Barrier;
  d.out.handler = proxyFence;
  return absl::OkStatus();
}

/// Aliases do not exist in the simulator: one address is one place.
absl::Status decodeProxyAlias(Decoder &d) {
  d.expectOperands(0);
  d.out.instructionClass = InstructionClass::Barrier;
  d.out.handler = nothing;
  return absl::OkStatus();
}

absl::Status decodeInitFence(Decoder &d) {
  d.oneOf({"release"});
  d.oneOf({"cluster"});
  d.expectOperands(0);
  d.out.instructionClass = InstructionClass::Barrier;
  d.out.handler = initFence;
  return absl::OkStatus();
}

/// Launches of the simulator follow one another, so dependencies hold already.
absl::Status decodeGridDependency(Decoder &d) {
  d.oneOf({"launch_dependents", "wait"});
  d.expectOperands(0);
  d.out.instructionClass = InstructionClass::Control;
  d.out.handler = nothing;
  return absl::OkStatus();
}

absl::Status decodePrefetch(Decoder &d) {
  const int space = d.optionalOf({"global", "local", "const", "param"});
  d.oneOf({"L1", "L2", "L2::evict_last", "L2::evict_normal", "tensormap"});
  constexpr StateSpace kSpaces[] = {StateSpace::Global, StateSpace::Local, StateSpace::Constant,
                                    StateSpace::Parameter};
  d.expectOperands(1);
  d.address(0, space < 0 ? StateSpace::Generic : kSpaces[space]);
  d.out.instructionClass = InstructionClass::GlobalMemory;
  d.out.handler = nothing;
  return absl::OkStatus();
}

absl::Status decodePrefetchUniform(Decoder &d) {
  d.oneOf({"L1"});
  d.expectOperands(1);
  d.address(0, StateSpace::Generic);
  d.out.instructionClass = InstructionClass::GlobalMemory;
  d.out.handler = nothing;
  return absl::OkStatus();
}

absl::Status decodePolicy(Decoder &d) {
  d.oneOf({"fractional"});
  d.oneOf({"L2::evict_last", "L2::evict_normal", "L2::evict_first", "L2::evict_unchanged"});
  d.optionalOf({"L2::evict_first", "L2::evict_unchanged"});
  d.oneOf({"b64"});
  d.expectOperands(1, 2);
  d.destination(0, Type::B64);
  if (d.operandCount() == 2)
    d.source(1, Type::F32);
  d.out.instructionClass = InstructionClass::Move;
  d.out.handler = cachePolicy;
  return absl::OkStatus();
}

} // namespace

void addFenceProxyInstructions(InstructionTable &table) {
  table.add("fence.proxy.async", decodeProxyAsync);
  table.add("fence.proxy.async::generic", decodeProxyAsyncGeneric);
  table.add("fence.proxy.tensormap::generic", decodeProxyTensorMap);
  table.add("fence.proxy.alias", decodeProxyAlias);
  table.add("fence.mbarrier_init", decodeInitFence);
  table.add("griddepcontrol", decodeGridDependency);
  table.add("prefetch", decodePrefetch);
  table.add("prefetchu", decodePrefetchUniform);
  table.add("createpolicy", decodePolicy);
}

} // namespace qvlsim
