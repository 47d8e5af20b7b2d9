// Plans against runs of the runtime's test model.
#include "qvlrt/plan.h"

#include "qvlrt/cpu_device.h"
#include "qvlrt/generator.h"
#include "qvlrt/loaded_model.h"

#include "TestArtifacts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace qvlrt {
namespace {

using ::testing::HasSubstr;

/// A request of `tokens` tokens whose first `groups` are those of one picture.
ProcessedRequest request(std::int64_t tokens, std::int64_t groups) {
  ProcessedRequest request;
  request.ids.assign(tokens, 1);
  request.positions.assign(3 * tokens, 0);
  request.featureRows.assign(tokens, -1);
  request.mediaTokens = groups;
  if (groups == 0)
    return request;
  std::iota(request.featureRows.begin(), request.featureRows.begin() + groups, 0);
  const auto patches = static_cast<std::int32_t>(4 * groups);
  request.images.grids = {{1, 2, 2 * groups}};
  request.images.pixelValues.assign(patches * test::kPatchRow, 0.0f);
  request.images.positions.assign(2 * patches, 0);
  request.images.windows.windowIndex.resize(groups);
  std::iota(request.images.windows.windowIndex.begin(), request.images.windows.windowIndex.end(),
            0);
  request.images.windows.cuWindowSeqlens = {0};
  for (std::int32_t rows = 0; rows < patches;) // A window is two groups wide, the picture one high.
    request.images.windows.cuWindowSeqlens.push_back(rows = std::min(rows + 8, patches));
  request.images.windows.cuSeqlens = {0, patches};
  return request;
}

class PlanTest : public ::testing::Test {
protected:
  void SetUp() override {
    module = test::openArtifact(test::testArtifact());
    device = *createCpuDevice({.threads = 1, .features = "v3"});
  }

  absl::StatusOr<RunPlan> plan(const ProcessedRequest &request, const PlanOptions &options) {
    absl::StatusOr<Planner> planner = Planner::create(*module);
    return planner.ok() ? planner->plan(request, options) : planner.status();
  }

  /// Runs the request on a fresh session and compares what it holds afterwards.
  void expectAgreement(const ProcessedRequest &request, const PlanOptions &options) {
    const RunPlan planned = *plan(request, options);
    std::unique_ptr<Session> session = *Session::create(*module, *device, options.session);
    const Tokenizer tokenizer = *Tokenizer::create(module->tokenizer());
    GenerationOptions generation = defaultGeneration(*session);
    generation.stop.maxNewTokens = options.maxNewTokens;
    const absl::StatusOr<GenerationResult> result =
        generate(*session, tokenizer, request, generation);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->finishReason, FinishReason::Length);
    EXPECT_EQ(planned.newTokens, std::ssize(result->ids));
    EXPECT_EQ(planned.arena.peak(), session->arenaBytes());
    EXPECT_EQ(planned.kvBytes, session->kvBytes());
    EXPECT_EQ(planned.obstacle, "");
  }

  /// The same for many lengths of prompts, pictures, chunks and answers.
  void expectAgreementOfAll();

  static PlanOptions optionsOf(std::int64_t chunk, std::int64_t newTokens) {
    PlanOptions options;
    options.session.prefillChunk = chunk;
    options.maxNewTokens = newTokens;
    return options;
  }

  std::unique_ptr<Module> module;
  std::unique_ptr<Device> device;
};

/// Gives the language programs a buffer with one element for each page of the cache.
void addBufferOfPages(qvlfmt::ArtifactT &artifact) {
  for (auto &program : artifact.targets[0]->programs) {
    if (program->name != "prefill" && program->name != "decode")
      continue;
    const auto cache = std::find_if(program->buffers.begin(), program->buffers.end(),
                                    [](const auto &buffer) { return buffer->name == "kv_cache"; });
    auto buffer = std::make_unique<qvlfmt::BufferT>();
    buffer->kind = qvlfmt::BufferKind::Transient;
    buffer->dims = (*cache)->dims;
    program->buffers.push_back(std::move(buffer));
  }
}

void PlanTest::expectAgreementOfAll() {
  for (const std::int64_t tokens : {1, 3, 15, 16, 17, 33})
    for (const std::int64_t groups : {0, 1, 5})
      for (const std::int64_t chunk : {1, 4, 16, 512})
        for (const std::int64_t newTokens : {1, 2, 20}) {
          SCOPED_TRACE(::testing::Message() << tokens << " tokens, " << groups << " groups, chunk "
                                            << chunk << ", answer of " << newTokens);
          if (groups <= tokens)
            expectAgreement(request(tokens, groups), optionsOf(chunk, newTokens));
        }
}

