#include "LinearPipeline.h"

#include "../Emit/Loops.h"
#include "AsyncCopy.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <numeric>

namespace mlir::qvl {
namespace {

constexpr int64_t kQuadsPerRow = kStageRowBytes / kQuadBytes;
constexpr int64_t kQuadsPerLine = kPanelLineBytes / kQuadBytes;

int64_t bytesOf(Type element) { return element.getIntOrFloatBitWidth() / 8; }

Value bytePointer(ImplicitLocOpBuilder &b, Value base, Value offset) {
  return elementPointer(b, b.getI8Type(), base, offset);
}

Value isBelow(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, rhs);
}

/// `value` as i32 where the condition holds, else zero.
Value selectWord(ImplicitLocOpBuilder &b, Value condition, int64_t value) {
  Value zero = arith::ConstantIntOp::create(b, 0, 32);
  return arith::SelectOp::create(b, condition, arith::ConstantIntOp::create(b, value, 32), zero);
}

} // namespace

LinearPipeline::LinearPipeline(BlockFrame &frame, const Projection &projection,
                               const LinearTile &tile)
    : frame(frame), b(frame.builder()), projection(projection), tile(tile),
      sizes(LinearStage::of(tile, projection.inputElement, projection.panel.getKGroup())),
      tilePanels(b, projection, tile, frame.columnTile()),
      steps(llvm::divideCeil(projection.depth, sizes.depth)),
      inputQuad(remainder(b, frame.thread(), kQuadsPerRow)) {
  planInput();
  planPanels();
}

Value LinearPipeline::inputOffset(Value row, Value quad) {
  // Two rows fill the banks: the quads of eight rows are all different.
  Value turn = remainder(b, quotient(b, row, 2), kQuadsPerRow);
  Value place = arith::XOrIOp::create(b, quad, turn);
  return sum(b, product(b, row, kStageRowBytes), product(b, place, kQuadBytes));
}

Value LinearPipeline::panelOffset(Value slot, Value line, Value quad) {
  Value start = sum(b, product(b, slot, sizes.panelBytes), product(b, line, kPanelLineBytes));
  Value place = swizzledQuad(b, quad, line, slot);
  return sum(b, sum(b, start, product(b, place, kQuadBytes)), sizes.inputBytes);
}

/// The rows go through the load map here, once for all of k.
void LinearPipeline::planInput() {
  int64_t rowsPerPass = tile.threads / kQuadsPerRow;
  Value firstRow = quotient(b, frame.thread(), kQuadsPerRow);
  Value last = difference(b, frame.rowEnd(), constantIndex(b, 1));
  for (int64_t start = 0; start < tile.rows; start += rowsPerPass) {
    Value rowInTile = sum(b, firstRow, start);
    Value row = sum(b, frame.rowBegin(), rowInTile);
    Value mapped = projection.load(b, minimum(b, row, last));
    Value pointer = elementPointer(b, projection.inputElement, projection.input,
                                   product(b, mapped, projection.depth));
    inputQuads.push_back({bytePointer(b, pointer, product(b, inputQuad, kQuadBytes)),
                          inputOffset(rowInTile, inputQuad), isBelow(b, row, frame.rowEnd())});
  }
}

void LinearPipeline::planPanels() {
  int64_t panelQuadCount = sizes.lines * kQuadsPerLine;
  for (int64_t start = 0; start < tile.panels * panelQuadCount; start += tile.threads) {
    // Known without the thread's number where a pass stays in one panel.
    bool inOnePanel = panelQuadCount % tile.threads == 0;
    Value number = sum(b, frame.thread(), start);
    Value slot =
        inOnePanel ? constantIndex(b, start / panelQuadCount) : quotient(b, number, panelQuadCount);
    Value inPanel = inOnePanel ? sum(b, frame.thread(), start % panelQuadCount)
                               : remainder(b, number, panelQuadCount);
    Value line = quotient(b, inPanel, kQuadsPerLine);
    Value quad = remainder(b, inPanel, kQuadsPerLine);
    Value source = bytePointer(b, tilePanels.lines(b, slot), product(b, inPanel, kQuadBytes));
    panelQuads.push_back({source, panelOffset(slot, line, quad), line});
  }
}

