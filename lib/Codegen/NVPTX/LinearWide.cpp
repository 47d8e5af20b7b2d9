// Warps are specialised: one thread of the third warpgroup keeps a ring of stages full, the two
// others compute, each warp one panel. A stage is handed over by two barriers: `full` ends a phase
// when its boxes have arrived, `empty` when every computing warp has read them.

#include "LinearWide.h"

#include "../Emit/Loops.h"
#include "BlockFrame.h"
#include "LinearPanels.h"
#include "LinearWarpgroup.h"
#include "TensorCopy.h"
#include "WarpInstructions.h"
#include "WarpgroupMultiply.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kWarpgroupThreads = 128;
constexpr int64_t kComputeThreads = kWidePanels * kWarpLanes;
constexpr int64_t kThreads = kComputeThreads + kWarpgroupThreads;
// Registers of a thread: the launch gives each 168, an even share of the 65536.
constexpr int64_t kCopyRegisters = 40, kComputeRegisters = 232;

Value isBelow(ImplicitLocOpBuilder &b, Value lhs, int64_t rhs) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, constantIndex(b, rhs));
}
Value isEqual(ImplicitLocOpBuilder &b, Value lhs, int64_t rhs) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lhs, constantIndex(b, rhs));
}

class WideTile {
public:
  WideTile(BlockFrame &frame, const Projection &projection)
      : frame(frame), b(frame.builder()), projection(projection), columns(projection.panel),
        group(quotient(b, frame.lane(), 4)), inGroup(remainder(b, frame.lane(), 4)),
        steps(llvm::divideCeil(projection.depth, kWideDepth)) {}
  void emit();

private:
  /// Byte offsets into shared memory.
  Value stage(Value step) { return shared(product(b, slot(step), kWideStageBytes)); }
  Value full(Value step) { return barrier(slot(step)); }
  Value empty(Value step) { return barrier(sum(b, slot(step), kWideStages)); }
  Value slot(Value step) { return remainder(b, step, kWideStages); }
  Value shared(Value offset) { return elementPointer(b, b.getI8Type(), frame.shared(), offset); }
  Value barrier(Value number);
  Value parity(Value step, int64_t phasesBefore);

  void openBarriers();
  void copyStages();
  void copyStage(Value step);
  void compute();
  void addStage(Value step, MutableArrayRef<Value> sums);
  SmallVector<Value> loadWords(Value stage, Value quad, Value place, int64_t line, int64_t count);
  void loadLine(Value stage, int64_t line, SmallVector<Value> (&operands)[kWarpgroupParts]);
  Value laneQuad();
  Value laneColumn();

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  const Projection &projection;
  PanelColumns columns;
  Value group, inGroup; // g and c of the fragments: lane / 4 and lane mod 4
  int64_t steps;
};

Value WideTile::barrier(Value number) {
  return shared(sum(b, product(b, number, kBarrierBytes), kWideStages * kWideStageBytes));
}

/// Of the phase of a step's barriers, or of the one before.
Value WideTile::parity(Value step, int64_t phasesBefore) {
  Value phase = remainder(b, sum(b, quotient(b, step, kWideStages), phasesBefore), 2);
  return arith::IndexCastOp::create(b, b.getI32Type(), phase);
}

