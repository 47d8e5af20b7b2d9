// Four warps share a tile in two rows and two columns. A warp's part is `blocks` times 16 rows and
// `warpPanels` panels. The B operand of a matrix instruction is a word of a panel as it is stored,
// two k of a column, so that a lane reads a quad of a line and has the operands of four
// instructions: instruction j takes column 4n + j of the panel for its column n. A lane's sums of
// the four are then neighbouring columns of the result.

#include "LinearManyRows.h"

#include "LinearOutput.h"
#include "LinearPipeline.h"
#include "TensorCore.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kWarpGrid = 2;     // warps of a tile in each direction
constexpr int64_t kBlockRows = 16;   // m of a matrix instruction
constexpr int64_t kDepth = 16;       // k of a matrix instruction
constexpr int64_t kInstructions = 4; // of n = 8 in a panel
constexpr int64_t kLaneSums = 4;

class TensorCoreTile {
public:
  TensorCoreTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile);
  void emit();

private:
  Value inputPointer(Value stage, int64_t block, int64_t slice);
  SmallVector<Value> loadQuad(Value stage, int64_t panel, int64_t line);
  void addStage(Value stage, int64_t depth, MutableArrayRef<Value> sums);
  void addSlice(Value stage, int64_t slice, MutableArrayRef<Value> sums);
  /// The first of the sums of a lane of one instruction.
  int64_t sumIndex(int64_t block, int64_t panel, int64_t instruction) const {
    return ((block * warpPanels + panel) * kInstructions + instruction) * kLaneSums;
  }
  Value quadVector(ArrayRef<Value> sums, int64_t block, int64_t half, int64_t panel, int64_t side);
  SmallVector<Value> rowSums(ArrayRef<Value> sums, int64_t block, int64_t half, int64_t panel);
  void storePanel(ArrayRef<Value> sums, int64_t panel);

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  const Projection &projection;
  const LinearTile &tile;
  LinearPipeline pipeline;
  PanelColumns columns;
  int64_t blocks, warpPanels;
  Value group, inGroup;       // g and c of the fragments: lane / 4 and lane mod 4
  Value firstRow, firstPanel; // of the warp in the tile
};

TensorCoreTile::TensorCoreTile(BlockFrame &frame, const Projection &projection,
                               const LinearTile &tile)
    : frame(frame), b(frame.builder()), projection(projection), tile(tile),
      pipeline(frame, projection, tile), columns(pipeline.panels().columns()),
      blocks(tile.rows / kWarpGrid / kBlockRows), warpPanels(tile.panels / kWarpGrid),
      group(quotient(b, frame.lane(), 4)), inGroup(remainder(b, frame.lane(), 4)),
      firstRow(product(b, quotient(b, frame.warp(), kWarpGrid), blocks * kBlockRows)),
      firstPanel(product(b, remainder(b, frame.warp(), kWarpGrid), warpPanels)) {}

void TensorCoreTile::emit() {
  int64_t count = blocks * warpPanels * kInstructions * kLaneSums;
  SmallVector<Value> sums(count, constantFloat(b, b.getF32Type(), 0.0));
  sums = pipeline.run(sums, [&](Value stage, int64_t depth, MutableArrayRef<Value> carried) {
    addStage(stage, depth, carried);
  });
  for (int64_t panel = 0; panel < warpPanels; ++panel)
    storePanel(sums, panel);
}

/// The row that this lane gives to ldmatrix: lanes 0 to 15 the rows of a block at the first eight
/// k, the others the same rows at the next eight.
Value TensorCoreTile::inputPointer(Value stage, int64_t block, int64_t slice) {
  Value row = sum(b, sum(b, firstRow, remainder(b, frame.lane(), kBlockRows)), block * kBlockRows);
  Value quad = sum(b, quotient(b, frame.lane(), kBlockRows), slice * 2);
  return elementPointer(b, b.getI8Type(), stage, pipeline.inputOffset(row, quad));
}

