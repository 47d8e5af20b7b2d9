// qvl.argmax and qvl.sample on thread blocks against the reference interpreter and against the
// host's sampler: ragged vocabularies, ties, dropped logits, every setting.

#include "GpuKernel.h"

#include "qvl/Reference/Interpreter.h"
#include "qvlrt/sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>

namespace qvl::test {
namespace {

namespace reference = mlir::qvl::reference;
using qvlrt::SamplingParameters;

constexpr float kInf = std::numeric_limits<float>::infinity();

std::string tensorType(int64_t columns, const std::string &element) {
  return "tensor<?x" + std::to_string(columns) + "x" + element + ">";
}

/// A vocabulary whose argmax is taken in blocks of columns.
struct Vocabulary {
  int64_t size, columns;

  int64_t words() const { return qvlfmt::seenWords(size); }
  int64_t blocks() const { return (size + columns - 1) / columns; }
  std::string operands() const {
    return tensorType(size, "f32") + ", " + tensorType(words(), "i32") + ", tensor<?x5xf32>";
  }
  std::string best() const {
    return tensorType(blocks(), "f32") + ", " + tensorType(blocks(), "i32");
  }
  std::string argmaxText() const {
    return "func.func @argmax(%l: " + tensorType(size, "f32") +
           ", %s: " + tensorType(words(), "i32") + ", %p: tensor<?x5xf32>) -> (" + best() +
           ") {\n  %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = " +
           std::to_string(columns) + " : i64} : " + operands() + " -> " + best() +
           "\n  return %v, %i : " + best() + "\n}\n";
  }
  std::string sampleText() const {
    return "func.func @sample(%l: " + tensorType(size, "f32") +
           ", %s: " + tensorType(words(), "i32") +
           ", %p: tensor<?x5xf32>, %d: tensor<?xi64>, %v: " + tensorType(blocks(), "f32") +
           ", %i: " + tensorType(blocks(), "i32") +
           ") -> tensor<?xi32> {\n  %r = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%v, %i)"
           " : " +
           operands() + ", tensor<?xi64>, " + best() +
           " -> tensor<?xi32>\n  return %r : tensor<?xi32>\n}\n";
  }
};

/// Operands of rows of logits.
struct Rows {
  std::vector<float> logits;
  std::vector<int32_t> seen;
  std::vector<float> settings;
  std::vector<int64_t> draws;

  int64_t count() const { return std::ssize(draws); }
  void add(std::span<const float> row, const qvlrt::SamplingOperands &operands) {
    logits.insert(logits.end(), row.begin(), row.end());
    seen.insert(seen.end(), operands.seen.begin(), operands.seen.end());
    settings.insert(settings.end(), operands.settings.begin(), operands.settings.end());
    draws.push_back(operands.draw);
  }
};

struct Best {
  std::vector<float> values;
  std::vector<int32_t> ids;
};

template <typename T> reference::Tensor tensorOf(const std::vector<T> &values, int64_t rows) {
  int64_t count = std::ssize(values);
  return reference::Tensor({rows, count / rows}, {values.begin(), values.end()});
}

class GpuSampling : public testing::Test {
protected:
  void compile(Vocabulary v) {
    vocabulary = v;
    argmax = GpuKernel::create(v.argmaxText());
    sample = GpuKernel::create(v.sampleText());
  }

  Best runArgmax(const Rows &rows) const {
    size_t count = rows.count() * vocabulary.blocks();
    std::vector<GpuBuffer> buffers{GpuBuffer::of<float>(rows.logits),
                                   GpuBuffer::of<int32_t>(rows.seen),
                                   GpuBuffer::of<float>(rows.settings),
                                   GpuBuffer::result(count * 4), GpuBuffer::result(count * 4)};
    argmax->run(buffers, std::vector<int64_t>(5, rows.count()), rows.count());
    auto values = buffers[3].as<float>();
    auto ids = buffers[4].as<int32_t>();
    return {{values.begin(), values.end()}, {ids.begin(), ids.end()}};
  }
  std::vector<int32_t> runSample(const Rows &rows, const Best &best) const {
    std::vector<GpuBuffer> buffers{
        GpuBuffer::of<float>(rows.logits),   GpuBuffer::of<int32_t>(rows.seen),
        GpuBuffer::of<float>(rows.settings), GpuBuffer::of<int64_t>(rows.draws),
        GpuBuffer::of<float>(best.values),   GpuBuffer::of<int32_t>(best.ids),
        GpuBuffer::result(rows.count() * 4)};
    sample->run(buffers, std::vector<int64_t>(7, rows.count()), rows.count());
    auto ids = buffers[6].as<int32_t>();
    return {ids.begin(), ids.end()};
  }
  std::vector<int32_t> run(const Rows &rows) const { return runSample(rows, runArgmax(rows)); }

