// qvl.merge_splits on thread blocks: a block is one head of one row. All reads of a thread are
// under way at a time, because their latency is the time of this kernel.

#include "../Emit/Loops.h"
#include "AttentionExponential.h"
#include "AttentionTiles.h"
#include "AttentionVectors.h"
#include "BlockFrame.h"
#include "Emitters.h"

#include <limits>

namespace mlir::qvl {
namespace {

constexpr int64_t kThreads = MergeMemory::kThreads;
constexpr int64_t kSplitsUnderWay = 8; // of a thread

class MergeSplitsEmitter {
public:
  MergeSplitsEmitter(func::FuncOp kernel, MergeSplitsOp op, const TileGrid &grid);
  void emit();

private:
  Value number(double value) { return constantFloat(b, b.getF32Type(), value); }
  Value shared(int64_t part, Value element) {
    return elementPointer(b, b.getF32Type(), frame.shared(part), element);
  }
  /// The head of this block in a split: a number of heads.
  Value headOf(Value split) { return sum(b, firstHead, product(b, split, heads)); }
  SmallVector<Value> loadWeights(Value split);
  Value maximum();
  void storeWeights(Value split, Value maximum);
  void addRun(Value item);
  void addSplits(ArrayRef<Value> splits, Value column, MutableArrayRef<Value> values);
  void joinRuns(Value piece);

  BlockFrame frame;
  ImplicitLocOpBuilder &b;
  MergeSplitsOp op;
  MergeMemory memory;
  int64_t heads;
  Type element; // of the result
  AttentionExponential exponential;
  Value firstHead; // of split 0
};

MergeSplitsEmitter::MergeSplitsEmitter(func::FuncOp kernel, MergeSplitsOp op, const TileGrid &grid)
    : frame(kernel, grid, kThreads), b(frame.builder()), op(op), memory(MergeMemory::of(op)),
      heads(op.getOutput().getType().getDimSize(2)), element(op.getType().getElementType()),
      exponential(element.isBF16(), 1) {
  firstHead = sum(b, product(b, frame.rowBegin(), memory.splits * heads), frame.columnTile());
}

void MergeSplitsEmitter::emit() {
  Value highest = maximum();
  forLoop(b, frame.thread(), constantIndex(b, memory.runs() * memory.runSplits()), kThreads,
          [&](Value split) { storeWeights(split, highest); });
  frame.barrier();
  forLoop(b, frame.thread(), constantIndex(b, memory.runs() * memory.pieces()), kThreads,
          [&](Value item) { addRun(item); });
  frame.barrier();
  forLoop(b, frame.thread(), constantIndex(b, memory.pieces()), kThreads,
          [&](Value piece) { joinRuns(piece); });
  frame.replaceKernel();
}

/// The maximum and the sum of a split.
SmallVector<Value> MergeSplitsEmitter::loadWeights(Value split) {
  Value place = elementPointer(b, b.getF32Type(), frame.buffer(op.getWeights()),
                               product(b, headOf(split), 2));
  return loadElements(b, b.getF32Type(), 2, place, 8);
}

/// The maximum of all splits, in every lane of every warp; behind the last split that one is read
/// again.
Value MergeSplitsEmitter::maximum() {
  auto larger = [&](Value x, Value y) { return arith::MaxNumFOp::create(b, x, y).getResult(); };
  Value highest = number(-std::numeric_limits<double>::infinity());
  for (int64_t first = 0; first < memory.splits; first += kWarpLanes) {
    Value split = minimum(b, sum(b, frame.lane(), first), constantIndex(b, memory.splits - 1));
    highest = larger(highest, loadWeights(split)[0]);
  }
  return reduceLanes(b, highest, kWarpLanes, larger);
}

/// What brings a split to the maximum, and its sum times that: zero for a split without keys and
/// for what fills the last run.
void MergeSplitsEmitter::storeWeights(Value split, Value maximum) {
  Value last = constantIndex(b, memory.splits - 1), zero = number(0);
  SmallVector<Value> ofSplit = loadWeights(minimum(b, split, last));
  Value distance = arith::SubFOp::create(b, ofSplit[0], maximum);
  distance = arith::MulFOp::create(b, distance, number(exponential.scale()));
  Value hasKeys = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, ofSplit[1], zero);
  Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, split, last);
  Value counts = arith::AndIOp::create(b, hasKeys, exists);
  Value weight = arith::SelectOp::create(b, counts, exponential(b, distance), zero);
  Value part = arith::MulFOp::create(b, weight, ofSplit[1]);
  store(b, weight, shared(memory.weightsAt(), split));
  store(b, part, shared(memory.sumsAt(), split));
}

