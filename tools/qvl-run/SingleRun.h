// One request: answer, report, dump, comparison, profile.
#pragma once

#include "Options.h"

#include "absl/status/status.h"

namespace qvlrun {

/// Answers the request of the command line and writes everything it asks for.
absl::Status runOnce(const Options &options);

} // namespace qvlrun
