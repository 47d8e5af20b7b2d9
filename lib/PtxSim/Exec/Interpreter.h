// The loop that runs a warp.
#pragma once

#include "Exec/Warp.h"

namespace qvlsim {

/// Runs a warp until it waits, polls, ends or fails, or has run `slice` instructions. False after a
/// fault.
bool runWarp(Warp &warp, std::uint64_t slice);

} // namespace qvlsim
