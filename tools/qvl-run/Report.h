// `--json`: one object about the run.
#pragma once

#include "qvlrt/generator.h"
#include "qvlrt/processor.h"

#include <cstdint>
#include <string>

namespace qvlrun {

/// What the report tells beside request and result.
struct RunFacts {
  std::string device; // as the device describes itself
  double loadMillis = 0;
  double preprocessMillis = 0;
  std::uint64_t weightBytes = 0;
  std::uint64_t arenaBytes = 0;
  std::uint64_t kvBytes = 0;
};

/// The object, on one line; every key is always there. `first_token` counts from the start of
/// preprocessing.
std::string jsonReport(const qvlrt::ProcessedRequest &request,
                       const qvlrt::GenerationResult &result, const RunFacts &facts);

} // namespace qvlrun
