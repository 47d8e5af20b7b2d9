// Counted loops, bisection and branches with their body as a callback.
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

/// The least number of `low .. high - 1` that is `behind`, as all after it are; `high` when none
/// is.
inline Value bisect(ImplicitLocOpBuilder &b, Value low, Value high,
                    llvm::function_ref<Value(Value)> behind) {
  auto goesOn = [](OpBuilder &builder, Location loc, ValueRange bounds) {
    Value open =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, bounds[0], bounds[1]);
    scf::ConditionOp::create(builder, loc, open, bounds);
  };
  auto halve = [&](OpBuilder &builder, Location, ValueRange bounds) {
    OpBuilder::InsertionGuard guard(b);
    b.restoreInsertionPoint(builder.saveInsertionPoint());
    Value middle = quotient(b, sum(b, bounds[0], bounds[1]), 2);
    Value isBehind = behind(middle);
    Value newLow = arith::SelectOp::create(b, isBehind, bounds[0], sum(b, middle, 1));
    Value newHigh = arith::SelectOp::create(b, isBehind, middle, bounds[1]);
    scf::YieldOp::create(b, ValueRange{newLow, newHigh});
    builder.restoreInsertionPoint(b.saveInsertionPoint());
  };
  SmallVector<Type> types(2, b.getIndexType());
  return scf::WhileOp::create(b, types, ValueRange{low, high}, goesOn, halve).getResult(0);
}

/// `if (condition) body()`.
inline void ifTrue(ImplicitLocOpBuilder &b, Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}

} // namespace mlir::qvl
