// Which keys of the cache a row of attention over the cache sees, and where they lie.
#pragma once

#include "../Emit/CacheLayout.h"
#include "AttentionBlock.h"

namespace mlir::qvl {

/// Rows, sequences and numbers of keys are of type index.
class CachedKeys {
public:
  CachedKeys(BlockFrame &frame, const CachedOperands &op)
      : frame(frame), b(frame.builder()), op(op), type(op.cache.getType()),
        layout(type, TargetKind::Cuda) {}

  Value sequenceOf(Value row) { return entry(op.rowSequence, row); }
  Value firstRow(Value sequence) { return entry(op.rowOffsets, sequence); }
  /// The number of keys that a row of a sequence sees: those of its token and of all before it.
  Value keysOf(Value row, Value sequence) {
    Value inCall = difference(b, row, firstRow(sequence));
    return sum(b, sum(b, entry(op.cacheLengths, sequence), inCall), 1);
  }
  /// The keys of a head from token `first`: the rest of its block of kKeyBlock lies in the same
  /// page, because pages hold a multiple of kKeyBlock tokens.
  KeysInMemory block(Value sequence, Value head, Value first);

private:
  Value entry(Value list, Value position) {
    return loadIndex(b, elementPointer(b, b.getI32Type(), frame.buffer(list), position));
  }

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  CachedOperands op;
  CacheType type;
  CacheLayout layout;
};

} // namespace mlir::qvl
