// `--profile`: program calls and their commands as a Chrome trace.
#pragma once

#include "qvlrt/session.h"

#include <span>
#include <string>

namespace qvlrun {

/// The trace as JSON text for chrome://tracing or Perfetto: one event for each program call and,
/// inside it, one for each command, named by its module path. Times are microseconds.
std::string chromeTrace(std::span<const qvlrt::ProgramRun> runs);

} // namespace qvlrun
