#include "AttentionBlock.h"

#include "../Emit/Loops.h"
#include "AsyncCopy.h"
#include "AttentionVectors.h"
#include "WarpInstructions.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <bit>
#include <limits>
#include <optional>

namespace mlir::qvl {
namespace {

constexpr double kLowest = -std::numeric_limits<double>::infinity();
constexpr int64_t kWarpLines = kQueryLines / (kAttentionThreads / 32);

Value larger(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::MaxNumFOp::create(b, lhs, rhs);
}
Value isBelow(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, rhs);
}
Value bytesBehind(ImplicitLocOpBuilder &b, Value pointer, Value bytes) {
  return elementPointer(b, b.getI8Type(), pointer, bytes);
}
Value narrowed(ImplicitLocOpBuilder &b, Value number) {
  return arith::IndexCastOp::create(b, b.getI32Type(), number);
}

Value constantWord(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, value, 32);
}

SmallVector<Value> joined(const LineValues &values) {
  SmallVector<Value> all(values[0]);
  all.append(values[1]);
  return all;
}

/// Whether operands are bf16, which tensor cores multiply.
bool narrow(Type element, Type keyElement) { return element.isBF16() && keyElement.isBF16(); }

} // namespace

AttentionBlock::AttentionBlock(BlockFrame &frame, const AttentionMemory &memory, double scale,
                               Type element, Type keyElement)
    : frame(frame), b(frame.builder()), memory(memory), element(element), keyElement(keyElement),
      exponential(narrow(element, keyElement), scale),
      form(narrow(element, keyElement) ? createTensorCoreForm(frame, memory)
                                       : createFmaForm(frame, memory)) {
  // Registers of narrow heads suffice for three blocks on a multiprocessor: ptxas is told so.
  if (narrow(element, keyElement) && memory.keys.paddedHeadDim() <= 80)
    frame.function()->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(3));
}

/// The lines of a tile in global memory: the first `count` exist.
struct AttentionBlock::CopiedLines {
  Value memory;
  Value count;
  int64_t stride; // elements from one line to the next, if all the same
  std::optional<LineOffset> offset = std::nullopt; // of a line, else
};

/// Lines of a warp are neighbours, and eight groups of lanes take one of each half.
Value AttentionBlock::line(int64_t i) {
  Value thread = recomputed(b, frame.thread());
  Value first = product(b, quotient(b, thread, kWarpLanes), kWarpLines);
  Value inHalf = quotient(b, remainder(b, thread, kWarpLanes), kLineLanes);
  return sum(b, sum(b, first, inHalf), i * kWarpLines / kLaneLines);
}

Value AttentionBlock::laneInLine() {
  return remainder(b, recomputed(b, frame.thread()), kLineLanes);
}

void AttentionBlock::copyQueries(Value query, Value count, LineOffset offset) {
  copyTile(memory.queries, 0, {query, count, 0, offset});
  commitCopies(b);
}

/// Starts to copy the keys, or the values, of [first, end) or as many as a tile holds.
void AttentionBlock::copyKeys(const KeysInMemory &block, bool values, Value first, Value end) {
  copyTile(memory.keys, values ? memory.valuesAt() : memory.keysAt(),
           {values ? block.values : block.keys, difference(b, end, first), block.stride});
}

/// Pieces of all lines, in columns of a power of two of them: addresses of a thread then differ by
/// constants.
void AttentionBlock::copyTile(const HeadTile &tile, int64_t sharedAt, const CopiedLines &lines) {
  int64_t pieces = tile.paddedHeadDim() * tile.elementBytes / tile.copyBytes(); // of a line
  int64_t width;
  for (int64_t first = 0; first < pieces; first += width) {
    width = std::min<int64_t>(std::bit_floor<uint64_t>(pieces - first), kWarpLanes);
    copyColumns(tile, first, width, sharedAt, lines);
  }
}

/// Pieces [first, first + width) of all lines, as many lines at a time as there are threads. Eight
/// neighbouring threads write to different groups of banks: lines of the same eight are taken
/// `width` apart, and lines begin an odd number of pieces apart.
void AttentionBlock::copyColumns(const HeadTile &tile, int64_t first, int64_t width,
                                 int64_t sharedAt, const CopiedLines &lines) {
  int64_t bytes = tile.copyBytes(), pieceElements = bytes / tile.elementBytes;
  Value thread = recomputed(b, frame.thread()); // lines and places are cheaper than registers
  Value line = quotient(b, thread, width);
  if (int64_t apart = 8 / width; apart > 1)
    line = sum(b, roundDown(b, line, 8),
               sum(b, product(b, remainder(b, line, apart), width),
                   remainder(b, quotient(b, line, apart), width)));
  Value column = product(b, sum(b, remainder(b, thread, width), first), pieceElements);
  Value place = sum(b, product(b, line, tile.pitch()), product(b, column, tile.elementBytes));
  Value shared = bytesBehind(b, frame.shared(sharedAt), place);
  Value limit = narrowed(b, lines.count), lineNumber = narrowed(b, line);
  if ((first + width) * pieceElements > tile.headDim) { // padding has no lines to copy
    Value inHead = isBelow(b, column, constantIndex(b, tile.headDim));
    limit = arith::SelectOp::create(b, inHead, limit, constantWord(b, 0));
  }
  Type type = b.getIntegerType(8 * tile.elementBytes);
  Value source = elementPointer(b, type, lines.memory, column);
  if (!lines.offset)
    source = elementPointer(b, type, source, product(b, line, lines.stride));
  for (int64_t start = 0; start < kQueryLines; start += kAttentionThreads / width) {
    Value left = arith::SubIOp::create(b, limit, constantWord(b, start));
    Value present = isBelow(b, lineNumber, left);
    Value sourceBytes =
        arith::SelectOp::create(b, present, constantWord(b, bytes), constantWord(b, 0));
    Value lineSource = lines.offset
                           ? elementPointer(b, type, source, (*lines.offset)(sum(b, line, start)))
                           : elementPointer(b, type, source, start * lines.stride);
    copyAsync(b, elementPointer(b, b.getI8Type(), shared, start * tile.pitch()), lineSource, bytes,
              sourceBytes);
  }
}

