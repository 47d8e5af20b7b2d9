// How long a launch takes on a GPU.
#pragma once

#include "Gpu.h"

#include <functional>
#include <string>

namespace qvlptxrun {

/// Microseconds of one launch.
struct LaunchTimes {
  double best = 0, median = 0; // launched alone, between two events
  double inGraph = 0;          // one of many in a graph that is replayed
  double wholeGraph = 0;       // a replay of one launch, from call to end, on the host's clock
};

/// Times `launch`, which enqueues one launch on the GPU's stream, `runs` times each way, after runs
/// that warm up. Errors: those of `launch` and of the driver.
absl::StatusOr<LaunchTimes> timeLaunches(const Gpu &gpu, int runs,
                                         const std::function<absl::Status()> &launch);

/// One line of JSON; without figures for a simulator, whose times say nothing.
std::string toJson(const LaunchTimes &times, bool isSimulator);

/// What peaks follow from, as one line of JSON: name, capability, multiprocessors, clocks, width of
/// the memory bus. Errors: those of the driver.
absl::StatusOr<std::string> describeCard(const Gpu &gpu);

} // namespace qvlptxrun
