// Attention inside segments, the paged cache, and causal attention over it, against softmaxes
// worked out by hand: with scores 0 and ln 3 the weights are 1/4 and 3/4.

#include "Evaluation.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

using AttentionOpsTest = Evaluation;
const double kLog3 = std::log(3.0);

constexpr StringLiteral kAttention = R"(
  func.func @f(%q: tensor<?x1x2xf32>, %k: tensor<?x1x2xf32>, %v: tensor<?x1x2xf32>, %s: tensor<?xi32>)
      -> tensor<?x2xf32> {
    %a = qvl.attention %q, %k, %v segments(%s) {scale = 0.5 : f64, max_rows = 2 : i64}
        : tensor<?x1x2xf32>, tensor<?xi32> -> tensor<?x2xf32>
    return %a : tensor<?x2xf32>
  })";

TEST_F(AttentionOpsTest, AttendsInsideSegments) {
  // Row 0 sees keys with scores 0 and ln 3, row 1 two equal scores, row 2 only itself.
  Tensor q({3, 1, 2}, {2, 0, 0, 0, 9, 9}), k({3, 1, 2}, {0, 5, kLog3, 5, 7, 7}),
      v({3, 1, 2}, {4, 0, 8, 1, -1, -2});
  Tensor a = tensor(kAttention, {q, k, v, Tensor({3}, {0, 2, 3})});
  EXPECT_THAT(a.shape, ElementsAre(3, 2));
  EXPECT_THAT(a.values, near({7, 0.75, 6, 0.5, -1, -2}, 1e-12));
}

TEST_F(AttentionOpsTest, EmptySegmentsAndLargeScores) {
  // The larger score wins entirely; its exponential alone would overflow.
  Tensor q({2, 1, 2}, {1000, 0, 0, 0}), k({2, 1, 2}, {1000, 0, 0, 0}), v({2, 1, 2}, {1, 2, 3, 4});
  for (Precision precision : {Precision::F64, Precision::F32})
    EXPECT_THAT(tensor(kAttention, {q, k, v, Tensor({4}, {0, 0, 2, 2})}, precision).values,
                near({1, 2, 2, 3}, 1e-6));
}

TEST_F(AttentionOpsTest, HeadsAreIndependentAndSideBySide) {
  Tensor q({2, 2, 1}, {1, 0, 0, 0}), k({2, 2, 1}, {0, 0, kLog3, 0}), v({2, 2, 1}, {4, 1, 8, 3});
  EXPECT_THAT(tensor(R"(
    func.func @f(%q: tensor<?x2x1xf32>, %k: tensor<?x2x1xf32>, %v: tensor<?x2x1xf32>,
                 %s: tensor<?xi32>) -> tensor<?x2xf32> {
      %a = qvl.attention %q, %k, %v segments(%s) {scale = 1.0 : f64}
          : tensor<?x2x1xf32>, tensor<?xi32> -> tensor<?x2xf32>
      return %a : tensor<?x2xf32>
    })",
                     {q, k, v, Tensor({2}, {0, 2})})
                  .values,
              near({7, 2, 6, 2}, 1e-12));
}

TEST_F(AttentionOpsTest, ChecksSegments) {
  Tensor x({3, 1, 2});
  auto message = [&](std::vector<double> segments) {
    auto count = static_cast<int64_t>(segments.size());
    return error(kAttention, {x, x, x, Tensor({count}, std::move(segments))});
  };
  EXPECT_THAT(message({0, 2}), HasSubstr("end at the number of rows, 3"));
  EXPECT_THAT(message({1, 3}), HasSubstr("start at 0"));
  EXPECT_THAT(message({}), HasSubstr("start at 0"));
  EXPECT_THAT(message({0, 2, 1, 3}), HasSubstr("segment 1 does"));
  EXPECT_THAT(message({0, 3}), HasSubstr("segment 0 has 3 rows, more than max_rows = 2"));
}

