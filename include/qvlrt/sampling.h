// From a row of logits to the next token id: logits processors, greedy choice and seeded sampling.
//
// The rules and their order are those of the model specification, section 8.2. All arithmetic is
// f32 so that a row processed here equals the reference implementation's row.
#pragma once

#include "absl/status/status.h"
#include "qvlfmt/Sampling.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace qvlrt {

/// How the next id is chosen. The defaults are those of the reference library.
struct SamplingParameters {
  bool doSample = false;
  /// Divides the logits, > 0. At most `kGreedyTemperature` means greedy.
  float temperature = 1.0f;
  /// Keeps the k largest logits and those equal to the k-th; 0 keeps all, 1 means greedy.
  int topK = 0;
  /// Keeps the smallest set of most likely ids that holds this much probability, in (0, 1].
  double topP = 1.0;
  /// Drops ids less likely than this share of the most likely one, in [0, 1].
  double minP = 0.0;
  /// Divides (positive) or multiplies (negative) the logit of every id seen so far, > 0.
  double repetitionPenalty = 1.0;
  /// Start of the random numbers: the same seed gives the same answer.
  std::uint64_t seed = 0;
};

/// A draw at or below this temperature is an arg max in f32 except among exact ties.
inline constexpr float kGreedyTemperature = 1e-5f;

/// InvalidArgument, naming the parameter and its range, when one is outside it or not a number.
absl::Status validateSampling(const SamplingParameters &parameters);

/// True when these parameters choose the largest processed logit without a random number.
bool isGreedy(const SamplingParameters &parameters);

/// The processors, each in place on one row of V logits. A dropped entry becomes -inf.
/// `seen` has a bit for every id of the prompt and the answer so far (include/qvlfmt/Sampling.h).
void applyRepetitionPenalty(std::span<float> logits, std::span<const std::int32_t> seen,
                            double penalty);
void applyTemperature(std::span<float> logits, float temperature);
void applyTopK(std::span<float> logits, int k);
/// Of equal logits at the border the lower ids are dropped first; the most likely entry stays.
void applyTopP(std::span<float> logits, double p);
void applyMinP(std::span<float> logits, double p);

/// All of the above in the order of the specification, whether the choice is greedy or not.
void processLogits(std::span<float> logits, std::span<const std::int32_t> seen,
                   const SamplingParameters &parameters);

/// f32 probabilities of a row; an entry of -inf gets 0. `probabilities` has the row's size.
void softmax(std::span<const float> logits, std::span<float> probabilities);

/// The index of the largest entry, the lowest one on ties. The row must not be empty.
std::int64_t argmax(std::span<const float> logits);

/// The first id, in id order, whose running probability exceeds `uniform` in [0, 1).
std::int64_t drawId(std::span<const float> probabilities, double uniform);

/// The `index`-th number in [0, 1) of the sequence named by `seed`: the upper 53 bits of the
/// SplitMix64 output for the state seed + (index + 1) * 0x9E3779B97F4A7C15, divided by 2^53.
/// Being a function of the index, it does not depend on batch mates.
double uniformAt(std::uint64_t seed, std::uint64_t index);

/// The next choice of one sequence as operands of a program (include/qvlfmt/Sampling.h).
struct SamplingOperands {
  std::array<float, qvlfmt::kSamplingSettings> settings;
  std::int64_t draw = 0;
  std::span<const std::int32_t> seen; // of the sampler, until it sees another id
};

/// Chooses the ids of one sequence and remembers which ids it has seen.
class Sampler {
public:
  /// `parameters` must have passed validateSampling.
  Sampler(const SamplingParameters &parameters, std::int64_t vocabSize);

  /// Adds ids (of the prompt, or chosen elsewhere) to the seen set; others than [0, V) are ignored.
  void observe(std::span<const std::int64_t> ids);

  /// Chooses the next id from a row of V logits, adds it to the seen set and returns it.
  std::int64_t next(std::span<const float> logits);

  /// What a program needs to choose the next id by the same rules. Its answer goes to accept().
  SamplingOperands operands() const;
  /// Adds an id in [0, V) that a program chose to the seen set.
  void accept(std::int64_t id);

private:
  std::vector<std::int32_t> seen;
  SamplingParameters parameters;
  std::int64_t vocabSize;
  std::vector<float> row;
  std::vector<float> probabilities;
  std::uint64_t draws = 0;
};

} // namespace qvlrt
