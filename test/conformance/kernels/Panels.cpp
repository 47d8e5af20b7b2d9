#include "Panels.h"

#include <algorithm>

namespace qvl::test {
namespace {

int64_t roundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

template <typename T> void put(std::vector<std::byte> &bytes, int64_t index, T value) {
  std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
}

std::string encoding(int64_t padN, int64_t depth, bool bf16, const std::string &end) {
  return std::string("{qvl.encoding = #qvl.panel<n = 32, k_group = ") + (bf16 ? "2" : "1") +
         ", element = " + (bf16 ? "bf16" : "f32") + ", pad_n = " + std::to_string(padN) +
         ", pad_k = " + std::to_string(roundUp(depth, bf16 ? 2 : 1)) + end + ">}";
}

} // namespace

std::string panelEncoding(int64_t columns, int64_t depth, bool bf16) {
  return encoding(roundUp(columns, 32), depth, bf16, "");
}

std::string pairEncoding(int64_t columns, int64_t depth, bool bf16) {
  return encoding(2 * roundUp(columns, 16), depth, bf16, ", interleave = 8");
}

std::vector<float> interleave(std::span<const float> pair, int64_t columns, int64_t depth) {
  std::vector<float> rows(2 * roundUp(columns, 16) * depth);
  for (int64_t weight = 0; weight < 2; ++weight)
    for (int64_t n = 0; n < columns; ++n)
      std::copy_n(pair.begin() + (weight * columns + n) * depth, depth,
                  rows.begin() + (n / 8 * 16 + weight * 8 + n % 8) * depth);
  return rows;
}

std::vector<std::byte> packPanels(std::span<const float> weight, int64_t columns, int64_t depth,
                                  bool bf16) {
  int64_t group = bf16 ? 2 : 1, padK = roundUp(depth, group);
  std::vector<std::byte> panels(roundUp(columns, 32) * padK * (bf16 ? 2 : 4));
  for (int64_t n = 0; n < columns; ++n)
    for (int64_t k = 0; k < depth; ++k) {
      int64_t place = n / 32 * 32 * padK + (k / group * 32 + n % 32) * group + k % group;
      float value = weight[n * depth + k];
      bf16 ? put(panels, place, toBf16(value)) : put(panels, place, value);
    }
  return panels;
}

} // namespace qvl::test
