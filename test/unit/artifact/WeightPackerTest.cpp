#include "qvl/Artifact/WeightPacker.h"

#include "qvl/Import/Failure.h"
#include "test/unit/import/CheckpointFiles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace {

using namespace qvl;
using namespace qvl::test;
using qvlfmt::ElementType;
using qvlfmt::Encoding;
using testing::HasSubstr;

/// A source file whose element i is a distinct bit pattern, finite in every type.
class Source {
public:
  Source(DType dtype, int64_t elements) : dtype(dtype) {
    for (int64_t i = 0; i < elements; ++i) {
      // Alternating signs, mantissas that use all bits, exponents below the F16 limit.
      const uint32_t bits = dtype == DType::F32 ? 0x3F000000u + static_cast<uint32_t>(i) * 2654435u
                                                : 0x0001u + static_cast<uint32_t>(i) * 37u;
      const uint32_t pattern =
          dtype == DType::F32 ? (bits & 0xBFFFFFFFu) : (bits & 0xBBFFu) | ((i & 1) << 15);
      data.append(reinterpret_cast<const char *>(&pattern), byteWidth(dtype));
    }
    file = directory.write("weights", "12345" + data);
  }

  TensorInfo info(Shape shape) const {
    TensorInfo tensor;
    tensor.canonicalName = tensor.sourceName = "w";
    tensor.file = file;
    tensor.dtype = dtype;
    tensor.shape = std::move(shape);
    tensor.offset = 5;
    tensor.bytes = byteWidth(dtype);
    for (int64_t size : tensor.shape)
      tensor.bytes *= size;
    return tensor;
  }

  uint32_t pattern(int64_t i) const {
    uint32_t bits = 0;
    std::memcpy(&bits, data.data() + i * byteWidth(dtype), byteWidth(dtype));
    return bits;
  }

  /// The element as f32, computed from its fields rather than by a conversion of the compiler.
  float value(int64_t i) const {
    const uint32_t bits = pattern(i);
    if (dtype == DType::F32)
      return std::bit_cast<float>(bits);
    if (dtype == DType::BF16)
      return std::bit_cast<float>(bits << 16);
    const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
    const double magnitude =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    return static_cast<float>(bits >> 15 ? -magnitude : magnitude);
  }

private:
  TemporaryDirectory directory;
  DType dtype;
  std::string data;
  std::string file;
};

std::string pack(const WeightDescription &weight, uint64_t blockBytes) {
  std::string bytes;
  TensorReader reader;
  EXPECT_EQ(messageOf(packWeight(weight, reader, blockBytes,
                                 [&](llvm::ArrayRef<char> block) {
                                   bytes.append(block.data(), block.size());
                                   return llvm::Error::success();
                                 })),
            "");
  return bytes;
}

/// Stored element `index` as f32.
float storedValue(const std::string &bytes, ElementType element, int64_t index) {
  uint32_t bits = 0;
  if (element == ElementType::F32) {
    std::memcpy(&bits, bytes.data() + index * 4, 4);
    return std::bit_cast<float>(bits);
  }
  std::memcpy(&bits, bytes.data() + index * 2, 2);
  return std::bit_cast<float>(bits << 16);
}

struct PanelCase {
  const char *name;
  DType dtype;
  ElementType element;
  int64_t rows, columns, panelRows, group, padRows, padColumns;
  int64_t interleave = 0;
};

class PackedPanels : public testing::TestWithParam<PanelCase> {};

const PanelCase kPanelCases[] = {
    {"Bf16Exact", DType::BF16, ElementType::BF16, 64, 48, 32, 2, 64, 48},
    {"Bf16Ragged", DType::BF16, ElementType::BF16, 70, 37, 32, 2, 96, 38},
    {"Bf16FarPadding", DType::BF16, ElementType::BF16, 5, 3, 32, 2, 128, 64},
    {"Bf16Widened", DType::BF16, ElementType::F32, 33, 40, 32, 1, 64, 40},
    {"F16Widened", DType::F16, ElementType::F32, 40, 33, 32, 1, 64, 33},
    {"F32", DType::F32, ElementType::F32, 70, 129, 32, 1, 96, 130},
    {"F32Groups", DType::F32, ElementType::F32, 17, 30, 16, 4, 32, 32},
    {"SingleRow", DType::F32, ElementType::F32, 1, 1, 32, 1, 32, 1},
    {"Pair", DType::BF16, ElementType::BF16, 64, 48, 32, 2, 64, 48, 8},
    {"PairRagged", DType::BF16, ElementType::BF16, 74, 37, 32, 2, 96, 38, 8},
    {"PairWidened", DType::F16, ElementType::F32, 40, 33, 32, 1, 128, 33, 16},
};