/// One layer of a model with two query heads, one key head and head_dim 1: append, then attend.
constexpr StringLiteral kStep = R"(
  func.func @f(%q: tensor<?x2x1xf32>, %k: tensor<?x1x1xf32>, %v: tensor<?x1x1xf32>,
               %c: !qvl.cache<2, 1, 1, 64, f32>, %slots: tensor<?xi64>, %offsets: tensor<?xi32>,
               %sequence: tensor<?xi32>, %lengths: tensor<?xi32>, %blocks: tensor<?x?xi32>)
      -> (tensor<?x2xf32>, !qvl.cache<2, 1, 1, 64, f32>) {
    %layer = arith.constant 1 : index
    %c1 = qvl.cache_append %k, %v, %c layer(%layer) slots(%slots)
        : tensor<?x1x1xf32>, tensor<?xi64>, !qvl.cache<2, 1, 1, 64, f32>
    %a = qvl.cached_attention %q, %c1 layer(%layer) sequences(%offsets, %sequence, %lengths, %blocks)
        {scale = 1.0 : f64} : tensor<?x2x1xf32>, !qvl.cache<2, 1, 1, 64, f32>, tensor<?xi32>,
        tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x2xf32>
    return %a, %c1 : tensor<?x2xf32>, !qvl.cache<2, 1, 1, 64, f32>
  })";

class CachedAttentionTest : public Evaluation {
protected:
  CachedAttentionTest() { context.loadDialect<QvlDialect>(); }

  /// Appends and attends; keeps the cache for the next step.
  std::vector<double> step(std::vector<RuntimeValue> qkv, Tensor slots, Tensor offsets,
                           Tensor sequence, Tensor lengths, Tensor blocks) {
    auto results =
        run(kStep, {qkv[0], qkv[1], qkv[2], cache, slots, offsets, sequence, lengths, blocks});
    if (failed(results))
      return {};
    cache = std::get<Cache>((*results)[1]);
    return std::get<Tensor>((*results)[0]).values;
  }

  Cache cache{CacheType::get((context.loadDialect<QvlDialect>(), &context), 2, 1, 1, 64,
                             Float32Type::get(&context))};
};

TEST_F(CachedAttentionTest, IsCausalAndSharesKeyHeads) {
  // Token 0 sees itself; token 1 sees scores 0 and ln 3 in its first head, equal ones in its
  // second.
  std::vector<double> a = step(
      {Tensor({2, 2, 1}, {5, 5, 1, 0}), Tensor({2, 1, 1}, {0, kLog3}), Tensor({2, 1, 1}, {4, 8})},
      Tensor({2}, {192, 193}), Tensor({2}, {0, 2}), Tensor({2}, {0, 0}), Tensor({1}, {0}),
      Tensor({1, 1}, {3}));
  EXPECT_THAT(a, near({4, 4, 7, 6}, 1e-12)) << diagnostics;
  ASSERT_NE(cache.find(1, 193), nullptr);
  EXPECT_THAT(cache.find(1, 193)->value, ElementsAre(8));
  EXPECT_EQ(cache.find(0, 193), nullptr) << "the other layer was written";
}

/// Tokens 0 .. count of one sequence in pages 2 and 0, split into calls of `chunk` tokens.
class ChunkedAttentionTest : public CachedAttentionTest,
                             public ::testing::WithParamInterface<int64_t> {};

