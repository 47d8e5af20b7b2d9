// Sessions and the generation loop on the runtime's test model: its logits are the sum of the ids
// in the context plus the column, so that every row tells what it was computed from.
#include "qvlrt/cpu_device.h"
#include "qvlrt/generator.h"
#include "qvlrt/loaded_model.h"
#include "qvlrt/status.h"

#include "TestArtifacts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

namespace qvlrt {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kBest = test::kVocab - 1; // the last column is the largest

class SessionTest : public ::testing::Test {
protected:
  void SetUp() override {
    module = test::openArtifact(test::testArtifact());
    device = *createCpuDevice({.threads = 2, .features = "v3"});
    open({});
  }

  /// Begins again with a decode program that chooses ids of such bytes.
  void chooseIds(std::uint8_t byte) {
    qvlfmt::ArtifactT artifact = test::testArtifact();
    test::chooseIds(artifact.targets[0]->programs[3], byte);
    session.reset();
    module = test::openArtifact(std::move(artifact));
    open({});
  }

  void open(SessionOptions options) {
    session.reset();
    absl::StatusOr<std::unique_ptr<Session>> created = Session::create(*module, *device, options);
    ASSERT_TRUE(created.ok()) << created.status();
    session = *std::move(created);
  }

  /// A prompt of the ids 1, 2, ... `tokens`.
  static ProcessedRequest text(std::int64_t tokens) {
    ProcessedRequest request;
    request.ids.resize(tokens);
    std::iota(request.ids.begin(), request.ids.end(), 1);
    request.positions.assign(3 * tokens, 0);
    request.featureRows.assign(tokens, -1);
    return request;
  }

  /// The same with one picture of one group behind the first token; all its pixels are `pixel`.
  static ProcessedRequest picture(std::int64_t tokens, float pixel) {
    ProcessedRequest request = text(tokens);
    request.ids[1] = 292;
    request.featureRows[1] = 0;
    request.mediaTokens = 1;
    request.images.grids = {{1, 2, 2}};
    request.images.pixelValues.assign(4 * test::kPatchRow, pixel);
    request.images.positions = {0, 0, 1, 1, 0, 1, 0, 1};
    request.images.windows = {.windowIndex = {0}, .cuWindowSeqlens = {0, 4}, .cuSeqlens = {0, 4}};
    return request;
  }

  GenerationOptions limitedTo(std::int64_t tokens) {
    GenerationOptions options = defaultGeneration(*session);
    options.stop.maxNewTokens = tokens;
    return options;
  }

  absl::StatusOr<GenerationResult> run(const ProcessedRequest &request,
                                       const GenerationOptions &options) {
    return generate(*session, tokenizer(), request, options);
  }

  const Tokenizer &tokenizer() {
    if (!tables)
      tables = *Tokenizer::create(module->tokenizer());
    return *tables;
  }

  /// Column 0 of rows of logits: the sum of the context of each.
  static std::vector<float> sums(const std::vector<float> &logits) {
    std::vector<float> column;
    for (std::size_t i = 0; i < logits.size(); i += test::kVocab)
      column.push_back(logits[i]);
    return column;
  }

