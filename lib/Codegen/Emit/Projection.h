// A product of activations with one or two weights in panels, as a kernel has it in memory.
#pragma once

#include "KernelFrame.h"
#include "RowMap.h"
#include "dialects/qvl/IR/Qvl.h"
#include "qvl/Codegen/TileTarget.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <functional>

namespace mlir::qvl {

/// An operand of an epilogue: one value per column or one per element of the result.
struct EpilogueOperand {
  Value memory;
  Type element;
  bool perElement;
};

/// `result[store(t), n] = epilogue(Σ_k input[load(t), k] · weight_w[n, k] for each w, operands…)`.
/// Two weights take turns in the panels, in blocks of `panel.getInterleave()` rows.
struct Projection {
  int64_t depth;   // K
  int64_t columns; // N, of the result
  PanelAttr panel;
  Value input, weight, result;
  Type inputElement, resultElement;
  SmallVector<EpilogueOperand> operands = {};
  RowMap load = {}, store = {};
  /// The result of a tile's vector from its accumulators (one per weight) and operands.
  std::function<Value(ImplicitLocOpBuilder &, ArrayRef<Value>)> epilogue = {};

  int64_t weightCount() const { return panel.getInterleave() > 0 ? 2 : 1; }
};

/// Whether both factors of a product are bf16.
inline bool multipliesBf16(Type inputElement, PanelAttr panel) {
  return inputElement.isBF16() && panel.getElement().isBF16();
}

/// Whether the qvl.linear or qvl.fused_linear of a kernel function has weights, vectors and an
/// epilogue of the forms that emitters know. Emits an error at the kernel function.
LogicalResult checkProjection(func::FuncOp kernel);

/// The projection of a kernel function that checkProjection() has accepted.
Projection projectionOf(func::FuncOp kernel, const KernelOperands &operands);

/// Emits the loops over the tiles of the frame's grid.
void emitProjection(KernelFrame &frame, const Projection &projection, const TileTarget &target);

} // namespace mlir::qvl
