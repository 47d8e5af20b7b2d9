// Contract C10: a row's logits do not depend, in any bit, on how its sequence was cut into calls,
// on the number of threads, or on the sequences that run beside it.
//
// Artifacts are read from the folder that the environment variable QVL_TEST_ARTIFACT_DIR names.
#include "qvlrt/loaded_model.h"
#include "qvlrt/messages.h"
#include "qvlrt/status.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace qvlrt {
namespace {

/// What runs in the batch beside the sequence under test.
enum class Company {
  None,
  Decoding, // four sequences that decode when the last token does: a call of the decode program
  Mixed,    // four sequences of which some are still in their prompts
};

constexpr int kMates = 4;

struct Fixture {
  const char *artifact;
  const char *picture; // relative to the source tree
};

std::string artifactPath(const std::string &name) {
  const char *folder = std::getenv("QVL_TEST_ARTIFACT_DIR");
  return folder ? std::string(folder) + "/" + name : std::string();
}

std::vector<Message> question(const std::string &text, const std::vector<std::string> &pictures) {
  PromptArguments arguments;
  arguments.prompt = text;
  for (const std::string &picture : pictures)
    arguments.media.push_back({MediaKind::Image, std::string(QVL_SOURCE_DIR) + "/" + picture});
  return *makeMessages(arguments);
}

/// A sequence of the batch, and how many rows it runs in one call.
struct Member {
  SequenceState state;
  std::int64_t chunk;

  BatchItem next(std::int64_t keepBack, LogitRows logits) {
    // A sequence at its end goes on with an arbitrary token, as if it had generated it.
    if (state.pendingTokens() == keepBack)
      state.append(11);
    return {&state, std::min(chunk, state.pendingTokens() - keepBack), logits};
  }
};

class BatchConformanceTest : public ::testing::TestWithParam<Fixture> {
protected:
  void SetUp() override {
    path = artifactPath(GetParam().artifact);
    if (path.empty())
      GTEST_SKIP() << "QVL_TEST_ARTIFACT_DIR is not set: no compiled artifacts to run";
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << path << " does not exist";
  }

  LoadedModel load(int threads) {
    ModelOptions options;
    options.device.threads = threads;
    options.session.sequences = kMates + 1;
    absl::StatusOr<LoadedModel> model = LoadedModel::open(path, options);
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }

  ProcessedRequest process(const LoadedModel &model, const std::string &text,
                           const std::vector<std::string> &pictures) {
    absl::StatusOr<ProcessedRequest> request = model.processor.process(question(text, pictures));
    EXPECT_TRUE(request.ok()) << request.status();
    return *std::move(request);
  }

  Member join(LoadedModel &model, const ProcessedRequest &request, std::int64_t chunk) {
    absl::StatusOr<std::int64_t> first = model.session->encodeMedia(request);
    EXPECT_TRUE(first.ok()) << first.status();
    absl::StatusOr<SequenceState> state = model.session->newSequence(request, *first);
    EXPECT_TRUE(state.ok()) << state.status();
    return {*std::move(state), chunk};
  }

  /// Four sequences of other lengths, with and without a picture.
  std::vector<Member> mates(LoadedModel &model, Company company) {
    std::vector<Member> members;
    if (company == Company::None)
      return members;
    const std::string words = "Count the shapes from left to right and name their colours. ";
    std::string longText;
    for (int i = 0; i < 6; ++i)
      longText += words;
    const std::int64_t chunk = company == Company::Mixed ? 3 : 512;
    members.push_back(join(model, process(model, "Hi", {}), chunk));
    members.push_back(join(model, process(model, words, {GetParam().picture}), chunk));
    members.push_back(join(model, process(model, longText, {}), chunk));
    members.push_back(join(model, process(model, longText + words, {}), 5));
    return members;
  }

  /// Runs `rows` rows of the sequence in chunks, in the given company, and appends their logits.
  void run(LoadedModel &model, Member &subject, std::vector<Member> &company, std::int64_t rows,
           std::vector<float> &logits) {
    const std::int64_t keepBack = subject.state.pendingTokens() - rows;
    while (subject.state.pendingTokens() > keepBack) {
      std::vector<BatchItem> batch{subject.next(keepBack, LogitRows::All)};
      // The subject is neither always first nor always last.
      for (std::size_t i = 0; i < company.size(); ++i)
        batch.insert(i % 2 ? batch.begin() : batch.end(), company[i].next(0, LogitRows::None));
      const absl::Status status = model.session->step(batch, logits);
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  /// Runs the prompts of the company alone, so that they decode from now on.
  void finishPrompts(LoadedModel &model, std::vector<Member> &company) {
    std::vector<float> none;
    for (Member &member : company)
      while (const std::int64_t pending = member.state.pendingTokens()) {
        const BatchItem item{&member.state, std::min(member.chunk, pending), LogitRows::None};
        ASSERT_TRUE(model.session->step({&item, 1}, none).ok());
      }
  }

  /// Logits of all T rows of the request: T - 1 rows in chunks, then one call with the last row.
  std::vector<float> logitsOf(LoadedModel &model, const ProcessedRequest &request,
                              std::int64_t chunk, Company company) {
    model.session->clearFeatures();
    std::vector<Member> others = mates(model, company);
    Member subject = join(model, request, chunk);
    std::vector<float> logits;
    run(model, subject, others, subject.state.pendingTokens() - 1, logits);
    if (company == Company::Decoding)
      finishPrompts(model, others);
    run(model, subject, others, 1, logits);
    return logits;
  }

  /// The whole prompt in one call of the prefill program, alone, on one thread.
  std::vector<float> wholeLogits(LoadedModel &model, const ProcessedRequest &request) {
    model.session->clearFeatures();
    Member subject = join(model, request, 4096);
    std::vector<Member> nobody;
    std::vector<float> logits;
    run(model, subject, nobody, subject.state.pendingTokens(), logits);
    return logits;
  }

  std::string path;
};

/// Number of the first row that differs in any bit; -1 when none does.
std::int64_t firstDifferingRow(const std::vector<float> &a, const std::vector<float> &b,
                               std::int64_t columns) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i]))
      return static_cast<std::int64_t>(i) / columns;
  return -1;
}