/// The row of the matrix that is row `place` of all panels; negative for padding.
int64_t rowAt(const PanelCase &c, int64_t place) {
  if (c.interleave == 0)
    return place < c.rows ? place : -1;
  const int64_t block = place / c.interleave;
  const int64_t row = block / 2 * c.interleave + place % c.interleave;
  return row < c.rows / 2 ? block % 2 * (c.rows / 2) + row : -1;
}

TEST_P(PackedPanels, HoldEveryElementAndZeros) {
  const PanelCase &c = GetParam();
  const Source source(c.dtype, c.rows * c.columns);
  const WeightDescription weight = {
      "w",
      {c.rows, c.columns},
      Encoding(c.panelRows, c.group, c.padRows, c.padColumns, c.element),
      {source.info({c.rows, c.columns})},
      /*recipe=*/std::nullopt,
      c.interleave};
  for (uint64_t blockBytes : {uint64_t{1}, uint64_t{10000}, uint64_t{1} << 30}) {
    const std::string bytes = pack(weight, blockBytes);
    ASSERT_EQ(bytes.size(), llvm::cantFail(storedBytes(weight)));
    for (int64_t place = 0; place < c.padRows; ++place)
      for (int64_t column = 0; column < c.padColumns; ++column) {
        // [pad_n / n][pad_k / g][n][g]
        const int64_t row = rowAt(c, place);
        const int64_t panel = place / c.panelRows, groups = c.padColumns / c.group;
        const int64_t index =
            ((panel * groups + column / c.group) * c.panelRows + place % c.panelRows) * c.group +
            column % c.group;
        const bool inside = row >= 0 && column < c.columns;
        const float expected = inside ? source.value(row * c.columns + column) : 0.0f;
        ASSERT_EQ(std::bit_cast<uint32_t>(storedValue(bytes, c.element, index)),
                  std::bit_cast<uint32_t>(expected))
            << "row " << row << " column " << column << " block " << blockBytes;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PackedPanels, testing::ValuesIn(kPanelCases),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(PackedVector, IsWidened) {
  for (DType dtype : {DType::BF16, DType::F16, DType::F32}) {
    const Source source(dtype, 1000);
    const WeightDescription weight = {
        "w", {1000}, Encoding(0, 1, 1000, 1, ElementType::F32), {source.info({1000})}};
    for (uint64_t blockBytes : {uint64_t{1}, uint64_t{256}, uint64_t{1} << 30}) {
      const std::string bytes = pack(weight, blockBytes);
      ASSERT_EQ(bytes.size(), 4000u);
      for (int64_t i = 0; i < 1000; ++i)
        ASSERT_EQ(storedValue(bytes, ElementType::F32, i), source.value(i)) << i;
    }
  }
}

TEST(PackedVector, Bf16StaysExact) {
  const Source source(DType::BF16, 100);
  const WeightDescription weight = {
      "w", {100}, Encoding(0, 1, 100, 1, ElementType::BF16), {source.info({100})}};
  const std::string bytes = pack(weight, 64);
  for (int64_t i = 0; i < 100; ++i)
    EXPECT_EQ(storedValue(bytes, ElementType::BF16, i), source.value(i));
}

/// The patch kernel [V, C, T, P, P] is the matrix [V, C*T*P*P].
TEST(PackedPanel, ConvolutionKernel) {
  const Source source(DType::BF16, 4 * 24);
  const Encoding encoding(32, 2, 32, 24, ElementType::BF16);
  const WeightDescription kernel = {"w", {4, 24}, encoding, {source.info({4, 3, 2, 2, 2})}};
  const WeightDescription matrix = {"w", {4, 24}, encoding, {source.info({4, 24})}};
  EXPECT_EQ(pack(kernel, 1000), pack(matrix, 1000));
}

struct JoinedCase {
  const char *name;
  DType dtype;
  ElementType element;
  std::vector<int64_t> rows; ///< of each source
  int64_t columns;           ///< 0 for vectors
};

class JoinedSources : public testing::TestWithParam<JoinedCase> {
protected:
  /// `sources` as a weight of panels of 32 rows, or flat.
  WeightDescription describe(std::vector<TensorInfo> sources) const {
    const JoinedCase &c = GetParam();
    const int64_t rows = std::accumulate(c.rows.begin(), c.rows.end(), int64_t{0});
    if (c.columns == 0)
      return {"w", {rows}, Encoding(0, 1, rows, 1, c.element), std::move(sources)};
    const int group = c.element == ElementType::BF16 ? 2 : 1;
    return {"w",
            {rows, c.columns},
            Encoding(32, group, (rows + 31) / 32 * 32, (c.columns + 1) / 2 * 2, c.element),
            std::move(sources)};
  }

  Shape shapeOf(int64_t rows) const {
    return GetParam().columns ? Shape{rows, GetParam().columns} : Shape{rows};
  }
};

const JoinedCase kJoinedCases[] = {
    {"Bf16BoundaryInsidePanels", DType::BF16, ElementType::BF16, {50, 7, 13}, 37},
    {"Bf16BoundaryAtPanels", DType::BF16, ElementType::BF16, {64, 32}, 16},
    {"Bf16ManyInOnePanel", DType::BF16, ElementType::BF16, {1, 2, 3, 4, 5}, 6},
    {"Bf16Widened", DType::BF16, ElementType::F32, {33, 40}, 5},
    {"F32BoundaryInsidePanels", DType::F32, ElementType::F32, {50, 7, 13}, 37},
    {"F16Widened", DType::F16, ElementType::F32, {20, 21}, 4},
    {"Bf16Vector", DType::BF16, ElementType::F32, {100, 3, 50}, 0},
    {"F32Vector", DType::F32, ElementType::F32, {1, 64}, 0},
};

/// A source that is cut into parts is stored as the whole is, however the blocks fall.
TEST_P(JoinedSources, EqualTheWhole) {
  const JoinedCase &c = GetParam();
  const int64_t rows = std::accumulate(c.rows.begin(), c.rows.end(), int64_t{0});
  const Source source(c.dtype, rows * std::max<int64_t>(c.columns, 1));
  const TensorInfo whole = source.info(shapeOf(rows));
  std::vector<TensorInfo> parts;
  uint64_t offset = whole.offset;
  for (int64_t part : c.rows) {
    parts.push_back(source.info(shapeOf(part)));
    parts.back().offset = offset;
    offset += parts.back().bytes;
  }
  const std::string expected = pack(describe({whole}), 1 << 20);
  ASSERT_EQ(expected.size(), llvm::cantFail(storedBytes(describe(parts))));
  for (uint64_t blockBytes : {uint64_t{1}, uint64_t{600}, uint64_t{10000}, uint64_t{1} << 30})
    EXPECT_EQ(pack(describe(parts), blockBytes), expected) << blockBytes;
}

INSTANTIATE_TEST_SUITE_P(All, JoinedSources, testing::ValuesIn(kJoinedCases),
                         [](const auto &info) { return std::string(info.param.name); });

/// Sources may lie in different files and in any order; a part is found by its own file.
TEST(JoinedFiles, ComeInTheOrderOfTheList) {
  const Source upper(DType::F32, 3 * 4), lower(DType::F32, 2 * 4);
  const WeightDescription weight = {"w",
                                    {5, 4},
                                    Encoding(32, 1, 32, 4, ElementType::F32),
                                    {lower.info({2, 4}), upper.info({3, 4})}};
  const std::string bytes = pack(weight, 1);
  for (int64_t row = 0; row < 5; ++row)
    for (int64_t column = 0; column < 4; ++column)
      EXPECT_EQ(storedValue(bytes, ElementType::F32, column * 32 + row),
                row < 2 ? lower.value(row * 4 + column) : upper.value((row - 2) * 4 + column));
}

TEST(StoredBytes, ContradictorySources) {
  const Source source(DType::F32, 64);
  const auto error = [&](std::vector<TensorInfo> sources) {
    llvm::Error error =
        storedBytes({"w", {16, 8}, Encoding(32, 1, 32, 8, ElementType::F32), std::move(sources)})
            .takeError();
    EXPECT_EQ(failureKind(error), FailureKind::Internal);
    return messageOf(std::move(error));
  };
  EXPECT_THAT(error({}), HasSubstr("weight 'w': there are no sources"));
  EXPECT_THAT(error({source.info({8, 8})}),
              HasSubstr("shape [16, 8] and source [8, 8] differ in size"));
  EXPECT_THAT(error({source.info({8, 8}), source.info({9, 8})}),
              HasSubstr("source [8, 8], [9, 8] differ in size"));
  EXPECT_THAT(error({source.info({8, 8}), source.info({16, 4})}),
              HasSubstr("source 'w' [16, 4] does not consist of rows of [16, 8]"));
  EXPECT_THAT(error({source.info({8, 8}), source.info({64})}),
              HasSubstr("source 'w' [64] does not consist of rows"));
  TensorInfo narrow = source.info({8, 8});
  narrow.dtype = DType::BF16;
  EXPECT_THAT(error({source.info({8, 8}), narrow}),
              HasSubstr("source 'w' is BF16, but 'w' is F32"));
}

TEST(StoredBytes, Contradictions) {
  const Source source(DType::F32, 64);
  const auto error = [&](Shape shape, Encoding encoding, DType dtype = DType::F32,
                         int64_t interleave = 0) {
    WeightDescription weight = {"w",          std::move(shape), encoding, {source.info({8, 8})},
                                std::nullopt, interleave};
    weight.sources.front().dtype = dtype;
    llvm::Error error = storedBytes(weight).takeError();
    EXPECT_EQ(failureKind(error), FailureKind::Internal);
    return messageOf(std::move(error));
  };
  EXPECT_THAT(error({8, 8}, Encoding(32, 2, 32, 8, ElementType::BF16)),
              HasSubstr("weight 'w': F32 cannot be stored as BF16 without loss"));
  EXPECT_THAT(error({16, 8}, Encoding(32, 2, 32, 8, ElementType::BF16), DType::F16),
              HasSubstr("F16 cannot be stored as BF16"));
  EXPECT_THAT(error({8, 9}, Encoding(32, 1, 32, 9, ElementType::F32)), HasSubstr("differ in size"));
  EXPECT_THAT(error({64}, Encoding(32, 1, 64, 1, ElementType::F32)), HasSubstr("need a matrix"));
  EXPECT_THAT(error({8, 8}, Encoding(0, 1, 8, 8, ElementType::F32)), HasSubstr("one dimension"));
  EXPECT_THAT(error({8, 8}, Encoding(32, 0, 32, 8, ElementType::F32)), HasSubstr("k_group"));
  EXPECT_THAT(error({8, 8}, Encoding(32, 1, 8, 8, ElementType::F32)), HasSubstr("whole panels"));
  EXPECT_THAT(error({8, 8}, Encoding(4, 1, 4, 8, ElementType::F32)), HasSubstr("do not cover"));
  EXPECT_THAT(error({8, 8}, Encoding(32, 1, 32, 8, ElementType::F32), DType::F32, 12),
              HasSubstr("blocks of 12 rows do not take turns"));
  EXPECT_THAT(error({8, 8}, Encoding(32, 1, int64_t{1} << 40, int64_t{1} << 40, ElementType::F32)),
              HasSubstr("overflow"));
}

TEST(PackWeight, ReportsATruncatedSource) {
  const Source source(DType::F32, 64);
  WeightDescription weight = {
      "w", {16, 8}, Encoding(32, 1, 32, 8, ElementType::F32), {source.info({16, 8})}};
  weight.sources.front().bytes = 512;
  TensorReader reader;
  const auto sink = [](llvm::ArrayRef<char>) { return llvm::Error::success(); };
  EXPECT_THAT(messageOf(packWeight(weight, reader, 1 << 20, sink)),
              HasSubstr("weights: truncated: the file ends inside tensor 'w'"));
}

} // namespace