void AttentionBlock::begin() {
  waitForCopies(b, 0);
  frame.barrier();
  form->loadQueries();
  state.maxima.fill(scalar(kLowest));
  state.sums.fill(scalar(0));
  state.output.fill(SmallVector<Value>(memory.queries.paddedHeadDim() / kLineLanes, scalar(0)));
}

/// Copies run half a block ahead: values arrive while scores are computed, the next keys while
/// values are summed. A barrier both makes a tile visible and says that the other one is read.
void AttentionBlock::addKeys(Value first, Value end, KeyLookup lookup, const LineRanges &ranges) {
  auto startKeys = [&](Value key) {
    ifTrue(b, isBelow(b, key, end), [&] { copyKeys(lookup(key), /*values=*/false, key, end); });
    commitCopies(b);
  };
  auto arrive = [&] {
    waitForCopies(b, 0);
    frame.barrier();
  };
  LineRanges narrowRanges;
  for (auto [narrowRange, range] : llvm::zip_equal(narrowRanges, ranges))
    narrowRange = {narrowed(b, range.begin), narrowed(b, range.end)};
  startKeys(first);
  forEach(first, end, kKeyBlock, [&](Value key) {
    arrive();
    copyKeys(lookup(key), /*values=*/true, key, end);
    commitCopies(b);
    LineValues probabilities = maskedScores(form->scores(), narrowed(b, key), narrowRanges);
    for (int64_t line = 0; line < kLaneLines; ++line)
      joinScores(line, probabilities[line]);
    arrive();
    startKeys(sum(b, key, kKeyBlock));
    form->addValues(probabilities, state.output);
  });
}

void AttentionBlock::forEach(Value begin, Value end, int64_t step,
                             llvm::function_ref<void(Value)> body) {
  auto iteration = [&](Value i, MutableArrayRef<Value> carried) {
    setState(carried);
    body(i);
    llvm::copy(stateValues(), carried.begin());
  };
  setState(forLoop(b, begin, end, step, stateValues(), iteration));
}

/// Scores outside of a line's range become minus infinity; most blocks lie inside. `first` and the
/// ranges are of type i32.
LineValues AttentionBlock::maskedScores(LineValues scores, Value first, const LineRanges &ranges) {
  SmallVector<Value> all = joined(scores);
  Value behind = arith::AddIOp::create(b, first, constantWord(b, kKeyBlock)), inside;
  for (const KeyRange &range : ranges) {
    Value covers = arith::AndIOp::create(
        b, arith::CmpIOp::create(b, arith::CmpIPredicate::sle, range.begin, first),
        arith::CmpIOp::create(b, arith::CmpIPredicate::sle, behind, range.end));
    inside = inside ? arith::AndIOp::create(b, inside, covers).getResult() : covers;
  }
  SmallVector<Type> types(all.size(), b.getF32Type());
  auto branch = scf::IfOp::create(b, types, inside, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, all);
  b.setInsertionPointToStart(branch.elseBlock());
  keepInRange(scores, first, ranges);
  scf::YieldOp::create(b, joined(scores));
  auto kept = branch.getResults();
  int64_t each = scores[0].size();
  return {SmallVector<Value>(kept.take_front(each)), SmallVector<Value>(kept.drop_front(each))};
}

void AttentionBlock::keepInRange(LineValues &scores, Value first, const LineRanges &ranges) {
  int64_t run = form->keyRun();
  Value lowest = scalar(kLowest);
  Value firstKey = arith::AddIOp::create(b, first, narrowed(b, product(b, laneInLine(), run)));
  for (int64_t line = 0; line < kLaneLines; ++line) {
    Value begin = ranges[line].begin;
    Value length = arith::SubIOp::create(b, ranges[line].end, begin);
    Value position = arith::SubIOp::create(b, firstKey, begin); // negative: above as unsigned
    for (auto [i, score] : llvm::enumerate(scores[line])) {
      int64_t key = kLineLanes * run * (i / run) + i % run;
      Value inLine = arith::AddIOp::create(b, position, constantWord(b, key));
      Value in = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, inLine, length);
      score = arith::SelectOp::create(b, in, score, lowest);
    }
  }
}