TEST_P(BatchConformanceTest, LogitsDoNotDependOnCallsThreadsOrCompany) {
  LoadedModel single = load(1);
  const ProcessedRequest request =
      process(single, "What is in the picture? Name everything you see.", {GetParam().picture});
  const std::int64_t columns = single.module->facts().vocab_size();
  const std::vector<float> expected = wholeLogits(single, request);
  ASSERT_EQ(expected.size(), request.ids.size() * columns);
  ASSERT_TRUE(std::all_of(expected.begin(), expected.end(),
                          [](float logit) { return std::isfinite(logit); }));

  LoadedModel pair = load(2);
  for (LoadedModel *model : {&single, &pair})
    for (const std::int64_t chunk : {1, 7, 512})
      for (const Company company : {Company::None, Company::Decoding, Company::Mixed}) {
        SCOPED_TRACE(testing::Message() << "threads " << (model == &pair ? 2 : 1) << ", chunk "
                                        << chunk << ", company " << static_cast<int>(company));
        const std::vector<float> logits = logitsOf(*model, request, chunk, company);
        ASSERT_EQ(logits.size(), expected.size());
        EXPECT_EQ(firstDifferingRow(logits, expected, columns), -1) << "of " << request.ids.size();
      }
}

TEST_P(BatchConformanceTest, FeaturesDoNotDependOnThreadsOrOtherPictures) {
  LoadedModel single = load(1), pair = load(2);
  const ProcessedRequest one = process(single, "a", {GetParam().picture});
  const ProcessedRequest two =
      process(single, "a", {GetParam().picture, "test/e2e/goldens/media/odd.png"});
  const auto featuresOf = [](LoadedModel &model, const ProcessedRequest &request,
                             std::int64_t rows) {
    absl::StatusOr<std::int64_t> first = model.session->encodeMedia(request);
    EXPECT_TRUE(first.ok()) << first.status();
    return *model.session->readFeatures(*first, rows);
  };
  const std::vector<float> expected = featuresOf(single, one, one.mediaTokens);
  const std::int64_t columns = single.module->facts().hidden_size();
  EXPECT_EQ(firstDifferingRow(featuresOf(pair, one, one.mediaTokens), expected, columns), -1);
  EXPECT_EQ(firstDifferingRow(featuresOf(pair, two, one.mediaTokens), expected, columns), -1);
  EXPECT_EQ(firstDifferingRow(featuresOf(single, two, one.mediaTokens), expected, columns), -1);
}

TEST_P(BatchConformanceTest, AFullCacheIsALimitAndChangesNothing) {
  ModelOptions options;
  options.device.threads = 1;
  options.session.kvMemory = 1;
  EXPECT_FALSE(LoadedModel::open(path, options).ok()) << "one byte holds no page";
  LoadedModel model = load(1);
  options.session.kvMemory =
      KvPageLayout::of(model.module->facts(), *model.module->artifact().targets()->Get(0))
          .pageBytes();
  LoadedModel small = *LoadedModel::open(path, options);
  std::string words;
  for (int i = 0; i < 200; ++i)
    words += "more words ";
  const ProcessedRequest request = process(small, words, {});
  ASSERT_GT(request.ids.size(), 128u);
  Member subject = join(small, request, 4096);
  const BatchItem item = subject.next(0, LogitRows::Last);
  std::vector<float> logits;
  const absl::Status status = small.session->step({&item, 1}, logits);
  EXPECT_TRUE(isLimitReached(status)) << status;
  EXPECT_EQ(subject.state.cachedTokens(), 0);
  EXPECT_TRUE(logits.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Models, BatchConformanceTest,
    ::testing::Values(Fixture{"shapes-vl.qvl", "models/samples/01-describe.png"},
                      Fixture{"mini_f32.qvl", "test/e2e/goldens/media/small.png"},
                      Fixture{"mini_bf16.qvl", "test/e2e/goldens/media/small.png"},
                      Fixture{"bf16/shapes-vl.qvl", "models/samples/01-describe.png"},
                      Fixture{"bf16/mini_f32.qvl", "test/e2e/goldens/media/small.png"},
                      Fixture{"bf16/mini_bf16.qvl", "test/e2e/goldens/media/small.png"},
                      Fixture{"bf16-no-fuse/mini_bf16.qvl", "test/e2e/goldens/media/small.png"}),
    [](const testing::TestParamInfo<Fixture> &info) {
      std::string name = info.param.artifact;
      name = name.substr(0, name.find('.'));
      std::replace_if(name.begin(), name.end(), [](char c) { return c == '-' || c == '/'; }, '_');
      return name;
    });

} // namespace
} // namespace qvlrt
