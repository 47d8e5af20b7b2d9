#include "SampleSearch.h"

#include "../Emit/Loops.h"
#include "SamplingTiles.h"
#include "WarpInstructions.h"

namespace mlir::qvl {
namespace {

using Memory = SampleMemory;

constexpr int64_t kThreads = kWarpLanes * kSampleWarps;
constexpr int64_t kByteBits = 8, kKeyBits = 32;

Value plus(ImplicitLocOpBuilder &b, Value x, Value y) { return arith::AddIOp::create(b, x, y); }

Value isBelow(ImplicitLocOpBuilder &b, Value number, int64_t limit) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, number, constantIndex(b, limit));
}

} // namespace

Value SampleSearch::constant(int64_t value) {
  return arith::ConstantIntOp::create(b, b.getI64Type(), value);
}

/// Number `number` of a part of shared memory.
Value SampleSearch::shared(int64_t part, Value number) {
  return elementPointer(b, b.getI64Type(), frame.shared(part), number);
}

SmallVector<SampleEntry> SampleSearch::entries(Value unit) {
  SmallVector<SampleEntry> result;
  for (auto [i, logit] : llvm::enumerate(row.penalized(unit))) {
    Value value = arith::DivFOp::create(b, logit, temperature);
    result.push_back({row.column(unit, i), value, orderedKey(b, value)});
  }
  return result;
}

/// Each warp leaves the sum over its `chunk` units behind `begin`.
void SampleSearch::storePartials(Value begin, int64_t chunk, Weight weight) {
  Value first = sum(b, begin, product(b, frame.warp(), chunk));
  Value end = minimum(b, sum(b, first, chunk), constantIndex(b, row.units()));
  Value partial = forLoop(b, sum(b, first, frame.lane()), end, kWarpLanes, constant(0),
                          [&](Value unit, MutableArrayRef<Value> carried) {
                            for (const SampleEntry &entry : entries(unit))
                              carried[0] = plus(b, carried[0], weight(entry));
                          })
                      .front();
  partial = reduceLanes(b, partial, kWarpLanes, [&](Value x, Value y) { return plus(b, x, y); });
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, frame.lane(), constantIndex(b, 0));
  ifTrue(b, isFirst, [&] { store(b, partial, shared(Memory::kPartials, frame.warp())); });
  frame.barrier();
}

/// The sum of `count` numbers. With a rotation, threads begin at different ones of them.
Value SampleSearch::sumOf(int64_t part, Value first, int64_t count, Value rotation) {
  return forLoop(b, constantIndex(b, 0), constantIndex(b, count), 1, constant(0),
                 [&](Value i, MutableArrayRef<Value> carried) {
                   Value number = rotation ? remainder(b, sum(b, i, rotation), count) : i;
                   Value addend = load(b, b.getI64Type(), shared(part, sum(b, first, number)));
                   carried[0] = plus(b, carried[0], addend);
                 })
      .front();
}

/// The place among `count` numbers at which `running` and their sum reach the target; the sum in
/// front of it goes to `running`.
Value SampleSearch::firstReaching(int64_t part, Value first, int64_t count, bool descending,
                                  Value target, Value &running) {
  Value none = constantIndex(b, -1);
  auto step = [&](Value i, MutableArrayRef<Value> carried) {
    Value number = descending ? difference(b, constantIndex(b, count - 1), i) : i;
    Value addend = load(b, b.getI64Type(), shared(part, sum(b, first, number)));
    Value next = plus(b, carried[0], addend);
    Value isOpen = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, carried[1], none);
    Value goesOn = arith::AndIOp::create(
        b, isOpen, arith::CmpIOp::create(b, arith::CmpIPredicate::slt, next, target));
    Value found = arith::SelectOp::create(b, isOpen, number, carried[1]);
    carried[0] = arith::SelectOp::create(b, goesOn, next, carried[0]);
    carried[1] = arith::SelectOp::create(b, goesOn, none, found);
  };
  SmallVector<Value> last =
      forLoop(b, constantIndex(b, 0), constantIndex(b, count), 1, {running, none}, step);
  running = last[0];
  return last[1];
}

Value SampleSearch::total(Weight weight) {
  storePartials(constantIndex(b, 0), llvm::divideCeil(row.units(), kSampleWarps), weight);
  Value result = sumOf(Memory::kPartials, constantIndex(b, 0), kSampleWarps);
  frame.barrier(); // the partials are free again
  return result;
}

