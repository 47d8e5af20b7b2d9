// Stop rules, and answers driven by made-up logits.
#include "qvlrt/answer.h"

#include "byte_tokenizer.h"
#include "qvlrt/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace qvlrt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

StopRules rulesOf(std::int64_t maxNewTokens, std::int64_t maxContext) {
  StopRules rules;
  rules.eosIds = {7, ByteTokenizer::kEnd};
  rules.maxNewTokens = maxNewTokens;
  rules.maxContext = maxContext;
  return rules;
}

TEST(StopRules, EndOnAnyEndId) {
  const StopRules rules = rulesOf(10, 100);
  EXPECT_EQ(finishReason(rules, 5, 1, 7, false), FinishReason::Stop);
  EXPECT_EQ(finishReason(rules, 5, 1, ByteTokenizer::kEnd, false), FinishReason::Stop);
  EXPECT_EQ(finishReason(rules, 5, 1, 8, false), FinishReason::None);
  EXPECT_EQ(finishReason(rules, 5, 10, 7, false), FinishReason::Stop) << "not length";
}

TEST(StopRules, EndOnTheLimits) {
  EXPECT_EQ(finishReason(rulesOf(3, 100), 5, 2, 1, false), FinishReason::None);
  EXPECT_EQ(finishReason(rulesOf(3, 100), 5, 3, 1, false), FinishReason::Length);
  EXPECT_EQ(finishReason(rulesOf(50, 8), 5, 2, 1, false), FinishReason::None);
  EXPECT_EQ(finishReason(rulesOf(50, 8), 5, 3, 1, false), FinishReason::Length);
  EXPECT_EQ(finishReason(rulesOf(3, 100), 5, 3, 1, true), FinishReason::Stop);
}

TEST(StopRules, RefuseAPromptThatFillsTheContext) {
  const absl::Status status = validateStopRules(rulesOf(10, 8), 8);
  EXPECT_TRUE(isLimitReached(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("8 tokens, but the context holds 8"));
  EXPECT_TRUE(validateStopRules(rulesOf(10, 8), 7).ok());
  EXPECT_FALSE(validateStopRules(rulesOf(0, 8), 7).ok());
}

class AnswerTest : public ::testing::Test {
protected:
  Answer answer(const StopRules &rules, const SamplingParameters &sampling = {}) {
    const std::vector<std::int64_t> prompt{'a', 'b'};
    return *Answer::create(tokenizer, sampling, rules, ByteTokenizer::kVocabSize, prompt);
  }

  /// A row whose largest entry is `id`.
  static std::vector<float> rowFor(std::int64_t id) {
    std::vector<float> row(ByteTokenizer::kVocabSize, -1.0f);
    row[id] = 1.0f;
    return row;
  }

  ByteTokenizer tables;
  Tokenizer tokenizer = *tables.create();
};

TEST_F(AnswerTest, KeepsTheEndIdAndDropsItsText) {
  Answer a = answer(rulesOf(10, 100));
  EXPECT_EQ(*a.accept(rowFor('h')), "h");
  EXPECT_EQ(*a.accept(rowFor('i')), "i");
  EXPECT_FALSE(a.finished());
  EXPECT_EQ(*a.accept(rowFor(ByteTokenizer::kEnd)), "");
  EXPECT_EQ(a.finishReason(), FinishReason::Stop);
  EXPECT_THAT(a.ids(), ElementsAre('h', 'i', ByteTokenizer::kEnd));
  EXPECT_EQ(a.text(), "hi");
}

TEST_F(AnswerTest, ReleasesWhatWasHeldBackWhenTheLimitIsReached) {
  StopRules rules = rulesOf(2, 100);
  rules.stopStrings = {"xyz"};
  Answer a = answer(rules);
  EXPECT_EQ(*a.accept(rowFor('x')), "");
  EXPECT_EQ(*a.accept(rowFor('y')), "xy");
  EXPECT_EQ(a.finishReason(), FinishReason::Length);
}

TEST_F(AnswerTest, StopsAtAStopString) {
  StopRules rules = rulesOf(10, 100);
  rules.stopStrings = {"xy"};
  Answer a = answer(rules);
  EXPECT_EQ(*a.accept(rowFor('w')), "w");
  EXPECT_EQ(*a.accept(rowFor('x')), "");
  EXPECT_EQ(*a.accept(rowFor('y')), "");
  EXPECT_EQ(a.finishReason(), FinishReason::Stop);
  EXPECT_EQ(a.text(), "w");
  EXPECT_THAT(a.ids(), ElementsAre('w', 'x', 'y'));
}

TEST_F(AnswerTest, PenaltyCountsThePrompt) {
  SamplingParameters sampling;
  sampling.repetitionPenalty = 2.0;
  Answer a = answer(rulesOf(10, 100), sampling);
  std::vector<float> row = rowFor('a');
  row['c'] = 0.75f;
  EXPECT_EQ(*a.accept(row), "c") << "1 / 2 is below 0.75";
}

TEST_F(AnswerTest, LogitsThatAreNotNumbersAreAnError) {
  Answer a = answer(rulesOf(10, 100));
  std::vector<float> row = rowFor('a');
  row[3] = std::nanf("");
  const absl::Status status = a.accept(row).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(a.ids().empty());
}

TEST_F(AnswerTest, TakesIdsThatADeviceChose) {
  SamplingParameters parameters{.doSample = true, .repetitionPenalty = 1.5, .seed = 3};
  Answer chosen = answer(rulesOf(10, 100), parameters), own = answer(rulesOf(10, 100), parameters);
  for (int i = 0; i < 5; ++i) {
    const std::string text = *own.accept(rowFor('h'));
    EXPECT_EQ(*chosen.acceptChosen(own.ids().back()), text);
    EXPECT_EQ(chosen.sampling().draw, own.sampling().draw);
    EXPECT_TRUE(std::ranges::equal(chosen.sampling().seen, own.sampling().seen));
  }
  EXPECT_EQ(chosen.ids(), own.ids());
  EXPECT_EQ(chosen.text(), own.text());
}

TEST_F(AnswerTest, RefusesADeviceThatFoundNoNumber) {
  Answer a = answer(rulesOf(10, 100));
  const absl::Status status = a.acceptChosen(qvlfmt::kNoId).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("token 0 are not numbers"));
  EXPECT_TRUE(a.ids().empty());
}

} // namespace
} // namespace qvlrt