  Best expectedBest(const Rows &rows) const {
    auto results =
        reference::evaluateText(vocabulary.argmaxText(), {tensorOf(rows.logits, rows.count()),
                                                          tensorOf(rows.seen, rows.count()),
                                                          tensorOf(rows.settings, rows.count())});
    const auto &values = std::get<reference::Tensor>((*results)[0]).values;
    const auto &ids = std::get<reference::Tensor>((*results)[1]).values;
    return {{values.begin(), values.end()}, {ids.begin(), ids.end()}};
  }
  std::vector<int32_t> expected(const Rows &rows) const {
    Best best = expectedBest(rows);
    reference::Tensor draws({rows.count()}, {rows.draws.begin(), rows.draws.end()});
    auto results = reference::evaluateText(
        vocabulary.sampleText(),
        {tensorOf(rows.logits, rows.count()), tensorOf(rows.seen, rows.count()),
         tensorOf(rows.settings, rows.count()), draws, tensorOf(best.values, rows.count()),
         tensorOf(best.ids, rows.count())});
    const auto &ids = std::get<reference::Tensor>((*results)[0]).values;
    return {ids.begin(), ids.end()};
  }

  /// What the reference chooses with the draw and the dropped share moved by a relative `error`,
  /// either way or not: one id where no border is that near.
  std::vector<std::set<int32_t>> choices(const Rows &rows, double error) const {
    std::vector<std::set<int32_t>> ids(rows.count());
    for (int draw : {-1, 0, 1})
      for (int share : {-1, 0, 1}) {
        Rows moved = rows;
        for (int64_t r = 0; r < rows.count(); ++r) {
          double last = std::ldexp(1.0, qvlfmt::kDrawBits) - 1;
          // A running sum moves by the errors of what is in front of the draw and behind it.
          double shift = draw * error * std::max<double>(rows.draws[r], 1);
          moved.draws[r] = static_cast<int64_t>(
              std::clamp(static_cast<double>(rows.draws[r]) + shift, 0.0, last));
          moved.settings[r * 5 + qvlfmt::kDroppedShare] *= static_cast<float>(1 + share * error);
        }
        std::vector<int32_t> chosen = expected(moved);
        for (int64_t r = 0; r < rows.count(); ++r)
          ids[r].insert(chosen[r]);
      }
    return ids;
  }

  std::vector<float> randomRow(float scale) {
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> row(vocabulary.size);
    for (float &logit : row)
      logit = normal(random);
    return row;
  }
  /// A sampler that has seen every third id or so.
  qvlrt::Sampler samplerOf(const SamplingParameters &parameters) {
    qvlrt::Sampler sampler(parameters, vocabulary.size);
    std::vector<int64_t> ids;
    for (int64_t id = 0; id < vocabulary.size; ++id)
      if (random() % 3 == 0)
        ids.push_back(id);
    sampler.observe(ids);
    return sampler;
  }

