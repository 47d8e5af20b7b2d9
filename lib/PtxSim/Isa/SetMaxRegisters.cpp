// setmaxnreg (PTX ISA 9.0, section 9.7.19.5): warpgroups hand registers to one another.
//
// A CTA starts with the registers of the launch: .maxnreg a thread, or, without that directive,
// what an even share of the register file allows. Releases go to a pool of the CTA, from which
// requests are served; a request that the pool cannot serve waits.
#include "Async/WarpgroupOrder.h"
#include "Exec/Cluster.h"
#include "Exec/LaunchState.h"
#include "Isa/FullWarp.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"
#include "absl/strings/str_format.h"

#include <algorithm>

namespace qvlsim {
namespace {

constexpr std::uint32_t kRegisterFile = 65536; // of a multiprocessor of compute capability 9.0
constexpr std::uint32_t kMaxRegisters = 255;   // of a thread
constexpr std::uint32_t kGranule = 8;          // registers of a thread are allotted in eights

/// Of the CTA: registers that no warp has, counted for each thread of a warp.
struct RegisterPool : Extension {
  std::uint32_t free = 0;
};
/// Of the warp: registers of a thread.
struct RegisterShare : Extension {
  std::uint32_t held = 0; // 0: what the launch gave
  bool joined = false;    // the warpgroup knows of the request that waits
};

std::uint32_t launchRegisters(const LaunchState &launch) {
  if (launch.info->maxRegisters != 0)
    return launch.info->maxRegisters;
  const auto threads = static_cast<std::uint32_t>(launch.options.block.volume());
  const std::uint32_t blocks = std::max(1u, launch.info->minBlocks);
  return std::min(kRegisterFile / (threads * blocks), kMaxRegisters) / kGranule * kGranule;
}

RegisterPool &poolOf(const Warp &warp) {
  return warp.cta().extension<RegisterPool>(ExtensionSlot::Registers);
}
RegisterShare &shareOf(const Warp &warp) {
  return const_cast<Warp &>(warp).extension<RegisterShare>(ExtensionSlot::Registers);
}

/// WarpWait::describe; the object is the number of registers asked for.
std::string describeWait(const Warp &warp) {
  return absl::StrFormat("registers: its threads have %d and ask for %d, the pool of the CTA holds "
                         "%d for a thread",
                         shareOf(warp).held, warp.wait.object, poolOf(warp).free);
}

// variant: 1 for .inc.
Step setMaxRegisters(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireFullWarp(warp, i, mask))
    return Step::Fault;
  RegisterShare &share = shareOf(warp);
  if (!share.joined && !joinWarpgroup(warp, i))
    return Step::Fault;
  if (share.held == 0)
    share.held = launchRegisters(warp.launch());
  const auto wanted = static_cast<std::uint32_t>(i.immediate);
  if (i.variant ? wanted < share.held : wanted > share.held)
    return warp.fail(i, FaultKind::IllegalInstructionUse, 0,
                     absl::StrFormat("the threads have %d registers: %s", share.held,
                                     i.variant ? ".inc asks for fewer" : ".dec keeps more"));
  RegisterPool &pool = poolOf(warp);
  share.joined = i.variant && wanted - share.held > pool.free;
  if (share.joined) {
    warp.wait = {&i, describeWait, wanted};
    return Step::Retry;
  }
  pool.free += share.held - wanted; // modulo 2^32 for requests, which the pool serves
  share.held = wanted;
  warp.cluster().notify();
  return Step::Next;
}

absl::Status decodeSetMaxRegisters(Decoder &d) {
  d.out.variant = d.oneOf({"inc", "dec"}) == 0;
  d.oneOf({"sync"});
  d.oneOf({"aligned"});
  d.oneOf({"u32"});
  d.expectOperands(1);
  d.out.immediate = d.constant(0, 24, 256);
  if (d.out.immediate % kGranule != 0)
    d.fail("setmaxnreg: the count is a multiple of 8 from 24 to 256");
  d.out.instructionClass = InstructionClass::Control;
  d.out.handler = setMaxRegisters;
  return absl::OkStatus();
}

} // namespace

void addSetMaxRegistersInstructions(InstructionTable &table) {
  table.add("setmaxnreg", decodeSetMaxRegisters);
}

} // namespace qvlsim
