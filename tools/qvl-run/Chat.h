// A conversation on a terminal.
#pragma once

#include "Options.h"

#include "absl/status/status.h"

namespace qvlrun {

/// Reads questions until the end of input and prints answers as they grow. Ctrl-C ends an answer,
/// or the chat when there is none under way (Cancelled). A question that fails is reported and
/// forgotten. Errors: those of loading the model.
absl::Status chat(const Options &options);

} // namespace qvlrun
