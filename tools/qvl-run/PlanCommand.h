// `qvl-run plan`: what a request would cost (contract C5).
#pragma once

#include "Options.h"

#include "absl/status/status.h"

namespace qvlrun {

/// Plans the request of the options and prints sizes, tokens and memory, as text or as one JSON
/// object. Reads headers of pictures and the metadata of the artifact only. With pixel limits on
/// the command line it also prints what each of them saves beside the model's own. A request that a
/// run would refuse is planned all the same, and the reason is part of the answer. Errors: those of
/// Module::open, Processor::plan and Planner.
absl::Status planRequest(const Options &options);

} // namespace qvlrun
