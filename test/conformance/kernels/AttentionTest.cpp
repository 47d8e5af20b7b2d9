// qvl.attention against the reference interpreter: ragged segments, every head_dim of the supported
// models, and rows that keep their bits whatever else is in the call.

#include "KernelFixture.h"
#include "qvl/Reference/Interpreter.h"

#include <cmath>
#include <cstring>

namespace qvl::test {
namespace {

namespace reference = mlir::qvl::reference;

struct AttentionShape {
  int64_t heads;
  int64_t headDim;
  double scale() const { return 1 / std::sqrt(double(headDim)); }
  int64_t columns() const { return heads * headDim; }
};

/// `maxRows` bounds the rows of a segment; 0 when nothing is known.
std::string kernelText(const AttentionShape &s, int64_t maxRows = 0) {
  std::string heads =
      "tensor<?x" + std::to_string(s.heads) + "x" + std::to_string(s.headDim) + "xf32>";
  std::string rows = "tensor<?x" + std::to_string(s.columns()) + "xf32>";
  return "func.func @attention(%q: " + heads + ", %k: " + heads + ", %v: " + heads +
         ", %s: tensor<?xi32>) -> " + rows +
         " {\n  %r = qvl.attention %q, %k, %v segments(%s) {scale = " + std::to_string(s.scale()) +
         " : f64" + (maxRows ? ", max_rows = " + std::to_string(maxRows) + " : i64" : "") +
         "} : " + heads + ", tensor<?xi32> -> " + rows + "\n  return %r : " + rows + "\n}\n";
}

struct AttentionOperands {
  std::vector<float> query, key, value;
  std::vector<int32_t> segments;
  int64_t rows() const { return segments.back(); }
};

class AttentionKernel : public KernelTest {
protected:
  AttentionOperands operands(const AttentionShape &s, std::vector<int32_t> segments) {
    size_t count = segments.back() * s.columns();
    return {uniform(count), uniform(count), uniform(count), std::move(segments)};
  }

  std::vector<float> run(const CompiledKernel &kernel, const AttentionShape &s,
                         const AttentionOperands &o, int64_t piece = 1 << 20) {
    auto q = GuardedBuffer::of<float>(o.query), k = GuardedBuffer::of<float>(o.key),
         v = GuardedBuffer::of<float>(o.value);
    auto segments = GuardedBuffer::of<int32_t>(o.segments);
    GuardedBuffer result(o.rows() * s.columns() * sizeof(float));
    void *buffers[] = {q.data(), k.data(), v.data(), segments.data(), result.data()};
    int64_t scalars[] = {o.rows(), o.rows(), o.rows(), int64_t(o.segments.size()), o.rows()};
    int64_t tiles = kernel.tiles(o.rows());
    for (int64_t begin = 0; begin < tiles; begin += piece)
      kernel.run(buffers, scalars, begin, std::min(tiles, begin + piece));
    EXPECT_TRUE(result.intact());
    return {result.as<float>().begin(), result.as<float>().end()};
  }

