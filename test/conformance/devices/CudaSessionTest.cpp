// Whole answers on a GPU: as on the CPU, with and without replay, and how often the driver is
// called for a token.
#include "CudaDriverUnderTest.h"
#include "test/unit/runtime/StatusMatchers.h"
#include "test/unit/runtime/TestArtifacts.h"

#include "qvlrt/cpu_device.h"
#include "qvlrt/exit_code.h"
#include "qvlrt/generator.h"
#include "qvlrt/plan.h"
#include "qvlrt/qvl.h"
#include "qvlrt/session.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <gtest/gtest.h>
#include <numeric>
#include <unistd.h>

namespace qvlrt::test {
namespace {

/// A prompt of the ids 1, 2, ... with one picture of one group behind the first token.
ProcessedRequest pictureRequest(std::int64_t tokens) {
  ProcessedRequest request;
  request.ids.resize(tokens);
  std::iota(request.ids.begin(), request.ids.end(), 1);
  request.ids[1] = 292;
  request.positions.assign(3 * tokens, 0);
  request.featureRows.assign(tokens, -1);
  request.featureRows[1] = 0;
  request.mediaTokens = 1;
  request.images.grids = {{1, 2, 2}};
  request.images.pixelValues.assign(4 * kPatchRow, 0.5f);
  request.images.positions = {0, 0, 1, 1, 0, 1, 0, 1};
  request.images.windows = {.windowIndex = {0}, .cuWindowSeqlens = {0, 4}, .cuSeqlens = {0, 4}};
  return request;
}

/// A request with all outputs kept, answered in a session of its own.
absl::StatusOr<GenerationResult> answer(const Module &module, Device &device,
                                        const SessionOptions &options, std::int64_t prompt,
                                        std::int64_t tokens) {
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                         Session::create(module, device, options));
  QVLRT_ASSIGN_OR_RETURN(const Tokenizer tokenizer, Tokenizer::create(module.tokenizer()));
  GenerationOptions generation = defaultGeneration(*session);
  generation.stop.maxNewTokens = tokens;
  generation.keepFeatures = true;
  generation.keepLogits = LogitRows::All;
  return generate(*session, tokenizer, pictureRequest(prompt), generation);
}

class CudaSession : public testing::Test {
protected:
  void SetUp() override {
    module = openArtifact(twoTargetArtifact());
    absl::StatusOr<std::unique_ptr<Device>> opened = openSimulatedDevice();
    ASSERT_OK(opened.status());
    device = *std::move(opened);
  }

  std::unique_ptr<Module> module;
  std::unique_ptr<Device> device;
};

TEST_F(CudaSession, AnswersAsTheCpuDoes) {
  std::unique_ptr<Device> cpu = *createCpuDevice({.threads = 1, .features = "v3"});
  for (const std::int64_t chunk : {1, 3, 512}) {
    const SessionOptions options{.prefillChunk = chunk, .kvMemory = {}, .maxContext = {}};
    absl::StatusOr<GenerationResult> expected = answer(*module, *cpu, options, 7, 30);
    absl::StatusOr<GenerationResult> found = answer(*module, *device, options, 7, 30);
    ASSERT_OK(expected.status());
    ASSERT_OK(found.status());
    EXPECT_EQ(found->ids, expected->ids);
    EXPECT_EQ(found->features, expected->features);
    EXPECT_EQ(found->logits, expected->logits);
  }
}

TEST_F(CudaSession, AnswersTheSameWithAndWithoutReplay) {
  const auto run = [&](bool replay) {
    return *answer(*module, *device,
                   {.kvMemory = {}, .maxContext = {}, .sequences = 1, .replay = replay}, 5, 30);
  };
  const GenerationResult replayed = run(true), plain = run(false);
  EXPECT_EQ(replayed.ids, plain.ids);
  EXPECT_EQ(replayed.logits, plain.logits);
}

/// Calls of the driver that a session makes for `tokens` further tokens.
class CallsOfTokens {
public:
  CallsOfTokens() {
    for (const char *symbol : kSymbols)
      before.push_back(simulatedCallsOf(symbol));
  }
  std::uint64_t of(std::string_view symbol) const {
    for (std::size_t i = 0; i < std::size(kSymbols); ++i)
      if (symbol == kSymbols[i])
        return simulatedCallsOf(kSymbols[i]) - before[i];
    ADD_FAILURE() << symbol;
    return 0;
  }

private:
  static constexpr const char *kSymbols[] = {"cuGraphLaunch",           "cuLaunchKernelEx",
                                             "cuStreamBeginCapture_v2", "cuMemcpyHtoDAsync_v2",
                                             "cuMemcpyDtoHAsync_v2",    "cuMemcpyDtoDAsync_v2",
                                             "cuStreamSynchronize",     "cuMemAlloc_v2"};
  std::vector<std::uint64_t> before;
};

/// A sequence behind its prompt and two tokens, so that the next one finds a recording.
class CudaSteps : public CudaSession {
protected:
  void start(bool replay) {
    session = *Session::create(
        *module, *device, {.kvMemory = {}, .maxContext = {}, .sequences = 1, .replay = replay});
    const ProcessedRequest request = pictureRequest(4);
    sequence.emplace(*session->newSequence(request, *session->encodeMedia(request)));
    step(4);
    for (int i = 0; i < 2; ++i)
      nextToken();
  }
  void nextToken() {
    sequence->append(7);
    step(1);
  }
  void step(std::int64_t rows) {
    const BatchItem item{.sequence = &*sequence, .rows = rows};
    std::vector<float> logits;
    ASSERT_OK(session->step({&item, 1}, logits));
  }
  void TearDown() override { sequence.reset(); }

