#include "Exec/Interpreter.h"

#include "Exec/Cluster.h"
#include "Exec/LaunchState.h"
#include "absl/strings/str_format.h"

#include <bit>

namespace qvlsim {
namespace {

/// Masks of written lanes that an operand covers: one a 32-bit unit; all are kept equal, so the
/// first stands for them.
LaneMask writtenLanes(const Warp &warp, const Operand &o) { return warp.written(o); }

Step reportUnwritten(Warp &warp, const Instruction &i, LaneMask missing, std::size_t operand) {
  return warp.fail(i, FaultKind::UninitialisedRead,
                   static_cast<unsigned>(std::countr_zero(missing)),
                   absl::StrFormat("source operand %d is a register that nothing has written",
                                   operand - i.destinations + 1));
}

/// Lanes for which all sources hold values; fails unless the instruction hands them on.
bool checkSources(Warp &warp, const Instruction &i, LaneMask mask, LaneMask &complete) {
  for (std::size_t k = i.destinations; k < i.operandCount; ++k) {
    const Operand &o = i.operands[k];
    if (!o.exists() || o.bank != Bank::Frame)
      continue;
    LaneMask missing = mask & ~writtenLanes(warp, o);
    if (missing == 0)
      continue;
    if (!i.propagatesUnwritten) {
      reportUnwritten(warp, i, missing, k);
      return false;
    }
    complete &= ~missing;
  }
  return true;
}

void markDestinations(Warp &warp, const Instruction &i, LaneMask mask, LaneMask complete) {
  for (std::size_t k = 0; k < i.destinations; ++k) {
    const Operand &o = i.operands[k];
    if (!o.exists())
      continue;
    LaneMask &written = warp.written(o);
    written = (written & ~mask) | complete;
  }
}

void trace(Warp &warp, const Instruction &i, LaneMask mask) {
  const Dim3 &b = warp.cta().block;
  std::string text(i.text);
  for (char &c : text)
    c = c == '\n' || c == '\t' || c == '\r' ? ' ' : c;
  absl::FPrintF(warp.launch().options.trace, "block (%d,%d,%d) warp %d mask %08x line %d: %s\n",
                b.x, b.y, b.z, warp.index(), mask, i.line, text);
}

void count(Warp &warp, const Instruction &i, LaneMask mask) {
  Counts &counts = warp.cluster().counts;
  counts.threadInstructions += static_cast<std::uint64_t>(std::popcount(mask));
  ++counts.byClass[static_cast<std::size_t>(i.instructionClass)];
}

/// Lanes that the guard lets run; false after a fault.
bool applyGuard(Warp &warp, const Instruction &i, LaneMask &mask) {
  Operand guard;
  guard.kind = Operand::Kind::Predicate;
  guard.offset = i.guardOffset;
  guard.negated = i.guardNegated;
  LaneMask missing = mask & ~warp.written(guard);
  if (missing != 0) {
    warp.fail(i, FaultKind::UninitialisedRead, static_cast<unsigned>(std::countr_zero(missing)),
              "the guard is a predicate that nothing has written");
    return false;
  }
  mask &= warp.predicate(guard);
  return true;
}

/// One instruction of the top of the stack; false ends the run of the warp.
bool step(Warp &warp, const Instruction &i, bool verbose, bool &ok) {
  LaneMask mask = warp.active();
  if (i.guarded && !applyGuard(warp, i, mask))
    return ok = false;
  if (mask == 0) {
    ++warp.stack.back().pc;
    return true;
  }
  if (verbose) {
    if (warp.launch().options.trace != nullptr)
      trace(warp, i, mask);
    if (warp.launch().options.count)
      count(warp, i, mask);
  }
  if (i.touchesMatrix && warp.observer() != nullptr &&
      !warp.observer()->matrixRegisterAccess(warp, i, mask))
    return ok = false;
  LaneMask complete = mask;
  if (!checkSources(warp, i, mask, complete))
    return ok = false;
  switch (i.handler(warp, i, mask)) {
  case Step::Next:
    if (!i.marksDestinations)
      markDestinations(warp, i, mask, complete);
    ++warp.stack.back().pc;
    return true;
  case Step::Yield:
    if (!i.marksDestinations)
      markDestinations(warp, i, mask, complete);
    ++warp.stack.back().pc;
    warp.state = Warp::State::Yielded;
    return false;
  case Step::Retry:
    warp.state = Warp::State::Waiting;
    warp.waitEpoch = warp.cluster().epoch();
    warp.wait.at = &i;
    return false;
  case Step::Jump:
    return true;
  case Step::Fault:
    break;
  }
  return ok = false;
}

} // namespace

bool runWarp(Warp &warp, std::uint64_t slice) {
  const LaunchOptions &options = warp.launch().options;
  const bool verbose = options.trace != nullptr || options.count;
  Counts &counts = warp.cluster().counts;
  bool ok = true;
  warp.state = Warp::State::Ready;
  warp.settle();
  for (std::uint64_t n = 0; n < slice && warp.state != Warp::State::Done; ++n) {
    const StackEntry &top = warp.stack.back();
    const Instruction &i = warp.frames[top.frame].function->code[top.pc];
    ++counts.warpInstructions;
    if (!step(warp, i, verbose, ok))
      break;
    const StackEntry *after = warp.stack.empty() ? nullptr : &warp.stack.back();
    if (after == nullptr || after->mask == 0 || after->pc == after->reconvergence)
      warp.settle();
  }
  return ok;
}

} // namespace qvlsim
