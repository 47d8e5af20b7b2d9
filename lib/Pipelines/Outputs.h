// The places that a compile writes to, before its work.
#pragma once

#include "qvl/Pipelines/Compile.h"

#include "llvm/Support/Error.h"

namespace qvl {

/// Whether text goes to `path` as it comes, because nothing can be moved there: standard output
/// ("-"), a device or a pipe.
bool isStream(llvm::StringRef path);

/// Creates the directories of dumps and tries every place that the options name, so that what
/// cannot be written is reported before the work, not after it. Errors: BadInput, also when the
/// output is a file of the checkpoint, and System.
llvm::Error prepareOutputs(const CompileOptions &options);

} // namespace qvl