  std::unique_ptr<Session> session;
  std::optional<SequenceState> sequence;
};

TEST_F(CudaSteps, AreOneGraphATokenAcrossPages) {
  start(/*replay=*/true);
  const CallsOfTokens calls;
  constexpr std::uint64_t kTokens = 2 * kPageTokens;
  for (std::uint64_t i = 0; i < kTokens; ++i)
    nextToken();
  EXPECT_EQ(calls.of("cuGraphLaunch"), kTokens);
  EXPECT_EQ(calls.of("cuLaunchKernelEx"), 0u);
  EXPECT_EQ(calls.of("cuStreamBeginCapture_v2"), 0u);
  EXPECT_EQ(calls.of("cuMemcpyHtoDAsync_v2"), kTokens) << "the operands, in one copy";
  EXPECT_EQ(calls.of("cuMemcpyDtoHAsync_v2"), kTokens) << "the logits";
  EXPECT_EQ(calls.of("cuMemcpyDtoDAsync_v2"), 0u);
  EXPECT_EQ(calls.of("cuStreamSynchronize"), kTokens) << "for the logits only";
  EXPECT_EQ(calls.of("cuMemAlloc_v2"), 0u);
  EXPECT_EQ(session->kvBytes(), 3 * 1024u) << "two pages were taken on the way";
}

TEST_F(CudaSteps, AreSingleLaunchesWithoutReplay) {
  start(/*replay=*/false);
  const CallsOfTokens calls;
  nextToken();
  nextToken();
  EXPECT_EQ(calls.of("cuGraphLaunch"), 0u);
  EXPECT_EQ(calls.of("cuLaunchKernelEx"), 2u);
}

TEST_F(CudaSteps, OfAProfileAreSingleLaunches) {
  start(/*replay=*/true);
  std::vector<ProgramRun> runs;
  session->profileInto(&runs);
  const CallsOfTokens calls;
  nextToken();
  EXPECT_EQ(calls.of("cuLaunchKernelEx"), 1u);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].commands.size(), 1u);
  session->profileInto(nullptr);
  nextToken();
  EXPECT_EQ(calls.of("cuGraphLaunch"), 1u) << "the recording has survived";
}

/// Steps that choose ids on the device.
class CudaSampling : public CudaSteps {
protected:
  void SetUp() override {
    CudaSteps::SetUp();
    module = openArtifact(choosingArtifact());
  }
  /// Runs the token `id` and returns what the program chooses behind it: the token.
  std::int64_t sample(std::int64_t id, std::vector<float> *logits = nullptr) {
    sequence->append(id);
    const BatchItem item{.sequence = &*sequence, .rows = 1};
    const SamplingOperands operands = sampler.operands();
    std::vector<std::int64_t> ids;
    EXPECT_OK(session->sample({&item, 1}, {&operands, 1}, ids, logits));
    return ids.size() == 1 ? ids.front() : -1;
  }

