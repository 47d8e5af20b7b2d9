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

/// What the handler of `exitOnInterrupt` calls.
inline void (*endInterrupted)();

/// Makes Ctrl-C call `end`, which ends the program with exit code 130 and must be safe in a signal
/// handler.
inline void exitOnInterrupt(void (*end)()) {
  endInterrupted = end;
  struct sigaction action = {};
  action.sa_handler = [](int) { endInterrupted(); };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

/// The line of `exitOnInterrupt`, as its handler sees it.
inline const char *interruptedLine;

/// The same for a program that leaves nothing behind: prints `line` on stderr and ends.
inline void exitOnInterrupt(const char *line) {
  interruptedLine = line;
  exitOnInterrupt([] {
    // Nothing is left to do about a line that cannot be written.
    (void)!write(STDERR_FILENO, interruptedLine, std::strlen(interruptedLine));
    _exit(130);
  });
}

} // namespace qvltool
