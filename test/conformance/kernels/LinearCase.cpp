#include "LinearCase.h"

#include "Panels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qvl::test {

const LinearEpilogue kIdentity{1, {}, "qvl.yield %a0 : f32\n"};
const LinearEpilogue kBias{1, {1}, R"(
  %0 = arith.addf %a0, %b0 : f32
  qvl.yield %0 : f32
)"};
const LinearEpilogue kGelu{1, {1}, R"(
  %0 = arith.addf %a0, %b0 : f32
  %c0 = arith.constant 0.70710678118654752 : f32
  %1 = arith.mulf %0, %c0 : f32
  %c1 = arith.constant 0.5 : f32
  %2 = arith.mulf %0, %c1 : f32
  %3 = math.erf %1 : f32
  %c2 = arith.constant 1.0 : f32
  %4 = arith.addf %c2, %3 : f32
  %5 = arith.mulf %2, %4 : f32
  qvl.yield %5 : f32
)"};
const LinearEpilogue kResidual{1, {1, 2}, R"(
  %0 = arith.addf %a0, %b0 : f32
  %1 = arith.addf %b1, %0 : f32
  qvl.yield %1 : f32
)"};
const LinearEpilogue kGatedUnit{2, {1, 1}, R"(
  %g = arith.addf %a0, %b0 : f32
  %u = arith.addf %a1, %b1 : f32
  %0 = arith.negf %g : f32
  %1 = math.exp %0 : f32
  %c = arith.constant 1.0 : f32
  %2 = arith.addf %c, %1 : f32
  %3 = arith.divf %g, %2 : f32
  %4 = arith.mulf %3, %u : f32
  qvl.yield %4 : f32
)"};

namespace {

std::string tensor(const std::string &sizes, const std::string &element) {
  return "tensor<" + sizes + "x" + element + ">";
}

void join(std::string &list, const std::string &item) { list += (list.empty() ? "" : ", ") + item; }

std::string map(const std::string &name, int64_t group) {
  return group == 0
             ? ""
             : " " + name + "(%" + name + " group " + std::to_string(group) + " : tensor<?xi32>)";
}

/// Values in [-1, 1) that `element` can hold.
std::vector<double> uniform(std::mt19937 &random, int64_t count, const std::string &element) {
  std::uniform_real_distribution<float> distribution(-1, 1);
  std::vector<double> values(count);
  for (double &value : values) {
    float f = distribution(random);
    value = element == "bf16" ? fromBf16(toBf16(f)) : f;
  }
  return values;
}

Operand permutation(std::mt19937 &random, int64_t groups) {
  Operand index{{"i32", {groups}}, std::vector<double>(groups)};
  std::iota(index.values.begin(), index.values.end(), 0);
  std::shuffle(index.values.begin(), index.values.end(), random);
  return index;
}

} // namespace

std::string LinearCase::text() const {
  std::string n = std::to_string(columns), k = std::to_string(depth);
  bool isBf16 = weight == "bf16";
  std::string x = tensor("?x" + k, input), y = tensor("?x" + n, result), vector = tensor(n, "f32");
  std::string w = tensor(std::to_string(epilogue->weights * columns) + "x" + k, weight);
  std::string stored = epilogue->weights == 1 ? panelEncoding(columns, depth, isBf16)
                                              : pairEncoding(columns, depth, isBf16);
  std::string arguments = "%x: " + x + ", %w: " + w + stored, operands, operandTypes, region;
  for (int i = 0; i < epilogue->weights; ++i)
    join(region, "%a" + std::to_string(i) + ": f32");
  for (size_t i = 0; i < epilogue->ranks.size(); ++i) {
    std::string number = std::to_string(i), type = epilogue->ranks[i] == 1 ? vector : y;
    bool isVector = epilogue->ranks[i] == 1;
    join(arguments,
         "%e" + number + ": " + type + (isVector ? " {qvl.encoding = #qvl.flat<f32>}" : ""));
    join(operands, "%e" + number);
    join(operandTypes, type);
    join(region, "%b" + number + ": f32");
  }
  for (auto [name, group] : {std::pair{"load", load}, {"store", store}})
    if (group)
      join(arguments, std::string("%") + name + ": tensor<?xi32>");
  bool hasOperands = !epilogue->ranks.empty();
  return "func.func @kernel(" + arguments + ") -> " + y +
         (fewRows ? " attributes {qvl.few_rows}" : "") + " {\n  %y = qvl.fused_linear %x, (%w)" +
         (hasOperands ? " with(" + operands + ")" : "") + map("load", load) + map("store", store) +
         " : " + x + ", (" + w + ")" + (hasOperands ? " with(" + operandTypes + ")" : "") + " -> " +
         y + " {\n^bb0(" + region + "):\n" + epilogue->region + "}\n  return %y : " + y + "\n}\n";
}

RowCase LinearCase::operands(int64_t rows) const {
  std::mt19937 random(static_cast<uint32_t>(columns * 7919 + depth));
  RowCase c{text(), {}, {{result, {rows, columns}}}, rows};
  c.operands.push_back({{input, {rows, depth}}, uniform(random, rows * depth, input)});
  int64_t weights = epilogue->weights, weightRows = weights * columns;
  Operand w{{weight, {weightRows, depth}, -1}, uniform(random, weightRows * depth, weight)};
  std::vector<float> values(w.values.begin(), w.values.end());
  if (weights == 2)
    values = interleave(values, columns, depth);
  w.stored = packPanels(values, values.size() / depth, depth, weight == "bf16");
  c.operands.push_back(std::move(w));
  for (int rank : epilogue->ranks) {
    TensorForm form =
        rank == 1 ? TensorForm{"f32", {columns}, -1} : TensorForm{result, {rows, columns}};
    c.operands.push_back({form, uniform(random, form.size(), form.element)});
  }
  for (int64_t group : {load, store})
    if (group)
      c.operands.push_back(permutation(random, rows / group));
  return c;
}

Tolerance LinearCase::tolerance() const {
  double k = static_cast<double>(depth);
  // One rounding a step, each below half an ulp of a partial sum; they add up like the square root
  // of their number. The other factor of a gated unit is below k + 1.
  double sum = (4 + std::sqrt(k)) * 0x1p-24 * (k + 1);
  double error = epilogue->weights == 2 ? sum * (k + 2) : 2 * sum;
  // The reference is rounded too: one step where the sum lies on the other side of a middle.
  double step = result == "bf16" ? 0x1p-7 : 0;
  return [=](double reference) { return error + step * std::abs(reference); };
}

std::vector<double> chains(const LinearCase &c, const RowCase &operands) {
  const std::vector<double> &x = operands.operands[0].values, &w = operands.operands[1].values;
  int64_t rows = operands.gridRows;
  std::vector<double> result;
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t n = 0; n < c.columns; ++n) {
      float sum = 0;
      for (int64_t k = 0; k < c.depth; ++k)
        sum = std::fma(static_cast<float>(x[t * c.depth + k]),
                       static_cast<float>(w[n * c.depth + k]), sum);
      if (c.epilogue == &kBias)
        sum += static_cast<float>(operands.operands[2].values[n]);
      result.push_back(c.result == "bf16" ? fromBf16(toBf16(sum)) : sum);
    }
  return result;
}

} // namespace qvl::test
