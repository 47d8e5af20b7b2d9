// qvl.linear against a sum in double precision, over ragged sizes and both stored forms of the
// weight.

#include "KernelFixture.h"
#include "Panels.h"

#include <cmath>

namespace qvl::test {
namespace {

struct LinearCase {
  int64_t columns; // N
  int64_t depth;   // K
  bool bf16;
  bool bias;
};

std::string kernelText(const LinearCase &c) {
  std::string n = std::to_string(c.columns), k = std::to_string(c.depth);
  std::string element = c.bf16 ? "bf16" : "f32";
  std::string x = "tensor<?x" + k + "xf32>", w = "tensor<" + n + "x" + k + "x" + element + ">";
  std::string b = "tensor<" + n + "xf32>", y = "tensor<?x" + n + "xf32>";
  return "func.func @linear(%x: " + x + ", %w: " + w + " " +
         panelEncoding(c.columns, c.depth, c.bf16) +
         (c.bias ? ", %b: " + b + " {qvl.encoding = #qvl.flat<f32>}" : "") + ") -> " + y +
         " {\n  %y = qvl.linear %x, %w" + (c.bias ? " bias %b" : "") + " : " + x + ", " + w +
         (c.bias ? ", " + b : "") + " -> " + y + "\n  return %y : " + y + "\n}\n";
}

/// The operands of one case; the input holds as many rows as the largest run.
struct LinearOperands {
  LinearCase shape;
  std::vector<float> input, weight, bias;
};

class LinearKernel : public KernelTest {
protected:
  LinearOperands operands(const LinearCase &c, int64_t rows) {
    LinearOperands o{c, uniform(rows * c.depth), uniform(c.columns * c.depth), uniform(c.columns)};
    if (c.bf16)
      for (float &w : o.weight)
        w = fromBf16(toBf16(w));
    return o;
  }

  /// Runs rows [first, first + rows) with the grid cut into pieces of `piece` tiles.
  std::vector<float> run(const CompiledKernel &kernel, const LinearOperands &o, int64_t first,
                         int64_t rows, int64_t piece = 1 << 20) {
    const LinearCase &c = o.shape;
    auto x = GuardedBuffer::of<float>(std::span(o.input).subspan(first * c.depth, rows * c.depth));
    GuardedBuffer w = GuardedBuffer::of<std::byte>(
                      packPanels(o.weight, c.columns, c.depth, c.bf16)),
                  b = GuardedBuffer::of<float>(o.bias), y(rows * c.columns * sizeof(float));
    std::vector<void *> buffers{x.data(), w.data()};
    if (c.bias)
      buffers.push_back(b.data());
    buffers.push_back(y.data());
    int64_t scalars[] = {rows, rows}, tiles = kernel.tiles(rows);
    for (int64_t begin = 0; begin < tiles; begin += piece)
      kernel.run(buffers, scalars, begin, std::min(tiles, begin + piece));
    EXPECT_TRUE(y.intact() && x.intact() && w.intact());
    return {y.as<float>().begin(), y.as<float>().end()};
  }

  void expectSum(const LinearOperands &o, std::span<const float> result, int64_t rows) {
    const LinearCase &c = o.shape;
    double worst = 0;
    for (int64_t t = 0; t < rows; ++t)
      for (int64_t n = 0; n < c.columns; ++n) {
        double sum = c.bias ? o.bias[n] : 0, magnitude = std::abs(sum);
        for (int64_t k = 0; k < c.depth; ++k) {
          double product = double(o.input[t * c.depth + k]) * o.weight[n * c.depth + k];
          sum += product;
          magnitude += std::abs(product);
        }
        // One rounding per step of the chain, each below half an ulp of a partial sum; rounding
        // errors add up like the square root of their number.
        double bound = (4 + std::sqrt(double(c.depth))) * 0x1p-24 * magnitude + 1e-30;
        worst = std::max(worst, std::abs(result[t * c.columns + n] - sum) / bound);
      }
    EXPECT_LE(worst, 1.0) << "N " << c.columns << " K " << c.depth << " rows " << rows;
  }
};

TEST_P(LinearKernel, MatchesTheSumOnRaggedShapes) {
  const LinearCase cases[] = {{32, 64, false, false}, {128, 192, true, true},
                              {320, 191, true, true}, {160, 37, false, true},
                              {33, 1, true, false},   {95, 3, false, false},
                              {1, 5, true, true},     {31, 2, true, false},
                              {129, 66, true, false}, {257, 130, false, true}};
  for (const LinearCase &c : cases) {
    auto kernel = compile(kernelText(c));
    LinearOperands o = operands(c, 130);
    for (int64_t rows : {0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 130})
      expectSum(o, run(*kernel, o, 0, rows), rows);
  }
}

TEST_P(LinearKernel, MatchesTheSumOnALongDepth) {
  LinearCase c{96, 3420, true, true};
  auto kernel = compile(kernelText(c));
  LinearOperands o = operands(c, 11);
  expectSum(o, run(*kernel, o, 0, 11), 11);
}

TEST_P(LinearKernel, RowsDoNotDependOnTheirNeighbours) {
  for (const LinearCase &c : {LinearCase{160, 191, true, true}, LinearCase{97, 258, false, true}}) {
    auto kernel = compile(kernelText(c));
    LinearOperands o = operands(c, 130);
    std::vector<float> all = run(*kernel, o, 0, 130);
    for (int64_t rows : {1, 2, 3, 4, 7, 8, 15, 64, 65})
      for (int64_t first : {0, 1, 5, 64, 65}) {
        std::vector<float> some = run(*kernel, o, first, rows);
        ASSERT_EQ(
            std::memcmp(some.data(), all.data() + first * c.columns, some.size() * sizeof(float)),
            0)
            << rows << " rows from " << first;
      }
  }
}

TEST_P(LinearKernel, AnySplitOfTheGridGivesTheSameBits) {
  LinearCase c{417, 70, true, false};
  auto kernel = compile(kernelText(c));
  LinearOperands o = operands(c, 130);
  std::vector<float> whole = run(*kernel, o, 0, 130);
  for (int64_t piece : {1, 2, 5})
    EXPECT_EQ(std::memcmp(run(*kernel, o, 0, 130, piece).data(), whole.data(),
                          whole.size() * sizeof(float)),
              0);
}

TEST_P(LinearKernel, NaNOutsideOfARowDoesNotReachIt) {
  LinearCase c{64, 65, true, false}; // odd: the pair of the last k is half padding
  auto kernel = compile(kernelText(c));
  LinearOperands o = operands(c, 3);
  std::fill(o.input.begin() + c.depth, o.input.begin() + 2 * c.depth, std::nanf(""));
  std::vector<float> result = run(*kernel, o, 0, 3);
  for (int64_t n = 0; n < c.columns; ++n) {
    EXPECT_TRUE(std::isfinite(result[n]) && std::isfinite(result[2 * c.columns + n]));
    EXPECT_TRUE(std::isnan(result[c.columns + n]));
  }
}

QVL_INSTANTIATE_KERNEL_TESTS(LinearKernel);

} // namespace
} // namespace qvl::test
