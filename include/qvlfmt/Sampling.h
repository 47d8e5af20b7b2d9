/* The operands by which a program chooses token ids: compiler and runtime agree on this file. */
#ifndef QVLFMT_SAMPLING_H
#define QVLFMT_SAMPLING_H

#include <cstdint>

namespace qvlfmt {

/* Columns of the f32 operand `sampling` [R, kSamplingSettings]: how the id of a row of logits is
 * chosen (the model specification, section 8.2). */
enum SamplingSetting {
  kTemperature = 0,  /* divides the logits; 0 chooses the largest */
  kTopK = 1,         /* keeps the logits not below the k-th largest; 0 keeps all */
  kDroppedShare = 2, /* 1 - top_p: the least likely ids that hold no more than this are dropped */
  kMinP = 3,         /* drops what is less likely than this share of the most likely id; 0 is off */
  kPenalty = 4,      /* repetition penalty of the ids of `seen`; 1 is off */
};
inline constexpr std::int64_t kSamplingSettings = 5;

/* The i32 operand `seen` [R, seenWords(V)] has a bit for each id: bit id % 32 of word id / 32. */
inline constexpr std::int64_t kSeenBits = 32;
constexpr std::int64_t seenWords(std::int64_t vocabSize) {
  return (vocabSize + kSeenBits - 1) / kSeenBits;
}

/* The i64 operand `draws` [R] has the uniform number in [0, 1) of a row, times 2^kDrawBits. */
inline constexpr int kDrawBits = 53;

/* In the i32 result `ids` [R]: the logits of the row are not numbers. */
inline constexpr std::int32_t kNoId = -1;

} // namespace qvlfmt

#endif /* QVLFMT_SAMPLING_H */
