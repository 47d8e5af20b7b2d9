// Counted loops and branches with their body as a callback.
#pragma once

#include "IndexArithmetic.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::qvl {

/// `for (i = begin; i < end; i += step) body(i)`.
inline void forLoop(ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step,
                    llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, begin, end, constantIndex(b, step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

/// The same with values that go from one iteration to the next; returns the last ones. `body`
/// replaces the elements of the list it is given.
inline SmallVector<Value> forLoop(ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step,
                                  ArrayRef<Value> initial,
                                  llvm::function_ref<void(Value, MutableArrayRef<Value>)> body) {
  auto loop = scf::ForOp::create(b, begin, end, constantIndex(b, step), initial);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> carried(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  body(loop.getInductionVar(), carried);
  scf::YieldOp::create(b, carried);
  return {loop.getResults().begin(), loop.getResults().end()};
}

/// `if (condition) body()`.
inline void ifTrue(ImplicitLocOpBuilder &b, Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}

} // namespace mlir::qvl
