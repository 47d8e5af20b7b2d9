#include "AttentionCopy.h"

#include "../Emit/IndexArithmetic.h"
#include "AsyncCopy.h"
#include "WarpInstructions.h"

#include <bit>

namespace mlir::qvl {
namespace {

Value constantWord(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, value, 32);
}
Value isBelow(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, rhs);
}

/// Pieces [first, first + width) of all lines, as many lines at a time as there are threads. What
/// threads write together, 128 bytes, fills all banks: of eight lines those are taken together that
/// are as many apart as there are 16 bytes in the pieces of one, and lines begin an odd number of
/// 16 bytes apart.
void copyColumns(BlockFrame &frame, const HeadTile &tile, int64_t first, int64_t width,
                 int64_t sharedAt, const HeadLines &lines) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t bytes = tile.copyBytes(), pieceElements = bytes / tile.elementBytes;
  Value thread = recomputed(b, frame.thread()); // lines and places are cheaper than registers
  Value line = quotient(b, thread, width);
  int64_t bankGroups = width * bytes / 16; // of the pieces of one line
  if (int64_t apart = 8 / bankGroups; apart > 1)
    line = sum(b, roundDown(b, line, 8),
               sum(b, product(b, remainder(b, line, apart), bankGroups),
                   remainder(b, quotient(b, line, apart), bankGroups)));
  Value column = product(b, sum(b, remainder(b, thread, width), first), pieceElements);
  Value place = sum(b, product(b, line, tile.pitch()), product(b, column, tile.elementBytes));
  Value shared = elementPointer(b, b.getI8Type(), frame.shared(sharedAt), place);
  Value limit = arith::IndexCastOp::create(b, b.getI32Type(), lines.count);
  Value lineNumber = arith::IndexCastOp::create(b, b.getI32Type(), line);
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

} // namespace

/// Pieces of all lines, in columns of a power of two of them: addresses of a thread then differ by
/// constants.
void copyHeads(BlockFrame &frame, const HeadTile &tile, int64_t sharedAt, const HeadLines &lines) {
  int64_t pieces = tile.paddedHeadDim() * tile.elementBytes / tile.copyBytes(); // of a line
  int64_t width;
  for (int64_t first = 0; first < pieces; first += width) {
    width = std::min<int64_t>(std::bit_floor<uint64_t>(pieces - first), kWarpLanes);
    copyColumns(frame, tile, first, width, sharedAt, lines);
  }
}

} // namespace mlir::qvl