/// One piece of the outputs of a run of splits, in their order.
void MergeSplitsEmitter::addRun(Value item) {
  Value run = quotient(b, item, memory.pieces());
  Value column = product(b, remainder(b, item, memory.pieces()), memory.pieceElements());
  Value first = product(b, run, memory.runSplits());
  SmallVector<Value> values(memory.pieceElements(), number(0));
  for (int64_t begin = 0; begin < memory.runSplits(); begin += kSplitsUnderWay) {
    SmallVector<Value> splits;
    for (int64_t i = begin; i < std::min(begin + kSplitsUnderWay, memory.runSplits()); ++i)
      splits.push_back(sum(b, first, i));
    addSplits(splits, column, values);
  }
  Value place = sum(b, product(b, run, memory.headDim), column);
  storeElements(b, values, b.getF32Type(), shared(memory.outputAt(), place),
                4 * memory.pieceElements());
}

/// A split of weight zero may have an output that nobody wrote: the first one's is read in its
/// place.
void MergeSplitsEmitter::addSplits(ArrayRef<Value> splits, Value column,
                                   MutableArrayRef<Value> values) {
  Value zero = number(0), firstSplit = constantIndex(b, 0);
  SmallVector<Value> weights, outputs;
  for (Value split : splits) {
    Value weight = load(b, b.getF32Type(), shared(memory.weightsAt(), split));
    Value counts = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, weight, zero);
    Value head = headOf(arith::SelectOp::create(b, counts, split, firstSplit));
    Value place = elementPointer(b, b.getF32Type(), frame.buffer(op.getOutput()),
                                 sum(b, product(b, head, memory.headDim), column));
    weights.push_back(weight);
    outputs.push_back(
        loadVector(b, b.getF32Type(), memory.pieceElements(), place, 4 * memory.pieceElements()));
  }
  for (auto [weight, output] : llvm::zip_equal(weights, outputs))
    for (auto [value, element] : llvm::zip_equal(values, wideElements(b, output)))
      value = math::FmaOp::create(b, weight, element, value);
}

/// One piece of the result: the runs, in their order, over the sum of all splits.
void MergeSplitsEmitter::joinRuns(Value piece) {
  auto plus = [&](Value x, Value y) { return arith::AddFOp::create(b, x, y).getResult(); };
  Value column = product(b, piece, memory.pieceElements()), total = number(0);
  SmallVector<Value> values(memory.pieceElements(), number(0));
  int64_t entries = memory.runs() * memory.runSplits(), width = std::gcd<int64_t>(4, entries);
  for (int64_t first = 0; first < entries; first += width)
    for (Value part : loadElements(b, b.getF32Type(), width,
                                   shared(memory.sumsAt(), constantIndex(b, first)), 4 * width))
      total = plus(total, part);
  for (int64_t run = 0; run < memory.runs(); ++run) {
    Value place = shared(memory.outputAt(), sum(b, column, run * memory.headDim));
    SmallVector<Value> output =
        loadElements(b, b.getF32Type(), memory.pieceElements(), place, 4 * memory.pieceElements());
    for (auto [value, part] : llvm::zip_equal(values, output))
      value = plus(value, part);
  }
  for (Value &value : values)
    value = arith::DivFOp::create(b, value, total);
  Value head = sum(b, product(b, frame.rowBegin(), heads), frame.columnTile());
  Value place = elementPointer(b, element, frame.resultBuffer(0),
                               sum(b, product(b, head, memory.headDim), column));
  storeElements(b, values, element, place,
                memory.pieceElements() * element.getIntOrFloatBitWidth() / 8);
}

} // namespace

LogicalResult emitBlockMergeSplits(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel, TargetKind::Cuda);
  if (failed(grid))
    return failure();
  MergeSplitsEmitter(kernel, cast<MergeSplitsOp>(kernelOp(kernel)), *grid).emit();
  return success();
}

} // namespace mlir::qvl
