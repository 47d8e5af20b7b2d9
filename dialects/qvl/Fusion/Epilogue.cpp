// Building fused linears and growing their epilogues.

#include "dialects/qvl/Fusion/Epilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::qvl;

static Value constantF32(ImplicitLocOpBuilder &builder, double value) {
  return arith::ConstantOp::create(builder, builder.getF32FloatAttr(static_cast<float>(value)));
}

Value mlir::qvl::siluOf(ImplicitLocOpBuilder &builder, Value x) {
  Value e = math::ExpOp::create(builder, arith::NegFOp::create(builder, x));
  Value sum = arith::AddFOp::create(builder, constantF32(builder, 1), e);
  return arith::DivFOp::create(builder, x, sum);
}

Value mlir::qvl::geluOf(ImplicitLocOpBuilder &builder, Value x) {
  // A root that is taken, not written: runs in f64 have it exactly, and a kernel's folds to its
  // f32.
  Value rootHalf = math::SqrtOp::create(builder, constantF32(builder, 0.5));
  Value scaled = arith::MulFOp::create(builder, x, rootHalf);
  Value half = arith::MulFOp::create(builder, x, constantF32(builder, 0.5));
  Value factor =
      arith::AddFOp::create(builder, constantF32(builder, 1), math::ErfOp::create(builder, scaled));
  return arith::MulFOp::create(builder, half, factor);
}

FusedLinearOp mlir::qvl::createFusedLinear(OpBuilder &builder, Location loc, Type result,
                                           Value input, Value weight, ValueRange operands,
                                           EpilogueBody body) {
  auto op = FusedLinearOp::create(builder, loc, result, input, weight, operands, Value(), Value(),
                                  IntegerAttr(), IntegerAttr());
  OpBuilder::InsertionGuard guard(builder);
  unsigned arguments = op.getWeightCount() + operands.size();
  Block *block =
      builder.createBlock(&op.getEpilogue(), {}, SmallVector<Type>(arguments, builder.getF32Type()),
                          SmallVector<Location>(arguments, loc));
  ImplicitLocOpBuilder inside(loc, builder);
  YieldOp::create(inside, body(inside, block->getArguments()));
  return op;
}

FusedLinearOp mlir::qvl::extendEpilogue(OpBuilder &builder, FusedLinearOp op, Type result,
                                        ValueRange operands, EpilogueStep step) {
  SmallVector<Value> all(op.getEpilogueOperands());
  llvm::append_range(all, operands);
  auto extended = FusedLinearOp::create(builder, op.getLoc(), result, op.getInput(), op.getWeight(),
                                        all, op.getLoadIndex(), op.getStoreIndex(),
                                        op.getLoadGroupAttr(), op.getStoreGroupAttr());
  IRMapping mapping;
  op.getEpilogue().cloneInto(&extended.getEpilogue(), mapping);
  Block &body = extended.getEpilogue().front();
  SmallVector<Value> added;
  for (Value operand : operands)
    added.push_back(body.addArgument(builder.getF32Type(), operand.getLoc()));
  auto yield = cast<YieldOp>(body.getTerminator());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(yield);
  ImplicitLocOpBuilder inside(op.getLoc(), builder);
  yield.getValueMutable().assign(step(inside, yield.getValue(), added));
  return extended;
}