TEST_F(PlanTest, AgreesWithRuns) { expectAgreementOfAll(); }

TEST_F(PlanTest, AgreesWithRunsWhoseArenaGrowsWithTheContext) {
  qvlfmt::ArtifactT artifact = test::testArtifact();
  addBufferOfPages(artifact);
  module = test::openArtifact(std::move(artifact));
  expectAgreementOfAll();
  EXPECT_GT(plan(request(33, 0), optionsOf(16, 1))->arena.decode,
            plan(request(17, 0), optionsOf(16, 1))->arena.decode);
}

TEST_F(PlanTest, CountsChunksAndPages) {
  const RunPlan planned = *plan(request(33, 5), optionsOf(16, 2));
  EXPECT_EQ(planned.chunks, 3);
  EXPECT_EQ(planned.pageTokens, test::kPageTokens);
  EXPECT_EQ(planned.promptPages, 3);
  EXPECT_EQ(planned.pages, 3) << "34 tokens are run, the last one of the answer is not";
  EXPECT_EQ(planned.weightBytes, module->totalWeightBytes());
  EXPECT_EQ(planned.totalBytes(), planned.weightBytes + planned.arena.peak() + planned.kvBytes);
  EXPECT_EQ(plan(request(32, 0), optionsOf(16, 1))->pages, 2);
  EXPECT_EQ(plan(request(32, 0), optionsOf(16, 2))->pages, 3);
}

TEST_F(PlanTest, ASingleRowIsADecode) {
  // The arena of the test model holds logits only, so it tells which call was asked for them.
  const ArenaBytes split = plan(request(17, 0), optionsOf(16, 1))->arena;
  EXPECT_EQ(split.prefill, 0u);
  EXPECT_GT(split.decode, 0u) << "the last chunk has one row";
  const ArenaBytes whole = plan(request(17, 0), optionsOf(17, 1))->arena;
  EXPECT_GT(whole.prefill, 0u);
  EXPECT_EQ(whole.decode, 0u);
}

TEST_F(PlanTest, VideosAreACallOfTheirOwn) {
  const std::uint64_t small = plan(request(8, 1), {})->arena.vision;
  ProcessedRequest both = request(8, 5);
  const std::uint64_t large = plan(both, {})->arena.vision;
  both.videos = request(8, 1).images;
  both.mediaTokens = 6;
  EXPECT_GT(large, small);
  EXPECT_EQ(plan(both, {})->arena.vision, large) << "not the sum of both";
  std::swap(both.images, both.videos);
  EXPECT_EQ(plan(both, {})->arena.vision, large);
}

TEST_F(PlanTest, ExplainsWhatARunWouldRefuse) {
  const RunPlan tooLong = *plan(request(test::kMaxContext, 0), optionsOf(512, 1));
  EXPECT_THAT(tooLong.obstacle, HasSubstr("40 tokens"));
  EXPECT_EQ(tooLong.newTokens, 0);
  EXPECT_GT(tooLong.kvBytes, 0u);

  PlanOptions tight = optionsOf(512, 10);
  tight.session.kvMemory =
      KvPageLayout::of(module->facts(), *module->artifact().targets()->Get(0)).pageBytes();
  EXPECT_EQ(plan(request(7, 0), tight)->obstacle, "") << "16 tokens fill one page";
  EXPECT_THAT(plan(request(8, 0), tight)->obstacle, HasSubstr("--kv-memory"));
}

TEST_F(PlanTest, RefusesImpossibleOptions) {
  PlanOptions context;
  context.session.maxContext = test::kMaxContext + 1;
  for (const PlanOptions &options : {optionsOf(0, 1), optionsOf(1, 0), context})
    EXPECT_EQ(plan(request(4, 0), options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PlanTest, NeedsAllPrograms) {
  qvlfmt::ArtifactT artifact = test::testArtifact();
  std::erase_if(artifact.targets[0]->programs,
                [](const auto &program) { return program->name == "decode"; });
  module = test::openArtifact(std::move(artifact));
  EXPECT_EQ(plan(request(4, 0), {}).status().code(), absl::StatusCode::kNotFound);
}

} // namespace
} // namespace qvlrt
