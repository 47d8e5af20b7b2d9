// What the tools set up before their work. Depends on nothing but POSIX.
#pragma once

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace qvltool {

/// Occupies those of descriptors 0 to 2 that the caller has closed. A file opened later would get
/// the number of standard output, and the tool's results with it. What stands in can only be read:
/// writing fails, and is reported, as on a closed descriptor.
inline void occupyStandardDescriptors() {
  int descriptor = 0;
  do
    descriptor = open("/dev/null", O_RDONLY); // takes the lowest free number
  while (descriptor >= 0 && descriptor <= STDERR_FILENO);
  if (descriptor > STDERR_FILENO)
    close(descriptor);
}

/// What `exitOnInterrupt` does, as its handler sees it.
struct Interruption {
  const char *line;
  void (*cleanUp)();
};
inline Interruption interruption;

/// Makes Ctrl-C end the program with exit code 130 and `line` on stderr, after `cleanUp`, which
/// must be safe in a signal handler.
inline void exitOnInterrupt(const char *line, void (*cleanUp)()) {
  interruption = {line, cleanUp};
  struct sigaction action = {};
  action.sa_handler = [](int) {
    interruption.cleanUp();
    // Nothing is left to do about a line that cannot be written.
    (void)!write(STDERR_FILENO, interruption.line, std::strlen(interruption.line));
    _exit(130);
  };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

} // namespace qvltool
