// Projections over weight panels: x·Wᵀ with a register tile of rows times output columns.
//
// Every accumulator is one chain of multiply-adds over ascending k that starts at zero; the
// epilogue works on finished chains, element by element. All forms of the tile (many rows down to
// one) emit the same chain, so a row's result does not depend on its neighbours (contract C10). Two
// weights lie in turns in the same panels, so that a tile reads them like one; their accumulators
// come apart in front of the epilogue.
//
// Where the target multiplies pairs of bf16 and both operands are bf16, a link of the chain is the
// two products of a pair. Otherwise the register tiles read f32: rows of bf16 are widened into
// scratch memory once per tile of the grid, for all its panels.

#include "Loops.h"
#include "ProjectionOutput.h"

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
  LinearEmitter(KernelFrame &frame, const Projection &projection, const TileTarget &target)
      : frame(frame), b(frame.builder()), target(target), projection(projection),
        panel(projection.panel), lineElements(panel.getN() * panel.getKGroup()),
        output(b, projection, target),
        inPairs(target.multipliesBf16Pairs() && multipliesBf16(projection.inputElement, panel)) {}

  void emit();

private:
  /// The columns of a tile in panels: pointers to the first line of each panel.
  struct Columns {
    SmallVector<Value> lines;
    int64_t vectorsPerPanel;
  };

  int64_t panels() const {
    return llvm::divideCeil(projection.weightCount() * projection.columns, panel.getN());
  }
  void widenRows(Value rowBegin, Value rowEnd);
  TileRows inputRows(Value row, int64_t rows);
  void emitForm(TileForm form, Value firstPanel, Value panelCount, Value rowBegin, Value rowEnd);
  void emitColumns(TileForm form, Value firstColumn, Value lastColumn, Value rowBegin,
                   Value rowEnd);
  void emitTile(TileForm form, Value row, Value firstColumn);
  Columns tileColumns(TileForm form, Value firstColumn);
  SmallVector<Value> sumOverDepth(TileForm form, const TileRows &rows, const Columns &tile);
  void addLine(TileForm form, const TileRows &rows, const Columns &tile, Value line, int64_t steps,
               MutableArrayRef<Value> sums);
  SmallVector<Value> loadWeights(TileForm form, Value line, const Columns &tile, int64_t step);
  void addPairLine(TileForm form, const TileRows &inputs, const Columns &tile, Value lineOffset,
                   int64_t steps, MutableArrayRef<Value> sums);
  Value inputPair(Value pointer, int64_t steps);

  KernelFrame &frame;
  ImplicitLocOpBuilder &b;
  const TileTarget &target;
  const Projection &projection;
  PanelAttr panel;
  int64_t lineElements;
  ProjectionOutput output;
  bool inPairs;       // products of pairs of bf16
  Value widened;      // rows of the tile in f32 [rows][depth] when the input is bf16
  Value firstTileRow; // of the tile of the grid
};

void LinearEmitter::emit() {
  frame.forEachTile([&](Value columnTile, Value rowBegin, Value rowEnd) {
    Value firstPanel = product(b, columnTile, kPanelsPerTile);
    Value panelsLeft = difference(b, constantIndex(b, panels()), firstPanel);
    Value panelCount = minimum(b, panelsLeft, constantIndex(b, kPanelsPerTile));
    if (projection.inputElement.isBF16() && !inPairs)
      widenRows(rowBegin, rowEnd);
    Value row = rowBegin;
    for (TileForm form : target.linearForms()) {
      Value formRows = roundDown(b, difference(b, rowEnd, row), form.rows);
      Value next = sum(b, row, formRows);
      emitForm(form, firstPanel, panelCount, row, next);
      row = next;
    }
  });
}

/// Copies rows [rowBegin, rowEnd) of the input to scratch memory as f32, without their row map.
void LinearEmitter::widenRows(Value rowBegin, Value rowEnd) {
  Type f32 = b.getF32Type();
  int64_t depth = projection.depth, whole = depth / target.lanes() * target.lanes();
  VectorType type = target.vectorType(b.getContext());
  widened = frame.scratch();
  firstTileRow = rowBegin;
  forLoop(b, rowBegin, rowEnd, 1, [&](Value row) {
    TileRows source(b, projection.load, projection.inputElement, projection.input, depth, row, 1,
                    constantIndex(b, 0));
    TileRows copy(b, {}, f32, widened, depth, difference(b, row, rowBegin), 1, constantIndex(b, 0));
    auto copyVector = [&](Value column, Value mask) {
      Value from = source.advanced(b, column).pointer(b, 0, 0);
      storeFloats(b, loadFloats(b, type, projection.inputElement, from, mask), f32,
                  copy.advanced(b, column).pointer(b, 0, 0), mask);
    };
    forLoop(b, constantIndex(b, 0), constantIndex(b, whole), target.lanes(),
            [&](Value column) { copyVector(column, {}); });
    if (whole < depth)
      copyVector(constantIndex(b, whole),
                 laneMask(b, target.lanes(), constantIndex(b, depth - whole)));
  });
}

/// The rows [row, row + rows) of the input: pairs of bf16, or f32.
TileRows LinearEmitter::inputRows(Value row, int64_t rows) {
  Value start = constantIndex(b, 0);
  if (widened)
    return TileRows(b, {}, b.getF32Type(), widened, projection.depth,
                    difference(b, row, firstTileRow), rows, start);
  return TileRows(b, projection.load, projection.inputElement, projection.input, projection.depth,
                  row, rows, start);
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
  ProjectionOutput::Tile tile = output.tile(form, row, firstColumn);
  output.prefetchOperands(tile);
  output.store(tile, sumOverDepth(form, inputRows(row, form.rows), tileColumns(form, firstColumn)));
}

