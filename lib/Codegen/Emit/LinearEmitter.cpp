// qvl.linear over weight panels: x·Wᵀ with a register tile of rows times output columns.
//
// Every output element is one chain of fused multiply-adds over ascending k that starts at zero;
// the bias is added last. All forms of the tile (many rows down to one) emit the same chain, so a
// row's result does not depend on its neighbours (contract C10).

#include "Emitters.h"
#include "KernelFrame.h"
#include "Loops.h"
#include "dialects/qvl/IR/Qvl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

/// Values of k in one iteration of the innermost loop: enough to hide the loop's own instructions.
constexpr int64_t kUnrolledK = 4;

class LinearEmitter {
public:
  LinearEmitter(func::FuncOp kernel, LinearOp op, PanelAttr panel, const TileGrid &grid,
                const TileTarget &target)
      : frame(kernel, grid), b(frame.builder()), target(target), panel(panel),
        depth(op.getInput().getType().getDimSize(1)),
        columns(op.getResult().getType().getDimSize(1)),
        lineElements(panel.getN() * panel.getKGroup()), input(frame.buffer(op.getInput())),
        weight(frame.buffer(op.getWeight())),
        bias(op.getBias() ? frame.buffer(op.getBias()) : Value()), result(frame.resultBuffer(0)) {}

  void emit();

private:
  /// The output columns of a tile and their weights.
  struct Columns {
    Value first;              // number of the first output column
    SmallVector<Value> lines; // pointer to the first line of each panel
    int64_t vectorsPerPanel;
  };

  int64_t panels() const { return llvm::divideCeil(columns, panel.getN()); }
  void emitForm(TileForm form, Value firstPanel, Value panelCount, Value rowBegin, Value rowEnd);
  void emitColumns(TileForm form, Value firstColumn, Value lastColumn, Value rowBegin,
                   Value rowEnd);
  void emitTile(TileForm form, Value row, Value firstColumn);
  Columns tileColumns(TileForm form, Value firstColumn);
  SmallVector<Value> sumOverDepth(TileForm form, Value inputRow, const Columns &tile);
  void addLine(TileForm form, Value inputRow, const Columns &tile, Value line, int64_t steps,
               MutableArrayRef<Value> sums);
  void storeTile(TileForm form, Value row, const Columns &tile, ArrayRef<Value> sums);

  KernelFrame frame;
  ImplicitLocOpBuilder &b;
  const TileTarget &target;
  PanelAttr panel;
  int64_t depth, columns, lineElements;
  Value input, weight, bias, result;
};

void LinearEmitter::emit() {
  frame.forEachTile([&](Value columnTile, Value rowBegin, Value rowEnd) {
    Value firstPanel = product(b, columnTile, kPanelsPerTile);
    Value panelsLeft = difference(b, constantIndex(b, panels()), firstPanel);
    Value panelCount = minimum(b, panelsLeft, constantIndex(b, kPanelsPerTile));
    Value row = rowBegin;
    for (TileForm form : target.linearForms()) {
      Value formRows = roundDown(b, difference(b, rowEnd, row), form.rows);
      Value next = sum(b, row, formRows);
      emitForm(form, firstPanel, panelCount, row, next);
      row = next;
    }
  });
  frame.replaceKernel();
}

/// Rows [rowBegin, rowEnd), a multiple of the form's rows, times the panels of the tile. A form of
/// several panels leaves the last ones of an incomplete tile to a form of one panel.
void LinearEmitter::emitForm(TileForm form, Value firstPanel, Value panelCount, Value rowBegin,
                             Value rowEnd) {
  int64_t width = panel.getN();
  int64_t formPanels = std::max<int64_t>(1, form.vectors * target.lanes() / width);
  Value whole = roundDown(b, panelCount, formPanels);
  Value begin = product(b, firstPanel, width);
  Value middle = product(b, sum(b, firstPanel, whole), width);
  emitColumns(form, begin, middle, rowBegin, rowEnd);
  if (panels() % formPanels == 0)
    return;
  Value end = product(b, sum(b, firstPanel, panelCount), width);
  emitColumns({form.rows, width / target.lanes()}, middle, end, rowBegin, rowEnd);
}

/// Rows are the inner loop: a panel stays in the cache while the rows of the tile pass by.
void LinearEmitter::emitColumns(TileForm form, Value firstColumn, Value lastColumn, Value rowBegin,
                                Value rowEnd) {
  forLoop(b, firstColumn, lastColumn, form.vectors * target.lanes(), [&](Value column) {
    forLoop(b, rowBegin, rowEnd, form.rows, [&](Value row) { emitTile(form, row, column); });
  });
}

void LinearEmitter::emitTile(TileForm form, Value row, Value firstColumn) {
  Columns tile = tileColumns(form, firstColumn);
  Value inputRow = elementPointer(b, b.getF32Type(), input, product(b, row, depth));
  SmallVector<Value> sums = sumOverDepth(form, inputRow, tile);
  storeTile(form, row, tile, sums);
}

LinearEmitter::Columns LinearEmitter::tileColumns(TileForm form, Value firstColumn) {
  int64_t width = panel.getN();
  Value number = quotient(b, firstColumn, width);
  Value inPanel = remainder(b, firstColumn, width);
  Value offset = sum(b, product(b, number, panel.getN() * panel.getPadK()),
                     product(b, inPanel, panel.getKGroup()));
  int64_t tilePanels = std::max<int64_t>(1, form.vectors * target.lanes() / panel.getN());
  Columns tile{firstColumn, {}, form.vectors / tilePanels};
  for (int64_t p = 0; p < tilePanels; ++p) {
    Value distance = constantIndex(b, p * panel.getN() * panel.getPadK());
    tile.lines.push_back(elementPointer(b, panel.getElement(), weight, sum(b, offset, distance)));
  }
  return tile;
}