/// Turns the scores of a line into probabilities and brings its state to their maximum.
void AttentionBlock::joinScores(int64_t line, MutableArrayRef<Value> scores) {
  auto max = [&](Value x, Value y) { return larger(b, x, y); };
  Value highest = scores[0], factor = scalar(exponential.scale());
  for (Value score : scores.drop_front())
    highest = max(highest, score);
  highest = reduceLanes(b, highest, kLineLanes, max);
  Value before = state.maxima[line];
  Value maximum = max(before, arith::MulFOp::create(b, highest, factor));
  // Without a key there is nothing to subtract: the difference of infinities is no number.
  Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum, scalar(kLowest));
  Value base = arith::SelectOp::create(b, none, scalar(0), maximum);
  Value decay = exponential(b, arith::SubFOp::create(b, before, base));
  Value minusBase = arith::NegFOp::create(b, base);
  Value total = arith::MulFOp::create(b, state.sums[line], decay);
  for (Value &score : scores) {
    score = exponential(b, math::FmaOp::create(b, score, factor, minusBase));
    total = arith::AddFOp::create(b, total, score);
  }
  state.maxima[line] = maximum;
  state.sums[line] = total;
  for (Value &value : state.output[line])
    value = arith::MulFOp::create(b, value, decay);
}

void AttentionBlock::finish(Value result, Value count, LineOffset offset) {
  for (int64_t line = 0; line < kLaneLines; ++line)
    stageLine(line);
  synchronizeWarp(b);
  storeLines(result, count, offset);
}

/// Puts a line's result in the place of its query: from there it goes to memory in whole vectors.
void AttentionBlock::stageLine(int64_t line) {
  const HeadTile &tile = memory.queries;
  Value total = reduceLanes(b, state.sums[line], kLineLanes, [&](Value x, Value y) {
    return arith::AddFOp::create(b, x, y).getResult();
  });
  Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, total, scalar(0));
  Value inverse =
      arith::SelectOp::create(b, none, scalar(0), arith::DivFOp::create(b, scalar(1), total));
  int64_t run = form->columnRun();
  Value place = sum(b, product(b, this->line(line), tile.pitch()),
                    product(b, laneInLine(), run * tile.elementBytes));
  Value start = bytesBehind(b, frame.shared(), place);
  SmallVector<Value> quotients = llvm::map_to_vector(state.output[line], [&](Value value) {
    return arith::MulFOp::create(b, value, inverse).getResult();
  });
  for (size_t i = 0; i < quotients.size(); i += run)
    storeElements(b, ArrayRef<Value>(quotients).slice(i, run), element,
                  elementPointer(b, element, start, kLineLanes * i), run * tile.elementBytes);
}

/// A warp stores its own lines.
void AttentionBlock::storeLines(Value result, Value count, LineOffset offset) {
  const HeadTile &tile = memory.queries;
  int64_t bytes = tile.copyBytes(), pieceElements = bytes / tile.elementBytes;
  int64_t pieces = tile.headDim / pieceElements; // of a line
  auto type = VectorType::get({bytes / 4}, b.getI32Type());
  Value firstLine = product(b, frame.warp(), kWarpLines);
  for (int64_t start = 0; start < kWarpLines * pieces; start += 32) {
    Value number = sum(b, frame.lane(), start);
    Value inWarp = quotient(b, number, pieces), line = sum(b, firstLine, inWarp);
    Value column = product(b, remainder(b, number, pieces), pieceElements);
    Value present = isBelow(b, line, count);
    if (start + 32 > kWarpLines * pieces)
      present = arith::AndIOp::create(b, present, isBelow(b, inWarp, constantIndex(b, kWarpLines)));
    ifTrue(b, present, [&] {
      Value place = sum(b, product(b, line, tile.pitch()), product(b, column, tile.elementBytes));
      Value source = bytesBehind(b, frame.shared(), place);
      Value piece = LLVM::LoadOp::create(b, type, source, bytes);
      Value pointer = elementPointer(b, element, result, sum(b, offset(line), column));
      LLVM::StoreOp::create(b, piece, pointer, bytes);
    });
  }
}

SmallVector<Value> AttentionBlock::stateValues() const {
  SmallVector<Value> values;
  for (int64_t line = 0; line < kLaneLines; ++line) {
    values.append({state.maxima[line], state.sums[line]});
    values.append(state.output[line]);
  }
  return values;
}

void AttentionBlock::setState(ArrayRef<Value> values) {
  for (int64_t line = 0; line < kLaneLines; ++line) {
    ArrayRef<Value> own =
        values.slice(line * values.size() / kLaneLines, values.size() / kLaneLines);
    state.maxima[line] = own[0];
    state.sums[line] = own[1];
    state.output[line].assign(own.begin() + 2, own.end());
  }
}

} // namespace mlir::qvl
