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
#include "Projection.h"

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
        weightCount(panel.getInterleave() > 0 ? 2 : 1),
        inPairs(target.multipliesBf16Pairs() && multipliesBf16(projection.inputElement, panel)) {}

  void emit();

private:
  /// The columns of a tile in panels: pointers to the first line of each panel.
  struct Columns {
    SmallVector<Value> lines;
    int64_t vectorsPerPanel;
  };

  /// The result of a tile and the operands of its epilogue in memory, in rows of `form`.
  struct Output {
    TileForm form; // of the result: two weights share its columns
    Value firstColumn;
    TileRows result;
    SmallVector<TileRows> operands; // a vector is a matrix of one row
  };

  int64_t panels() const {
    return llvm::divideCeil(weightCount * projection.columns, panel.getN());
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
  void addPairLine(TileForm form, const TileRows &inputs, const Columns &tile, Value lineOffset,
                   int64_t steps, MutableArrayRef<Value> sums);
  Value inputPair(Value pointer, int64_t steps);
  Output tileOutput(TileForm form, Value row, Value firstColumn);
  void prefetchOperands(const Output &tile);
  void prefetchRows(const TileRows &rows, Type element, TileForm form);
  void storeTile(const Output &tile, ArrayRef<Value> sums);
  SmallVector<Value> separateWeights(ArrayRef<Value> sums);

  KernelFrame &frame;
  ImplicitLocOpBuilder &b;
  const TileTarget &target;
  const Projection &projection;
  PanelAttr panel;
  int64_t lineElements, weightCount;
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
  Output output = tileOutput({form.rows, form.vectors / weightCount}, row,
                             quotient(b, firstColumn, weightCount));
  prefetchOperands(output);
  SmallVector<Value> sums =
      sumOverDepth(form, inputRows(row, form.rows), tileColumns(form, firstColumn));
  storeTile(output, weightCount == 1 ? sums : separateWeights(sums));
}

