// Ops that choose, permute and merge rows.

#include "Evaluation.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

using RowOpsTest = Evaluation;

constexpr StringLiteral kEmbed = R"(
  func.func @f(%ids: tensor<?xi32>, %table: tensor<3x2xbf16>) -> tensor<?x2xf32> {
    %x = qvl.embed %ids, %table : tensor<?xi32>, tensor<3x2xbf16> -> tensor<?x2xf32>
    return %x : tensor<?x2xf32>
  })";

TEST_F(RowOpsTest, Embed) {
  Tensor table({3, 2}, {1, 2, 3, 4, 5, 6});
  Tensor x = tensor(kEmbed, {Tensor({4}, {2, 0, 0, 1}), table});
  EXPECT_THAT(x.shape, ElementsAre(4, 2));
  EXPECT_THAT(x.values, ElementsAre(5, 6, 1, 2, 1, 2, 3, 4));
  EXPECT_THAT(error(kEmbed, {Tensor({1}, {3}), table}), HasSubstr("id 3 is outside of [0, 3)"));
  EXPECT_THAT(error(kEmbed, {Tensor({1}, {-1}), table}), HasSubstr("id -1 is outside of [0, 3)"));
  EXPECT_THAT(error(kEmbed, {Tensor({1}, {std::nan("")}), table}),
              HasSubstr("is outside of [0, 3)"));
}

TEST_F(RowOpsTest, EmbedOfNoIds) {
  EXPECT_THAT(tensor(kEmbed, {Tensor({0}), Tensor({3, 2})}).shape, ElementsAre(0, 2));
}

TEST_F(RowOpsTest, GatherRows) {
  constexpr StringLiteral text = R"(
    func.func @f(%x: tensor<?x2xf32>, %rows: tensor<?xi32>) -> tensor<?x2xf32> {
      %y = qvl.gather_rows %x, %rows : tensor<?x2xf32>, tensor<?xi32> -> tensor<?x2xf32>
      return %y : tensor<?x2xf32>
    })";
  Tensor x({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(tensor(text, {x, Tensor({2}, {2, 1})}).values, ElementsAre(5, 6, 3, 4));
  EXPECT_THAT(error(text, {x, Tensor({1}, {3})}), HasSubstr("row 3 is outside of [0, 3)"));
}

TEST_F(RowOpsTest, MergeFeatures) {
  constexpr StringLiteral text = R"(
    func.func @f(%x: tensor<?x2xf32>, %features: tensor<?x2xf32>, %rows: tensor<?xi32>)
        -> tensor<?x2xf32> {
      %y = qvl.merge_features %x, %features, %rows
          : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?xi32>
      return %y : tensor<?x2xf32>
    })";
  Tensor x({3, 2}, {1, 2, 3, 4, 5, 6}), features({2, 2}, {10, 20, 30, 40});
  EXPECT_THAT(tensor(text, {x, features, Tensor({3}, {-1, 1, 0})}).values,
              ElementsAre(1, 2, 30, 40, 10, 20));
  EXPECT_THAT(error(text, {x, features, Tensor({3}, {-1, 2, 0})}), HasSubstr("feature row 2"));
  EXPECT_THAT(error(text, {x, features, Tensor({2}, {-1, 0})}),
              HasSubstr("feature_rows has 2 rows instead of 3"));
}

/// A regroup of rows in pairs; `more` is the text of other attributes.
std::string regroup(StringRef more) {
  return ("func.func @f(%x: tensor<?x1xf32>, %index: tensor<?xi32>, %s: tensor<?xi32>) "
          "-> tensor<?x1xf32> {\n"
          "  %y = qvl.regroup %x, %index preserving(%s) {group = 2 : i64" +
          more +
          "} : tensor<?x1xf32>, tensor<?xi32>, tensor<?xi32>\n"
          "  return %y : tensor<?x1xf32>\n}")
      .str();
}

TEST_F(RowOpsTest, RegroupAndItsInverse) {
  Tensor x({6, 1}, {0, 1, 2, 3, 4, 5}), index({3}, {2, 0, 1}), all({2}, {0, 6});
  Tensor y = tensor(regroup(""), {x, index, all});
  EXPECT_THAT(y.values, ElementsAre(4, 5, 0, 1, 2, 3));
  EXPECT_THAT(tensor(regroup(", inverse"), {x, index, all}).values, ElementsAre(2, 3, 4, 5, 0, 1));
  EXPECT_THAT(tensor(regroup(", inverse"), {y, index, all}).values, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(RowOpsTest, RegroupChecksItsIndex) {
  Tensor x({6, 1}), all({2}, {0, 6});
  EXPECT_THAT(error(regroup(""), {x, Tensor({3}, {0, 0, 1}), all}),
              HasSubstr("not a permutation: group 0"));
  EXPECT_THAT(error(regroup(""), {x, Tensor({3}, {0, 3, 1}), all}),
              HasSubstr("group 3 is outside of [0, 3)"));
  EXPECT_THAT(error(regroup(""), {x, Tensor({2}, {1, 0}), all}),
              HasSubstr("index of 2 groups of 2 rows does not fit 6 rows"));
  EXPECT_THAT(error(regroup(""), {x, Tensor({3}, {2, 1, 0}), Tensor({3}, {0, 2, 6})}),
              HasSubstr("into another segment"));
  // A row stands for two of the segments, whose first one then holds two rows.
  EXPECT_THAT(
      error(regroup(", merged = 2 : i64"), {x, Tensor({3}, {2, 1, 0}), Tensor({3}, {0, 4, 12})}),
      HasSubstr("into another segment"));
  EXPECT_THAT(
      tensor(regroup(", merged = 2 : i64"), {x, Tensor({3}, {0, 2, 1}), Tensor({3}, {0, 4, 12})})
          .values,
      ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST_F(RowOpsTest, MergeRows) {
  constexpr StringLiteral text = R"(
    func.func @f(%x: tensor<?x2xf32>) -> tensor<?x4xf32> {
      %y = qvl.merge_rows %x {rows = 2 : i64} : tensor<?x2xf32> -> tensor<?x4xf32>
      return %y : tensor<?x4xf32>
    })";
  Tensor y = tensor(text, {Tensor({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})});
  EXPECT_THAT(y.shape, ElementsAre(2, 4));
  EXPECT_THAT(y.values, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(error(text, {Tensor({3, 2})}), HasSubstr("3 rows are no multiple of 2"));
}

} // namespace
