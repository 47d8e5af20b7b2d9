#include "absl/strings/str_format.h"
#include "qvlsim/Fault.h"
#include "qvlsim/Launch.h"

namespace qvlsim {

std::string_view name(FaultKind kind) {
  switch (kind) {
  case FaultKind::OutOfBounds:
    return "out-of-bounds";
  case FaultKind::Misaligned:
    return "misaligned";
  case FaultKind::UninitialisedRead:
    return "uninitialised-read";
  case FaultKind::ReadOnlyWrite:
    return "read-only-write";
  case FaultKind::SharedRace:
    return "shared-race";
  case FaultKind::GlobalRace:
    return "global-race";
  case FaultKind::DivergentBarrier:
    return "divergent-barrier";
  case FaultKind::BarrierMisuse:
    return "barrier-misuse";
  case FaultKind::PartialWarpCollective:
    return "partial-warp-collective";
  case FaultKind::Deadlock:
    return "deadlock";
  case FaultKind::AsyncProxyOrder:
    return "async-proxy-order";
  case FaultKind::MissingFence:
    return "missing-fence";
  case FaultKind::MbarrierMisuse:
    return "mbarrier-misuse";
  case FaultKind::AsyncGroupMisuse:
    return "async-group-misuse";
  case FaultKind::IllegalInstructionUse:
    return "illegal-instruction-use";
  case FaultKind::InvalidCall:
    return "invalid-call";
  case FaultKind::CallDepth:
    return "call-depth";
  case FaultKind::LocalMemory:
    return "local-memory";
  case FaultKind::Trap:
    return "trap";
  case FaultKind::InstructionLimit:
    return "instruction-limit";
  case FaultKind::LaunchBounds:
    return "launch-bounds";
  }
  return "fault";
}

std::string Fault::toString() const {
  return absl::StrFormat("%s: %s:%d: %s: block (%d,%d,%d) thread (%d,%d,%d): %s", name(kind), file,
                         line, instruction, block.x, block.y, block.z, thread.x, thread.y, thread.z,
                         detail);
}

std::string_view name(InstructionClass c) {
  constexpr std::string_view kNames[kInstructionClasses] = {
      "integer",      "float",  "convert", "move",    "control", "global-memory", "shared-memory",
      "local-memory", "atomic", "warp",    "barrier", "async",   "matrix"};
  return kNames[static_cast<std::size_t>(c)];
}

} // namespace qvlsim
