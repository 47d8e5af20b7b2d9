// Kernels that move rows: exact equality with the interpreter.

#include "RowFixture.h"

#include <algorithm>
#include <numeric>

namespace qvl::test {
namespace {

class GatherKernel : public RowKernel {};

std::string function(const std::string &arguments, const std::string &result,
                     const std::string &body) {
  return "func.func @kernel(" + arguments + ") -> " + result + " {\n  %z = " + body +
         "\n  return %z : " + result + "\n}\n";
}

/// The matrix in panels [N/32][K/group][32][group], with NaN where the padding would be zero:
/// nothing of it may reach a result.
std::vector<std::byte> panels(const Operand &matrix, int64_t group, int64_t padN, int64_t padK) {
  int64_t n = matrix.form.shape[0], k = matrix.form.shape[1];
  std::vector<double> stored(padN * padK, NAN);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < k; ++j)
      stored[i / 32 * 32 * padK + (j / group * 32 + i % 32) * group + j % group] =
          matrix.values[i * k + j];
  return writeElements(stored, matrix.form.element);
}

TEST_P(GatherKernel, EmbedReadsPanels) {
  struct Case {
    std::string element;
    int64_t n, k, group;
  };
  for (const Case &t : {Case{"bf16", 96, 192, 2},
                        {"bf16", 67, 21, 2},
                        {"f32", 67, 80, 1},
                        {"f32", 33, 1, 1},
                        {"bf16", 1, 1, 2}}) {
    int64_t padN = (t.n + 31) / 32 * 32, padK = (t.k + t.group - 1) / t.group * t.group;
    Operand table = randomOperand({t.element, {t.n, t.k}, -1});
    table.stored = panels(table, t.group, padN, padK);
    std::unique_ptr<RowProgram> kernel;
    for (int64_t rows : kRowCounts) {
      TensorForm ids{"i32", {rows}}, result{"f32", {rows, t.k}};
      std::string text = function(
          "%ids: " + ids.type() + ", %t: " + table.form.type() +
              " {qvl.encoding = #qvl.panel<n = 32, k_group = " + std::to_string(t.group) +
              ", element = " + t.element + ", pad_n = " + std::to_string(padN) +
              ", pad_k = " + std::to_string(padK) + ">}",
          result.type(),
          "qvl.embed %ids, %t : " + ids.type() + ", " + table.form.type() + " -> " + result.type());
      if (!kernel)
        kernel = compile(text);
      check(*kernel, {text, {randomIndices(ids, t.n), table}, {result}, rows}, exactly());
    }
  }
}

TEST_P(GatherKernel, GatherRowsPicksRows) {
  for (const char *element : {"f32", "bf16"})
    for (int64_t columns : {20, 80, 192}) {
      std::unique_ptr<RowProgram> kernel;
      for (int64_t rows : kRowCounts) {
        TensorForm input{element, {29, columns}}, index{"i32", {rows}},
            result{element, {rows, columns}};
        std::string text = function("%x: " + input.type() + ", %r: " + index.type(), result.type(),
                                    "qvl.gather_rows %x, %r : " + input.type() + ", " +
                                        index.type() + " -> " + result.type());
        if (!kernel)
          kernel = compile(text);
        check(*kernel, {text, {randomOperand(input), randomIndices(index, 29)}, {result}, rows},
              exactly());
      }
    }
}

TEST_P(GatherKernel, MergeFeaturesKeepsEmbeddingsOfNegativeRows) {
  struct Case {
    int64_t columns, featureRows;
    const char *element; // of the embeddings; features are f32
  };
  for (auto [columns, featureRows, element] : {Case{20, 0, "f32"},
                                               {20, 5, "f32"},
                                               {192, 0, "f32"},
                                               {192, 5, "f32"},
                                               {21, 5, "bf16"},
                                               {192, 0, "bf16"},
                                               {192, 5, "bf16"}}) {
    std::unique_ptr<RowProgram> kernel;
    for (int64_t rows : kRowCounts) {
      TensorForm embeddings{element, {rows, columns}}, features{"f32", {featureRows, columns}},
          index{"i32", {rows}};
      std::string types = embeddings.type() + ", " + features.type() + ", " + index.type();
      std::string text = function("%x: " + embeddings.type() + ", %f: " + features.type() +
                                      ", %r: " + index.type(),
                                  embeddings.type(), "qvl.merge_features %x, %f, %r : " + types);
      if (!kernel)
        kernel = compile(text);
      Operand numbers = randomIndices(index, featureRows + 1);
      for (double &number : numbers.values)
        number -= 1; // −1 where the embedding stays
      check(
          *kernel,
          {text, {randomOperand(embeddings), randomOperand(features), numbers}, {embeddings}, rows},
          exactly());
    }
  }
}

TEST_P(GatherKernel, RegroupPermutesGroupsBothWays) {
  for (bool inverse : {false, true})
    for (auto [group, heads, headDim] :
         {std::tuple<int64_t, int64_t, int64_t>{1, 1, 112}, {4, 16, 20}, {4, 2, 32}}) {
      std::unique_ptr<RowProgram> kernel;
      for (int64_t groups : {0, 1, 4, 5, 17}) {
        int64_t rows = groups * group;
        TensorForm input{"f32", {rows, heads, headDim}}, index{"i32", {groups}},
            segments{"i32", {2}};
        std::string text =
            function("%x: " + input.type() + ", %i: " + index.type() + ", %s: " + segments.type(),
                     input.type(),
                     "qvl.regroup %x, %i preserving(%s) {group = " + std::to_string(group) +
                         " : i64" + (inverse ? ", inverse" : "") + "} : " + input.type() + ", " +
                         index.type() + ", " + segments.type());
        if (!kernel)
          kernel = compile(text);
        Operand permutation{index, std::vector<double>(groups)},
            bounds{segments, {0, static_cast<double>(rows)}};
        std::iota(permutation.values.begin(), permutation.values.end(), 0);
        std::shuffle(permutation.values.begin(), permutation.values.end(), random);
        check(*kernel, {text, {randomOperand(input), permutation, bounds}, {input}, rows},
              exactly());
      }
    }
}

TEST_P(GatherKernel, SplitHeadsCopiesColumns) {
  for (auto [heads, headDim] : {std::pair<std::vector<int64_t>, int64_t>{{6, 2, 2}, 32},
                                {{4, 4, 4}, 20},
                                {{16, 16, 16}, 80},
                                {{1}, 7}}) {
    std::unique_ptr<RowProgram> kernel;
    for (int64_t rows : kRowCounts) {
      int64_t columns = std::accumulate(heads.begin(), heads.end(), int64_t{0}) * headDim;
      TensorForm input{"f32", {rows, columns}};
      std::vector<TensorForm> parts;
      std::string types, list;
      for (int64_t count : heads) {
        parts.push_back({"f32", {rows, count, headDim}});
        types += (types.empty() ? "" : ", ") + parts.back().type();
        list += (list.empty() ? "" : ", ") + std::to_string(count);
      }
      std::string names = parts.size() == 1 ? "%z" : "%z#0, %z#1, %z#2",
                  number = parts.size() == 1 ? "" : ":3";
      std::string text = "func.func @kernel(%x: " + input.type() + ") -> (" + types + ") {\n  %z" +
                         number + " = qvl.split_heads %x {heads = array<i64: " + list +
                         ">, head_dim = " + std::to_string(headDim) + " : i64} : " + input.type() +
                         " -> " + types + "\n  return " + names + " : " + types + "\n}\n";
      if (!kernel)
        kernel = compile(text);
      check(*kernel, {text, {randomOperand(input)}, parts, rows}, exactly());
    }
  }
}

TEST_P(GatherKernel, MergeRowsPutsRowsSideBySide) {
  for (int64_t columns : {20, 128}) {
    std::unique_ptr<RowProgram> kernel;
    for (int64_t rows : kRowCounts) {
      TensorForm input{"f32", {4 * rows, columns}}, result{"f32", {rows, 4 * columns}};
      std::string text =
          function("%x: " + input.type(), result.type(),
                   "qvl.merge_rows %x {rows = 4 : i64} : " + input.type() + " -> " + result.type());
      if (!kernel)
        kernel = compile(text);
      check(*kernel, {text, {randomOperand(input)}, {result}, 4 * rows}, exactly());
    }
  }
}

QVL_INSTANTIATE_KERNEL_TESTS(GatherKernel);

} // namespace
} // namespace qvl::test
