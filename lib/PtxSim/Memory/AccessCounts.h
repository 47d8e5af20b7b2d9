// Bank conflicts and sectors of memory accesses.
#pragma once

#include "Memory/Access.h"

namespace qvlsim {

/// Adds one warp-wide access to the counts: lanes `inShared` touch shared memory, `inGlobal`
/// global.
void countAccess(Counts &counts, const LaneAccess &access, LaneMask inShared, LaneMask inGlobal);

} // namespace qvlsim