/// Adds the entries whose key begins with `prefix` by the byte that follows, at bit `shift`.
void SampleSearch::addToHistogram(Value prefix, Value shift, Weight weight) {
  Value histogramSize = constantIndex(b, Memory::kBins * Memory::kCopies);
  forLoop(b, frame.thread(), histogramSize, kThreads,
          [&](Value i) { store(b, constant(0), shared(Memory::kHistogram, i)); });
  frame.barrier();
  Value copy = remainder(b, frame.lane(), Memory::kCopies);
  forLoop(b, frame.thread(), constantIndex(b, row.units()), kThreads, [&](Value unit) {
    for (const SampleEntry &entry : entries(unit)) {
      Value key = arith::ExtUIOp::create(b, b.getI64Type(), entry.key);
      Value bytes = arith::ShRUIOp::create(b, key, shift);
      Value begins = arith::ShRUIOp::create(b, bytes, constant(kByteBits));
      Value amount = weight(entry);
      Value counts = arith::AndIOp::create(
          b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, begins, prefix),
          arith::CmpIOp::create(b, arith::CmpIPredicate::ne, amount, constant(0)));
      ifTrue(b, counts, [&] {
        Value byte = arith::AndIOp::create(b, bytes, constant(Memory::kBins - 1));
        Value bin = arith::IndexCastOp::create(b, b.getIndexType(), byte);
        Value place = shared(Memory::kHistogram, sum(b, product(b, bin, Memory::kCopies), copy));
        LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::add, place, amount,
                                  LLVM::AtomicOrdering::monotonic);
      });
    }
  });
  frame.barrier();
}

/// Sums of the bins over their copies, then of groups of bins.
void SampleSearch::sumHistogram() {
  Value thread = frame.thread();
  ifTrue(b, isBelow(b, thread, Memory::kBins), [&] {
    Value first = product(b, thread, Memory::kCopies);
    store(b, sumOf(Memory::kHistogram, first, Memory::kCopies, thread),
          shared(Memory::kBinSums, thread));
  });
  frame.barrier();
  constexpr int64_t kGroup = Memory::kBins / Memory::kGroups;
  ifTrue(b, isBelow(b, thread, Memory::kGroups), [&] {
    store(b, sumOf(Memory::kBinSums, product(b, thread, kGroup), kGroup, thread),
          shared(Memory::kGroupSums, thread));
  });
  frame.barrier();
}

/// Finds the key byte by byte, from the highest one.
SampleBorder SampleSearch::border(Value target, Weight weight) {
  constexpr int64_t kRounds = kKeyBits / kByteBits, kGroup = Memory::kBins / Memory::kGroups;
  auto round = [&](Value number, MutableArrayRef<Value> carried) {
    Value bits = product(b, difference(b, constantIndex(b, kRounds - 1), number), kByteBits);
    addToHistogram(carried[0], arith::IndexCastOp::create(b, b.getI64Type(), bits), weight);
    sumHistogram();
    Value group = firstReaching(Memory::kGroupSums, constantIndex(b, 0), Memory::kGroups,
                                /*descending=*/true, target, carried[1]);
    Value first = product(b, group, kGroup);
    Value bin = sum(
        b, first,
        firstReaching(Memory::kBinSums, first, kGroup, /*descending=*/true, target, carried[1]));
    carried[2] = load(b, b.getI64Type(), shared(Memory::kBinSums, bin));
    Value byte = arith::IndexCastOp::create(b, b.getI64Type(), bin);
    carried[0] =
        arith::OrIOp::create(b, arith::ShLIOp::create(b, carried[0], constant(kByteBits)), byte);
  };
  Value zero = constant(0);
  SmallVector<Value> last =
      forLoop(b, constantIndex(b, 0), constantIndex(b, kRounds), 1, {zero, zero, zero}, round);
  return {last[0], last[1], last[2]};
}

/// Narrows a range of units to the chunk of one warp until it is one unit.
Value SampleSearch::column(Weight weight, llvm::function_ref<Value(Value)> target) {
  Value begin = constantIndex(b, 0), running = constant(0), wanted;
  int64_t span = row.units();
  do {
    span = llvm::divideCeil(span, kSampleWarps);
    storePartials(begin, span, weight);
    if (!wanted)
      wanted = target(sumOf(Memory::kPartials, constantIndex(b, 0), kSampleWarps));
    Value chunk = firstReaching(Memory::kPartials, constantIndex(b, 0), kSampleWarps,
                                /*descending=*/false, wanted, running);
    begin = sum(b, begin, product(b, chunk, span));
    frame.barrier(); // the partials are free again
  } while (span > 1);
  return columnOfUnit(begin, weight, wanted, running);
}

Value SampleSearch::columnOfUnit(Value unit, Weight weight, Value target, Value running) {
  Type i32 = b.getI32Type();
  Value none = arith::ConstantIntOp::create(b, i32, -1), result = none;
  for (const SampleEntry &entry : entries(unit)) {
    running = plus(b, running, weight(entry));
    Value reaches = arith::AndIOp::create(
        b, arith::CmpIOp::create(b, arith::CmpIPredicate::sge, running, target),
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, result, none));
    result = arith::SelectOp::create(b, reaches, arith::IndexCastOp::create(b, i32, entry.column),
                                     result);
  }
  return result;
}

} // namespace mlir::qvl
