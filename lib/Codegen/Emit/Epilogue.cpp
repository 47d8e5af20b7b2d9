#include "Epilogue.h"

#include "VectorMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::qvl {
namespace {

/// A constant becomes a splat, everything else the same op on vectors.
Operation *cloneOnVectors(Operation &scalar, IRMapping &vectors, int64_t lanes) {
  Operation *clone = scalar.clone(vectors);
  for (OpResult result : clone->getResults())
    result.setType(VectorType::get({lanes}, result.getType()));
  if (auto constant = dyn_cast<arith::ConstantOp>(clone))
    constant.setValueAttr(
        DenseElementsAttr::get(cast<VectorType>(constant.getType()), constant.getValue()));
  return clone;
}

} // namespace

LogicalResult checkEpilogue(func::FuncOp kernel, FusedLinearOp op) {
  for (Operation &step : op.getEpilogue().front().without_terminator())
    if (!isa<arith::ConstantOp>(step) && !OpTrait::hasElementwiseMappableTraits(&step))
      return kernel.emitError() << "the epilogue holds '" << step.getName()
                                << "', which does not work on vectors";
  return success();
}

Value emitEpilogue(ImplicitLocOpBuilder &b, FusedLinearOp op, ArrayRef<Value> arguments) {
  Block &body = op.getEpilogue().front();
  int64_t lanes = cast<VectorType>(arguments.front().getType()).getNumElements();
  IRMapping vectors;
  vectors.map(body.getArguments(), arguments);
  for (Operation &step : body.without_terminator())
    b.insert(cloneOnVectors(step, vectors, lanes));
  return vectors.lookup(cast<YieldOp>(body.getTerminator()).getValue());
}

} // namespace mlir::qvl
