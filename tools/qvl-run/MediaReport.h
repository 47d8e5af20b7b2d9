// The media of a request in reports.
#pragma once

#include "qvlrt/processor.h"

#include <nlohmann/json.hpp>

#include <span>

namespace qvlrun {

/// One object a medium: source, original and resized [h, w], grid [t, h, w], tokens.
nlohmann::ordered_json mediaReport(std::span<const qvlrt::MediaItem> media);

} // namespace qvlrun
