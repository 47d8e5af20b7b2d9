// What the tools on LLVM set up before their work, so that however they end it is with a documented
// exit code and a line on stderr. LLVM itself ends programs with 1 or a signal.
#pragma once

#include "tools/ProcessSetup.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <new>
#include <string>

namespace qvltool {

/// How error lines begin ("qvl-compile: "), as the handlers see it.
inline const char *errorPrefix = "";

/// Removes temporary files and ends the program. Allocates nothing.
[[noreturn]] inline void endWith(int code, const char *message) {
  llvm::sys::RunInterruptHandlers();
  for (const char *part : {errorPrefix, message, "\n"})
    (void)!write(STDERR_FILENO, part, std::strlen(part));
  _exit(code);
}

/// 4 when the results could not be written, wherever they came from (--help, too).
inline void reportLostOutputAtExit() {
  llvm::outs(); // Made before the handler is registered, it is destroyed after it.
  std::atexit([] {
    llvm::raw_fd_ostream &out = llvm::outs();
    out.flush();
    if (!out.has_error())
      return;
    const std::string message = "cannot write to standard output: " + out.error().message();
    out.clear_error();
    endWith(4, message.c_str());
  });
}

/// 4 when memory runs out, in containers of LLVM or elsewhere.
inline void endWhenOutOfMemory() {
  std::set_new_handler([] { endWith(4, "out of memory"); });
  llvm::install_bad_alloc_error_handler(
      [](void *, const char *, bool) { endWith(4, "out of memory"); });
}

/// 3 when LLVM gives up, or the program crashes; then a trace has been printed before. A thread
/// that cannot start is the system's failure.
inline void endWhenBroken() {
  llvm::install_fatal_error_handler([](void *, const char *reason, bool) {
    if (llvm::StringRef(reason).starts_with("pthread_create failed"))
      endWith(4, "cannot start a thread: the system has no memory or threads left");
    endWith(3, ("internal error, please report it: " + std::string(reason)).c_str());
  });
  llvm::sys::AddSignalHandler([](void *) { _exit(3); }, nullptr);
}

/// The first line that LLVM's parser of command lines wrote, without the program's name.
inline llvm::StringRef firstParserLine(llvm::StringRef errors, llvm::StringRef program) {
  llvm::StringRef line = errors.trim().split('\n').first;
  if (line.consume_front(program))
    line.consume_front(": ");
  return line;
}

/// All of it, after InitLLVM.
inline void setUpLLVMProcess(const char *prefix) {
  errorPrefix = prefix;
  exitOnInterrupt([] { endWith(130, "interrupted"); });
  reportLostOutputAtExit();
  endWhenOutOfMemory();
  endWhenBroken();
}

} // namespace qvltool
