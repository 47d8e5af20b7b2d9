// `--json`: one object about the run.
#pragma once

#include "qvlrt/generator.h"
#include "qvlrt/loaded_model.h"
#include "qvlrt/processor.h"

#include <string>

namespace qvlrun {

/// The object, on one line; every key is always there. Times are milliseconds, `first_token` counts
/// from the start of preprocessing, which took `preprocessMillis`. Memory is that of the whole
/// process so far.
std::string jsonReport(const qvlrt::LoadedModel &model, const qvlrt::ProcessedRequest &request,
                       const qvlrt::GenerationResult &result, double preprocessMillis);

} // namespace qvlrun