LinearEmitter::Columns LinearEmitter::tileColumns(TileForm form, Value firstColumn) {
  int64_t width = panel.getN(), panelElements = width * panel.getPadK();
  Value number = quotient(b, firstColumn, width);
  Value inPanel = remainder(b, firstColumn, width);
  Value offset = sum(b, product(b, number, panelElements), product(b, inPanel, panel.getKGroup()));
  int64_t tilePanels = std::max<int64_t>(1, form.vectors * target.lanes() / width);
  Columns tile{{}, form.vectors / tilePanels};
  for (int64_t p = 0; p < tilePanels; ++p)
    tile.lines.push_back(elementPointer(b, panel.getElement(), projection.weight,
                                        sum(b, offset, p * panelElements)));
  return tile;
}

/// The sums of the tile, row by row: a loop over whole lines and the rest of the depth behind it.
SmallVector<Value> LinearEmitter::sumOverDepth(TileForm form, const TileRows &rows,
                                               const Columns &tile) {
  int64_t group = panel.getKGroup(), depth = projection.depth;
  int64_t linesPerStep = kUnrolledK / group;
  int64_t loopLines = depth / group / linesPerStep * linesPerStep;
  Value zero = constantFloat(b, target.vectorType(b.getContext()), 0.0);
  SmallVector<Value> sums(form.rows * form.vectors, zero);
  auto addLines = [&](Value line, MutableArrayRef<Value> carried) {
    for (int64_t u = 0; u < linesPerStep; ++u)
      addLine(form, rows, tile, sum(b, line, u), group, carried);
  };
  if (loopLines > 0)
    sums =
        forLoop(b, constantIndex(b, 0), constantIndex(b, loopLines), linesPerStep, sums, addLines);
  for (int64_t line = loopLines; line * group < depth; ++line)
    addLine(form, rows, tile, constantIndex(b, line), std::min(group, depth - line * group), sums);
  return sums;
}

/// The vectors of a panel's line for the value `step` of its k.
SmallVector<Value> LinearEmitter::loadWeights(TileForm form, Value line, const Columns &tile,
                                              int64_t step) {
  if (panel.getKGroup() == 1)
    return target.loadSingles(b, line, tile.vectorsPerPanel);
  return target.loadOfPairs(b, line, tile.vectorsPerPanel, step, form.rereadsPairs);
}

/// Adds the products of the first `steps` values of k of a weight line: fewer than the line holds
/// only at the end of an odd depth, where the input has no element for the padding.
void LinearEmitter::addLine(TileForm form, const TileRows &rows, const Columns &tile, Value line,
                            int64_t steps, MutableArrayRef<Value> sums) {
  int64_t group = panel.getKGroup(), vectors = form.vectors;
  Value lineOffset = product(b, line, lineElements);
  TileRows inputs = rows.advanced(b, product(b, line, group));
  if (inPairs)
    return addPairLine(form, inputs, tile, lineOffset, steps, sums);
  for (int64_t step = 0; step < steps; ++step) {
    SmallVector<Value> weights;
    for (Value panelLines : tile.lines)
      weights.append(loadWeights(
          form, elementPointer(b, panel.getElement(), panelLines, lineOffset), tile, step));
    for (int64_t row = 0; row < form.rows; ++row) {
      Value x = load(b, b.getF32Type(), inputs.pointer(b, row, step));
      Value xs = vector::BroadcastOp::create(b, target.vectorType(b.getContext()), x);
      for (int64_t v = 0; v < vectors; ++v) {
        Value &chain = sums[row * vectors + v];
        chain = math::FmaOp::create(b, xs, weights[v], chain);
      }
    }
  }
}

/// The same by products of pairs. Behind an odd depth the second element of the pair is zero, like
/// the padding of the weights.
void LinearEmitter::addPairLine(TileForm form, const TileRows &inputs, const Columns &tile,
                                Value lineOffset, int64_t steps, MutableArrayRef<Value> sums) {
  int64_t pairElements = 2 * target.lanes();
  auto pairs = VectorType::get({pairElements}, b.getBF16Type());
  SmallVector<Value> weights;
  for (Value panelLines : tile.lines)
    for (int64_t v = 0; v < tile.vectorsPerPanel; ++v) {
      Value lineStart = elementPointer(b, panel.getElement(), panelLines, lineOffset);
      weights.push_back(
          load(b, pairs, elementPointer(b, panel.getElement(), lineStart, v * pairElements)));
    }
  auto words = VectorType::get({target.lanes()}, b.getI32Type());
  for (int64_t row = 0; row < form.rows; ++row) {
    Value pair = inputPair(inputs.pointer(b, row, 0), steps);
    Value everywhere =
        vector::BitCastOp::create(b, pairs, vector::BroadcastOp::create(b, words, pair));
    for (int64_t v = 0; v < form.vectors; ++v) {
      Value &chain = sums[row * form.vectors + v];
      chain = target.addPairProducts(b, everywhere, weights[v], chain);
    }
  }
}

/// A pair of bf16, or a single one and zero, in 32 bits. A row of odd depth starts at any element.
Value LinearEmitter::inputPair(Value pointer, int64_t steps) {
  constexpr int64_t alignment = 2;
  if (steps == 2)
    return load(b, b.getI32Type(), pointer, alignment);
  return arith::ExtUIOp::create(b, b.getI32Type(), load(b, b.getI16Type(), pointer, alignment));
}

} // namespace

void emitProjection(KernelFrame &frame, const Projection &projection, const TileTarget &target) {
  LinearEmitter(frame, projection, target).emit();
}

} // namespace mlir::qvl