/// Lines are whole units, so that a unit is read as a whole or not at all.
void LinearPipeline::copyInput(const InputQuad &quad, Value step, Value stage) {
  int64_t element = bytesOf(projection.inputElement), rowBytes = projection.depth * element;
  int64_t unit = std::gcd(rowBytes, kQuadBytes);
  Value source = bytePointer(b, quad.source, product(b, step, kStageRowBytes));
  Value target = bytePointer(b, stage, quad.offset);
  Value first = sum(b, product(b, step, kStageRowBytes), product(b, inputQuad, kQuadBytes));
  if (unit < 4) // No asynchronous copy is that narrow.
    return copyElements(source, target, first, quad.isRow);
  for (int64_t start = 0; start < kQuadBytes; start += unit) {
    Value isInside = quad.isRow;
    if (rowBytes % kStageRowBytes != 0)
      isInside =
          arith::AndIOp::create(b, isInside, isBelow(b, first, constantIndex(b, rowBytes - start)));
    copyAsync(b, elementPointer(b, b.getI8Type(), target, start),
              elementPointer(b, b.getI8Type(), source, start), unit, selectWord(b, isInside, unit));
  }
}

/// Copies a quad of a row with an odd number of bf16 through registers; `first` is the quad's place
/// in its row in bytes.
void LinearPipeline::copyElements(Value source, Value target, Value first, Value isRow) {
  auto type = VectorType::get({kQuadBytes / 2}, b.getI16Type());
  Value left = difference(b, constantIndex(b, projection.depth), quotient(b, first, 2));
  Value count = arith::SelectOp::create(b, isRow, left, constantIndex(b, 0));
  Value mask = laneMask(b, kQuadBytes / 2, count);
  store(b, maskedLoad(b, type, source, mask), target, kQuadBytes);
}

void LinearPipeline::copyPanel(const PanelQuad &quad, Value step, Value stage) {
  int64_t lines = tilePanels.lineCount();
  Value source = bytePointer(b, quad.source, product(b, step, sizes.lines * kPanelLineBytes));
  Value bytes;
  if (lines % sizes.lines != 0) {
    Value line = sum(b, product(b, step, sizes.lines), quad.line);
    bytes = selectWord(b, isBelow(b, line, constantIndex(b, lines)), kQuadBytes);
  }
  copyAsync(b, bytePointer(b, stage, quad.offset), source, kQuadBytes, bytes);
}

Value LinearPipeline::stageAt(Value step) {
  Value number = remainder(b, step, kLinearStages);
  return bytePointer(b, frame.shared(), product(b, number, sizes.bytes(tile)));
}

void LinearPipeline::copyStage(Value step) {
  Value stage = stageAt(step);
  for (const InputQuad &quad : inputQuads)
    copyInput(quad, step, stage);
  for (const PanelQuad &quad : panelQuads)
    copyPanel(quad, step, stage);
}

Value LinearPipeline::nextStage(Value step, llvm::function_ref<void()> arrive) {
  // One group a step, empty or not: the latest kLinearStages - 2 may be under way.
  waitForCopies(b, kLinearStages - 2);
  arrive();
  frame.barrier();
  Value ahead = sum(b, step, kLinearStages - 1);
  auto isStep = scf::IfOp::create(b, isBelow(b, ahead, constantIndex(b, steps)));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(isStep.thenBlock());
    copyStage(ahead);
  }
  commitCopies(b);
  return stageAt(step);
}

SmallVector<Value> LinearPipeline::run(ArrayRef<Value> sums, Compute compute,
                                       llvm::function_ref<void()> arrive) {
  for (int64_t step = 0; step < kLinearStages - 1; ++step) {
    if (step < steps)
      copyStage(constantIndex(b, step));
    commitCopies(b);
  }
  int64_t whole = projection.depth / sizes.depth;
  SmallVector<Value> result(sums);
  if (whole > 0)
    result = forLoop(b, constantIndex(b, 0), constantIndex(b, whole), 1, sums,
                     [&](Value step, MutableArrayRef<Value> carried) {
                       compute(nextStage(step, arrive), sizes.depth, carried);
                     });
  if (whole < steps)
    compute(nextStage(constantIndex(b, whole), arrive), projection.depth - whole * sizes.depth,
            result);
  return result;
}

} // namespace mlir::qvl
