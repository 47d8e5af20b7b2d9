// Machine code for NVIDIA GPUs among the code objects of an artifact.
#pragma once

#include "absl/status/status.h"
#include "qvlfmt/artifact_generated.h"

namespace qvlrt {

/// Whether a code object of target cuda is a cubin, machine code for exactly the GPU that its
/// feature set names; otherwise it is PTX text. A cubin is an ELF file, which no text begins like.
bool isCubin(const qvlfmt::CodeObject &object);

/// Checks that a cubin lies in its bytes: a driver gets no size and trusts the headers. Error:
/// InvalidArgument.
absl::Status checkCubin(const qvlfmt::CodeObject &object);

} // namespace qvlrt