/// The accumulators of two weights, which take turns in blocks of lanes, as pairs of vectors: the
/// columns of one weight, then the same columns of the other.
SmallVector<Value> LinearEmitter::separateWeights(ArrayRef<Value> sums) {
  int64_t block = panel.getInterleave();
  SmallVector<int64_t> first, second; // lanes of two neighbouring vectors, numbered through
  for (int64_t lane = 0; lane < target.lanes(); ++lane) {
    first.push_back(lane / block * 2 * block + lane % block);
    second.push_back(first.back() + block);
  }
  SmallVector<Value> separate;
  for (size_t i = 0; i < sums.size(); i += 2)
    for (const auto &lanes : {first, second})
      separate.push_back(vector::ShuffleOp::create(b, sums[i], sums[i + 1], lanes));
  return separate;
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

/// Adds the products of the first `steps` values of k of a weight line: fewer than the line holds
/// only at the end of an odd depth, where the input has no element for the padding.
void LinearEmitter::addLine(TileForm form, const TileRows &rows, const Columns &tile, Value line,
                            int64_t steps, MutableArrayRef<Value> sums) {
  int64_t group = panel.getKGroup(), vectors = form.vectors;
  Value lineOffset = product(b, line, lineElements);
  TileRows inputs = rows.advanced(b, product(b, line, group));
  if (inPairs)
    return addPairLine(form, inputs, tile, lineOffset, steps, sums);
  SmallVector<SmallVector<Value>> weights;
  for (Value panelLines : tile.lines)
    weights.push_back(
        target.loadPanelLine(b, elementPointer(b, panel.getElement(), panelLines, lineOffset),
                             tile.vectorsPerPanel, group));
  for (int64_t step = 0; step < steps; ++step) {
    for (int64_t row = 0; row < form.rows; ++row) {
      Value x = load(b, b.getF32Type(), inputs.pointer(b, row, step));
      Value xs = vector::BroadcastOp::create(b, target.vectorType(b.getContext()), x);
      for (int64_t v = 0; v < vectors; ++v) {
        Value &chain = sums[row * vectors + v];
        Value w = weights[v / tile.vectorsPerPanel]
                         [step * tile.vectorsPerPanel + v % tile.vectorsPerPanel];
        chain = math::FmaOp::create(b, xs, w, chain);
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

LinearEmitter::Output LinearEmitter::tileOutput(TileForm form, Value row, Value firstColumn) {
  auto tileRows = [&](const RowMap &map, Type element, Value memory) {
    return TileRows(b, map, element, memory, projection.columns, row, form.rows, firstColumn);
  };
  Output tile{form,
              firstColumn,
              tileRows(projection.store, projection.resultElement, projection.result),
              {}};
  for (const EpilogueOperand &operand : projection.operands)
    tile.operands.push_back(operand.perElement ? tileRows({}, operand.element, operand.memory)
                                               : TileRows(b, {}, operand.element, operand.memory,
                                                          projection.columns, constantIndex(b, 0),
                                                          1, firstColumn));
  return tile;
}

/// The sums of a tile take longer than memory: what the epilogue reads is fetched meanwhile. Rows
/// lie far apart, so the processor would not see them coming.
void LinearEmitter::prefetchOperands(const Output &tile) {
  for (auto [operand, rows] : llvm::zip(projection.operands, tile.operands))
    if (operand.perElement)
      prefetchRows(rows, operand.element, tile.form);
}

void LinearEmitter::prefetchRows(const TileRows &rows, Type element, TileForm form) {
  constexpr int64_t lineBytes = 64;
  constexpr uint32_t read = 0, keepInAllCaches = 3, data = 1;
  int64_t perLine = lineBytes * 8 / element.getIntOrFloatBitWidth();
  for (int64_t row = 0; row < form.rows; ++row)
    for (int64_t column = 0; column < form.vectors * target.lanes(); column += perLine)
      LLVM::Prefetch::create(b, rows.pointer(b, row, column), read, keepInAllCaches, data);
}

/// The epilogue on finished sums: for each of the form's vectors of result columns, one of each
/// weight. Operands per column are loaded once for all rows.
void LinearEmitter::storeTile(const Output &tile, ArrayRef<Value> sums) {
  const auto &[form, firstColumn, resultRows, operandRows] = tile;
  int64_t columns = projection.columns;
  VectorType type = target.vectorType(b.getContext());
  bool partial = weightCount * columns % panel.getN() != 0;
  Value columnsLeft = difference(b, constantIndex(b, columns), firstColumn);
  for (int64_t v = 0; v < form.vectors; ++v) {
    int64_t lane = v * target.lanes();
    Value left = difference(b, columnsLeft, constantIndex(b, lane));
    Value mask = partial ? laneMask(b, target.lanes(), left) : Value();
    SmallVector<Value> perColumn;
    for (auto [operand, rows] : llvm::zip(projection.operands, operandRows))
      perColumn.push_back(operand.perElement ? Value()
                                             : loadFloats(b, type, operand.element,
                                                          rows.pointer(b, 0, lane), mask));
    for (int64_t r = 0; r < form.rows; ++r) {
      SmallVector<Value> arguments;
      for (int64_t w = 0; w < weightCount; ++w)
        arguments.push_back(sums[(r * form.vectors + v) * weightCount + w]);
      for (auto [operand, loaded, rows] : llvm::zip(projection.operands, perColumn, operandRows))
        arguments.push_back(
            loaded ? loaded : loadFloats(b, type, operand.element, rows.pointer(b, r, lane), mask));
      storeFloats(b, projection.epilogue(b, arguments), projection.resultElement,
                  resultRows.pointer(b, r, lane), mask);
    }
  }
}

} // namespace

void emitProjection(KernelFrame &frame, const Projection &projection, const TileTarget &target) {
  LinearEmitter(frame, projection, target).emit();
}

} // namespace mlir::qvl
