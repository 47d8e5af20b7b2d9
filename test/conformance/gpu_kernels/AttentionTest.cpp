// qvl.attention on thread blocks against the reference interpreter: ragged segments and every
// head_dim of the supported models, in f32 and in bf16.

#include "AttentionOperands.h"
#include "qvl/Reference/Interpreter.h"

namespace qvl::test {
namespace {

namespace reference = mlir::qvl::reference;

struct AttentionShape {
  int64_t heads;
  int64_t headDim;
  std::string element;

  int64_t columns() const { return heads * headDim; }
  AttentionErrors errors() const {
    bool narrow = element == "bf16";
    return {headDim, narrow, narrow};
  }
  std::string text() const {
    std::string q =
        "tensor<?x" + std::to_string(heads) + "x" + std::to_string(headDim) + "x" + element + ">";
    std::string rows = "tensor<?x" + std::to_string(columns()) + "x" + element + ">";
    return "func.func @attention(%q: " + q + ", %k: " + q + ", %v: " + q +
           ", %s: tensor<?xi32>) -> " + rows +
           " {\n  %r = qvl.attention %q, %k, %v segments(%s) {scale = " +
           std::to_string(1 / std::sqrt(static_cast<double>(headDim))) + " : f64} : " + q +
           ", tensor<?xi32> -> " + rows + "\n  return %r : " + rows + "\n}\n";
  }
};

struct Operands {
  std::vector<float> query, key, value;
  std::vector<int32_t> segments;
  int64_t rows() const { return segments.back(); }
};

class GpuAttention : public AttentionTest {
protected:
  Operands operands(const AttentionShape &s, std::vector<int32_t> segments) {
    size_t count = segments.back() * s.columns();
    auto some = [&] { return uniform(count, s.element); };
    return {some(), some(), some(), std::move(segments)};
  }

  static std::vector<GpuBuffer> buffers(const AttentionShape &s, const Operands &o) {
    return {encode(o.query, s.element), encode(o.key, s.element), encode(o.value, s.element),
            GpuBuffer::of<int32_t>(o.segments),
            GpuBuffer::result(o.query.size() * elementBytes(s.element))};
  }
  static std::vector<int64_t> scalars(const Operands &o) {
    int64_t rows = o.rows();
    return {rows, rows, rows, static_cast<int64_t>(o.segments.size()), rows};
  }

  static std::vector<float> run(const GpuKernel &kernel, const AttentionShape &s,
                                const Operands &o) {
    std::vector<GpuBuffer> memory = buffers(s, o);
    kernel.run(memory, scalars(o), o.rows());
    return decode(memory.back(), s.element);
  }

  static std::vector<double> evaluate(const AttentionShape &s, const Operands &o) {
    auto heads = [&](const std::vector<float> &values) {
      return reference::Tensor({o.rows(), s.heads, s.headDim}, {values.begin(), values.end()});
    };
    reference::Tensor segments({static_cast<int64_t>(o.segments.size())},
                               {o.segments.begin(), o.segments.end()});
    auto result =
        reference::evaluateText(s.text(), {heads(o.query), heads(o.key), heads(o.value), segments});
    EXPECT_TRUE(mlir::succeeded(result));
    return mlir::succeeded(result) ? std::get<reference::Tensor>(result->front()).values
                                   : std::vector<double>();
  }

