#include "qvlrt/status.h"

namespace qvlrt {

// The payload marks the status without a code of its own: Abseil's codes are fixed.
static constexpr char kLimitPayload[] = "qvlrt/limit-reached";

absl::Status limitReached(std::string_view message) {
  absl::Status status =
      absl::ResourceExhaustedError(absl::string_view(message.data(), message.size()));
  status.SetPayload(kLimitPayload, absl::Cord());
  return status;
}

bool isLimitReached(const absl::Status &status) {
  return status.GetPayload(kLimitPayload).has_value();
}

} // namespace qvlrt
