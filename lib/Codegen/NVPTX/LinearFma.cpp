// A thread has four rows, 16 apart, and two quads of columns: the same quad of both panels of the
// tile, or one quad of each weight where two weights take turns in a panel. Eight neighbouring
// lanes read a panel line at once and one quad of the input.

#include "LinearManyRows.h"

#include "LinearOutput.h"
#include "LinearPipeline.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kThreadRows = 4;
constexpr int64_t kThreadQuads = 2;
constexpr int64_t kLineLanes = 8; // quads of a line

class FmaTile {
public:
  FmaTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile);
  void emit();

private:
  void planColumns();
  void addStage(Value stage, int64_t depth, MutableArrayRef<Value> sums);
  SmallVector<Value> loadInput(Value stage, int64_t row, int64_t quad);
  SmallVector<Value> loadLine(Value stage, int64_t quad, int64_t line);
  void store(ArrayRef<Value> sums);
  void storePatch(ArrayRef<Value> sums, int64_t quad, int64_t weights);

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  const Projection &projection;
  const LinearTile &tile;
  LinearPipeline pipeline;
  PanelColumns columns;
  VectorType vector; // a quad of sums
  int64_t inputs;    // values of k in a quad of the input
  Value rowGroup, lineLane;
  /// Where the quads of the thread lie, and their columns of the result in the tile.
  Value slots[kThreadQuads], quads[kThreadQuads], firstColumns[kThreadQuads];
};

FmaTile::FmaTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile)
    : frame(frame), b(frame.builder()), projection(projection), tile(tile),
      pipeline(frame, projection, tile), columns(pipeline.panels().columns()),
      vector(VectorType::get({4}, b.getF32Type())),
      inputs(kQuadBytes * 8 / projection.inputElement.getIntOrFloatBitWidth()),
      rowGroup(quotient(b, frame.thread(), kLineLanes)),
      lineLane(remainder(b, frame.thread(), kLineLanes)) {
  planColumns();
}

void FmaTile::planColumns() {
  for (int64_t i = 0; i < kThreadQuads; ++i) {
    if (columns.arePairs) {
      slots[i] = quotient(b, lineLane, kLineLanes / 2);
      Value pair = remainder(b, lineLane, kLineLanes / 2);
      quads[i] = columns.laneQuad(b, sum(b, product(b, pair, 2), i));
      firstColumns[i] = product(b, lineLane, 4);
    } else {
      slots[i] = constantIndex(b, i);
      quads[i] = lineLane;
      firstColumns[i] = sum(b, product(b, lineLane, 4), i * kPanelColumns);
    }
  }
}

void FmaTile::emit() {
  SmallVector<Value> sums(kThreadRows * kThreadQuads, constantFloat(b, vector, 0.0));
  sums = pipeline.run(sums, [&](Value stage, int64_t depth, MutableArrayRef<Value> carried) {
    addStage(stage, depth, carried);
  });
  store(sums);
}

/// Exactly `depth` values of k: a chain does not go on over the zeros behind them.
void FmaTile::addStage(Value stage, int64_t depth, MutableArrayRef<Value> sums) {
  int64_t group = projection.panel.getKGroup();
  SmallVector<SmallVector<Value>> rows(kThreadRows), line(kThreadQuads);
  for (int64_t k = 0; k < depth; ++k) {
    if (k % inputs == 0)
      for (int64_t row = 0; row < kThreadRows; ++row)
        rows[row] = loadInput(stage, row, k / inputs);
    if (k % group == 0)
      for (int64_t quad = 0; quad < kThreadQuads; ++quad)
        line[quad] = loadLine(stage, quad, k / group);
    for (int64_t row = 0; row < kThreadRows; ++row) {
      Value x = vector::BroadcastOp::create(b, vector, rows[row][k % inputs]);
      for (int64_t quad = 0; quad < kThreadQuads; ++quad) {
        Value &chain = sums[row * kThreadQuads + quad];
        chain = math::FmaOp::create(b, x, line[quad][k % group], chain);
      }
    }
  }
}

/// The values of a quad of one of the thread's rows.
SmallVector<Value> FmaTile::loadInput(Value stage, int64_t row, int64_t quad) {
  Value number = sum(b, rowGroup, row * tile.rows / kThreadRows);
  Value pointer =
      elementPointer(b, b.getI8Type(), stage, pipeline.inputOffset(number, constantIndex(b, quad)));
  auto type = VectorType::get({inputs}, b.getF32Type());
  Value values = loadFloats(b, type, projection.inputElement, pointer, {}, kQuadBytes);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < inputs; ++i)
    elements.push_back(vector::ExtractOp::create(b, values, i));
  return elements;
}

/// One of the thread's quads of a line: a vector for each of its values of k.
SmallVector<Value> FmaTile::loadLine(Value stage, int64_t quad, int64_t line) {
  Value offset = pipeline.panelOffset(slots[quad], constantIndex(b, line), quads[quad]);
  return loadPanelQuad(b, elementPointer(b, b.getI8Type(), stage, offset), projection.panel);
}

void FmaTile::store(ArrayRef<Value> sums) {
  if (columns.arePairs)
    return storePatch(sums, 0, kThreadQuads);
  for (int64_t quad = 0; quad < kThreadQuads; ++quad)
    storePatch(sums, quad, 1);
}

/// Stores the columns of a quad, whose weights are the quads from `quad` on.
void FmaTile::storePatch(ArrayRef<Value> sums, int64_t quad, int64_t weights) {
  Value tileColumn = product(b, frame.columnTile(), tile.columns);
  OutputPatch patch{{}, sum(b, tileColumn, firstColumns[quad]), 4, {}};
  Value row = sum(b, frame.rowBegin(), rowGroup);
  for (int64_t i = 0; i < kThreadRows; ++i) {
    patch.rows.push_back(sum(b, row, i * tile.rows / kThreadRows));
    ArrayRef<Value> parts = sums.slice(i * kThreadQuads + quad, weights);
    patch.sums.emplace_back(parts);
  }
  LinearOutput(frame, projection).store(patch);
}

} // namespace

void emitFmaTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile) {
  FmaTile(frame, projection, tile).emit();
}

} // namespace mlir::qvl