  std::unique_ptr<Module> module;
  std::unique_ptr<Device> device;
  std::unique_ptr<Session> session;
  std::optional<Tokenizer> tables;
};

TEST_F(SessionTest, TakesTheDefaultsOfTheArtifact) {
  const GenerationOptions options = defaultGeneration(*session);
  EXPECT_THAT(options.stop.eosIds, ElementsAre(295, 294));
  EXPECT_EQ(options.stop.maxContext, test::kMaxContext);
  EXPECT_FALSE(options.sampling.doSample);
}

TEST_F(SessionTest, GeneratesUpToTheLimit) {
  const GenerationResult result = *run(text(4), limitedTo(3));
  EXPECT_THAT(result.ids, ElementsAre(kBest, kBest, kBest));
  EXPECT_EQ(result.finishReason, FinishReason::Length);
  EXPECT_EQ(result.promptTokens, 4);
  EXPECT_TRUE(result.logits.empty() && result.features.empty());
  EXPECT_GT(result.timings.firstToken, 0);
  EXPECT_GT(result.decodeRate(), 0);
  EXPECT_EQ(result.timings.vision, 0);
}

TEST_F(SessionTest, StopsWhenTheContextIsFull) {
  const GenerationResult result = *run(text(test::kMaxContext - 2), limitedTo(100));
  EXPECT_EQ(result.ids.size(), 2u);
  EXPECT_EQ(result.finishReason, FinishReason::Length);
  const absl::Status status = run(text(test::kMaxContext), limitedTo(1)).status();
  EXPECT_TRUE(isLimitReached(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("40 tokens"));
}

TEST_F(SessionTest, StopsAtAnEndId) {
  GenerationOptions options = limitedTo(10);
  options.stop.eosIds.push_back(kBest);
  const GenerationResult result = *run(text(4), options);
  EXPECT_THAT(result.ids, ElementsAre(kBest));
  EXPECT_EQ(result.finishReason, FinishReason::Stop);
  EXPECT_EQ(result.decodeRate(), 0);
}

TEST_F(SessionTest, KeepsOneRowForEachGeneratedToken) {
  GenerationOptions options = limitedTo(3);
  options.keepLogits = LogitRows::Last;
  const GenerationResult result = *run(text(4), options);
  EXPECT_THAT(sums(result.logits), ElementsAre(10, 10 + kBest, 10 + 2 * kBest));
}

TEST_F(SessionTest, KeepsEveryRowForEveryChunk) {
  for (const std::int64_t chunk : {1, 3, 4, 512}) {
    open({.prefillChunk = chunk, .kvMemory = {}, .maxContext = {}});
    GenerationOptions options = limitedTo(2);
    options.keepLogits = LogitRows::All;
    const GenerationResult result = *run(text(4), options);
    EXPECT_THAT(sums(result.logits), ElementsAre(1, 3, 6, 10, 10 + kBest)) << "chunk " << chunk;
  }
}

TEST_F(SessionTest, FeaturesReplaceEmbeddings) {
  GenerationOptions options = limitedTo(1);
  options.keepLogits = LogitRows::All;
  options.keepFeatures = true;
  const GenerationResult result = *run(picture(3, 0.5f), options);
  const float feature = 0.5f * 4 * test::kPatchRow;
  EXPECT_EQ(result.features.size(), std::size_t{test::kHidden});
  EXPECT_EQ(result.features[0], feature);
  EXPECT_THAT(sums(result.logits), ElementsAre(1, 1 + feature, 4 + feature));
  EXPECT_GT(result.timings.vision, 0);
}

TEST_F(SessionTest, VideosFollowImagesInThePool) {
  ProcessedRequest request = picture(3, 0.5f);
  request.videos = request.images;
  for (float &pixel : request.videos.pixelValues)
    pixel = 0.25f;
  request.ids[2] = 293;
  request.featureRows[2] = 1;
  request.mediaTokens = 2;
  GenerationOptions options = limitedTo(1);
  options.keepFeatures = true;
  const GenerationResult result = *run(request, options);
  ASSERT_EQ(result.features.size(), 2u * test::kHidden);
  EXPECT_EQ(result.features[test::kHidden], 0.25f * 4 * test::kPatchRow);
}

TEST_F(SessionTest, SequencesWithPicturesShareThePool) {
  open({.kvMemory = {}, .maxContext = {}, .sequences = 2});
  const ProcessedRequest first = picture(3, 0.5f), second = picture(3, 2.0f);
  SequenceState a = *session->newSequence(first, *session->encodeMedia(first));
  SequenceState b = *session->newSequence(second, *session->encodeMedia(second));
  const BatchItem batch[] = {{&b, 3, LogitRows::Last}, {&a, 3, LogitRows::Last}};
  std::vector<float> logits;
  ASSERT_TRUE(session->step(batch, logits).ok());
  EXPECT_THAT(sums(logits),
              ElementsAre(4 + 2.0f * 4 * test::kPatchRow, 4 + 0.5f * 4 * test::kPatchRow));
  EXPECT_EQ(a.cachedTokens(), 3);
  EXPECT_EQ(a.pendingTokens(), 0);
}

TEST_F(SessionTest, CancelsBetweenCalls) {
  open({.prefillChunk = 1, .kvMemory = {}, .maxContext = {}});
  int questions = 0;
  GenerationOptions options = limitedTo(10);
  options.cancelled = [&] { return ++questions > 7; };
  EXPECT_EQ(run(text(4), options).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(questions, 8);
  EXPECT_TRUE(run(text(4), limitedTo(2)).ok()) << "the session goes on";
}

TEST_F(SessionTest, ProfilesEveryCall) {
  std::vector<ProgramRun> runs;
  session->profileInto(&runs);
  ASSERT_TRUE(run(picture(3, 1.0f), limitedTo(3)).ok());
  std::vector<std::string_view> programs;
  for (const ProgramRun &call : runs) {
    programs.push_back(call.program);
    EXPECT_EQ(call.commands.size(), 1u);
    EXPECT_GE(call.durationMicros, call.commands[0].durationMicros);
  }
  EXPECT_THAT(programs, ElementsAre("vision", "prefill", "decode", "decode"));
  EXPECT_GE(runs[1].startMicros, runs[0].startMicros + runs[0].durationMicros);
}

TEST_F(SessionTest, RefusesImpossibleOptions) {
  for (const SessionOptions &options : {
           SessionOptions{.prefillChunk = 0, .kvMemory = {}, .maxContext = {}},
           SessionOptions{.kvMemory = {}, .maxContext = 0},
           SessionOptions{.kvMemory = {}, .maxContext = test::kMaxContext + 1},
           SessionOptions{.kvMemory = {}, .maxContext = {}, .sequences = 0},
           SessionOptions{.kvMemory = 1, .maxContext = {}},
       })
    EXPECT_FALSE(Session::create(*module, *device, options).ok());
}

TEST_F(SessionTest, AFullCacheIsALimitOfTheUser) {
  open({.kvMemory =
            KvPageLayout::of(module->facts(), *module->artifact().targets()->Get(0)).pageBytes(),
        .maxContext = {}});
  EXPECT_TRUE(run(text(test::kPageTokens - 1), limitedTo(2)).ok());
  const absl::Status status = run(text(test::kPageTokens - 1), limitedTo(5)).status();
  EXPECT_TRUE(isLimitReached(status)) << status;
}

TEST_F(SessionTest, RefusesAnEmptyPrompt) {
  EXPECT_EQ(run(text(0), limitedTo(1)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SessionTest, TakesTheIdsThatTheProgramChooses) {
  chooseIds(0);
  ASSERT_TRUE(session->samplesOnDevice());
  const absl::StatusOr<GenerationResult> result = run(text(3), limitedTo(3));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->ids, ElementsAre(kBest, 0, 0));
}

TEST_F(SessionTest, RefusesAnIdOutsideTheVocabularyAtOnce) {
  chooseIds(1);
  // The id behind the prompt is the host's; the first of the program ends the run.
  const absl::Status status = run(text(3), limitedTo(2)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the program chose id 16843009, the vocabulary has 300"));
}

TEST_F(SessionTest, SaysWhenTheProgramFindsNoNumbers) {
  chooseIds(0xff);
  const absl::Status status = run(text(3), limitedTo(2)).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("the logits of token 1 are not numbers"));
}

TEST_F(SessionTest, CachesOfMoreSequencesThanMemoryHoldsSaturate) {
  SessionOptions options;
  options.sequences = std::numeric_limits<std::int64_t>::max();
  const KvPageLayout layout =
      KvPageLayout::of(module->facts(), *module->artifact().targets()->Get(0));
  EXPECT_EQ(kvLimit(layout, test::kMaxContext, options), std::numeric_limits<std::uint64_t>::max());
}

} // namespace
} // namespace qvlrt
