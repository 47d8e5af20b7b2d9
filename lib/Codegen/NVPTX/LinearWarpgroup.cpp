// The tile of LinearTensorCore.cpp by one warpgroup, transposed: the weights are the A operand, in
// registers, since no layout of shared memory that the B operand can have is that of a panel; the
// input is B, in the rows that the pipeline leaves. A warp has one panel of the tile, in two
// instructions of 16 of its columns each, for all rows of the tile.

#include "LinearManyRows.h"

#include "LinearPipeline.h"
#include "LinearWarpgroup.h"
#include "WarpgroupMultiply.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kDepth = kWarpgroupDepth, kParts = kWarpgroupParts;

class WarpgroupTile {
public:
  WarpgroupTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile)
      : frame(frame), b(frame.builder()), projection(projection), tile(tile),
        pipeline(frame, projection, tile), columns(pipeline.panels().columns()),
        group(quotient(b, frame.lane(), 4)), inGroup(remainder(b, frame.lane(), 4)) {}
  void emit();

private:
  void addStage(Value stage, int64_t depth, MutableArrayRef<Value> sums);
  SmallVector<Value> loadWords(Value stage, Value quad, Value place, int64_t line, int64_t count);
  void loadLine(Value stage, int64_t line, SmallVector<Value> (&operands)[kParts]);
  void storeSums(ArrayRef<Value> sums);

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  const Projection &projection;
  const LinearTile &tile;
  LinearPipeline pipeline;
  PanelColumns columns;
  Value group, inGroup; // g and c of the fragments: lane / 4 and lane mod 4
};

void WarpgroupTile::emit() {
  SmallVector<Value> sums(kParts * kWarpgroupSums, constantFloat(b, b.getF32Type(), 0.0));
  sums = pipeline.run(
      sums,
      [&](Value stage, int64_t depth, MutableArrayRef<Value> carried) {
        addStage(stage, depth, carried);
      },
      [&] { publishToMultiplies(b); });
  storeSums(sums);
}

/// Values of k behind `depth` are zero in the stage.
void WarpgroupTile::addStage(Value stage, int64_t depth, MutableArrayRef<Value> sums) {
  SmallVector<SmallVector<Value>> operands;
  for (int64_t k = 0; k < depth; k += kDepth) {
    SmallVector<Value> parts[kParts];
    loadLine(stage, k / 2, parts); // a line holds two k
    loadLine(stage, k / 2 + kDepth / 4, parts);
    operands.append(std::begin(parts), std::end(parts));
  }
  Value rows = columnDescriptor(b, stage, kStageRowBytes);
  for (auto [number, operand] : llvm::enumerate(operands))
    startMultiplyAdd(b, operand, advanceDescriptor(b, rows, number / kParts * kDepth * 2),
                     sums.slice(number % kParts * kWarpgroupSums, kWarpgroupSums),
                     /*isFirst=*/number < kParts);
  waitForMultiplies(b, sums);
}

/// `count` words of line `line` + c of the warp's panel, from byte `place` of a quad on.
SmallVector<Value> WarpgroupTile::loadWords(Value stage, Value quad, Value place, int64_t line,
                                            int64_t count) {
  Value offset = pipeline.panelOffset(frame.warp(), sum(b, inGroup, line), quad);
  Value pointer = elementPointer(b, b.getI8Type(), stage, sum(b, offset, place));
  Value loaded = load(b, VectorType::get({count}, b.getI32Type()), pointer, 4 * count);
  SmallVector<Value> words;
  for (int64_t i = 0; i < count; ++i)
    words.push_back(vector::ExtractOp::create(b, loaded, i));
  return words;
}

/// Appends the words of two columns of a line to each operand: of neighbouring columns, or of the
/// same two columns of each weight.
void WarpgroupTile::loadLine(Value stage, int64_t line, SmallVector<Value> (&operands)[kParts]) {
  if (!columns.arePairs) {
    SmallVector<Value> quad = loadWords(stage, group, constantIndex(b, 0), line, 4);
    operands[0].append({quad[0], quad[1]});
    operands[1].append({quad[2], quad[3]});
    return;
  }
  Value half = product(b, remainder(b, group, 2), kQuadBytes / 2);
  Value pair = product(b, quotient(b, group, 2), 2);
  for (int64_t weight = 0; weight < kParts; ++weight)
    operands[weight].append(
        loadWords(stage, columns.laneQuad(b, sum(b, pair, weight)), half, line, 2));
}

void WarpgroupTile::storeSums(ArrayRef<Value> sums) {
  Value column =
      sum(b, product(b, frame.warp(), columns.perPanel()), product(b, group, laneColumns(columns)));
  storeWarpgroupSums(frame, projection, sums,
                     sum(b, product(b, frame.columnTile(), tile.columns), column));
}

} // namespace

bool isWarpgroupTile(const LinearTile &tile) {
  return tile.rows == kWarpgroupColumns && tile.panels == 4;
}

void emitWarpgroupTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile) {
  WarpgroupTile(frame, projection, tile).emit();
}

} // namespace mlir::qvl
