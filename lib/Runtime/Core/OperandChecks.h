// Checks of host operands that the language and the vision call share.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include <cstdint>
#include <span>

namespace qvlrt {

/// "ids[3] is 700, not in 0 .. 671".
absl::Status operandOutOfRange(absl::string_view operand, std::size_t index, std::int64_t value,
                               std::int64_t low, std::int64_t high);

/// Each value in low .. high.
absl::Status checkValues(absl::string_view operand, std::span<const std::int32_t> values,
                         std::int64_t low, std::int64_t high);

/// `count` elements.
absl::Status checkCount(absl::string_view operand, std::size_t count, std::size_t expected);

/// Cumulative bounds of segments: from 0, never falling, to `end`; one entry at least.
absl::Status checkSegments(absl::string_view operand, std::span<const std::int32_t> bounds,
                           std::int64_t end);

} // namespace qvlrt
