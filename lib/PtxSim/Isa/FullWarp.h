// Instructions that all 32 lanes of a warp execute together (.sync.aligned).
#pragma once

#include "Exec/Warp.h"

#include <bit>

namespace qvlsim {

/// False after Warp::fail when a lane of the warp is missing.
inline bool requireFullWarp(Warp &warp, const Instruction &i, LaneMask mask) {
  if (mask == kAllLanes)
    return true;
  warp.fail(i, FaultKind::PartialWarpCollective, static_cast<unsigned>(std::countr_zero(~mask)),
            "all 32 threads of the warp have to execute this instruction together; this one does "
            "not");
  return false;
}

} // namespace qvlsim
