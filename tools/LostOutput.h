// Results of the tools on LLVM that do not arrive.
#pragma once

#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

namespace qvltool {

/// How the error line begins, as the handler of `reportLostOutputAtExit` sees it.
inline const char *lostOutputPrefix = "";

/// Makes a program whose results could not be written end with exit code 4 and a line on stderr,
/// wherever they came from (--help, too). LLVM would end it with 1 when it destroys the stream.
inline void reportLostOutputAtExit(const char *prefix) {
  lostOutputPrefix = prefix;
  llvm::outs(); // Made before the handler is registered, it is destroyed after it.
  std::atexit([] {
    llvm::raw_fd_ostream &out = llvm::outs();
    out.flush();
    if (!out.has_error())
      return;
    llvm::errs() << lostOutputPrefix << "cannot write to standard output: " << out.error().message()
                 << "\n";
    out.clear_error();
    std::_Exit(4);
  });
}

} // namespace qvltool
