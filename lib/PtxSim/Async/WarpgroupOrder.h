// Instructions that the four warps of a warpgroup have to execute together: wgmma and setmaxnreg
// (.sync.aligned; PTX ISA 9.0, sections 9.7.15.7 and 9.7.19.5).
//
// Warps run ahead of one another in the simulator. So each warpgroup keeps the sequence of these
// instructions, and every warp has to execute the same one.
#pragma once

#include "Exec/Warp.h"

namespace qvlsim {

/// Notes that a warp executes `i`. False after Warp::fail when the block has no whole warpgroup
/// there, or when another of its warps has executed a different instruction in this place. Warps
/// that have left instructions out are reported when their CTA ends.
bool joinWarpgroup(Warp &warp, const Instruction &i);

} // namespace qvlsim
