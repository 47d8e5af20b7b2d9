#include "SizeEvaluator.h"

#include "FlatbufferViews.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <optional>

namespace qvlrt {

namespace {

using qvlfmt::SizeOp;

/// Rounds to negative infinity (`up` false) or positive infinity. Divisors are positive.
std::optional<std::int64_t> divide(std::int64_t a, std::int64_t b, bool up) {
  if (b < 1)
    return std::nullopt;
  std::int64_t quotient = a / b;
  std::int64_t remainder = a % b;
  if (up)
    return quotient + (remainder > 0);
  return quotient - (remainder < 0);
}

/// lhs op rhs; nothing when it has no value.
std::optional<std::int64_t> apply(SizeOp op, std::int64_t a, std::int64_t b) {
  std::int64_t value = 0;
  switch (op) {
  case SizeOp::Add:
    return __builtin_add_overflow(a, b, &value) ? std::nullopt : std::optional(value);
  case SizeOp::Sub:
    return __builtin_sub_overflow(a, b, &value) ? std::nullopt : std::optional(value);
  case SizeOp::Mul:
    return __builtin_mul_overflow(a, b, &value) ? std::nullopt : std::optional(value);
  case SizeOp::FloorDiv:
    return divide(a, b, /*up=*/false);
  case SizeOp::CeilDiv:
    return divide(a, b, /*up=*/true);
  case SizeOp::Min:
    return std::min(a, b);
  case SizeOp::Max:
    return std::max(a, b);
  case SizeOp::Constant:
  case SizeOp::Dim:
    break; // no operation
  }
  return std::nullopt;
}

} // namespace

absl::StatusOr<std::vector<std::int64_t>> evaluateSizes(const qvlfmt::Program &program,
                                                        std::span<const Shape> arguments) {
  std::vector<std::int64_t> values;
  values.reserve(countOf(program.sizes()));
  for (const qvlfmt::SizeNode &node : spanOf(program.sizes())) {
    std::optional<std::int64_t> value;
    if (node.op() == SizeOp::Constant)
      value = node.value();
    else if (node.op() == SizeOp::Dim)
      value = arguments[node.lhs()][node.rhs()];
    else
      value = apply(node.op(), values[node.lhs()], values[node.rhs()]);
    if (!value)
      return absl::InvalidArgumentError(
          absl::StrCat(program.name()->c_str(), ": size ", values.size(), " (",
                       qvlfmt::EnumNameSizeOp(node.op()), " of ", values[node.lhs()], " and ",
                       values[node.rhs()], ") has no 64-bit value; the input is too large"));
    values.push_back(*value);
  }
  return values;
}

} // namespace qvlrt