  Sampler sampler{{}, kVocab};
};

TEST_F(CudaSampling, BringsBackAnIdAToken) {
  start(/*replay=*/true);
  ASSERT_TRUE(session->samplesOnDevice());
  const CallsOfTokens calls;
  const std::uint64_t bytes = simulatedBytesToHost();
  for (const std::int64_t id : {3, 5, 299})
    EXPECT_EQ(sample(id), id);
  EXPECT_EQ(simulatedBytesToHost() - bytes, 3 * sizeof(std::int32_t));
  EXPECT_EQ(calls.of("cuGraphLaunch"), 3u) << "of the recording that start() made by step()";
  EXPECT_EQ(calls.of("cuStreamBeginCapture_v2"), 0u);
  EXPECT_EQ(calls.of("cuMemcpyHtoDAsync_v2"), 3u);
  EXPECT_EQ(calls.of("cuMemcpyDtoHAsync_v2"), 3u);
  EXPECT_EQ(calls.of("cuStreamSynchronize"), 3u) << "for the ids only";
  EXPECT_EQ(calls.of("cuMemAlloc_v2"), 0u);
}

TEST_F(CudaSampling, BringsBackLogitsWhereTheyAreKept) {
  start(/*replay=*/true);
  const std::uint64_t bytes = simulatedBytesToHost();
  std::vector<float> logits{-1};
  EXPECT_EQ(sample(7, &logits), 7);
  EXPECT_EQ(simulatedBytesToHost() - bytes, 4 + 4 * kVocab);
  ASSERT_EQ(logits.size(), 1u + kVocab);
  EXPECT_EQ(logits[0], -1) << "they are appended";
  EXPECT_EQ(logits[2] - logits[1], 1);
}

TEST_F(CudaSampling, KeepsTheOrderOfABatch) {
  session = *Session::create(*module, *device, {.kvMemory = {}, .maxContext = {}, .sequences = 2});
  const ProcessedRequest request = pictureRequest(4);
  const std::int64_t features = *session->encodeMedia(request);
  sequence.emplace(*session->newSequence(request, features));
  step(4);
  std::optional<SequenceState> other(*session->newSequence(request, features));
  sequence.swap(other);
  step(4);
  sequence->append(11);
  other->append(13);
  const BatchItem items[] = {{.sequence = &*other, .rows = 1}, {.sequence = &*sequence, .rows = 1}};
  const SamplingOperands operands[] = {sampler.operands(), sampler.operands()};
  std::vector<std::int64_t> ids{1};
  const std::uint64_t bytes = simulatedBytesToHost();
  ASSERT_OK(session->sample(items, operands, ids, nullptr));
  EXPECT_EQ(ids, (std::vector<std::int64_t>{1, 13, 11})) << "appended";
  EXPECT_EQ(simulatedBytesToHost() - bytes, 8u);
  EXPECT_EQ(other->pendingTokens(), 0);
}

TEST_F(CudaSampling, CanBeLeftToTheHost) {
  session =
      *Session::create(*module, *device,
                       {.kvMemory = {}, .maxContext = {}, .sequences = 1, .sampleOnDevice = false});
  EXPECT_FALSE(session->samplesOnDevice());
  std::vector<std::int64_t> ids;
  EXPECT_TRUE(absl::IsFailedPrecondition(session->sample({}, {}, ids, nullptr)));
}

TEST_F(CudaSampling, TakesSingleRowsWithOperands) {
  start(/*replay=*/false);
  sequence->append(1);
  sequence->append(2);
  const SamplingOperands operands = sampler.operands();
  std::vector<std::int64_t> ids;
  const BatchItem both{.sequence = &*sequence, .rows = 2};
  EXPECT_TRUE(absl::IsInvalidArgument(session->sample({&both, 1}, {&operands, 1}, ids, nullptr)));
  const BatchItem one{.sequence = &*sequence, .rows = 1};
  EXPECT_TRUE(absl::IsInvalidArgument(session->sample({&one, 1}, {}, ids, nullptr)));
  EXPECT_TRUE(ids.empty());
}