  void expectReference(const AttentionShape &s, const AttentionOperands &o,
                       std::span<const float> result) {
    auto heads = [&](const std::vector<float> &values) {
      return reference::Tensor({o.rows(), s.heads, s.headDim}, {values.begin(), values.end()});
    };
    reference::Tensor segments({int64_t(o.segments.size())},
                               {o.segments.begin(), o.segments.end()});
    auto expected = reference::evaluateText(
        kernelText(s), {heads(o.query), heads(o.key), heads(o.value), segments});
    ASSERT_TRUE(mlir::succeeded(expected));
    const auto &values = std::get<reference::Tensor>(expected->front()).values;
    // Values are below 1, so the result moves by the relative errors of the probabilities: a few
    // roundings of exp and of the sums, and the error of a score, which grows like a random walk of
    // head_dim steps of half an ulp of a partial sum, itself of the order of sqrt(head_dim) / 3
    // before scaling.
    double bound = 0x1p-24 * (6 + std::sqrt(double(s.headDim)) / 2);
    double worst = 0;
    for (size_t i = 0; i < values.size(); ++i)
      worst = std::max(worst, std::isnan(result[i]) ? 1e9 : std::abs(result[i] - values[i]));
    EXPECT_LE(worst, bound) << "head_dim " << s.headDim << " rows " << o.rows();
  }
};

const std::vector<int32_t> kRagged = {0, 0, 16, 17, 17, 81, 144, 147, 290, 291, 291};

TEST_P(AttentionKernel, MatchesTheReferenceForEveryHeadDim) {
  for (int64_t headDim : {16, 20, 24, 32, 40, 80, 128}) {
    AttentionShape shape{2, headDim};
    auto kernel = compile(kernelText(shape));
    for (const std::vector<int32_t> &segments :
         std::vector<std::vector<int32_t>>{kRagged, {0, 64, 128}, {0, 1}, {0, 0}, {0, 200}}) {
      AttentionOperands o = operands(shape, segments);
      expectReference(shape, o, run(*kernel, shape, o));
    }
  }
}

TEST_P(AttentionKernel, WindowsGiveTheBitsOfTheStreamingForm) {
  for (int64_t headDim : {20, 40, 80}) {
    AttentionShape shape{2, headDim};
    AttentionOperands o = operands(shape, {0, 0, 16, 17, 17, 81, 144, 147, 211, 240});
    std::vector<float> windows = run(*compile(kernelText(shape, 64)), shape, o);
    EXPECT_EQ(windows, run(*compile(kernelText(shape)), shape, o)) << "head_dim " << headDim;
  }
}

/// Windows of up to 144 rows: three blocks of keys, two, one, and parts of them.
const std::vector<int32_t> kWindows = {0, 144, 144, 208, 209, 337, 402, 530, 546};

TEST_P(AttentionKernel, WindowsOfSeveralBlocksMatchTheReference) {
  for (int64_t headDim : {20, 40, 80}) {
    AttentionShape shape{2, headDim};
    AttentionOperands o = operands(shape, kWindows);
    expectReference(shape, o, run(*compile(kernelText(shape, 144)), shape, o));
  }
}

TEST_P(AttentionKernel, LongerBoundsStream) {
  AttentionShape shape{2, 20};
  AttentionOperands o = operands(shape, {0, 193, 257, 258});
  EXPECT_EQ(run(*compile(kernelText(shape, 193)), shape, o),
            run(*compile(kernelText(shape)), shape, o));
}

TEST_P(AttentionKernel, RowsBeyondTheBoundDoNoHarm) {
  AttentionShape shape{2, 20};
  for (int64_t bound : {64, 144}) {
    auto kernel = compile(kernelText(shape, bound));
    run(*kernel, shape, operands(shape, {0, 700}));
  }
}

TEST_P(AttentionKernel, AnySplitOfTheGridGivesTheSameBits) {
  AttentionShape shape{3, 20};
  auto kernel = compile(kernelText(shape));
  AttentionOperands o = operands(shape, kRagged);
  std::vector<float> whole = run(*kernel, shape, o);
  for (int64_t piece : {1, 2, 4})
    EXPECT_EQ(std::memcmp(run(*kernel, shape, o, piece).data(), whole.data(),
                          whole.size() * sizeof(float)),
              0);
}

/// A segment gives the same bits alone and in the middle of others, wherever tiles cut it.
TEST_P(AttentionKernel, SegmentsDoNotDependOnTheirNeighbours) {
  AttentionShape shape{2, 80};
  for (const auto &[segments, maxRows] : {std::pair(kRagged, 0), std::pair(kWindows, 144)}) {
    auto kernel = compile(kernelText(shape, maxRows));
    AttentionOperands all = operands(shape, segments);
    std::vector<float> whole = run(*kernel, shape, all);
    for (size_t i = 0; i + 1 < segments.size(); ++i) {
      int64_t begin = segments[i] * shape.columns(), end = segments[i + 1] * shape.columns();
      auto part = [&](const std::vector<float> &values) {
        return std::vector<float>(values.begin() + begin, values.begin() + end);
      };
      AttentionOperands one{
          part(all.query), part(all.key), part(all.value), {0, segments[i + 1] - segments[i]}};
      std::vector<float> alone = run(*kernel, shape, one);
      EXPECT_TRUE(sameBits(alone.data(), whole.data() + begin, alone.size()))
          << "segment " << i << " of at most " << maxRows;
    }
  }
}

TEST_P(AttentionKernel, LargeScoresDoNotOverflow) {
  AttentionShape shape{1, 32};
  auto kernel = compile(kernelText(shape));
  AttentionOperands o = operands(shape, {0, 70});
  for (float &q : o.query)
    q *= 1e4f;
  for (float value : run(*kernel, shape, o))
    EXPECT_TRUE(std::isfinite(value));
}

QVL_INSTANTIATE_KERNEL_TESTS(AttentionKernel);

} // namespace
} // namespace qvl::test
