// Building fused linears and growing their epilogues.
#pragma once

#include "dialects/qvl/IR/Qvl.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// Writes the value of an epilogue from its arguments: one f32 per weight, then one per operand.
using EpilogueBody = llvm::function_ref<Value(ImplicitLocOpBuilder &, ValueRange arguments)>;

/// A fused linear without row maps whose epilogue is `body`.
FusedLinearOp createFusedLinear(OpBuilder &builder, Location loc, Type result, Value input,
                                Value weight, ValueRange operands, EpilogueBody body);

/// Writes the next value of an epilogue from the one so far and the new operands.
using EpilogueStep = llvm::function_ref<Value(ImplicitLocOpBuilder &, Value yielded, ValueRange)>;

/// The fused linear `op` with `operands` added and `step` applied to what its epilogue yields; `op`
/// itself stays. Row maps and location are those of `op`.
FusedLinearOp extendEpilogue(OpBuilder &builder, FusedLinearOp op, Type result, ValueRange operands,
                             EpilogueStep step);

/// x / (1 + exp(-x)), as `qvl.silu`.
Value siluOf(ImplicitLocOpBuilder &builder, Value x);
/// 0.5 · x · (1 + erf(x / √2)), as `qvl.gelu`.
Value geluOf(ImplicitLocOpBuilder &builder, Value x);

} // namespace mlir::qvl
