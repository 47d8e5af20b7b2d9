// qvl.cache_append against the layout of a page, CacheShape.h.

#include "CacheShape.h"
#include "RowFixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qvl::test {
namespace {

class CacheAppendKernel : public RowKernel {
protected:
  void checkAppend(const RowProgram &kernel, const CacheShape &s, int64_t layer, int64_t rows) {
    constexpr int64_t kPages = 3;
    Operand key = randomOperand({s.element, {rows, s.heads, s.headDim}});
    Operand value = randomOperand(key.form);
    key.form.element = value.form.element = "f32";
    std::vector<int64_t> slots(kPages * s.page);
    std::iota(slots.begin(), slots.end(), 0);
    std::shuffle(slots.begin(), slots.end(), random);
    slots.resize(rows);
    std::vector<double> expected(s.elements(kPages), 7), initial = expected;
    for (int64_t t = 0; t < rows; ++t)
      for (int64_t h = 0; h < s.heads; ++h)
        for (int64_t d = 0; d < s.headDim; ++d) {
          int64_t from = (t * s.heads + h) * s.headDim + d;
          expected[s.place(slots[t], layer, false, h, d, isOnGpu())] = key.values[from];
          expected[s.place(slots[t], layer, true, h, d, isOnGpu())] = value.values[from];
        }
    Operand cache{{s.element, {s.elements(kPages)}, -1}, initial};
    Operand places{{"i64", {rows}}, {slots.begin(), slots.end()}};
    RowCase c{s.appendText(), {key, value, cache, places}, {}, rows, {layer}, 2};
    EXPECT_EQ(run(kernel, c)[0], expected) << s.type() << " rows " << rows;
  }
};

TEST_P(CacheAppendKernel, StoresKeysAndValuesInTheirPages) {
  for (const CacheShape &s : {CacheShape{5, 2, 32, 64, "f32"},
                              {2, 1, 16, 128, "f32"},
                              {3, 2, 20, 64, "f32"},
                              {2, 2, 128, 64, "bf16"}}) {
    auto kernel = compile(s.appendText());
    for (int64_t rows : kRowCounts)
      checkAppend(*kernel, s, rows % s.layers, rows);
  }
}

QVL_INSTANTIATE_KERNEL_TESTS(CacheAppendKernel);

} // namespace
} // namespace qvl::test
