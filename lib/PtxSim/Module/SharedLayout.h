// Places the shared variables of each kernel.
#pragma once

#include "Module/Program.h"
#include "absl/status/status.h"

namespace qvlsim {

/// Gives every kernel offsets for the shared variables that it and the functions it may call name.
/// Errors: ResourceExhausted when they exceed what a CTA can have.
absl::Status layOutShared(detail::Program &program);

} // namespace qvlsim
