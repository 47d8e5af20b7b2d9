// Logits processors against the reference table, greedy choice, reproducible sampling.
#include "qvlrt/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <limits>
#include <string>

namespace qvlrt {
namespace {

using ::testing::ElementsAre;

constexpr float kInf = std::numeric_limits<float>::infinity();

nlohmann::json samplingTable() {
  std::ifstream file(std::string(QVL_SOURCE_DIR) + "/test/e2e/goldens/components/sampling.json");
  return nlohmann::json::parse(file);
}

SamplingParameters parametersOf(const nlohmann::json &row) {
  SamplingParameters parameters;
  parameters.doSample = true;
  parameters.repetitionPenalty = row["penalty"];
  parameters.temperature = row["temperature"];
  parameters.topK = row["top_k"];
  parameters.topP = row["top_p"];
  parameters.minP = row["min_p"].is_null() ? 0.0 : row["min_p"].get<double>();
  return parameters;
}

TEST(LogitsProcessors, EqualTheReferenceTable) {
  const nlohmann::json table = samplingTable();
  ASSERT_EQ(table.size(), 60u);
  for (std::size_t number = 0; number < table.size(); ++number) {
    SCOPED_TRACE(number);
    const nlohmann::json &row = table[number];
    std::vector<float> logits = row["logits"];
    std::vector<std::int32_t> seen(qvlfmt::seenWords(std::ssize(logits)));
    for (int id : row["seen"])
      seen[id / 32] |= static_cast<std::int32_t>(std::uint32_t{1} << (id % 32));
    processLogits(logits, seen, parametersOf(row));

    std::vector<float> probabilities(logits.size());
    softmax(logits, probabilities);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const float expected =
          row["processed"][i].is_null() ? -kInf : row["processed"][i].get<float>();
      EXPECT_EQ(logits[i], expected) << "entry " << i;
      // Another exponential and another order of the sum: within 4 units in the last place.
      const float probability = row["probabilities"][i];
      EXPECT_FLOAT_EQ(probabilities[i], probability) << "entry " << i;
    }
  }
}

TEST(LogitsProcessors, TopKKeepsTiesAtTheBorder) {
  std::vector<float> logits{1, 3, 2, 2, 0};
  applyTopK(logits, 2);
  EXPECT_THAT(logits, ElementsAre(-kInf, 3, 2, 2, -kInf));
}

TEST(LogitsProcessors, TopPDropsTheLowerIdOfATieFirst) {
  std::vector<float> logits{0, 0, 0, 0};
  applyTopP(logits, 0.5);
  EXPECT_THAT(logits, ElementsAre(-kInf, -kInf, 0, 0));
}

TEST(LogitsProcessors, TheMostLikelyEntryAlwaysStays) {
  std::vector<float> topP{1, 5, 2};
  applyTopP(topP, 1e-9);
  EXPECT_THAT(topP, ElementsAre(-kInf, 5, -kInf));
  std::vector<float> minP{5, 5, 2};
  applyMinP(minP, 1.0);
  EXPECT_THAT(minP, ElementsAre(5, 5, -kInf));
}

TEST(LogitsProcessors, PenaltyCountsAnIdOnce) {
  SamplingParameters parameters;
  parameters.repetitionPenalty = 2.0;
  Sampler sampler(parameters, 2);
  const std::vector<std::int64_t> prompt{0, 0, 0, 0};
  sampler.observe(prompt);
  // Once: 4 / 2 = 2 still wins over 1. Applied per occurrence it would not.
  EXPECT_EQ(sampler.next(std::vector<float>{4.0f, 1.0f}), 0);
}

TEST(Greedy, TakesTheLowestIndexOnTies) {
  EXPECT_EQ(argmax(std::vector<float>{1, 7, 7, 3}), 1);
  SamplingParameters parameters;
  parameters.doSample = true;
  parameters.temperature = 1e-6f;
  EXPECT_TRUE(isGreedy(parameters));
  Sampler sampler(parameters, 4);
  EXPECT_EQ(sampler.next(std::vector<float>{1, 7, 7, 3}), 1);
}

TEST(Greedy, HoldsForTopKOneAndWithoutSampling) {
  SamplingParameters parameters;
  EXPECT_TRUE(isGreedy(parameters));
  parameters.doSample = true;
  EXPECT_FALSE(isGreedy(parameters));
  parameters.topK = 1;
  EXPECT_TRUE(isGreedy(parameters));
}

TEST(Greedy, StillPenalisesRepetition) {
  SamplingParameters parameters;
  parameters.repetitionPenalty = 1.5;
  Sampler sampler(parameters, 3);
  const std::vector<float> logits{1.0f, 3.0f, 2.5f};
  EXPECT_EQ(sampler.next(logits), 1);
  EXPECT_EQ(sampler.next(logits), 2) << "3 / 1.5 is now below 2.5";
}

TEST(Operands, SayHowTheNextIdIsChosen) {
  SamplingParameters parameters{.doSample = true,
                                .temperature = 0.5f,
                                .topK = 50,
                                .topP = 0.9,
                                .minP = 0.25,
                                .repetitionPenalty = 1.05,
                                .seed = 17};
  Sampler sampler(parameters, 70);
  sampler.observe(std::vector<std::int64_t>{0, 31, 64, 64, 70, -1});
  SamplingOperands operands = sampler.operands();
  EXPECT_THAT(operands.settings,
              ElementsAre(0.5f, 50.0f, static_cast<float>(1.0 - 0.9), 0.25f, 1.05f));
  EXPECT_THAT(operands.seen, ElementsAre(std::int32_t(0x80000001), 0, 1));
  EXPECT_EQ(static_cast<double>(operands.draw) * 0x1.0p-53, uniformAt(17, 0));
  sampler.accept(32);
  operands = sampler.operands();
  EXPECT_THAT(operands.seen, ElementsAre(std::int32_t(0x80000001), 1, 1));
  EXPECT_EQ(static_cast<double>(operands.draw) * 0x1.0p-53, uniformAt(17, 1))
      << "a choice elsewhere takes a number too";
}

TEST(Operands, OfAllIdsAreThoseWithoutTopK) {
  // A count beyond 2^24 is no f32, and one of 2^31 no 32-bit integer.
  for (int topK : {69, 70, 71, std::numeric_limits<int>::max()}) {
    const Sampler sampler({.doSample = true, .topK = topK}, 70);
    EXPECT_EQ(sampler.operands().settings[qvlfmt::kTopK], topK == 69 ? 69.0f : 0.0f) << topK;
  }
}

TEST(Operands, OfAGreedyChoiceAreZerosAndThePenalty) {
  for (SamplingParameters parameters :
       {SamplingParameters{}, SamplingParameters{.doSample = true, .temperature = 1e-6f},
        SamplingParameters{.doSample = true, .topK = 1}}) {
    parameters.repetitionPenalty = 1.5;
    parameters.topP = 0.5;
    Sampler sampler(parameters, 3);
    sampler.accept(1);
    EXPECT_THAT(sampler.operands().settings, ElementsAre(0, 0, 0, 0, 1.5f));
    EXPECT_EQ(sampler.operands().draw, 0);
    EXPECT_THAT(sampler.operands().seen, ElementsAre(2));
  }
}

TEST(RandomNumbers, AreThoseOfSplitMix64) {
  // The published first outputs of SplitMix64 for the state 0 are E220A8397B1DCDAF,
  // 6E789E6AA1B965F4.
  EXPECT_EQ(uniformAt(0, 0), static_cast<double>(0xE220A8397B1DCDAFu >> 11) * 0x1.0p-53);
  EXPECT_EQ(uniformAt(0, 1), static_cast<double>(0x6E789E6AA1B965F4u >> 11) * 0x1.0p-53);
}

TEST(Sampling, TheSameSeedGivesTheSameIds) {
  SamplingParameters parameters;
  parameters.doSample = true;
  parameters.seed = 17;
  Sampler first(parameters, 4), second(parameters, 4);
  parameters.seed = 18;
  Sampler other(parameters, 4);
  const std::vector<float> logits{0.1f, 0.2f, 0.3f, 0.4f};
  bool differs = false;
  for (int i = 0; i < 64; ++i) {
    const std::int64_t id = first.next(logits);
    EXPECT_EQ(id, second.next(logits));
    differs |= id != other.next(logits);
  }
  EXPECT_TRUE(differs);
}

TEST(Sampling, DrawsWithTheProbabilitiesOfTheRow) {
  SamplingParameters parameters;
  parameters.doSample = true;
  Sampler sampler(parameters, 3);
  const std::vector<float> logits{std::log(0.2f), std::log(0.5f), std::log(0.3f)};
  std::vector<int> counts(3);
  for (int i = 0; i < 20000; ++i)
    ++counts[sampler.next(logits)];
  EXPECT_NEAR(counts[0], 4000, 250);
  EXPECT_NEAR(counts[1], 10000, 300);
  EXPECT_NEAR(counts[2], 6000, 280);
}

TEST(Sampling, NeverDrawsADroppedId) {
  EXPECT_EQ(drawId(std::vector<float>{0.0f, 0.5f, 0.5f, 0.0f}, 0.0), 1);
  EXPECT_EQ(drawId(std::vector<float>{0.0f, 0.5f, 0.5f, 0.0f}, 1.0 - 1e-16), 2);
}

TEST(SamplingParameters, OutOfRangeValuesAreNamed) {
  SamplingParameters parameters;
  parameters.temperature = 0.0f;
  EXPECT_THAT(std::string(validateSampling(parameters).message()),
              testing::HasSubstr("temperature is 0, it must be a number above 0"));
  parameters = {};
  parameters.topP = std::nan("");
  EXPECT_EQ(validateSampling(parameters).code(), absl::StatusCode::kInvalidArgument);
  parameters = {};
  parameters.minP = 1.5;
  EXPECT_FALSE(validateSampling(parameters).ok());
  parameters = {};
  parameters.topK = -1;
  EXPECT_FALSE(validateSampling(parameters).ok());
  parameters = {};
  // The last two are 0 and infinite in f32, in which logits are damped.
  for (double penalty : {double{kInf}, -1.0, std::nan(""), 1e-60, 1e60}) {
    parameters.repetitionPenalty = penalty;
    EXPECT_FALSE(validateSampling(parameters).ok()) << penalty;
  }
  EXPECT_TRUE(validateSampling(SamplingParameters()).ok());
}

} // namespace
} // namespace qvlrt
