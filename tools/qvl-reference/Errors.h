// How the tool reports what went wrong, and with which exit code.
#pragma once

#include "absl/status/status.h"
#include "llvm/Support/Error.h"

namespace qvlref {

/// A status of the processor's libraries, with its exit code.
llvm::Error fromStatus(const absl::Status &status);

/// What a diagnostic on stderr has said already: bad input.
llvm::Error alreadyReported();

/// Prints one line on stderr (unless it was reported) and returns the exit code.
int report(llvm::Error error);

} // namespace qvlref