TEST_F(CudaSampling, IsInThePlan) {
  PlanOptions options;
  options.maxNewTokens = 9;
  const RunPlan plan = *(*Planner::create(*module, "cuda")).plan(pictureRequest(7), options);
  session = *Session::create(*module, *device, options.session);
  GenerationOptions generation = defaultGeneration(*session);
  generation.stop.maxNewTokens = 9;
  const Tokenizer tokenizer = *Tokenizer::create(module->tokenizer());
  ASSERT_OK(generate(*session, tokenizer, pictureRequest(7), generation).status());
  EXPECT_EQ(plan.arena.peak(), session->arenaBytes());
}

TEST_F(CudaSession, PlansWhatItRuns) {
  for (const std::int64_t chunk : {3, 512}) {
    PlanOptions options;
    options.session.prefillChunk = chunk;
    options.maxNewTokens = 9;
    const RunPlan plan = *(*Planner::create(*module, "cuda")).plan(pictureRequest(7), options);
    std::unique_ptr<Session> session = *Session::create(*module, *device, options.session);
    GenerationOptions generation = defaultGeneration(*session);
    generation.stop.maxNewTokens = 9;
    const Tokenizer tokenizer = *Tokenizer::create(module->tokenizer());
    ASSERT_OK(generate(*session, tokenizer, pictureRequest(7), generation).status());
    EXPECT_EQ(plan.arena.peak(), session->arenaBytes());
    EXPECT_EQ(plan.kvBytes, session->kvBytes());
  }
}

/// A path that exists as long as the object.
class ArtifactFile {
public:
  explicit ArtifactFile(qvlfmt::ArtifactT artifact)
      : path(writeTemporary(assembleArtifact(artifact, testWeights()))) {}
  ~ArtifactFile() { unlink(path.c_str()); }
  const std::string path;
};

TEST(CudaFromC, AnswersAsTheCpuDoes) {
  qvlfmt::ArtifactT artifact = twoTargetArtifact();
  artifact.model->max_context = 400; // room for the chat template
  const ArtifactFile file(std::move(artifact));
  std::vector<std::string> texts;
  for (const char *device : {"cpu", "cuda", "auto"}) {
    qvl_model_options options;
    qvl_model_options_init(&options, sizeof options);
    options.device = device;
    options.cuda_driver = QVL_SIMULATED_CUDA_DRIVER;
    qvl_model *model = nullptr;
    ASSERT_EQ(qvl_model_open(file.path.c_str(), &options, &model), QVL_OK) << qvl_last_error();
    EXPECT_STREQ(qvl_model_device(model), device == std::string("cuda") ? "cuda" : "cpu");
    qvl_request request;
    qvl_request_init(model, &request, sizeof request);
    request.messages_json = R"([{"role": "user", "content": "Hello"}])";
    request.max_new_tokens = 3;
    qvl_answer *answer = nullptr;
    ASSERT_EQ(qvl_generate(model, &request, &answer), QVL_OK) << qvl_last_error();
    std::size_t count = 0;
    const std::int64_t *ids = qvl_answer_ids(answer, &count);
    EXPECT_EQ(std::vector(ids, ids + count), std::vector<std::int64_t>(3, kVocab - 1));
    qvl_answer_free(answer);
    qvl_model_close(model);
  }
}

TEST(CudaFromC, RefusesAnUnknownDevice) {
  qvl_model_options options;
  qvl_model_options_init(&options, sizeof options);
  options.device = "gpu";
  qvl_model *model = nullptr;
  EXPECT_EQ(qvl_model_open("x.qvl", &options, &model), QVL_BAD_INPUT);
  EXPECT_STREQ(qvl_last_error(), "device 'gpu' is not auto, cpu, cuda or cuda:N");
}

/// Calls of the driver until an answer is there.
struct CallsOfAnAnswer {
  std::uint64_t all = 0;
  /// Those whose failure may pass: they ask what is free, which only decides what a message says,
  /// or give memory back, and each is made with its context first.
  std::uint64_t harmless = 0;
};

