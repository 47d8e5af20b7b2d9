#include "ElementFormat.h"

#include <cmath>

namespace qvlsim::test {

const ElementFormat &elementFormat(const std::string &name) {
  static const std::vector<ElementFormat> formats = {
      {"f16", 16, 5, 10}, {"bf16", 16, 8, 7}, {"tf32", 32, 8, 23},
      {"f32", 32, 8, 23}, {"e4m3", 8, 4, 3},  {"e5m2", 8, 5, 2},
      {"s8", 8, 0, 0},    {"u8", 8, 0, 0},    {"s32", 32, 0, 0}};
  for (const ElementFormat &format : formats)
    if (format.name == name)
      return format;
  std::abort();
}

std::uint32_t encode(const ElementFormat &format, double value) {
  const std::uint32_t all = format.bits == 32 ? ~0u : (1u << format.bits) - 1;
  if (format.exponentBits == 0)
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(value)) & all;
  const std::uint32_t sign = value < 0 ? 1u << (format.bits - 1) : 0u;
  if (value == 0)
    return 0;
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(value), &exponent); // in [0.5, 1)
  const int bias = (1 << (format.exponentBits - 1)) - 1;
  const auto mantissa = static_cast<std::uint32_t>(
      (fraction * 2 - 1) * std::ldexp(1.0, static_cast<int>(format.mantissaBits)));
  return sign | static_cast<std::uint32_t>(exponent - 1 + bias) << format.mantissaBits | mantissa;
}

std::vector<double> smallMatrix(const ElementFormat &format, unsigned rows, unsigned columns,
                                unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> value(format.name == "u8" ? 0 : -4, 4);
  std::vector<double> matrix(rows * columns);
  for (double &element : matrix)
    element = value(random);
  return matrix;
}

std::vector<double> product(const std::vector<double> &a, const std::vector<double> &b, unsigned m,
                            unsigned n, unsigned k) {
  std::vector<double> result(m * n);
  for (unsigned r = 0; r < m; ++r)
    for (unsigned c = 0; c < n; ++c)
      for (unsigned i = 0; i < k; ++i)
        result[r * n + c] += a[r * k + i] * b[i * n + c];
  return result;
}

} // namespace qvlsim::test
