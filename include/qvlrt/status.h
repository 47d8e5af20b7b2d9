// How the runtime's errors tell a limit that the user set from a system that failed.
#pragma once

#include "absl/status/status.h"

#include <string_view>

namespace qvlrt {

// Codes used across the runtime:
//   InvalidArgument     the input (file, shape, id) is wrong: it fails again on every machine
//   NotFound            a file, target, program or weight of that name is missing
//   FailedPrecondition  this machine lacks something the artifact needs (a CPU feature set)
//   ResourceExhausted   memory or pages: a limit of the user if isLimitReached(), else the system
//                       is out of memory
//   Unavailable         the system failed: a full disk, an error of a device
//   DataLoss            contents of weights differ from their checksum
//   Internal            a mistake in qvl itself

/// ResourceExhausted because a limit that the user can raise was reached (`--kv-memory`,
/// `--max-context`).
absl::Status limitReached(std::string_view message);

/// True for statuses made by limitReached().
bool isLimitReached(const absl::Status &status);

/// The code of a file that cannot be opened for writing or renamed, from errno: InvalidArgument
/// when the path is at fault (nothing there, no permission, a folder), else Unavailable.
inline absl::StatusCode codeOfOpenError(int error) {
  switch (absl::ErrnoToStatusCode(error)) {
  case absl::StatusCode::kFailedPrecondition:
  case absl::StatusCode::kInvalidArgument:
  case absl::StatusCode::kNotFound:
  case absl::StatusCode::kPermissionDenied:
    return absl::StatusCode::kInvalidArgument;
  default:
    return absl::StatusCode::kUnavailable;
  }
}

} // namespace qvlrt

/// Returns the status of `expression` from the calling function when it is not OK.
#define QVLRT_RETURN_IF_ERROR(expression)                                                          \
  do {                                                                                             \
    if (absl::Status status_of_expression = (expression); !status_of_expression.ok())              \
      return status_of_expression;                                                                 \
  } while (false)

#define QVLRT_STATUS_CONCAT_IMPL(a, b) a##b
#define QVLRT_STATUS_CONCAT(a, b) QVLRT_STATUS_CONCAT_IMPL(a, b)
#define QVLRT_ASSIGN_OR_RETURN_IMPL(value, declaration, expression)                                \
  auto value = (expression);                                                                       \
  if (!value.ok())                                                                                 \
    return std::move(value).status();                                                              \
  declaration = *std::move(value)

/// Declares or assigns `declaration` from the StatusOr `expression`, or returns its status.
#define QVLRT_ASSIGN_OR_RETURN(declaration, expression)                                            \
  QVLRT_ASSIGN_OR_RETURN_IMPL(QVLRT_STATUS_CONCAT(status_or_, __LINE__), declaration, expression)
