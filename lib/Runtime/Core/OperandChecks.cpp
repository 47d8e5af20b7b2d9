#include "OperandChecks.h"

#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

namespace qvlrt {

absl::Status operandOutOfRange(absl::string_view operand, std::size_t index, std::int64_t value,
                               std::int64_t low, std::int64_t high) {
  return absl::InvalidArgumentError(
      absl::StrCat(operand, "[", index, "] is ", value, ", not in ", low, " .. ", high));
}

absl::Status checkValues(absl::string_view operand, std::span<const std::int32_t> values,
                         std::int64_t low, std::int64_t high) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] < low || values[i] > high)
      return operandOutOfRange(operand, i, values[i], low, high);
  return absl::OkStatus();
}

absl::Status checkCount(absl::string_view operand, std::size_t count, std::size_t expected) {
  if (count == expected)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(operand, " has ", count, " elements, not ", expected));
}

absl::Status checkSegments(absl::string_view operand, std::span<const std::int32_t> bounds,
                           std::int64_t end) {
  if (bounds.empty())
    return absl::InvalidArgumentError(absl::StrCat(operand, " is empty, it needs its first 0"));
  if (bounds.front() != 0)
    return absl::InvalidArgumentError(
        absl::StrCat(operand, " begins at ", bounds.front(), ", not 0"));
  for (std::size_t i = 1; i < bounds.size(); ++i)
    if (bounds[i] < bounds[i - 1])
      return absl::InvalidArgumentError(absl::StrCat(operand, "[", i, "] is ", bounds[i],
                                                     ", below the bound before, ", bounds[i - 1]));
  if (bounds.back() != end)
    return absl::InvalidArgumentError(
        absl::StrCat(operand, " ends at ", bounds.back(), ", not at the ", end, " rows"));
  return absl::OkStatus();
}

} // namespace qvlrt