  Vocabulary vocabulary{};
  std::unique_ptr<GpuKernel> argmax, sample;
  std::mt19937 random{20261124};
};

constexpr Vocabulary kVocabularies[] = {{1, 32},   {7, 32},   {33, 32},     {96, 32},
                                        {130, 64}, {672, 96}, {1001, 4096}, {4611, 4096}};

TEST_F(GpuSampling, ArgmaxEqualsTheReference) {
  for (const Vocabulary &v : kVocabularies) {
    SCOPED_TRACE(v.size);
    compile(v);
    for (int64_t count : {1, 2, 5, 8}) {
      Rows rows;
      for (int64_t r = 0; r < count; ++r) {
        qvlrt::Sampler sampler = samplerOf({.repetitionPenalty = r % 2 ? 1.05 : 1.0});
        rows.add(randomRow(r % 3 ? 8.0f : 0.0f), sampler.operands()); // ties: all are 0
      }
      rows.logits[random() % v.size] = -kInf;
      Best found = runArgmax(rows), best = expectedBest(rows);
      EXPECT_EQ(found.values, best.values);
      EXPECT_EQ(found.ids, best.ids);
      EXPECT_EQ(runSample(rows, found), expected(rows));
    }
  }
}

TEST_F(GpuSampling, PenaltyOfNegativeAndPositiveLogits) {
  compile({40, 32});
  SamplingParameters parameters{.repetitionPenalty = 2.0};
  qvlrt::Sampler sampler(parameters, 40);
  sampler.observe(std::vector<int64_t>{0, 5, 39});
  Rows rows;
  std::vector<float> row(40, -3.0f);
  row[5] = 4, row[7] = 3; // 4 / 2 < 3
  rows.add(row, sampler.operands());
  std::fill(row.begin(), row.end(), -5.0f);
  row[0] = -2, row[39] = -2.25, row[31] = -3.5; // -2 · 2 < -3.5
  rows.add(row, sampler.operands());
  EXPECT_EQ(run(rows), (std::vector<int32_t>{7, 31}));
}

TEST_F(GpuSampling, RowsWithoutANumberHaveNoId) {
  compile({672, 96});
  Rows rows;
  for (bool samples : {false, true}) {
    SamplingParameters parameters{.doSample = samples};
    qvlrt::Sampler sampler(parameters, vocabulary.size);
    for (float bad : {std::nanf(""), -std::nanf(""), kInf, 0.0f}) {
      std::vector<float> row = randomRow(1);
      row[500] = bad;
      if (bad == 0)
        std::fill(row.begin(), row.end(), -kInf);
      rows.add(row, sampler.operands());
    }
  }
  EXPECT_EQ(run(rows), (std::vector<int32_t>{-1, -1, 500, 0, -1, -1, 500, 0}));
}

/// Settings of a row, varied so that each is off, at its limits, and between.
SamplingParameters parametersOf(uint32_t number) {
  constexpr float temperatures[] = {1.0f, 0.7f, 2.5f, 0.05f};
  constexpr int topKs[] = {0, 50, 2, 1 << 20, 5};
  constexpr double topPs[] = {1.0, 0.8, 1e-9, 0.999, 0.5, 0.05};
  constexpr double minPs[] = {0.0, 0.1, 0.0, 1.0, 0.02, 0.0, 0.0};
  constexpr double penalties[] = {1.0, 1.05, 3.0};
  return {.doSample = true,
          .temperature = temperatures[number % 4],
          .topK = topKs[number % 5],
          .topP = topPs[number % 6],
          .minP = minPs[number % 7],
          .repetitionPenalty = penalties[number % 3],
          .seed = number};
}

/// Relative errors of the device's probabilities: e^x by 2 ulp, which is 2^-22, and x = (logit -
/// largest) rounded to f32, which is |x| · 2^-24: below 2^-20 for every id above e^-16.
constexpr double kDeviceError = 0x1p-19;
/// Of the host's: its f32 sum over V terms, each rounded.
double hostError(int64_t vocabSize) { return static_cast<double>(vocabSize) * 0x1p-24 + 0x1p-19; }

TEST_F(GpuSampling, SamplesEqualTheReferenceAndTheHost) {
  int64_t compared = 0, certain = 0, ofHost = 0;
  uint32_t number = 0;
  for (const Vocabulary &v : kVocabularies) {
    SCOPED_TRACE(v.size);
    compile(v);
    for (int repeat = 0; repeat < 4; ++repeat) {
      Rows rows;
      std::vector<int32_t> host;
      for (int r = 0; r < 8; ++r, ++number) {
        qvlrt::Sampler sampler = samplerOf(parametersOf(number));
        std::vector<float> row = randomRow(number % 11 == 0 ? 0.0f : 3.0f);
        for (float &logit : row) // bf16 heads have ties
          logit = number % 2 ? std::round(logit * 4) / 4 : logit;
        row[random() % v.size] = number % 4 == 0 && v.size > 1 ? -kInf : 1.0f;
        rows.add(row, sampler.operands());
        host.push_back(static_cast<int32_t>(sampler.next(row)));
      }
      std::vector<int32_t> found = run(rows);
      auto device = choices(rows, kDeviceError), wide = choices(rows, hostError(v.size));
      for (int r = 0; r < 8; ++r) {
        SCOPED_TRACE(number - 8 + r);
        ++compared;
        certain += device[r].size() == 1;
        ofHost += wide[r].size() == 1;
        EXPECT_TRUE(device[r].contains(found[r])) << found[r];
        EXPECT_TRUE(wide[r].contains(host[r])) << host[r];
        if (wide[r].size() == 1)
          EXPECT_EQ(found[r], host[r]);
      }
    }
  }
  EXPECT_GE(certain, compared - 4) << "the test would compare nothing";
  EXPECT_GE(ofHost, compared * 9 / 10);
}

TEST_F(GpuSampling, EveryDrawOfASmallVocabulary) {
  compile({7, 32});
  constexpr int64_t kDraws = 24;
  const std::vector<float> row{0, 0, 1, 0, -kInf, 1, 0};
  // In ascending order of (logit, id): 0 1 3 6 | 2 5. Each of the former has 1 / (4 + 2e), 0.106.
  struct Case {
    SamplingParameters parameters;
    std::set<int32_t> ids;
  };
  for (const Case &c : {Case{{.doSample = true}, {0, 1, 2, 3, 5, 6}},
                        {{.doSample = true, .topK = 2}, {2, 5}},
                        {{.doSample = true, .topK = 3}, {0, 1, 2, 3, 5, 6}},
                        {{.doSample = true, .topP = 0.75}, {2, 3, 5, 6}},
                        {{.doSample = true, .topP = 0.3}, {2, 5}},
                        {{.doSample = true, .topP = 0.28}, {5}},
                        {{.doSample = true, .topP = 1e-9}, {5}},
                        {{.doSample = true, .minP = 0.5}, {2, 5}},
                        {{.doSample = true, .topK = 2, .topP = 0.4}, {5}}}) {
    Rows rows;
    const qvlrt::Sampler sampler(c.parameters, vocabulary.size);
    for (int64_t i = 0; i < kDraws; ++i) {
      qvlrt::SamplingOperands operands = sampler.operands();
      operands.draw = (int64_t{1} << qvlfmt::kDrawBits) / kDraws * i;
      rows.add(row, operands);
    }
    rows.draws.back() = (int64_t{1} << qvlfmt::kDrawBits) - 1;
    std::vector<int32_t> found = run(rows);
    EXPECT_EQ(found, expected(rows));
    EXPECT_EQ(std::set<int32_t>(found.begin(), found.end()), c.ids);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end())) << "in the order of ids";
  }
}