/// An answer from the opening of the device to its closing.
absl::Status wholeAnswer(const Module &module, CallsOfAnAnswer &calls, bool profiled = false) {
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<Device> device, openSimulatedDevice());
  QVLRT_ASSIGN_OR_RETURN(
      std::unique_ptr<Session> session,
      Session::create(module, *device, {.prefillChunk = 4, .kvMemory = {}, .maxContext = {}}));
  std::vector<ProgramRun> runs;
  session->profileInto(profiled ? &runs : nullptr);
  const Tokenizer tokenizer = *Tokenizer::create(module.tokenizer());
  GenerationOptions generation = defaultGeneration(*session);
  generation.stop.maxNewTokens = 5;
  absl::StatusOr<GenerationResult> result =
      generate(*session, tokenizer, pictureRequest(7), generation);
  calls.all = simulatedCalls();
  calls.harmless = 2 * (simulatedCallsOf("cuMemGetInfo_v2") + simulatedCallsOf("cuMemFree_v2"));
  QVLRT_RETURN_IF_ERROR(result.status());
  return result->ids == std::vector<std::int64_t>(5, kVocab - 1)
             ? absl::OkStatus()
             : absl::DataLossError("another answer");
}

class CudaFaultsOfAnAnswer : public testing::TestWithParam<int> {};

TEST_P(CudaFaultsOfAnAnswer, AreOneErrorEach) {
  std::unique_ptr<Module> module = openArtifact(twoTargetArtifact());
  CallsOfAnAnswer calls, ignored;
  ASSERT_OK(wholeAnswer(*module, calls));
  const std::uint64_t total = simulatedCalls();
  ASSERT_GT(calls.all, 60u);
  std::uint64_t answers = 0; // although a call before the end failed
  for (std::uint64_t call = 1; call <= total; ++call) {
    ScopedVariable failing("QVL_PTXSIM_FAIL", absl::StrCat(call, ":", GetParam()));
    const absl::Status status = wholeAnswer(*module, ignored);
    EXPECT_EQ(simulatedLeaks(), 0u) << "call " << call;
    answers += status.ok() && call <= calls.all;
    if (!status.ok())
      EXPECT_EQ(exitCodeOf(status), kExitSystemFailed) << "call " << call << ": " << status;
  }
  EXPECT_LE(answers, calls.harmless);
  EXPECT_OK(wholeAnswer(*module, ignored));
}
/// Messages of answers of which one driver call each failed, as a kernel makes it fail.
std::string failuresOfKernels(bool profiled) {
  std::unique_ptr<Module> module = openArtifact(twoTargetArtifact());
  CallsOfAnAnswer calls, ignored;
  EXPECT_OK(wholeAnswer(*module, calls, profiled));
  std::string messages;
  for (std::uint64_t call = 1; call <= calls.all; ++call) {
    ScopedVariable failing("QVL_PTXSIM_FAIL", absl::StrCat(call, ":719"));
    absl::StrAppend(&messages, wholeAnswer(*module, ignored, profiled).message(), "\n");
  }
  return messages;
}

TEST(CudaFaultsOfKernels, NameTheProgramAndInAProfileTheKernel) {
  const std::string plain = failuresOfKernels(/*profiled=*/false);
  EXPECT_NE(plain.find("\ndecode: cuStreamSynchronize failed: CUDA_ERROR_LAUNCH_FAILED"),
            plain.npos);
  EXPECT_NE(plain.find("; a run with --profile=FILE waits for each kernel"), plain.npos);
  const std::string profiled = failuresOfKernels(/*profiled=*/true);
  EXPECT_NE(
      profiled.find("\ndecode: command 0 (step.0): tiny_language: cuStreamSynchronize failed"),
      profiled.npos);
}

INSTANTIATE_TEST_SUITE_P(, CudaFaultsOfAnAnswer,
                         testing::Values(2 /*OUT_OF_MEMORY*/, 214 /*ECC_UNCORRECTABLE*/,
                                         700 /*ILLEGAL_ADDRESS*/, 719 /*LAUNCH_FAILED*/));

} // namespace
} // namespace qvlrt::test
