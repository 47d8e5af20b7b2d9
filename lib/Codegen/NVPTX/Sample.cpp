// The id of a row of logits: a thread block takes a row.
//
// A greedy choice only compares the results of the argmax of the row's blocks. Else the block goes
// through the row several times: thresholds are searched, where a host would sort.

#include "../Emit/Loops.h"
#include "Emitters.h"
#include "SampleSearch.h"
#include "SamplingTiles.h"
#include "WarpInstructions.h"
#include "dialects/qvl/IR/Qvl.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::qvl {
namespace {

using qvlfmt::SamplingSetting;

/// A probability is an integer of at most 2^44, relative to the most likely id, and less where a
/// row of that size could overflow 62 bits.
int64_t weightBits(int64_t columns) {
  return std::min<int64_t>(44, 62 - llvm::Log2_64_Ceil(columns));
}

/// Entries below the key are dropped, and those of the key in front of a column.
struct Cut {
  Value key;    // i64
  Value column; // index
};

class SampleEmitter {
public:
  SampleEmitter(func::FuncOp kernel, SampleOp op, const TileGrid &grid)
      : frame(kernel, grid, kWarpLanes * kSampleWarps), b(frame.builder()), op(op),
        row(frame, op.getLogits(), op.getSeen(), op.getSettings()),
        columns(op.getLogits().getType().getDimSize(1)),
        temperature(row.setting(qvlfmt::kTemperature)), search(frame, row, temperature) {}

  void emit();

private:
  using Emit = llvm::function_ref<SmallVector<Value>()>;

  Value constant(int64_t value) { return arith::ConstantIntOp::create(b, b.getI64Type(), value); }
  Value isAbove(Value x, double y) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x,
                                 constantFloat(b, b.getF32Type(), y));
  }
  SmallVector<Value> choose(Value condition, TypeRange types, Emit then, Emit otherwise);
  Value bestOfRow();
  Value likelihood(Value value);
  Value weightOf(Value likelihood);
  Value topKBorder();
  Cut topPCut(Value border);
  Value isKept(const SampleEntry &entry, const Cut &cut);
  Value sample();

  BlockFrame frame;
  ImplicitLocOpBuilder &b;
  SampleOp op;
  SamplingRow row;
  int64_t columns;
  Value temperature;
  Value largest; // of the processed row
  SampleSearch search;
};

void SampleEmitter::emit() {
  Value best = bestOfRow();
  Value value = valueOfBest(b, best);
  Value isFinite = arith::CmpFOp::create(
      b, arith::CmpFPredicate::OLT, math::AbsFOp::create(b, value),
      constantFloat(b, b.getF32Type(), std::numeric_limits<float>::infinity()));
  Value samples = arith::AndIOp::create(b, isAbove(temperature, 0), isFinite);
  auto draw = [&]() -> SmallVector<Value> {
    largest = arith::DivFOp::create(b, value, temperature);
    return {sample()};
  };
  Value id = choose(samples, b.getI32Type(), draw, [&]() -> SmallVector<Value> {
               return {columnOfBest(b, best)};
             }).front();
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, frame.thread(), constantIndex(b, 0));
  ifTrue(b, isFirst, [&] {
    store(b, id, elementPointer(b, b.getI32Type(), frame.resultBuffer(0), frame.rowBegin()));
  });
  frame.replaceKernel();
}

/// The condition is one for the whole block.
SmallVector<Value> SampleEmitter::choose(Value condition, TypeRange types, Emit then,
                                         Emit otherwise) {
  auto branch = scf::IfOp::create(b, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, then());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, otherwise());
  return {branch.getResults().begin(), branch.getResults().end()};
}

/// Every warp finds it.
Value SampleEmitter::bestOfRow() {
  int64_t blocks = op.getValues().getType().getDimSize(1);
  Value first = product(b, frame.rowBegin(), blocks);
  auto better = [&](Value x, Value y) { return betterOf(b, x, y); };
  auto step = [&](Value block, MutableArrayRef<Value> best) {
    Value place = sum(b, first, block);
    Type f32 = b.getF32Type(), i32 = b.getI32Type();
    Value value = load(b, f32, elementPointer(b, f32, frame.buffer(op.getValues()), place));
    Value column = load(b, i32, elementPointer(b, i32, frame.buffer(op.getBest()), place));
    best[0] = better(best[0], packBest(b, value, column));
  };
  Value best =
      forLoop(b, frame.lane(), constantIndex(b, blocks), kWarpLanes, constant(0), step).front();
  return reduceLanes(b, best, kWarpLanes, better);
}

/// Relative to the most likely id.
Value SampleEmitter::likelihood(Value value) {
  return math::ExpOp::create(b, arith::SubFOp::create(b, value, largest));
}

Value SampleEmitter::weightOf(Value likelihood) {
  Value scale = constantFloat(b, b.getF32Type(), std::ldexp(1.0, weightBits(columns)));
  Value scaled = arith::MulFOp::create(b, likelihood, scale);
  return arith::FPToUIOp::create(b, b.getI64Type(), scaled);
}

