// Where diverged lanes meet again.
#pragma once

#include "Module/Program.h"

namespace qvlsim {

/// Sets Instruction::reconvergence of every branch to its immediate post-dominator, or to
/// kNoReconvergence when the paths meet only by leaving the function.
void computeReconvergence(Function &function);

/// What control-flow handlers an instruction has; Isa/Control.cpp says which.
enum class ControlKind : std::uint8_t { None, Branch, IndexedBranch, Return, Exit, Trap };
ControlKind controlKind(const Instruction &instruction);

} // namespace qvlsim
