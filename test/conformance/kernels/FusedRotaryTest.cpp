// Rotary embedding joined with what surrounds it: against the interpreter, and bit for bit against
// the kernels it replaces.

#include "CacheShape.h"
#include "RowFixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qvl::test {
namespace {

/// Heads of joined columns.
struct JoinedHeads {
  int64_t query, key, value, headDim;

  int64_t columns() const { return (query + key + value) * headDim; }
  std::string list() const {
    return "array<i64: " + std::to_string(query) + ", " + std::to_string(key) + ", " +
           std::to_string(value) + ">";
  }
};

class FusedRotaryKernel : public RowKernel {
protected:
  Operand joinedRows(const JoinedHeads &h, int64_t rows) {
    return randomOperand({"f32", {rows, h.columns()}});
  }

  Operand turns(const JoinedHeads &h, int64_t rows) {
    Operand table = randomOperand({"f32", {rows, h.headDim / 2, 2}});
    for (size_t i = 0; i < table.values.size(); i += 2) {
      double angle = table.values[i] * 4;
      table.values[i] = static_cast<float>(std::cos(angle));
      table.values[i + 1] = static_cast<float>(std::sin(angle));
    }
    return table;
  }

  static std::vector<TensorForm> parts(const JoinedHeads &h, int64_t rows) {
    return {{"f32", {rows, h.query, h.headDim}},
            {"f32", {rows, h.key, h.headDim}},
            {"f32", {rows, h.value, h.headDim}}};
  }
  static std::string types(const std::vector<TensorForm> &forms) {
    std::string list;
    for (const TensorForm &form : forms)
      list += (list.empty() ? "" : ", ") + form.type();
    return list;
  }

  RowCase ropeQk(const JoinedHeads &h, const Operand &x, const Operand &table) {
    std::vector<TensorForm> results = parts(h, x.form.shape[0]);
    std::string list = types(results);
    return {"func.func @kernel(%x: " + x.form.type() + ", %t: " + table.form.type() + ") -> (" +
                list + ") {\n  %q, %k, %v = qvl.rope_qk %x, %t {heads = " + h.list() +
                ", head_dim = " + std::to_string(h.headDim) + " : i64} : " + x.form.type() + ", " +
                table.form.type() + " -> " + list + "\n  return %q, %k, %v : " + list + "\n}\n",
            {x, table},
            results,
            x.form.shape[0]};
  }

  /// Query, key and value as the traced ops make them.
  std::vector<Operand> splitAndRotate(const JoinedHeads &h, const Operand &x,
                                      const Operand &table) {
    int64_t rows = x.form.shape[0];
    std::vector<TensorForm> results = parts(h, rows);
    std::string list = types(results);
    RowCase split{"func.func @kernel(%x: " + x.form.type() + ") -> (" + list +
                      ") {\n  %q, %k, %v = qvl.split_heads %x {heads = " + h.list() +
                      ", head_dim = " + std::to_string(h.headDim) + " : i64} : " + x.form.type() +
                      " -> " + list + "\n  return %q, %k, %v : " + list + "\n}\n",
                  {x},
                  results,
                  rows};
    std::vector<std::vector<double>> values = run(*compile(split.text), split);
    std::vector<Operand> heads;
    for (size_t i = 0; i < 3; ++i) {
      Operand part{results[i], values[i]};
      std::string type = part.form.type(), tableType = table.form.type();
      RowCase rotate{"func.func @kernel(%x: " + type + ", %t: " + tableType + ") -> " + type +
                         " {\n  %y = qvl.rotate %x, %t : " + type + ", " + tableType +
                         "\n  return %y : " + type + "\n}\n",
                     {part, table},
                     {part.form},
                     rows};
      if (i < 2)
        part.values = run(*compile(rotate.text), rotate)[0];
      heads.push_back(part);
    }
    return heads;
  }