/// A quad of line `line` + c as four words.
SmallVector<Value> TensorCoreTile::loadQuad(Value stage, int64_t panel, int64_t line) {
  Value offset = pipeline.panelOffset(sum(b, firstPanel, panel), sum(b, inGroup, line),
                                      columns.laneQuad(b, group));
  Value quad = load(b, VectorType::get({4}, b.getI32Type()),
                    elementPointer(b, b.getI8Type(), stage, offset), kQuadBytes);
  SmallVector<Value> words;
  for (int64_t i = 0; i < kInstructions; ++i)
    words.push_back(vector::ExtractOp::create(b, quad, i));
  return words;
}

/// Values of k behind `depth` are zero in the stage.
void TensorCoreTile::addStage(Value stage, int64_t depth, MutableArrayRef<Value> sums) {
  for (int64_t slice = 0; slice * kDepth < depth; ++slice)
    addSlice(stage, slice, sums);
}

void TensorCoreTile::addSlice(Value stage, int64_t slice, MutableArrayRef<Value> sums) {
  SmallVector<SmallVector<Value>> input, low, high;
  for (int64_t block = 0; block < blocks; ++block)
    input.push_back(loadMatrices(b, inputPointer(stage, block, slice)));
  for (int64_t panel = 0; panel < warpPanels; ++panel) {
    int64_t line = slice * kDepth / 2; // a line holds two k
    low.push_back(loadQuad(stage, panel, line));
    high.push_back(loadQuad(stage, panel, line + kDepth / 4));
  }
  // Blocks are the inner loop: the two words of a column come from different reads and are brought
  // into neighbouring registers once for all of them.
  for (int64_t panel = 0; panel < warpPanels; ++panel)
    for (int64_t i = 0; i < kInstructions; ++i)
      for (int64_t block = 0; block < blocks; ++block)
        multiplyAdd(b, input[block], low[panel][i], high[panel][i],
                    sums.slice(sumIndex(block, panel, i), kLaneSums));
}

/// The sums of the quad that lanes of number 2c (`side` 0) or 2c + 1 have read, in row g (`half` 0)
/// or g + 8 of a block.
Value TensorCoreTile::quadVector(ArrayRef<Value> sums, int64_t block, int64_t half, int64_t panel,
                                 int64_t side) {
  SmallVector<Value> elements;
  for (int64_t i = 0; i < kInstructions; ++i)
    elements.push_back(sums[sumIndex(block, panel, i) + 2 * half + side]);
  return vector::FromElementsOp::create(b, VectorType::get({kInstructions}, b.getF32Type()),
                                        elements);
}

/// A row's vectors of a patch, one for each weight.
SmallVector<Value> TensorCoreTile::rowSums(ArrayRef<Value> sums, int64_t block, int64_t half,
                                           int64_t panel) {
  Value even = quadVector(sums, block, half, panel, 0),
        odd = quadVector(sums, block, half, panel, 1);
  if (columns.arePairs)
    return {even, odd};
  return {vector::ShuffleOp::create(b, even, odd,
                                    llvm::to_vector(llvm::seq<int64_t>(0, 2 * kInstructions)))};
}

void TensorCoreTile::storePanel(ArrayRef<Value> sums, int64_t panel) {
  Value column = sum(b, product(b, sum(b, firstPanel, panel), columns.perPanel()),
                     product(b, inGroup, columns.perLane()));
  OutputPatch patch{
      {}, sum(b, product(b, frame.columnTile(), tile.columns), column), columns.perLane(), {}};
  Value row = sum(b, sum(b, frame.rowBegin(), firstRow), group);
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t half : {0, 1}) {
      patch.rows.push_back(sum(b, row, block * kBlockRows + half * kBlockRows / 2));
      patch.sums.push_back(rowSums(sums, block, half, panel));
    }
  LinearOutput(frame, projection).store(patch);
}

} // namespace

void emitTensorCoreTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile) {
  TensorCoreTile(frame, projection, tile).emit();
}

} // namespace mlir::qvl
