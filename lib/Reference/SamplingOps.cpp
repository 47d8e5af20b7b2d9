// Ops that choose token ids. Logits are processed in f32 in every precision, since ties decide;
// probabilities are f64.

#include "OpFunctions.h"
#include "qvlfmt/Sampling.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

namespace {

constexpr double kDropped = -std::numeric_limits<double>::infinity();

/// One row of logits and how its id is chosen.
struct SamplingRow {
  const double *logits;
  const double *seen;
  const double *settings;
  int64_t columns;

  float setting(qvlfmt::SamplingSetting column) const {
    return static_cast<float>(settings[column]);
  }
  bool wasSeen(int64_t id) const {
    auto word = static_cast<uint32_t>(static_cast<int64_t>(seen[id / qvlfmt::kSeenBits]));
    return word >> (id % qvlfmt::kSeenBits) & 1;
  }
  float penalized(int64_t id) const {
    auto logit = static_cast<float>(logits[id]);
    float penalty = setting(qvlfmt::kPenalty);
    if (!wasSeen(id))
      return logit;
    return logit < 0 ? logit * penalty : logit / penalty;
  }
};

/// The processed row: what is dropped is minus infinity.
using ProcessedRow = std::vector<double>;

/// e^x of the entries above the largest one.
std::vector<double> weightsOf(const ProcessedRow &row) {
  double largest = *llvm::max_element(row);
  std::vector<double> weights;
  for (double value : row)
    weights.push_back(std::exp(value - largest));
  return weights;
}

void dropBelowTopK(ProcessedRow &row, float topK) {
  if (!(topK > 0 && topK < static_cast<float>(row.size())))
    return;
  ProcessedRow sorted = row;
  llvm::sort(sorted, std::greater<>());
  double border = sorted[static_cast<size_t>(topK) - 1];
  for (double &value : row)
    if (value < border)
      value = kDropped;
}

void dropLeastLikely(ProcessedRow &row, double share) {
  if (!(share > 0))
    return;
  std::vector<double> weights = weightsOf(row);
  double limit = share * std::accumulate(weights.begin(), weights.end(), 0.0), running = 0;
  std::vector<size_t> order(row.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order,
             [&](size_t a, size_t b) { return std::pair(row[a], a) < std::pair(row[b], b); });
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    running += weights[order[i]];
    if (running > limit)
      break;
    row[order[i]] = kDropped;
  }
}

void dropBelowMinP(ProcessedRow &row, float share) {
  std::vector<double> weights = weightsOf(row);
  for (size_t i = 0; i < row.size(); ++i)
    if (weights[i] < share)
      row[i] = kDropped;
}

int64_t draw(const ProcessedRow &row, double uniform) {
  std::vector<double> weights = weightsOf(row);
  double total = std::accumulate(weights.begin(), weights.end(), 0.0), running = 0;
  int64_t last = 0;
  for (size_t i = 0; i < row.size() && running <= uniform * total; ++i) {
    running += weights[i];
    if (weights[i] > 0)
      last = static_cast<int64_t>(i);
  }
  return last;
}

int64_t sample(const SamplingRow &source, double uniform) {
  float temperature = source.setting(qvlfmt::kTemperature);
  ProcessedRow row;
  for (int64_t i = 0; i < source.columns; ++i)
    row.push_back(source.penalized(i) / temperature);
  dropBelowTopK(row, source.setting(qvlfmt::kTopK));
  dropLeastLikely(row, source.setting(qvlfmt::kDroppedShare));
  dropBelowMinP(row, source.setting(qvlfmt::kMinP));
  return draw(row, uniform);
}

/// Fails unless every operand has the rows of the logits.
LogicalResult checkSamplingRows(Operation *op, const Operands &operands) {
  for (unsigned i = 1; i < op->getNumOperands(); ++i)
    if (failed(checkRows(op, "operand " + std::to_string(i), operands.tensor(i),
                         operands.tensor(0).rows())))
      return failure();
  return success();
}

SamplingRow rowOf(const Operands &operands, int64_t r) {
  return {operands.tensor(0).row(r), operands.tensor(1).row(r), operands.tensor(2).row(r),
          operands.tensor(0).columns()};
}

} // namespace

FailureOr<Results> reference::evaluateOp(ArgmaxOp op, const Operands &operands) {
  if (failed(checkSamplingRows(op, operands)))
    return failure();
  int64_t rows = operands.tensor(0).rows(), columns = operands.tensor(0).columns();
  int64_t blocks = op.getValues().getType().getDimSize(1);
  auto block = static_cast<int64_t>(op.getColumns());
  Tensor values({rows, blocks}), ids({rows, blocks});
  for (int64_t r = 0; r < rows; ++r) {
    SamplingRow row = rowOf(operands, r);
    for (int64_t j = 0; j < blocks; ++j) {
      float best = -std::numeric_limits<float>::infinity();
      int64_t id = j * block;
      for (int64_t c = j * block; c < std::min(columns, (j + 1) * block); ++c) {
        float value = row.penalized(c);
        if (value > best || (std::isnan(value) && !std::isnan(best))) {
          best = value;
          id = std::isnan(value) ? qvlfmt::kNoId : c;
        }
      }
      values.row(r)[j] = best;
      ids.row(r)[j] = static_cast<double>(id);
    }
  }
  return Results{std::move(values), std::move(ids)};
}

FailureOr<Results> reference::evaluateOp(SampleOp op, const Operands &operands) {
  if (failed(checkSamplingRows(op, operands)))
    return failure();
  const Tensor &draws = operands.tensor(3), &values = operands.tensor(4);
  Tensor result({draws.size()});
  for (int64_t r = 0; r < draws.size(); ++r) {
    const double *row = values.row(r);
    auto isBelow = [](double a, double b) { return a < b || (std::isnan(b) && !std::isnan(a)); };
    const double *best = std::max_element(row, row + values.columns(), isBelow);
    bool samples = operands.tensor(2).row(r)[qvlfmt::kTemperature] > 0 && std::isfinite(*best);
    double uniform = std::ldexp(draws.values[r], -qvlfmt::kDrawBits);
    result.values[r] = samples ? static_cast<double>(sample(rowOf(operands, r), uniform))
                               : operands.tensor(5).row(r)[best - row];
  }
  return Results{std::move(result)};
}
