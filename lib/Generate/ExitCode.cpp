// The one mapping from statuses to exit codes.
#include "qvlrt/exit_code.h"

#include "qvlrt/status.h"

namespace qvlrt {

int exitCodeOf(const absl::Status &status) {
  switch (status.code()) {
  case absl::StatusCode::kOk:
    return kExitDone;
  case absl::StatusCode::kCancelled:
    return kExitInterrupted;
  case absl::StatusCode::kResourceExhausted:
    return isLimitReached(status) ? kExitBadInput : kExitSystemFailed;
  case absl::StatusCode::kUnavailable:
  case absl::StatusCode::kAborted:
    return kExitSystemFailed;
  case absl::StatusCode::kInternal:
  case absl::StatusCode::kUnknown:
    return kExitInternal;
  default:
    return kExitBadInput;
  }
}

} // namespace qvlrt
