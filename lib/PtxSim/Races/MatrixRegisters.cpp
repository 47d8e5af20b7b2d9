#include "Races/MatrixRegisters.h"

#include <algorithm>

namespace qvlsim::races {
namespace {

/// wgmmas of one shape may follow one another on the same accumulators without a fence.
std::uint32_t shapeOf(const Instruction &i) {
  return static_cast<std::uint32_t>(i.immediate) << 16 | std::uint32_t{i.elements} << 8 |
         static_cast<std::uint32_t>(i.type);
}

} // namespace

std::optional<RegisterFault> MatrixRegisters::multiply(const Warp &warp, const Instruction &i,
                                                       Clock number) {
  if (fences_ == 0)
    return RegisterFault{FaultKind::MissingFence,
                         "wgmma.fence has to stand before the first wgmma.mma_async of a warp"};
  const std::uint32_t shape = shapeOf(i);
  for (unsigned k = 0; k < i.matrixRegisters; ++k) {
    Register &r = registers_[warp.lanes(i.operands[k])];
    const bool accumulates = k < i.destinations;
    if (r.touched == fences_ && (accumulates || r.written))
      return RegisterFault{
          FaultKind::MissingFence,
          accumulates ? "wgmma.fence has to stand between another access of an accumulator "
                        "and the wgmma.mma_async"
                      : "wgmma.fence has to stand between the write of a fragment of A and "
                        "the wgmma.mma_async",
          r.touchedLine};
    if (r.multiplied == fences_ && (accumulates || r.accumulates) &&
        (accumulates != r.accumulates || r.shape != shape))
      return RegisterFault{FaultKind::MissingFence,
                           "wgmma.fence has to stand between wgmmas of different shapes that use "
                           "one register",
                           r.operationLine};
    r.operation = number;
    r.operationLine = i.line;
    r.accumulates = accumulates;
    r.shape = shape;
    r.multiplied = fences_;
  }
  return std::nullopt;
}

std::optional<RegisterFault> MatrixRegisters::touch(const Warp &warp, const Instruction &i) {
  for (unsigned k = 0; k < i.operandCount; ++k) {
    const Operand &o = i.operands[k];
    const auto found =
        o.exists() && o.bank == Bank::Frame ? registers_.find(warp.lanes(o)) : registers_.end();
    const bool writes = k < i.destinations;
    if (found != registers_.end() && found->second.operation > completed_ &&
        (found->second.accumulates || writes))
      return RegisterFault{
          FaultKind::AsyncGroupMisuse,
          "a wgmma in flight uses the register: wgmma.wait_group has to wait for it",
          found->second.operationLine};
    if (!o.exists() || o.bank != Bank::Frame)
      continue;
    Register &r = registers_[warp.lanes(o)];
    r.written = writes || (r.touched == fences_ && r.written);
    r.touched = fences_;
    r.touchedLine = i.line;
  }
  return std::nullopt;
}

} // namespace qvlsim::races