  std::string appendText(const JoinedHeads &h, const CacheShape &s, const Operand &x,
                         const Operand &table) {
    std::string query = parts(h, 1)[0].type(), slots = "tensor<?xi64>";
    return "func.func @kernel(%x: " + x.form.type() + ", %t: " + table.form.type() +
           ", %c: " + s.type() + ", %layer: index, %slots: " + slots + ") -> (" + query + ", " +
           s.type() + ") {\n  %q, %n = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) " +
           "{q_heads = " + std::to_string(h.query) + " : i64} : " + x.form.type() + ", " +
           table.form.type() + ", " + s.type() + ", " + slots + " -> " + query +
           "\n  return %q, %n : " + query + ", " + s.type() + "\n}\n";
  }

  void checkAppend(const JoinedHeads &h, const CacheShape &s, int64_t rows) {
    constexpr int64_t kPages = 3;
    int64_t layer = s.layers - 1;
    Operand x = joinedRows(h, rows), table = turns(h, rows);
    std::vector<Operand> heads = splitAndRotate(h, x, table);
    std::vector<int64_t> slots(kPages * s.page);
    std::iota(slots.begin(), slots.end(), 0);
    std::shuffle(slots.begin(), slots.end(), random);
    slots.resize(rows);
    std::vector<double> initial(s.elements(kPages), 7);
    Operand cache{{s.element, {s.elements(kPages)}, -1}, initial};
    Operand places{{"i64", {rows}}, {slots.begin(), slots.end()}};
    RowCase append{s.appendText(), {heads[1], heads[2], cache, places}, {}, rows, {layer}, 2};
    RowCase fused{
        appendText(h, s, x, table), {x, table, cache, places}, {heads[0].form}, rows, {layer}, 2};
    std::vector<std::vector<double>> results = run(*compile(fused.text), fused);
    EXPECT_EQ(results[0], heads[0].values);
    EXPECT_EQ(results[1], run(*compile(append.text), append)[0]) << s.type();
  }
};

TEST_P(FusedRotaryKernel, RopeQkGivesTheBitsOfSplitAndRotate) {
  for (const JoinedHeads &h :
       {JoinedHeads{4, 4, 4, 20}, {2, 2, 2, 40}, {16, 16, 16, 80}, {3, 1, 2, 32}}) {
    auto kernel = compile(ropeQk(h, joinedRows(h, 1), turns(h, 1)).text);
    for (int64_t rows : kRowCounts) {
      Operand x = joinedRows(h, rows), table = turns(h, rows);
      RowCase c = ropeQk(h, x, table);
      std::vector<std::vector<double>> results = run(*kernel, c);
      std::vector<Operand> expected = splitAndRotate(h, x, table);
      for (size_t i = 0; i < 3; ++i)
        EXPECT_EQ(results[i], expected[i].values) << "result " << i << " of\n" << c.text;
    }
  }
}

TEST_P(FusedRotaryKernel, RopeQkMatchesTheInterpreter) {
  JoinedHeads h{4, 2, 2, 24};
  RowCase c = ropeQk(h, joinedRows(h, 17), turns(h, 17));
  // Two products of numbers up to 1, each rounded once, and the sum.
  check(*compile(c.text), c, [](double) { return 0x1p-23; });
}

TEST_P(FusedRotaryKernel, RopeAppendGivesTheBitsOfSplitRotateAndAppend) {
  for (int64_t rows : kRowCounts) {
    checkAppend({6, 2, 2, 32}, {5, 2, 32, 64, "f32"}, rows);
    checkAppend({3, 3, 3, 20}, {2, 3, 20, 64, "f32"}, rows);
  }
  checkAppend({4, 2, 2, 128}, {2, 2, 128, 128, "f32"}, 17);
  checkAppend({4, 1, 1, 24}, {3, 1, 24, 64, "bf16"}, 17);
}

QVL_INSTANTIATE_KERNEL_TESTS(FusedRotaryKernel);

} // namespace
} // namespace qvl::test
