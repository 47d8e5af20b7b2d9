// Weights made by recipes, against the same arithmetic on whole tensors.

#include "qvl/Artifact/WeightPacker.h"

#include "test/unit/import/CheckpointFiles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

namespace {

using namespace qvl;
using namespace qvl::test;
using qvlfmt::ElementType;
using qvlfmt::Encoding;
using testing::HasSubstr;

/// A tensor in a file of its own; element i is a number that every type holds exactly.
class Source {
public:
  Source(DType dtype, int64_t rows, int64_t columns) : dtype(dtype), rows(rows), columns(columns) {
    for (int64_t i = 0; i < rows * columns; ++i) {
      const auto bits = std::bit_cast<uint32_t>(value(i));
      const auto half = std::bit_cast<uint16_t>(static_cast<_Float16>(value(i)));
      const uint32_t pattern = dtype == DType::F32    ? bits
                               : dtype == DType::BF16 ? bits >> 16
                                                      : half;
      data.append(reinterpret_cast<const char *>(&pattern), byteWidth(dtype));
    }
    file = directory.write("weights", data);
  }

  static float value(int64_t i) { return static_cast<float>((i * 7 % 251) - 125) / 8; }
  float at(int64_t row, int64_t column) const { return value(row * columns + column); }

  TensorInfo info() const {
    TensorInfo tensor;
    tensor.canonicalName = tensor.sourceName = "w";
    tensor.file = file;
    tensor.dtype = dtype;
    tensor.shape = {rows, columns};
    tensor.bytes = data.size();
    return tensor;
  }
  Recipe recipe(size_t number = 0) const {
    return {.element = dtype, .rows = rows, .columns = columns, .source = number};
  }

private:
  TemporaryDirectory directory;
  DType dtype;
  int64_t rows, columns;
  std::string data, file;
};

Recipe unary(Recipe::Kind kind, DType element, int64_t rows, int64_t columns, Recipe operand,
             std::array<int64_t, 3> axes = {}) {
  return {.kind = kind,
          .element = element,
          .rows = rows,
          .columns = columns,
          .axes = axes,
          .operands = {std::move(operand)}};
}

WeightDescription describe(std::vector<TensorInfo> sources, Recipe recipe) {
  const int64_t rows = recipe.rows, columns = recipe.columns;
  return {"w",
          {rows, columns},
          Encoding(32, 1, (rows + 31) / 32 * 32, columns, ElementType::F32),
          std::move(sources),
          std::move(recipe)};
}

/// The matrix that is stored, unpacked, however the blocks fall.
std::vector<float> store(const WeightDescription &weight, uint64_t blockBytes) {
  std::string bytes;
  TensorReader reader;
  EXPECT_EQ(messageOf(packWeight(weight, reader, blockBytes,
                                 [&](llvm::ArrayRef<char> block) {
                                   bytes.append(block.data(), block.size());
                                   return llvm::Error::success();
                                 })),
            "");
  EXPECT_EQ(bytes.size(), llvm::cantFail(storedBytes(weight)));
  const int64_t rows = weight.shape[0], columns = weight.shape[1];
  std::vector<float> values(rows * columns);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      std::memcpy(&values[row * columns + column],
                  bytes.data() + ((row / 32 * columns + column) * 32 + row % 32) * 4, 4);
  return values;
}

const uint64_t kBlocks[] = {1, 5000, uint64_t{1} << 30};

TEST(Recipe, PadIsZeroBehindRowsAndColumns) {
  for (DType dtype : {DType::BF16, DType::F16, DType::F32}) {
    const Source source(dtype, 70, 33);
    const auto weight =
        describe({source.info()}, unary(Recipe::Kind::Pad, dtype, 128, 40, source.recipe()));
    for (uint64_t block : kBlocks) {
      const std::vector<float> stored = store(weight, block);
      for (int64_t row = 0; row < 128; ++row)
        for (int64_t column = 0; column < 40; ++column)
          ASSERT_EQ(stored[row * 40 + column],
                    row < 70 && column < 33 ? source.at(row, column) : 0.0f)
              << row << " " << column << " " << block;
    }
  }
}

TEST(Recipe, SumAddsSlicesInF32) {
  for (DType dtype : {DType::BF16, DType::F16}) {
    const Source source(dtype, 40, 3 * 2 * 5);
    const Recipe wide = unary(Recipe::Kind::Convert, DType::F32, 40, 30, source.recipe());
    const auto weight =
        describe({source.info()}, unary(Recipe::Kind::Sum, DType::F32, 40, 15, wide, {3, 2, 5}));
    for (uint64_t block : kBlocks) {
      const std::vector<float> stored = store(weight, block);
      for (int64_t row = 0; row < 40; ++row)
        for (int64_t column = 0; column < 15; ++column) {
          const int64_t first = column / 5 * 10 + column % 5;
          ASSERT_EQ(stored[row * 15 + column], source.at(row, first) + source.at(row, first + 5));
        }
    }
  }
}

/// Padded parts one below the other, the second of other columns: a boundary inside a panel.
TEST(Recipe, ConcatOfPads) {
  const Source upper(DType::F32, 10, 6), lower(DType::F32, 20, 4);
  const Recipe concat{.kind = Recipe::Kind::Concat,
                      .element = DType::F32,
                      .rows = 40,
                      .columns = 8,
                      .operands = {unary(Recipe::Kind::Pad, DType::F32, 16, 8, upper.recipe(0)),
                                   unary(Recipe::Kind::Pad, DType::F32, 24, 8, lower.recipe(1))}};
  for (uint64_t block : kBlocks) {
    const std::vector<float> stored = store(describe({upper.info(), lower.info()}, concat), block);
    for (int64_t row = 0; row < 40; ++row)
      for (int64_t column = 0; column < 8; ++column) {
        float expected = 0;
        if (row < 10 && column < 6)
          expected = upper.at(row, column);
        if (row >= 16 && row < 36 && column < 4)
          expected = lower.at(row - 16, column);
        ASSERT_EQ(stored[row * 8 + column], expected) << row << " " << column << " " << block;
      }
  }
}

TEST(Recipe, PadOfAVector) {
  const Source source(DType::BF16, 20, 1);
  WeightDescription weight = {"w",
                              {24},
                              Encoding(0, 1, 24, 1, ElementType::F32),
                              {source.info()},
                              unary(Recipe::Kind::Pad, DType::BF16, 24, 1, source.recipe())};
  weight.sources.front().shape = {20};
  std::string bytes;
  TensorReader reader;
  ASSERT_EQ(messageOf(packWeight(weight, reader, 8,
                                 [&](llvm::ArrayRef<char> block) {
                                   bytes.append(block.data(), block.size());
                                   return llvm::Error::success();
                                 })),
            "");
  ASSERT_EQ(bytes.size(), 24 * sizeof(float));
  for (int64_t i = 0; i < 24; ++i) {
    float stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(float), sizeof(float));
    EXPECT_EQ(stored, i < 20 ? Source::value(i) : 0.0f);
  }
}

