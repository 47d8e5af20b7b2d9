#include "Module/MatrixRegisters.h"

#include <algorithm>
#include <unordered_set>

namespace qvlsim {

void markMatrixRegisters(Function &function) {
  std::unordered_set<std::uint32_t> offsets;
  for (const Instruction &i : function.code)
    for (unsigned k = 0; k < i.matrixRegisters; ++k)
      offsets.insert(i.operands[k].offset);
  if (offsets.empty())
    return;
  for (Instruction &i : function.code)
    i.touchesMatrix = i.matrixRegisters == 0 &&
                      std::any_of(i.operands, i.operands + i.operandCount, [&](const Operand &o) {
                        return o.exists() && o.bank == Bank::Frame && offsets.contains(o.offset);
                      });
}

} // namespace qvlsim
