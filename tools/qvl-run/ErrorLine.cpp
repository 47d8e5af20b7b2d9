// The error line of the tool.
#include "ErrorLine.h"

#include "qvlrt/exit_code.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace qvlrun {

void printError(std::string_view message) {
  // Names of files may hold line breaks, but an error is one line.
  std::string line(message);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  std::fprintf(stderr, "qvl-run: error: %s\n", line.c_str());
}

int reportError(const absl::Status &status) {
  const int code = qvlrt::exitCodeOf(status);
  std::string message(status.message());
  if (code == qvlrt::kExitInternal)
    message = "internal error: " + message + " (please report this)";
  printError(message);
  return code;
}

} // namespace qvlrun