TEST(Recipe, Contradictions) {
  const Source source(DType::F32, 8, 12);
  const auto error = [&](Recipe recipe) {
    return messageOf(storedBytes(describe({source.info()}, std::move(recipe))).takeError());
  };
  const auto from = [&](Recipe::Kind kind, int64_t rows, int64_t columns,
                        std::array<int64_t, 3> axes = {}) {
    return unary(kind, DType::F32, rows, columns, source.recipe(), axes);
  };
  EXPECT_THAT(error(from(Recipe::Kind::Pad, 8, 11)), HasSubstr("does not fit what it is made of"));
  EXPECT_THAT(error(from(Recipe::Kind::Pad, 7, 12)), HasSubstr("does not fit"));
  EXPECT_THAT(error(from(Recipe::Kind::Convert, 8, 11)), HasSubstr("does not fit"));
  EXPECT_THAT(error(from(Recipe::Kind::Sum, 8, 6, {3, 2, 3})), HasSubstr("does not fit"));
  EXPECT_THAT(error(from(Recipe::Kind::Sum, 8, 6, {0, 2, 3})), HasSubstr("does not fit"));
  const int64_t huge = int64_t{1} << 40;
  EXPECT_THAT(error(from(Recipe::Kind::Sum, 8, 6, {huge, huge, 3})), HasSubstr("does not fit"));
  EXPECT_THAT(error(source.recipe(1)), HasSubstr("a source that is not there"));
  Recipe narrow = source.recipe();
  narrow.rows = 7;
  EXPECT_THAT(error(narrow), HasSubstr("source 'w' is F32 [8, 12], but the recipe needs F32"));
  WeightDescription other = describe({source.info()}, source.recipe());
  other.shape = {8, 13};
  EXPECT_THAT(messageOf(storedBytes(other).takeError()),
              HasSubstr("shape [8, 13] is not the recipe's [8, 12]"));
}

} // namespace