TEST_P(ChunkedAttentionTest, DoesNotDependOnTheSplit) {
  constexpr int64_t count = 70, pages[] = {2, 0};
  for (int64_t begin = 0; begin < count; begin += GetParam()) {
    int64_t rows = std::min(GetParam(), count - begin);
    Tensor q({rows, 2, 1}), k({rows, 1, 1}), v({rows, 1, 1}), slots({rows}), sequence({rows});
    for (int64_t t = 0; t < rows; ++t) {
      int64_t token = begin + t;
      v.values[t] = static_cast<double>(token);
      slots.values[t] = static_cast<double>(pages[token / 64] * 64 + token % 64);
    }
    auto a = step({q, k, v}, slots, Tensor({2}, {0, double(rows)}), sequence,
                  Tensor({1}, {double(begin)}), Tensor({1, 2}, {2, 0}));
    ASSERT_EQ(a.size(), static_cast<size_t>(2 * rows)) << diagnostics;
    for (int64_t t = 0; t < rows; ++t) // Equal scores: the mean of 0 .. token.
      EXPECT_NEAR(a[2 * t], static_cast<double>(begin + t) / 2, 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(Chunks, ChunkedAttentionTest, ::testing::Values(1, 7, 70));

TEST_F(CachedAttentionTest, SequencesOfABatchDoNotMeet) {
  // Sequence 0 has one token from before; now it gets its second, and sequence 1 its first two.
  step({Tensor({1, 2, 1}), Tensor({1, 1, 1}), Tensor({1, 1, 1}, {100})}, Tensor({1}, {64}),
       Tensor({2}, {0, 1}), Tensor({1}), Tensor({1}, {0}), Tensor({1, 1}, {1}));
  std::vector<double> a =
      step({Tensor({3, 2, 1}), Tensor({3, 1, 1}), Tensor({3, 1, 1}, {200, 1, 2})},
           Tensor({3}, {65, 0, 1}), Tensor({3}, {0, 1, 3}), Tensor({3}, {0, 1, 1}),
           Tensor({2}, {1, 0}), Tensor({2, 1}, {1, 0}));
  EXPECT_THAT(a, near({150, 150, 1, 1, 1.5, 1.5}, 1e-12)) << diagnostics;
}

/// Two heads of one key head over 200 tokens in three splits, in which blocks 0 and 3 are one.
TEST_F(CachedAttentionTest, SplitsJoinToTheWhole) {
  constexpr int64_t count = 200;
  Cache::Rows rows;
  for (int64_t t = 0; t < count; ++t)
    rows[t] = std::make_shared<CacheRow>(
        CacheRow{{std::sin(static_cast<double>(t))}, {static_cast<double>(t % 7)}});
  auto results = run(R"(
    func.func @f(%q: tensor<?x2x1xf32>, %c: !qvl.cache<2, 1, 1, 64, f32>, %i: tensor<?xi32>,
                 %o: tensor<?xi32>, %l: tensor<?xi32>, %t: tensor<?x?xi32>)
        -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x3x2x2xf32>, tensor<?x3x2x1xf32>) {
      %layer = arith.constant 1 : index
      %a = qvl.cached_attention %q, %c layer(%layer) sequences(%o, %i, %l, %t) {scale = 2.0 : f64}
          : tensor<?x2x1xf32>, !qvl.cache<2, 1, 1, 64, f32>, tensor<?xi32>, tensor<?xi32>,
          tensor<?xi32>, tensor<?x?xi32> -> tensor<?x2xf32>
      %w, %p = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%o, %i, %l, %t)
          {scale = 2.0 : f64} : tensor<?x2x1xf32>, !qvl.cache<2, 1, 1, 64, f32>, tensor<?xi32>,
          tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
          -> tensor<?x3x2x2xf32>, tensor<?x3x2x1xf32>
      %m = qvl.merge_splits %w, %p : tensor<?x3x2x2xf32>, tensor<?x3x2x1xf32> -> tensor<?x2xf32>
      return %a, %m, %w, %p
          : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x3x2x2xf32>, tensor<?x3x2x1xf32>
    })",
                     {Tensor({2, 2, 1}, {1, 3, -2, 0}), cache.append(1, rows), Tensor({2}, {0, 1}),
                      Tensor({3}, {0, 1, 2}), Tensor({2}, {199, 64}),
                      Tensor({2, 4}, {0, 1, 2, 3, 0, 1, 2, 3})});
  ASSERT_TRUE(succeeded(results)) << diagnostics;
  auto values = [&](size_t i) { return std::get<Tensor>((*results)[i]).values; };
  EXPECT_THAT(values(1), near(values(0), 1e-12));
  // The second row sees 65 tokens: 64 of split 0, one of split 1, whose sum is thus one.
  std::vector<double> weights = values(2), output = values(3);
  EXPECT_NEAR(weights[12 + 4], 2 * -2 * std::sin(64.0), 1e-12);
  EXPECT_EQ(weights[12 + 5], 1);
  EXPECT_EQ(weights[12 + 8], -std::numeric_limits<double>::infinity());
  EXPECT_EQ(weights[12 + 9], 0);
  EXPECT_EQ(output[6 + 2], 64 % 7);
  EXPECT_TRUE(std::isnan(output[6 + 4])) << "nobody may read it";
}

