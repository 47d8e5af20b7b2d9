// What one warp of decoding attention does: eight keys of one key head at a time for a few query
// heads of one row, with an online softmax of its own.
#pragma once

#include "AttentionExponential.h"
#include "CachedAttentionKeys.h"

#include <bit>

namespace mlir::qvl {

/// How heads of a type are cut into pieces of one load.
struct HeadPieces {
  int64_t elements; // of a piece
  int64_t count;    // of a head
  int64_t bytes;    // of a piece

  explicit HeadPieces(const HeadTile &head)
      : elements(head.copyBytes() / head.elementBytes), count(head.headDim / elements),
        bytes(head.copyBytes()) {}
  /// The same in pieces of half the size.
  HeadPieces halved() const {
    HeadPieces pieces = *this;
    pieces.elements /= 2;
    pieces.count *= 2;
    pieces.bytes /= 2;
    return pieces;
  }
  /// Alignment of a piece as f32 in shared memory.
  int64_t wideAlignment() const { return std::min<int64_t>(16, 4 * elements); }
  /// Lanes that read a value together, a power of two, and pieces of each.
  int64_t lanes() const { return std::min<int64_t>(kWarpLanes, std::bit_ceil<uint64_t>(count)); }
  int64_t perLane() const { return llvm::divideCeil(count, lanes()); }
};

/// The state is one maximum a head, the sums of the lane's key in each eight, and weighted sums of
/// the values that the lane read: [head][piece of the lane][element].
class DecodeWarp {
public:
  DecodeWarp(BlockFrame &frame, const DecodeMemory &memory, Type keyElement,
             const AttentionExponential &exponential);

  /// Starts with no keys.
  void reset();
  /// Adds the first `count` keys from the ones given, 1 to DecodeMemory::kWarpKeys; queries are in
  /// shared memory.
  void addKeys(const KeysInMemory &keys, Value count);
  /// Puts the warp's state into shared memory.
  void store();
  /// Registers of a lane that hold state, keys and values at a time.
  int64_t registers() const;

  SmallVector<Value> state() const;
  void setState(ArrayRef<Value> values);

private:
  Value scalar(double value) { return constantFloat(b, b.getF32Type(), value); }
  /// An f32 at an element of shared memory behind a part.
  Value shared(int64_t part, Value element) {
    return elementPointer(b, b.getF32Type(), frame.shared(part), element);
  }
  Value probabilityPlace(int64_t quad, Value key);
  /// The heads of a quadruple.
  auto headsOf(int64_t quad) const {
    return llvm::seq(4 * quad, std::min(4 * quad + 4, memory.heads));
  }
  MutableArrayRef<Value> outputOf(int64_t head, int64_t piece) {
    int64_t part = head * valuePieces.perLane() + piece;
    return MutableArrayRef<Value>(output).slice(part * valuePieces.elements, valuePieces.elements);
  }
  /// Values that the warp reads at a time.
  int64_t valueGroups() const { return kWarpLanes / valuePieces.lanes(); }

  SmallVector<Value> loadKey(const KeysInMemory &keys, Value last);
  Value keyColumn(int64_t first);
  SmallVector<Value> scores(ArrayRef<Value> key);
  void addProducts(Value column, ArrayRef<Value> key, MutableArrayRef<Value> sums);
  void joinScores(MutableArrayRef<Value> scores, Value count);
  void joinHead(int64_t head, Value &score, Value exists);
  void storeProbabilities(ArrayRef<Value> probabilities);
  SmallVector<Value> loadValues(const KeysInMemory &keys, Value last);
  void addValues(ArrayRef<Value> values);
  SmallVector<Value> probabilitiesOf(Value key);
  void storeOutput(Value firstHead);

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  DecodeMemory memory;
  Type keyElement;
  HeadPieces keyPieces, valuePieces;
  AttentionExponential exponential;
  SmallVector<Value> maxima, sums, output;
};

} // namespace mlir::qvl
