// Size arithmetic at its edges.
#include "lib/Runtime/Core/SizeEvaluator.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <gtest/gtest.h>

namespace qvlrt {
namespace {

using qvlfmt::SizeOp;
constexpr std::int64_t kMin = INT64_MIN, kMax = INT64_MAX;

/// Value of `a op b`.
absl::StatusOr<std::int64_t> evaluate(SizeOp op, std::int64_t a, std::int64_t b) {
  test::ProgramBuilder builder("p");
  std::uint32_t left = builder.constant(a), right = builder.constant(b);
  std::uint32_t node = builder.size(op, left, right);
  std::unique_ptr<qvlfmt::ProgramT> program = builder.take();
  flatbuffers::FlatBufferBuilder bytes;
  bytes.Finish(qvlfmt::Program::Pack(bytes, program.get()));
  absl::StatusOr<std::vector<std::int64_t>> values =
      evaluateSizes(*flatbuffers::GetRoot<qvlfmt::Program>(bytes.GetBufferPointer()), {});
  if (!values.ok())
    return values.status();
  return (*values)[node];
}

TEST(SizeEvaluator, Computes) {
  EXPECT_EQ(*evaluate(SizeOp::Add, 3, 4), 7);
  EXPECT_EQ(*evaluate(SizeOp::Sub, 3, 4), -1);
  EXPECT_EQ(*evaluate(SizeOp::Mul, -3, 4), -12);
  EXPECT_EQ(*evaluate(SizeOp::Min, -3, 4), -3);
  EXPECT_EQ(*evaluate(SizeOp::Max, -3, 4), 4);
}

TEST(SizeEvaluator, RoundsDivisions) {
  EXPECT_EQ(*evaluate(SizeOp::FloorDiv, 7, 4), 1);
  EXPECT_EQ(*evaluate(SizeOp::CeilDiv, 7, 4), 2);
  EXPECT_EQ(*evaluate(SizeOp::FloorDiv, 8, 4), 2);
  EXPECT_EQ(*evaluate(SizeOp::CeilDiv, 8, 4), 2);
  EXPECT_EQ(*evaluate(SizeOp::FloorDiv, -7, 4), -2);
  EXPECT_EQ(*evaluate(SizeOp::CeilDiv, -7, 4), -1);
  EXPECT_EQ(*evaluate(SizeOp::CeilDiv, kMax, 2), kMax / 2 + 1);
  EXPECT_EQ(*evaluate(SizeOp::FloorDiv, kMin, 1), kMin);
}

TEST(SizeEvaluator, RefusesWhatHasNoValue) {
  for (auto [op, a, b] : {std::tuple(SizeOp::Add, kMax, std::int64_t{1}),
                          std::tuple(SizeOp::Sub, kMin, std::int64_t{1}),
                          std::tuple(SizeOp::Mul, kMax, std::int64_t{2}),
                          std::tuple(SizeOp::Mul, kMin, std::int64_t{-1}),
                          std::tuple(SizeOp::FloorDiv, std::int64_t{1}, std::int64_t{0}),
                          std::tuple(SizeOp::CeilDiv, std::int64_t{1}, std::int64_t{-1}),
                          std::tuple(SizeOp::FloorDiv, kMin, std::int64_t{-1})})
    EXPECT_THAT(evaluate(op, a, b).status(),
                test::FailsWith(absl::StatusCode::kInvalidArgument, "p: size 2"));
}

} // namespace
} // namespace qvlrt