void WideTile::emit() {
  Value isFirst = isEqual(b, frame.thread(), 0);
  ifTrue(b, isFirst, [&] { openBarriers(); });
  frame.barrier();
  auto role = scf::IfOp::create(b, isBelow(b, frame.thread(), kComputeThreads),
                                /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(role.thenBlock());
  compute();
  b.setInsertionPointToStart(role.elseBlock());
  leaveRegisters(b, kCopyRegisters);
  ifTrue(b, isEqual(b, frame.thread(), kComputeThreads), [&] { copyStages(); });
}

void WideTile::openBarriers() {
  for (int64_t number = 0; number < kWideStages; ++number) {
    openBarrier(b, full(constantIndex(b, number)), 1);
    openBarrier(b, empty(constantIndex(b, number)), kWidePanels);
  }
  publishBarriers(b);
}

void WideTile::copyStages() {
  forLoop(b, constantIndex(b, 0), constantIndex(b, steps), 1, [&](Value step) { copyStage(step); });
}

/// Rows behind the last, values of k behind the last and panels behind the last arrive as zeros.
void WideTile::copyStage(Value step) {
  auto word = [&](Value number) -> Value {
    return arith::IndexCastOp::create(b, b.getI32Type(), number);
  };
  waitForPhase(b, empty(step), parity(step, 1));
  Value arrived = full(step), target = stage(step), zero = word(constantIndex(b, 0));
  arriveForCopies(b, arrived, kWideStageBytes);
  copyBox(b, target, frame.tensorMap(kWideInputMap),
          {word(product(b, step, kWideDepth)), word(frame.rowBegin())}, arrived);
  copyBox(b, elementPointer(b, b.getI8Type(), target, kWideInputBytes),
          frame.tensorMap(kWidePanelMap),
          {zero, word(product(b, step, kWidePanelLines)),
           word(product(b, frame.columnTile(), kWidePanels))},
          arrived);
}

void WideTile::compute() {
  takeRegisters(b, kComputeRegisters);
  SmallVector<Value> sums(kWarpgroupParts * kWarpgroupSums, constantFloat(b, b.getF32Type(), 0.0));
  sums = forLoop(b, constantIndex(b, 0), constantIndex(b, steps), 1, sums,
                 [&](Value step, MutableArrayRef<Value> carried) { addStage(step, carried); });
  int64_t perTile = kWidePanels * columns.perPanel();
  Value column =
      sum(b, product(b, frame.columnTile(), perTile), product(b, frame.warp(), columns.perPanel()));
  storeWarpgroupSums(frame, projection, sums, sum(b, column, laneColumn()));
}

/// Values of k behind the last are zero in the stage.
void WideTile::addStage(Value step, MutableArrayRef<Value> sums) {
  waitForPhase(b, full(step), parity(step, 0));
  Value start = stage(step);
  SmallVector<SmallVector<Value>> operands;
  for (int64_t k = 0; k < kWideDepth; k += kWarpgroupDepth) {
    SmallVector<Value> parts[kWarpgroupParts];
    loadLine(start, k / 2, parts);
    loadLine(start, k / 2 + kWarpgroupDepth / 4, parts);
    operands.append(std::begin(parts), std::end(parts));
  }
  Value rows = columnDescriptor(b, start, kWideLineBytes);
  for (auto [number, operand] : llvm::enumerate(operands)) {
    int64_t k = number / kWarpgroupParts * kWarpgroupDepth;
    startMultiplyAdd(b, operand, advanceDescriptor(b, rows, k * 2),
                     sums.slice(number % kWarpgroupParts * kWarpgroupSums, kWarpgroupSums),
                     /*isFirst=*/number < kWarpgroupParts);
  }
  waitForMultiplies(b, sums);
  synchronizeWarp(b); // all lanes have read
  ifTrue(b, isEqual(b, frame.lane(), 0), [&] { arrive(b, empty(step)); });
}

/// The quad of a panel line that the lane reads, of the first weight where there are two. Lanes
/// that read at once are those of two or four neighbouring g and all c, lines that differ in their
/// lowest two bits; their quads have to differ in the highest bit of three.
Value WideTile::laneQuad() {
  Value low = quotient(b, group, 2), high = remainder(b, group, 2);
  if (columns.arePairs) {
    // g has half a quad of each weight; quads of the second lie two behind those of the first.
    low = quotient(b, group, 4);
    high = remainder(b, quotient(b, group, 2), 2);
  }
  return sum(b, low, product(b, high, 4));
}

/// The first column of the result that the lane has of its panel.
Value WideTile::laneColumn() {
  if (!columns.arePairs)
    return product(b, laneQuad(), 4);
  // Blocks of two quads take turns: the quads of a weight are 0, 1, 4 and 5.
  Value inBlock = product(b, remainder(b, laneQuad(), 4), 4);
  Value block = product(b, quotient(b, laneQuad(), 4), kPairBlock);
  return sum(b, sum(b, block, inBlock), product(b, remainder(b, group, 2), 2));
}

/// `count` words of line `line` + c of the warp's panel, from byte `place` of a quad on.
SmallVector<Value> WideTile::loadWords(Value stage, Value quad, Value place, int64_t line,
                                       int64_t count) {
  Value lineInEight = sum(b, inGroup, line % 8);
  Value swizzled = arith::XOrIOp::create(b, quad, lineInEight);
  Value offset = sum(
      b, product(b, frame.warp(), kWidePanelBytes),
      sum(b, product(b, inGroup, kWideLineBytes), sum(b, product(b, swizzled, kQuadBytes), place)));
  Value pointer = elementPointer(b, b.getI8Type(), stage,
                                 sum(b, offset, kWideInputBytes + line * kWideLineBytes));
  Value loaded = load(b, VectorType::get({count}, b.getI32Type()), pointer, 4 * count);
  SmallVector<Value> words;
  for (int64_t i = 0; i < count; ++i)
    words.push_back(vector::ExtractOp::create(b, loaded, i));
  return words;
}

/// Appends the words of two columns of a line to each operand: of neighbouring columns, or of the
/// same two columns of each weight.
void WideTile::loadLine(Value stage, int64_t line,
                        SmallVector<Value> (&operands)[kWarpgroupParts]) {
  if (!columns.arePairs) {
    SmallVector<Value> quad = loadWords(stage, laneQuad(), constantIndex(b, 0), line, 4);
    operands[0].append({quad[0], quad[1]});
    operands[1].append({quad[2], quad[3]});
    return;
  }
  Value half = product(b, remainder(b, group, 2), kQuadBytes / 2);
  for (int64_t weight = 0; weight < kWarpgroupParts; ++weight)
    operands[weight].append(loadWords(stage, sum(b, laneQuad(), 2 * weight), half, line, 2));
}

} // namespace

LogicalResult emitWideLinear(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel, TargetKind::Cuda);
  if (failed(grid))
    return failure();
  // The columns of two tiles of the grid; the launch has blocks for all of those.
  grid->columnTiles = llvm::divideCeil(grid->columnTiles, int64_t{2});
  BlockFrame frame(kernel, *grid, kThreads, kWideMaps);
  ImplicitLocOpBuilder &b = frame.builder();
  Projection projection = projectionOf(kernel, frame);
  Value hasTile = isBelow(b, frame.columnTile(), grid->columnTiles);
  ifTrue(b, hasTile, [&] { WideTile(frame, projection).emit(); });
  frame.replaceKernel();
  return success();
}

} // namespace mlir::qvl