TEST_F(CachedAttentionTest, RefusesWhatTheRuntimeWouldRefuse) {
  Tensor q({2, 2, 1}), kv({2, 1, 1}), offsets({2}, {0, 2}), sequence({2}), lengths({1}, {0}),
      blocks({1, 1}, {0}), slots({2}, {0, 1});
  auto message = [&](Tensor slots, Tensor offsets, Tensor sequence, Tensor lengths, Tensor blocks) {
    EXPECT_TRUE(step({q, kv, kv}, slots, offsets, sequence, lengths, blocks).empty());
    return diagnostics;
  };
  EXPECT_THAT(message(Tensor({2}, {1, 1}), offsets, sequence, lengths, blocks),
              HasSubstr("slot 1 is written twice"));
  EXPECT_THAT(message(Tensor({2}, {-1, 1}), offsets, sequence, lengths, blocks),
              HasSubstr("slot -1 is outside of"));
  EXPECT_THAT(message(Tensor({1}, {1}), offsets, sequence, lengths, blocks),
              HasSubstr("slots has 1 rows instead of 2"));
  EXPECT_THAT(message(slots, Tensor({1}, {0}), sequence, lengths, blocks),
              HasSubstr("row_offsets has 1 rows instead of 2"));
  EXPECT_THAT(message(slots, Tensor({2}, {0, 1}), sequence, lengths, blocks),
              HasSubstr("row 1 is outside of the rows of its sequence 0"));
  EXPECT_THAT(message(slots, offsets, Tensor({2}, {0, 1}), lengths, blocks),
              HasSubstr("sequence 1 is outside of [0, 1)"));
  EXPECT_THAT(message(slots, offsets, sequence, Tensor({1}, {1}), blocks),
              HasSubstr("token 2 of sequence 0 in layer 1 was never appended"));
  EXPECT_THAT(message(slots, offsets, sequence, lengths, Tensor({1, 1}, {5})),
              HasSubstr("token 0 of sequence 0 in layer 1 was never appended"));
}

TEST_F(CachedAttentionTest, RefusesLayersTheCacheDoesNotHave) {
  Cache small(CacheType::get(&context, 1, 1, 1, 64, Float32Type::get(&context)));
  EXPECT_THAT(error(R"(
    func.func @f(%k: tensor<?x1x1xf32>, %c: !qvl.cache<1, 1, 1, 64, f32>, %s: tensor<?xi64>)
        -> !qvl.cache<1, 1, 1, 64, f32> {
      %layer = arith.constant 1 : index
      %c1 = qvl.cache_append %k, %k, %c layer(%layer) slots(%s)
          : tensor<?x1x1xf32>, tensor<?xi64>, !qvl.cache<1, 1, 1, 64, f32>
      return %c1 : !qvl.cache<1, 1, 1, 64, f32>
    })",
                    {Tensor({1, 1, 1}), small, Tensor({1})}),
              HasSubstr("layer 1 is outside of"));
}

TEST_F(CachedAttentionTest, ABf16CacheRoundsWhatItKeeps) {
  CacheType type = CacheType::get(&context, 1, 1, 1, 64, BFloat16Type::get(&context));
  auto results = run(R"(
    func.func @f(%k: tensor<?x1x1xf32>, %c: !qvl.cache<1, 1, 1, 64, bf16>, %s: tensor<?xi64>)
        -> !qvl.cache<1, 1, 1, 64, bf16> {
      %layer = arith.constant 0 : index
      %c1 = qvl.cache_append %k, %k, %c layer(%layer) slots(%s)
          : tensor<?x1x1xf32>, tensor<?xi64>, !qvl.cache<1, 1, 1, 64, bf16>
      return %c1 : !qvl.cache<1, 1, 1, 64, bf16>
    })",
                     {Tensor({1, 1, 1}, {1 + 0x1p-12}), Cache(type), Tensor({1}, {7})});
  ASSERT_TRUE(succeeded(results)) << diagnostics;
  EXPECT_THAT(std::get<Cache>(results->front()).find(0, 7)->key, ElementsAre(1));
}

} // namespace
