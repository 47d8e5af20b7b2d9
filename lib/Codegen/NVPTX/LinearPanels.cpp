#include "LinearPanels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::qvl {
namespace {

Value exclusiveOr(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::XOrIOp::create(b, lhs, rhs);
}

/// Bit `bit` of a number times `factor`.
Value bitTimes(ImplicitLocOpBuilder &b, Value number, int64_t bit, int64_t factor) {
  return product(b, remainder(b, quotient(b, number, int64_t{1} << bit), 2), factor);
}

} // namespace

Value PanelColumns::laneQuad(ImplicitLocOpBuilder &b, Value n) const {
  if (!arePairs)
    return n;
  // Blocks of two quads take turns: the lowest two bits of the number change places.
  Value high = product(b, quotient(b, n, 4), 4);
  return sum(b, high, sum(b, bitTimes(b, n, 0, 2), bitTimes(b, n, 1, 1)));
}

TilePanels::TilePanels(ImplicitLocOpBuilder &b, const Projection &projection,
                       const LinearTile &tile, Value columnTile)
    : panel(projection.panel), panelColumns(panel), weight(projection.weight),
      firstPanel(product(b, columnTile, tile.panels)) {}

Value TilePanels::lines(ImplicitLocOpBuilder &b, Value slot) const {
  Value last = constantIndex(b, panel.getPadN() / panel.getN() - 1);
  Value offset =
      product(b, minimum(b, sum(b, firstPanel, slot), last), panel.getN() * panel.getPadK());
  return elementPointer(b, panel.getElement(), weight, offset);
}

SmallVector<Value> widenPairs(ImplicitLocOpBuilder &b, Value words) {
  auto type = cast<VectorType>(words.getType());
  auto splat = [&](uint32_t value) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, APInt(32, value)));
  };
  VectorType floats = type.clone(b.getF32Type());
  // A bf16 is the high half of an f32.
  Value first = arith::ShLIOp::create(b, words, splat(16));
  Value second = arith::AndIOp::create(b, words, splat(0xffff0000u));
  return {arith::BitcastOp::create(b, floats, first), arith::BitcastOp::create(b, floats, second)};
}

SmallVector<Value> loadPanelQuad(ImplicitLocOpBuilder &b, Value pointer, PanelAttr panel) {
  bool isPair = panel.getKGroup() == 2;
  Type element = isPair ? Type(b.getI32Type()) : b.getF32Type();
  Value quad = load(b, VectorType::get({4}, element), pointer, kQuadBytes);
  return isPair ? widenPairs(b, quad) : SmallVector<Value>{quad};
}

Value swizzledQuad(ImplicitLocOpBuilder &b, Value quad, Value line, Value slot) {
  Value low = exclusiveOr(b, quad, bitTimes(b, line, 0, 3));
  Value high = exclusiveOr(b, bitTimes(b, line, 1, 4), bitTimes(b, slot, 0, 2));
  return exclusiveOr(b, low, high);
}

} // namespace mlir::qvl