/// The key of the k-th largest logit, or one below all.
Value SampleEmitter::topKBorder() {
  Value k = row.setting(qvlfmt::kTopK);
  Value all = constantFloat(b, b.getF32Type(), static_cast<double>(columns));
  Value limits = arith::AndIOp::create(b, isAbove(k, 0),
                                       arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, k, all));
  auto find = [&]() -> SmallVector<Value> {
    Value count = arith::FPToUIOp::create(b, b.getI64Type(), k);
    return {search.border(count, [&](const SampleEntry &) { return constant(1); }).key};
  };
  return choose(limits, b.getI64Type(), find, [&]() -> SmallVector<Value> { return {constant(0)}; })
      .front();
}

static Value isAtLeast(ImplicitLocOpBuilder &b, Value key, Value border) {
  Value wide = arith::ExtUIOp::create(b, b.getI64Type(), key);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, wide, border);
}

static Value isAt(ImplicitLocOpBuilder &b, Value key, Value border) {
  Value wide = arith::ExtUIOp::create(b, b.getI64Type(), key);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, wide, border);
}

/// Ids are dropped in ascending order while their sum is at most the dropped share of the total. In
/// descending order, those stay that come before the sum reaches the rest. Equal ones at the border
/// weigh the same: as many are dropped as fit.
Cut SampleEmitter::topPCut(Value border) {
  Type i64 = b.getI64Type(), f64 = b.getF64Type();
  Value share = row.setting(qvlfmt::kDroppedShare);
  auto weight = [&](const SampleEntry &entry) -> Value {
    return arith::SelectOp::create(b, isAtLeast(b, entry.key, border),
                                   weightOf(likelihood(entry.value)), constant(0));
  };
  auto find = [&]() -> SmallVector<Value> {
    Value total = search.total(weight);
    Value limit = arith::MulFOp::create(b, arith::ExtFOp::create(b, f64, share),
                                        arith::UIToFPOp::create(b, f64, total));
    Value rest = arith::SubIOp::create(b, total, arith::FPToUIOp::create(b, i64, limit));
    rest = arith::MaxSIOp::create(b, rest, constant(1)); // The last one always stays.
    SampleBorder at = search.border(rest, weight);
    Value value = valueOfKey(b, arith::TruncIOp::create(b, b.getI32Type(), at.key));
    Value stays = arith::SubIOp::create(b, rest, at.above);
    Value dropped = arith::DivUIOp::create(b, arith::SubIOp::create(b, at.at, stays),
                                           weightOf(likelihood(value)));
    Value first = search.column(
        [&](const SampleEntry &entry) -> Value {
          return arith::ExtUIOp::create(b, i64, isAt(b, entry.key, at.key));
        },
        [&](Value) -> Value { return arith::AddIOp::create(b, dropped, constant(1)); });
    return {at.key, arith::IndexCastOp::create(b, b.getIndexType(), first)};
  };
  SmallVector<Value> cut =
      choose(isAbove(share, 0), {i64, b.getIndexType()}, find,
             [&]() -> SmallVector<Value> { return {border, constantIndex(b, 0)}; });
  return {cut[0], cut[1]};
}

Value SampleEmitter::isKept(const SampleEntry &entry, const Cut &cut) {
  Value isBefore = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, entry.column, cut.column);
  Value isCut = arith::AndIOp::create(b, isAt(b, entry.key, cut.key), isBefore);
  Value isIn = arith::XOrIOp::create(b, isCut, arith::ConstantIntOp::create(b, b.getI1Type(), 1));
  return arith::AndIOp::create(b, isAtLeast(b, entry.key, cut.key), isIn);
}

Value SampleEmitter::sample() {
  Cut cut = topPCut(topKBorder());
  Value minP = row.setting(qvlfmt::kMinP);
  auto weight = [&](const SampleEntry &entry) -> Value {
    Value likely = likelihood(entry.value);
    Value isLikely = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, likely, minP);
    Value stays = arith::AndIOp::create(b, isKept(entry, cut), isLikely);
    return arith::SelectOp::create(b, stays, weightOf(likely), constant(0));
  };
  // The sum has to exceed the product of the uniform number and the total: the upper half of the
  // product of integers is that product rounded down.
  return search.column(weight, [&](Value total) -> Value {
    Value number =
        load(b, b.getI64Type(),
             elementPointer(b, b.getI64Type(), frame.buffer(op.getDraws()), frame.rowBegin()));
    Value uniform = arith::ShLIOp::create(b, number, constant(64 - qvlfmt::kDrawBits));
    Value floor = arith::MulUIExtendedOp::create(b, uniform, total).getHigh();
    return arith::AddIOp::create(b, floor, constant(1));
  });
}

} // namespace

LogicalResult emitBlockSample(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel, TargetKind::Cuda);
  if (failed(grid))
    return failure();
  SampleEmitter(kernel, cast<SampleOp>(kernelOp(kernel)), *grid).emit();
  return success();
}

} // namespace mlir::qvl
