// Exit codes and error lines of the tool.
#include "ExitCode.h"

#include "qvlrt/status.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace qvlrun {
namespace {

int exitCodeOf(const absl::Status &status) {
  switch (status.code()) {
  case absl::StatusCode::kOk:
    return kDone;
  case absl::StatusCode::kCancelled:
    return kInterrupted;
  case absl::StatusCode::kResourceExhausted:
    return qvlrt::isLimitReached(status) ? kBadInput : kSystemFailed;
  case absl::StatusCode::kUnavailable:
  case absl::StatusCode::kAborted:
    return kSystemFailed;
  case absl::StatusCode::kInternal:
  case absl::StatusCode::kUnknown:
    return kInternal;
  default:
    return kBadInput;
  }
}

} // namespace

void printError(std::string_view message) {
  // Names of files may hold line breaks, but an error is one line.
  std::string line(message);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  std::fprintf(stderr, "qvl-run: error: %s\n", line.c_str());
}

int reportError(const absl::Status &status) {
  const int code = exitCodeOf(status);
  std::string message(status.message());
  if (code == kInternal)
    message = "internal error: " + message + " (please report this)";
  printError(message);
  return code;
}

} // namespace qvlrun
