// The two forms in which `qvl-run plan` answers.
#pragma once

#include "qvlrt/plan.h"
#include "qvlrt/processor.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qvlrun {

/// A request under one limit of pixels.
struct PlannedRequest {
  std::optional<std::int64_t> maxPixels; // not set: the model's own
  std::vector<qvlrt::MediaItem> media;
  qvlrt::RunPlan plan;
};

struct PlanReport {
  std::string target; // of the artifact
  std::int64_t modelMaxPixels = 0;
  std::int64_t prefillChunk = 0;
  PlannedRequest request;
  /// For comparison; the first one is that of the model's own limit.
  std::vector<PlannedRequest> variants;
};

/// Lines for people.
std::string textPlan(const PlanReport &report);

/// One object and a line break; all keys are always there. `media`, `usage` and `memory_bytes` are
/// those of the report of a run.
std::string jsonPlan(const PlanReport &report);

} // namespace qvlrun
