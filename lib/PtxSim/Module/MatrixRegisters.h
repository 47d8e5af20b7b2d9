// Registers that wgmma.mma_async uses while other instructions go on.
#pragma once

#include "Module/Program.h"

namespace qvlsim {

/// Sets Instruction::touchesMatrix of the instructions, other than wgmma.mma_async, that read or
/// write an accumulator or a fragment of A of one in the function.
void markMatrixRegisters(Function &function);

} // namespace qvlsim
