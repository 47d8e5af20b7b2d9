#include "ErrorLine.h"

#include "tools/ProcessSetup.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string>

namespace qvlptxsim {

void printError(std::string_view tool, std::string_view message) {
  // Names of files may hold line breaks, but an error is one line.
  std::string line(message);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  std::fprintf(stderr, "%.*s: error: %s\n", static_cast<int>(tool.size()), tool.data(),
               line.c_str());
}

int reportError(std::string_view tool, const absl::Status &status) {
  std::string message(status.message());
  int code = kBadInput;
  if (absl::IsInternal(status) || absl::IsUnknown(status)) {
    message = "internal error: " + message + " (please report this)";
    code = kInternal;
  } else if (absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) {
    code = kSystemFailed;
  }
  printError(tool, message);
  return code;
}

int runGuarded(std::string_view tool, const std::function<int()> &body) {
  qvltool::occupyStandardDescriptors();
  static const std::string interrupted = std::string(tool) + ": error: interrupted\n";
  qvltool::exitOnInterrupt(interrupted.c_str());
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return reportError(tool,
                       absl::ResourceExhaustedError("out of memory: smaller buffers need less"));
  } catch (const std::exception &exception) {
    return reportError(tool, absl::InternalError(exception.what()));
  }
}

absl::Status flushOutput() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)
    return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot write to standard output: ", std::strerror(errno)));
}

} // namespace qvlptxsim
