// What a launch must satisfy before it starts.
#pragma once

#include "Exec/LaunchState.h"

#include <string>

namespace qvlsim {

/// Settles the cluster's extents and shared memory of `launch`; the returned text says what is
/// wrong, empty when nothing is.
std::string checkLaunch(LaunchState &launch, std::size_t parameterBytes);

} // namespace qvlsim