  void expectReference(const GpuKernel &kernel, const AttentionShape &s, const Operands &o) {
    std::string what =
        s.element + " head_dim " + std::to_string(s.headDim) + " rows " + std::to_string(o.rows());
    s.errors().expectNear(run(kernel, s, o), evaluate(s, o), what);
  }
};

/// Empty segments, segments of 1, 16, 64 and 144 rows, and segments that tiles of 64 rows cut.
const std::vector<int32_t> kRagged = {0, 0, 16, 17, 17, 81, 144, 147, 291, 355, 355};

TEST_F(GpuAttention, MatchesTheReferenceForEveryHeadDim) {
  for (const char *element : {"f32", "bf16"})
    for (int64_t headDim : {16, 18, 20, 24, 32, 40, 80, 128}) {
      AttentionShape shape{2, headDim, element};
      auto kernel = GpuKernel::create(shape.text());
      for (const std::vector<int32_t> &segments :
           std::vector<std::vector<int32_t>>{kRagged, {0, 64, 128}, {0, 1}, {0, 0}, {0, 65}})
        expectReference(*kernel, shape, operands(shape, segments));
    }
}

/// Windows of 16, 64 and 144 rows with partial ones between, as at the edge of a picture.
TEST_F(GpuAttention, MatchesTheReferenceInWindows) {
  for (const char *element : {"f32", "bf16"}) {
    AttentionShape shape{1, 80, element};
    auto kernel = GpuKernel::create(shape.text());
    for (auto [window, partial] : {std::pair{16, 4}, {64, 24}, {144, 36}}) {
      std::vector<int32_t> segments{0};
      while (segments.back() < 300)
        segments.push_back(segments.back() + (segments.size() % 3 == 0 ? partial : window));
      expectReference(*kernel, shape, operands(shape, segments));
    }
  }
}

TEST_F(GpuAttention, LargeScoresDoNotOverflow) {
  for (const char *element : {"f32", "bf16"}) {
    AttentionShape shape{1, 32, element};
    Operands o = operands(shape, {0, 70});
    for (float &q : o.query)
      q *= 0x1p13f;
    for (float value : run(*GpuKernel::create(shape.text()), shape, o))
      EXPECT_TRUE(std::isfinite(value));
  }
}

/// The reference refuses rows without a segment; blocks give them zeros.
TEST_F(GpuAttention, RowsBehindTheLastSegmentAreZero) {
  for (const char *element : {"f32", "bf16"}) {
    AttentionShape shape{2, 40, element};
    auto kernel = GpuKernel::create(shape.text());
    Operands o = operands(shape, {0, 30, 100});
    std::vector<double> expected(o.rows() * shape.columns());
    o.segments.back() = 70;
    Operands covered = o;
    for (auto *values : {&covered.query, &covered.key, &covered.value})
      values->resize(70 * shape.columns());
    std::ranges::copy(evaluate(shape, covered), expected.begin());
    std::vector<GpuBuffer> memory = buffers(shape, o);
    kernel->run(memory, std::vector<int64_t>{100, 100, 100, 3, 100}, 100);
    std::vector<float> result = decode(memory.back(), element);
    shape.errors().expectNear(result, expected, element);
    EXPECT_TRUE(std::all_of(result.begin() + 70 * shape.columns(), result.end(),
                            [](float value) { return value == 0; }));
  }
}

/// Two blocks of keys instead of one, everything else equal: what is more comes from the loop over
/// keys.
TEST_F(GpuAttention, LoopOverKeysHasNoBankConflicts) {
  for (const char *element : {"f32", "bf16"})
    for (int64_t headDim : {16, 20, 24, 32, 40, 80, 128}) {
      AttentionShape shape{1, headDim, element};
      auto kernel = GpuKernel::create(shape.text());
      auto conflicts = [&](std::vector<int32_t> segments) {
        Operands o = operands(shape, std::move(segments));
        std::vector<GpuBuffer> memory = buffers(shape, o);
        return kernel->launch(memory, scalars(o), o.rows()).sharedBankConflicts;
      };
      EXPECT_EQ(conflicts({0, 128}), conflicts({0, 64, 128})) << element << " " << headDim;
    }
}

TEST_F(GpuAttention, Bf16RunsOnTensorCoresAndCopiesWholeVectors) {
  AttentionShape shape{1, 80, "bf16"};
  std::string text = GpuKernel::create(shape.text())->text();
  for (const char *instruction :
       {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", "ldmatrix.sync.aligned.m8n8.x4",
        "cp.async.cg.shared.global", "ex2.approx", "st.global.v4"})
    EXPECT_NE(text.find(instruction), std::string::npos) << instruction;
  shape.element = "f32";
  text = GpuKernel::create(shape.text())->text();
  EXPECT_EQ(text.find("mma.sync"), std::string::npos) << "f32 stays f32";
  EXPECT_EQ(text.find("ex2.approx"), std::string::npos) << "f32 stays exact";
}

} // namespace
} // namespace qvl::test
