// Logits processors, greedy choice and sampling (the model specification, section 8.2).
#include "qvlrt/sampling.h"

#include "absl/strings/str_format.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace qvlrt {
namespace {

constexpr float kDropped = -std::numeric_limits<float>::infinity();

/// Indices of the entries that are still in the race.
std::vector<std::uint32_t> keptEntries(std::span<const float> logits) {
  std::vector<std::uint32_t> kept;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (logits[i] != kDropped)
      kept.push_back(static_cast<std::uint32_t>(i));
  return kept;
}

bool wasSeen(std::span<const std::int32_t> seen, std::size_t id) {
  return static_cast<std::uint32_t>(seen[id / qvlfmt::kSeenBits]) >> (id % qvlfmt::kSeenBits) & 1;
}

absl::Status outOfRange(const char *name, double value, const char *range) {
  return absl::InvalidArgumentError(absl::StrFormat("%s is %g, it must be %s", name, value, range));
}

} // namespace

absl::Status validateSampling(const SamplingParameters &parameters) {
  // The comparisons are written so that a NaN fails them.
  if (!(parameters.temperature > 0.0f && std::isfinite(parameters.temperature)))
    return outOfRange("temperature", parameters.temperature, "a number above 0");
  if (parameters.topK < 0)
    return outOfRange("top-k", parameters.topK, "0 (off) or more");
  if (!(parameters.topP > 0.0 && parameters.topP <= 1.0))
    return outOfRange("top-p", parameters.topP, "in (0, 1]");
  if (!(parameters.minP >= 0.0 && parameters.minP <= 1.0))
    return outOfRange("min-p", parameters.minP, "in [0, 1]");
  // It multiplies and divides in f32, in which a tiny number is 0 and a huge one infinite.
  const float penalty = static_cast<float>(parameters.repetitionPenalty);
  if (!(penalty > 0.0f && std::isfinite(penalty)))
    return outOfRange("repetition-penalty", parameters.repetitionPenalty, "a number above 0");
  return absl::OkStatus();
}

bool isGreedy(const SamplingParameters &parameters) {
  return !parameters.doSample || parameters.temperature <= kGreedyTemperature ||
         parameters.topK == 1;
}

void applyRepetitionPenalty(std::span<float> logits, std::span<const std::int32_t> seen,
                            double penalty) {
  const float p = static_cast<float>(penalty);
  if (p == 1.0f)
    return;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (wasSeen(seen, i))
      logits[i] = logits[i] < 0.0f ? logits[i] * p : logits[i] / p;
}

void applyTemperature(std::span<float> logits, float temperature) {
  for (float &logit : logits)
    logit /= temperature;
}

void applyTopK(std::span<float> logits, int k) {
  if (k <= 0 || static_cast<std::size_t>(k) >= logits.size())
    return;
  std::vector<float> sorted(logits.begin(), logits.end());
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<>());
  const float border = sorted[k - 1];
  for (float &logit : logits)
    if (logit < border)
      logit = kDropped;
}

void applyTopP(std::span<float> logits, double p) {
  if (p >= 1.0)
    return;
  std::vector<std::uint32_t> order = keptEntries(logits);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return logits[a] != logits[b] ? logits[a] < logits[b] : a < b;
  });
  std::vector<float> sorted;
  for (std::uint32_t index : order)
    sorted.push_back(logits[index]);
  std::vector<float> probabilities(sorted.size());
  softmax(sorted, probabilities);

  const float limit = static_cast<float>(1.0 - p);
  float running = 0.0f;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    running += probabilities[i];
    if (running > limit)
      break;
    logits[order[i]] = kDropped;
  }
}

void applyMinP(std::span<float> logits, double p) {
  if (p <= 0.0)
    return;
  std::vector<float> probabilities(logits.size());
  softmax(logits, probabilities);
  const std::size_t best = argmax(logits);
  const float limit = static_cast<float>(p) * probabilities[best];
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (probabilities[i] < limit && i != best)
      logits[i] = kDropped;
}

void processLogits(std::span<float> logits, std::span<const std::int32_t> seen,
                   const SamplingParameters &parameters) {
  applyRepetitionPenalty(logits, seen, parameters.repetitionPenalty);
  applyTemperature(logits, parameters.temperature);
  applyTopK(logits, parameters.topK);
  applyTopP(logits, parameters.topP);
  applyMinP(logits, parameters.minP);
}

void softmax(std::span<const float> logits, std::span<float> probabilities) {
  if (logits.empty())
    return;
  const float largest = *std::max_element(logits.begin(), logits.end());
  // The sum of up to 150,000 terms is kept in f64: its f32 value then does not depend on the order.
  double sum = 0.0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    probabilities[i] = std::exp(logits[i] - largest);
    sum += probabilities[i];
  }
  for (float &probability : probabilities)
    probability /= static_cast<float>(sum);
}

std::int64_t argmax(std::span<const float> logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

std::int64_t drawId(std::span<const float> probabilities, double uniform) {
  const double total = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
  double running = 0.0;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] == 0.0f)
      continue;
    running += probabilities[i];
    last = static_cast<std::int64_t>(i);
    if (running > uniform * total)
      break;
  }
  return last;
}

double uniformAt(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

Sampler::Sampler(const SamplingParameters &parameters, std::int64_t vocabSize)
    : seen(qvlfmt::seenWords(vocabSize)), parameters(parameters), vocabSize(vocabSize) {}

void Sampler::observe(std::span<const std::int64_t> ids) {
  for (std::int64_t id : ids)
    if (id >= 0 && id < vocabSize)
      seen[id / qvlfmt::kSeenBits] |=
          static_cast<std::int32_t>(std::uint32_t{1} << (id % qvlfmt::kSeenBits));
}

std::int64_t Sampler::next(std::span<const float> logits) {
  row.assign(logits.begin(), logits.end());
  std::int64_t id;
  if (isGreedy(parameters)) {
    applyRepetitionPenalty(row, seen, parameters.repetitionPenalty);
    id = argmax(row);
  } else {
    processLogits(row, seen, parameters);
    probabilities.resize(row.size());
    softmax(row, probabilities);
    id = drawId(probabilities, uniformAt(parameters.seed, draws));
  }
  accept(id);
  return id;
}

SamplingOperands Sampler::operands() const {
  SamplingOperands operands{.settings = {}, .draw = 0, .seen = seen};
  operands.settings[qvlfmt::kPenalty] = static_cast<float>(parameters.repetitionPenalty);
  if (isGreedy(parameters)) // as are settings of zeros
    return operands;
  operands.settings[qvlfmt::kTemperature] = parameters.temperature;
  // Small enough for f32, and for the kernel's counters; as many as there are is all of them.
  if (parameters.topK < vocabSize)
    operands.settings[qvlfmt::kTopK] = static_cast<float>(parameters.topK);
  operands.settings[qvlfmt::kDroppedShare] = static_cast<float>(1.0 - parameters.topP);
  operands.settings[qvlfmt::kMinP] = static_cast<float>(parameters.minP);
  operands.draw =
      static_cast<std::int64_t>(std::ldexp(uniformAt(parameters.seed, draws), qvlfmt::kDrawBits));
  return operands;
}

void Sampler::accept(std::int64_t id) {
  observe({&id, 1});
  draws += isGreedy(parameters) ? 0 : 1;
}

} // namespace qvlrt