/// The sums of the tile, row by row: a loop over whole lines and the rest of the depth behind it.
SmallVector<Value> LinearEmitter::sumOverDepth(TileForm form, Value inputRow, const Columns &tile) {
  int64_t group = panel.getKGroup();
  int64_t linesPerStep = kUnrolledK / group;
  int64_t loopLines = depth / group / linesPerStep * linesPerStep;
  Value zero = constantFloat(b, target.vectorType(b.getContext()), 0.0);
  SmallVector<Value> sums(form.rows * form.vectors, zero);
  auto addLines = [&](Value line, MutableArrayRef<Value> carried) {
    for (int64_t u = 0; u < linesPerStep; ++u)
      addLine(form, inputRow, tile, sum(b, line, u), group, carried);
  };
  if (loopLines > 0)
    sums =
        forLoop(b, constantIndex(b, 0), constantIndex(b, loopLines), linesPerStep, sums, addLines);
  for (int64_t line = loopLines; line * group < depth; ++line)
    addLine(form, inputRow, tile, constantIndex(b, line), std::min(group, depth - line * group),
            sums);
  return sums;
}

/// Adds the products of the first `steps` values of k of a weight line: fewer than the line holds
/// only at the end of an odd depth, where the input has no element for the padding.
void LinearEmitter::addLine(TileForm form, Value inputRow, const Columns &tile, Value line,
                            int64_t steps, MutableArrayRef<Value> sums) {
  Type f32 = b.getF32Type();
  int64_t group = panel.getKGroup();
  SmallVector<SmallVector<Value>> weights;
  Value lineOffset = product(b, line, lineElements);
  for (Value panelLines : tile.lines)
    weights.push_back(
        target.loadPanelLine(b, elementPointer(b, panel.getElement(), panelLines, lineOffset),
                             tile.vectorsPerPanel, group));
  Value inputs = elementPointer(b, f32, inputRow, product(b, line, group));
  for (int64_t step = 0; step < steps; ++step) {
    for (int64_t row = 0; row < form.rows; ++row) {
      Value x = load(b, f32, elementPointer(b, f32, inputs, row * depth + step));
      Value xs = vector::BroadcastOp::create(b, target.vectorType(b.getContext()), x);
      for (int64_t v = 0; v < form.vectors; ++v) {
        Value &chain = sums[row * form.vectors + v];
        Value w = weights[v / tile.vectorsPerPanel]
                         [step * tile.vectorsPerPanel + v % tile.vectorsPerPanel];
        chain = math::FmaOp::create(b, xs, w, chain);
      }
    }
  }
}

void LinearEmitter::storeTile(TileForm form, Value row, const Columns &tile, ArrayRef<Value> sums) {
  Type f32 = b.getF32Type();
  VectorType type = target.vectorType(b.getContext());
  bool partial = columns % panel.getN() != 0;
  Value columnsLeft = difference(b, constantIndex(b, columns), tile.first);
  Value resultRow = elementPointer(b, f32, result, sum(b, product(b, row, columns), tile.first));
  for (int64_t v = 0; v < form.vectors; ++v) {
    int64_t lane = v * target.lanes();
    Value left = difference(b, columnsLeft, constantIndex(b, lane));
    Value mask = partial ? laneMask(b, target.lanes(), left) : Value();
    Value addend;
    if (bias) {
      Value pointer = elementPointer(b, f32, bias, sum(b, tile.first, lane));
      addend = partial ? maskedLoad(b, type, pointer, mask) : load(b, type, pointer);
    }
    for (int64_t r = 0; r < form.rows; ++r) {
      Value element = sums[r * form.vectors + v];
      if (addend)
        element = arith::AddFOp::create(b, element, addend);
      Value pointer = elementPointer(b, f32, resultRow, r * columns + lane);
      if (partial)
        maskedStore(b, element, pointer, mask);
      else
        store(b, element, pointer);
    }
  }
}

/// The stored forms that have an emitter: f32 singly, bf16 in pairs.
bool isSupportedPanel(PanelAttr panel) {
  bool singles = panel.getElement().isF32() && panel.getKGroup() == 1;
  bool pairs = panel.getElement().isBF16() && panel.getKGroup() == 2;
  return panel.getN() == kPanelColumns && (singles || pairs);
}

} // namespace

LogicalResult emitLinearKernel(func::FuncOp kernel, const TileTarget &target) {
  FailureOr<TileGrid> grid = tileGrid(kernel);
  if (failed(grid))
    return failure();
  auto op = cast<LinearOp>(kernelOp(kernel));
  auto panel = dyn_cast_or_null<PanelAttr>(encodingOf(op.getWeight()));
  if (!panel || !isSupportedPanel(panel))
    return kernel.emitError(
        "qvl.linear needs a weight in f32 panels of 32 rows or bf16 panels of 32 rows "
        "in pairs of k");
  if (!op.getInput().getType().getElementType().isF32() || !op.getType().getElementType().isF32())
    return kernel.emitError("qvl.linear is generated for f32 activations only");
  if (op.getBias()) {
    auto flat = dyn_cast_or_null<FlatAttr>(encodingOf(op.getBias()));
    if (!flat || !flat.getElement().isF32())
      return kernel.emitError("qvl.linear needs its bias stored flat in f32");
  }
  LinearEmitter(kernel, op, panel, *grid, target).emit();
  return success();
}

} // namespace mlir::qvl
