// Projections, norms and pointwise ops. `Real` is the type arithmetic is done in.

#include "OpFunctions.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

/// Sums of `lanes` output columns, each one chain over ascending k: several at a time only so that
/// the chains overlap.
template <typename Real, int64_t lanes>
static void projectColumns(const double *x, const double *weight, int64_t depth, Real *sums) {
  Real chains[lanes] = {};
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t lane = 0; lane < lanes; ++lane)
      chains[lane] += static_cast<Real>(x[k]) * static_cast<Real>(weight[lane * depth + k]);
  std::copy_n(chains, lanes, sums);
}

/// result[t, n] = Σ_k input[t, k] · weight[n, k] + bias[n]
template <typename Real>
static Tensor projectIn(const Tensor &input, const Tensor &weight, const Tensor *bias) {
  constexpr int64_t lanes = 8;
  int64_t columns = weight.rows(), depth = weight.columns();
  Tensor result({input.rows(), columns});
  for (int64_t t = 0; t < input.rows(); ++t)
    for (int64_t n = 0; n < columns;) {
      Real sums[lanes];
      int64_t step = n + lanes <= columns ? lanes : 1;
      if (step == lanes)
        projectColumns<Real, lanes>(input.row(t), weight.row(n), depth, sums);
      else
        projectColumns<Real, 1>(input.row(t), weight.row(n), depth, sums);
      for (int64_t lane = 0; lane < step; ++lane, ++n)
        result.row(t)[n] = bias ? sums[lane] + static_cast<Real>(bias->values[n]) : sums[lane];
    }
  return result;
}

Tensor reference::project(const Tensor &input, const Tensor &weight, const Tensor *bias,
                          Precision precision) {
  return inPrecision(precision,
                     [&](auto zero) { return projectIn<decltype(zero)>(input, weight, bias); });
}

FailureOr<Results> reference::evaluateOp(LinearOp op, const Operands &operands) {
  return Results{project(operands.tensor(0), operands.tensor(1), operands.optionalTensor(2),
                         operands.getPrecision())};
}

/// result[t, :] = weight ⊙ input[t, :] / sqrt(mean(input[t, :]²) + eps)
template <typename Real>
static Tensor rmsNorm(const Tensor &input, const Tensor &weight, Real eps) {
  Tensor result(input.shape);
  int64_t columns = input.columns();
  for (int64_t t = 0; t < input.rows(); ++t) {
    const double *x = input.row(t);
    Real squares = 0;
    for (int64_t c = 0; c < columns; ++c)
      squares += static_cast<Real>(x[c]) * static_cast<Real>(x[c]);
    Real scale = Real{1} / std::sqrt(squares / static_cast<Real>(columns) + eps);
    for (int64_t c = 0; c < columns; ++c)
      result.row(t)[c] = static_cast<Real>(weight.values[c]) * (static_cast<Real>(x[c]) * scale);
  }
  return result;
}

FailureOr<Results> reference::evaluateOp(RmsNormOp op, const Operands &operands) {
  Tensor result = operands.inPrecision([&](auto zero) {
    return rmsNorm(operands.tensor(0), operands.tensor(1),
                   static_cast<decltype(zero)>(op.getEps().convertToDouble()));
  });
  int64_t merge = op.getMerge().value_or(1);
  if (result.rows() % merge != 0)
    return op.emitOpError() << "cannot merge " << result.rows() << " rows by " << merge;
  result.shape = {result.rows() / merge, merge * result.columns()};
  return Results{std::move(result)};
}

/// `function` of each pair of elements; the rows must agree.
template <typename Function>
static FailureOr<Results> pairwise(Operation *op, const Operands &operands, Function function) {
  const Tensor &lhs = operands.tensor(0), &rhs = operands.tensor(1);
  if (failed(checkRows(op, "rhs", rhs, lhs.rows())))
    return failure();
  return Results{operands.inPrecision([&](auto zero) {
    using Real = decltype(zero);
    Tensor result(lhs.shape);
    for (int64_t i = 0; i < lhs.size(); ++i)
      result.values[i] =
          function(static_cast<Real>(lhs.values[i]), static_cast<Real>(rhs.values[i]));
    return result;
  })};
}

FailureOr<Results> reference::evaluateOp(AddOp op, const Operands &operands) {
  return pairwise(op, operands, [](auto x, auto y) { return x + y; });
}

FailureOr<Results> reference::evaluateOp(MulOp op, const Operands &operands) {
  return pairwise(op, operands, [](auto x, auto y) { return x * y; });
}

/// `function` of each element.
template <typename Function>
static FailureOr<Results> pointwise(const Operands &operands, Function function) {
  return Results{operands.inPrecision([&](auto zero) {
    Tensor result = operands.tensor(0);
    for (double &value : result.values)
      value = function(static_cast<decltype(zero)>(value));
    return result;
  })};
}

FailureOr<Results> reference::evaluateOp(SiluOp op, const Operands &operands) {
  return pointwise(operands, [](auto x) { return x / (decltype(x){1} + std::exp(-x)); });
}

FailureOr<Results> reference::evaluateOp(GeluOp op, const Operands &operands) {
  return pointwise(operands, [](auto x) {
    using Real = decltype(x);
    auto rootHalf = static_cast<Real>(0.70710678118654752440);
    return Real{0.5} * x * (Real{1} + std::erf(x * rootHalf));
  });
}

FailureOr<Results> reference::evaluateOp(CastOp op, const Operands &operands) {
  // The interpreter rounds every result to its element type.
  return Results{operands.tensor(0)};
}

std::vector<Tensor> reference::splitHeads(const Tensor &input, ArrayRef<int64_t> heads,
                                          int64_t headDim) {
  std::vector<Tensor> parts;
  int64_t begin = 0;
  for (int64_t count : heads) {
    Tensor part({input.rows(), count, headDim});
    for (int64_t t = 0; t < input.rows(); ++t)
      std::copy_n(input.row(t) + begin, count * headDim, part.row(t));
    parts.push_back(std::move(part));
    begin += count * headDim;
  }
  return parts;
}

FailureOr<Results> reference::evaluateOp(SplitHeadsOp op, const Operands &operands) {
  std::vector<Tensor> parts =
      splitHeads(operands.tensor(0), op.getHeads(), static_cast<int64_t>(op.getHeadDim()));
  return Results(std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
}
