// Ctrl-C as a question that the generation loop asks.
#include "Interrupt.h"

#include "qvlrt/exit_code.h"

#include <csignal>
#include <unistd.h>

namespace qvlrun {
namespace {

volatile std::sig_atomic_t noted = 0;

void note(int) {
  if (noted)
    _exit(qvlrt::kExitInterrupted);
  noted = 1;
}

} // namespace

void catchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0; // a read that waits for input is to return
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return noted != 0; }
void resetInterrupt() { noted = 0; }

} // namespace qvlrun