TEST_F(GpuSampling, RowsDoNotDependOnEachOther) {
  compile({672, 96});
  Rows all;
  std::vector<Rows> single(8);
  for (uint32_t r = 0; r < 8; ++r) {
    std::vector<float> row = randomRow(3);
    qvlrt::Sampler sampler = samplerOf(parametersOf(r + 3));
    all.add(row, sampler.operands());
    single[r].add(row, sampler.operands());
  }
  std::vector<int32_t> together = run(all);
  for (int r = 0; r < 8; ++r)
    EXPECT_EQ(run(single[r]), std::vector<int32_t>{together[r]});
}

TEST_F(GpuSampling, HasNoBankConflictsWithoutSampling) {
  compile({4611, 4096});
  Rows rows;
  const qvlrt::Sampler sampler({}, vocabulary.size);
  rows.add(randomRow(3), sampler.operands());
  Best best = runArgmax(rows);
  std::vector<GpuBuffer> buffers{
      GpuBuffer::of<float>(rows.logits), GpuBuffer::of<int32_t>(rows.seen),
      GpuBuffer::of<float>(rows.settings), GpuBuffer::result(best.values.size() * 4),
      GpuBuffer::result(best.ids.size() * 4)};
  qvlsim::Counts counts = argmax->launch(buffers, std::vector<int64_t>(5, 1), 1);
  EXPECT_EQ(counts.sharedBankConflicts, 0u);
}

} // namespace
} // namespace qvl::test
