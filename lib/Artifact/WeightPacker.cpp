#include "qvl/Artifact/WeightPacker.h"

#include "RecipeReader.h"
#include "StoredElements.h"
#include "qvl/Import/Failure.h"

#include <algorithm>
#include <cstring>

using namespace qvl;
using qvlfmt::ElementType;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static int64_t storedWidth(ElementType element) { return element == ElementType::BF16 ? 2 : 4; }

/// True for the pairs that lose nothing. F16 has no stored form of its own.
static bool isLossless(DType source, ElementType stored) {
  return stored == ElementType::F32 || (stored == ElementType::BF16 && source == DType::BF16);
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

static llvm::Error contradiction(const WeightDescription &weight, const llvm::Twine &cause) {
  return internalFailure("weight '" + weight.name + "'", cause);
}

/// Elements of the logical shape. The checkpoint's limits keep the product inside 63 bits.
static int64_t elementCount(const WeightDescription &weight) {
  int64_t count = 1;
  for (int64_t size : weight.shape)
    count *= size;
  return count;
}

/// The recipe of a weight: its own, or its sources one below the other.
static Recipe recipeOf(const WeightDescription &weight) {
  if (weight.recipe)
    return *weight.recipe;
  Recipe concat{.kind = Recipe::Kind::Concat,
                .element = weight.sources.front().dtype,
                .rows = weight.shape[0],
                .columns = weight.shape.size() == 2 ? weight.shape[1] : 1};
  for (const auto &[number, source] : llvm::enumerate(weight.sources))
    concat.operands.push_back({.element = source.dtype,
                               .rows = source.shape[0],
                               .columns = concat.columns,
                               .source = number});
  return concat;
}

static llvm::Expected<uint64_t> storedPanelBytes(const WeightDescription &weight) {
  const qvlfmt::Encoding &e = weight.encoding;
  if (e.panel_n() < 1 || e.k_group() < 1)
    return contradiction(weight, "panels need panel_n and k_group");
  if (e.pad_n() < weight.shape[0] || e.pad_n() % e.panel_n() != 0 || e.pad_k() < weight.shape[1] ||
      e.pad_k() % e.k_group() != 0)
    return contradiction(weight, "padded sizes do not cover " + toString(weight.shape) +
                                     " in whole panels");
  const int64_t pair = 2 * weight.interleave;
  if (pair < 0 || (pair > 0 && (e.panel_n() % pair != 0 || weight.shape[0] % 2 != 0)))
    return contradiction(weight, "blocks of " + llvm::Twine(weight.interleave) +
                                     " rows do not take turns in its panels");
  uint64_t bytes = storedWidth(e.element());
  for (int64_t size : {e.pad_n(), e.pad_k()})
    if (__builtin_mul_overflow(bytes, size, &bytes) || bytes > (uint64_t{1} << 62))
      return contradiction(weight, "padded sizes overflow");
  return bytes;
}

/// Fails unless the sources are of one element type.
static llvm::Error verifyElements(const WeightDescription &weight) {
  const TensorInfo &first = weight.sources.front();
  for (const TensorInfo &source : weight.sources)
    if (source.dtype != first.dtype)
      return contradiction(weight, "source '" + source.sourceName + "' is " +
                                       toString(source.dtype) + ", but '" + first.sourceName +
                                       "' is " + toString(first.dtype));
  return llvm::Error::success();
}

/// Fails unless elements of that type can be stored without loss.
static llvm::Error verifyLossless(const WeightDescription &weight, DType element) {
  if (isLossless(element, weight.encoding.element()))
    return llvm::Error::success();
  return contradiction(weight, toString(element) + " cannot be stored as " +
                                   qvlfmt::EnumNameElementType(weight.encoding.element()) +
                                   " without loss");
}

/// "[64, 8], [16, 8]"
static std::string sourceShapes(const WeightDescription &weight) {
  std::string text;
  for (const TensorInfo &source : weight.sources)
    text += (text.empty() ? "" : ", ") + toString(source.shape);
  return text;
}

/// Fails unless the rows of the sources are together those of the logical shape.
static llvm::Error verifyRows(const WeightDescription &weight) {
  const int64_t columns = weight.shape.size() == 2 ? weight.shape[1] : 1;
  int64_t elements = 0;
  bool fits = true;
  for (const TensorInfo &source : weight.sources)
    fits &= !__builtin_add_overflow(elements, source.elements(), &elements);
  if (!fits || elements != elementCount(weight))
    return contradiction(weight, "shape " + toString(weight.shape) + " and source " +
                                     sourceShapes(weight) + " differ in size");
  for (const TensorInfo &source : weight.sources)
    if (source.shape.empty() || source.elements() / source.shape[0] != columns)
      return contradiction(weight, "source '" + source.sourceName + "' " + toString(source.shape) +
                                       " does not consist of rows of " + toString(weight.shape));
  return llvm::Error::success();
}

/// Fails unless the recipe makes the logical shape of the sources.
static llvm::Error verifyRecipe(const WeightDescription &weight, const Recipe &recipe) {
  if (recipe.rows != weight.shape[0] || recipe.rows * recipe.columns != elementCount(weight))
    return contradiction(weight, "shape " + toString(weight.shape) + " is not the recipe's " +
                                     toString({recipe.rows, recipe.columns}));
  if (std::string reason = contradictionOf(recipe, weight.sources); !reason.empty())
    return contradiction(weight, reason);
  return llvm::Error::success();
}

llvm::Expected<uint64_t> qvl::storedBytes(const WeightDescription &weight) {
  if (weight.sources.empty())
    return contradiction(weight, "there are no sources");
  if (!weight.recipe)
    if (llvm::Error error = verifyElements(weight))
      return error;
  const DType element = weight.recipe ? weight.recipe->element : weight.sources.front().dtype;
  if (llvm::Error error = verifyLossless(weight, element))
    return error;
  const bool isFlat = weight.encoding.panel_n() == 0;
  const size_t rank = weight.shape.size();
  if (!isFlat && rank != 2)
    return contradiction(weight, "panels need a matrix");
  if (isFlat && rank != 1)
    return contradiction(weight, "flat weights have one dimension");
  if (llvm::Error error = weight.recipe ? verifyRecipe(weight, *weight.recipe) : verifyRows(weight))
    return error;
  if (!isFlat)
    return storedPanelBytes(weight);
  return elementCount(weight) * storedWidth(weight.encoding.element());
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

namespace {
/// Sizes of a matrix and its panels, in elements. A matrix has one part, or two that take turns in
/// the panels.
struct PanelShape {
  int64_t columns;   ///< K of the matrix
  int64_t panelRows; ///< n
  int64_t group;     ///< k_group
  int64_t panelSize; ///< n * pad_k
  int64_t parts;     ///< 1 or 2
  int64_t blockRows; ///< rows of a part that lie together

  /// Rows of one part in a panel.
  int64_t partRows() const { return panelRows / parts; }
  /// The place of row `row` of the first part in its panel.
  int64_t place(int64_t row) const { return row / blockRows * parts * blockRows + row % blockRows; }
};
} // namespace

/// Column groups that are moved together: 64 bytes of bf16 rows, so that reads along a row and
/// writes across rows both stay in the first-level cache.
static constexpr int64_t kTileGroups = 16;

/// Packs `rowCount` rows of a part into one zeroed panel [pad_k / group][n][group], whose first row
/// of the part is at `panel`. The group is `Group`, or the shape's where that is 0; a constant one
/// makes the inner loop a single move.
template <int64_t Group, typename Source, typename Stored>
static void packPanel(const Source *rows, int64_t rowCount, const PanelShape &shape,
                      Stored *panel) {
  const int64_t group = Group == 0 ? shape.group : Group;
  const int64_t wholeColumns = shape.columns / group * group;
  for (int64_t first = 0; first < wholeColumns; first += kTileGroups * group) {
    const int64_t last = std::min(first + kTileGroups * group, wholeColumns);
    for (int64_t row = 0; row < rowCount; ++row) {
      const Source *source = rows + row * shape.columns;
      Stored *target = panel + shape.place(row) * group;
      for (int64_t begin = first; begin < last; begin += group)
        for (int64_t column = 0; column < group; ++column)
          target[begin * shape.panelRows + column] = source[begin + column];
    }
  }
  for (int64_t row = 0; row < rowCount; ++row)
    for (int64_t column = wholeColumns; column < shape.columns; ++column)
      panel[wholeColumns * shape.panelRows + shape.place(row) * group + column - wholeColumns] =
          rows[row * shape.columns + column];
}

template <typename Source, typename Stored>
static void packPanels(const char *rows, int64_t rowCount, const PanelShape &shape, char *panels) {
  const auto pack = shape.group == 1   ? packPanel<1, Source, Stored>
                    : shape.group == 2 ? packPanel<2, Source, Stored>
                                       : packPanel<0, Source, Stored>;
  const int64_t panelRows = shape.partRows();
  for (int64_t row = 0; row < rowCount; row += panelRows)
    pack(reinterpret_cast<const Source *>(rows) + row * shape.columns,
         std::min(panelRows, rowCount - row), shape,
         reinterpret_cast<Stored *>(panels) + row / panelRows * shape.panelSize);
}

template <typename Source> static void widen(const char *source, int64_t count, char *target) {
  const auto *from = reinterpret_cast<const Source *>(source);
  std::copy(from, from + count, reinterpret_cast<float *>(target));
}

static void packPanels(DType source, ElementType stored, const char *rows, int64_t rowCount,
                       const PanelShape &shape, char *panels) {
  if (stored == ElementType::BF16)
    return packPanels<BFloat16, BFloat16>(rows, rowCount, shape, panels);
  switch (source) {
  case DType::BF16:
    return packPanels<BFloat16, float>(rows, rowCount, shape, panels);
  case DType::F16:
    return packPanels<Float16, float>(rows, rowCount, shape, panels);
  case DType::F32:
    return packPanels<float, float>(rows, rowCount, shape, panels);
  }
}

static void convertFlat(DType element, ElementType stored, const char *source, int64_t count,
                        char *target) {
  if (stored == ElementType::BF16)
    return static_cast<void>(std::memcpy(target, source, count * sizeof(BFloat16)));
  switch (element) {
  case DType::BF16:
    return widen<BFloat16>(source, count, target);
  case DType::F16:
    return widen<Float16>(source, count, target);
  case DType::F32:
    return widen<float>(source, count, target);
  }
}

//===----------------------------------------------------------------------===//
// Streaming
//===----------------------------------------------------------------------===//

using Sink = llvm::function_ref<llvm::Error(llvm::ArrayRef<char>)>;

static PanelShape panelShape(const WeightDescription &weight) {
  const qvlfmt::Encoding &e = weight.encoding;
  const bool isPair = weight.interleave > 0;
  return {.columns = weight.shape[1],
          .panelRows = e.panel_n(),
          .group = e.k_group(),
          .panelSize = e.panel_n() * e.pad_k(),
          .parts = isPair ? 2 : 1,
          .blockRows = isPair ? weight.interleave : e.panel_n()};
}

/// Packs the rows that part `part` of the matrix has in panels [panel, panel + count). `rows` is
/// room for them.
static llvm::Error packPart(const WeightDescription &weight, const Recipe &recipe,
                            RecipeReader &reader, const PanelShape &shape, int64_t part,
                            int64_t panel, int64_t count, char *rows, char *panels) {
  const int64_t partRows = weight.shape[0] / shape.parts;
  const int64_t firstRow = std::min(panel * shape.partRows(), partRows);
  const int64_t rowCount = std::min(count * shape.partRows(), partRows - firstRow);
  if (llvm::Error error = reader.read(recipe, part * partRows + firstRow, rowCount, rows))
    return error;
  const ElementType stored = weight.encoding.element();
  const int64_t place = part * shape.blockRows * shape.group;
  packPanels(recipe.element, stored, rows, rowCount, shape, panels + place * storedWidth(stored));
  return llvm::Error::success();
}

static llvm::Error packMatrix(const WeightDescription &weight, const Recipe &recipe,
                              RecipeReader &reader, uint64_t blockBytes, Sink sink) {
  const qvlfmt::Encoding &e = weight.encoding;
  const PanelShape shape = panelShape(weight);
  const int64_t panelBytes = shape.panelSize * storedWidth(e.element());
  const int64_t panelCount = e.pad_n() / e.panel_n();
  const int64_t panelsPerBlock =
      std::clamp<int64_t>(blockBytes / panelBytes, 1, std::max<int64_t>(panelCount, 1));
  std::vector<char> rows(panelsPerBlock * shape.partRows() * shape.columns *
                         byteWidth(recipe.element));
  std::vector<char> panels(panelsPerBlock * panelBytes);
  for (int64_t panel = 0; panel < panelCount; panel += panelsPerBlock) {
    const int64_t count = std::min(panelsPerBlock, panelCount - panel);
    std::fill(panels.begin(), panels.end(), 0);
    for (int64_t part = 0; part < shape.parts; ++part)
      if (llvm::Error error = packPart(weight, recipe, reader, shape, part, panel, count,
                                       rows.data(), panels.data()))
        return error;
    if (llvm::Error error = sink({panels.data(), static_cast<size_t>(count * panelBytes)}))
      return error;
  }
  return llvm::Error::success();
}

static llvm::Error packVector(const WeightDescription &weight, const Recipe &recipe,
                              RecipeReader &reader, uint64_t blockBytes, Sink sink) {
  const int64_t sourceWidth = byteWidth(recipe.element);
  const int64_t targetWidth = storedWidth(weight.encoding.element());
  const int64_t total = weight.shape[0];
  const int64_t block =
      std::clamp<int64_t>(blockBytes / targetWidth, 1, std::max<int64_t>(total, 1));
  std::vector<char> source(block * sourceWidth), stored(block * targetWidth);
  for (int64_t first = 0; first < total; first += block) {
    const int64_t count = std::min(block, total - first);
    if (llvm::Error error = reader.read(recipe, first, count, source.data()))
      return error;
    convertFlat(recipe.element, weight.encoding.element(), source.data(), count, stored.data());
    if (llvm::Error error = sink({stored.data(), static_cast<size_t>(count * targetWidth)}))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error qvl::packWeight(const WeightDescription &weight, TensorReader &reader,
                            uint64_t blockBytes, Sink sink) {
  const Recipe recipe = recipeOf(weight);
  RecipeReader rows(weight.sources, reader);
  return weight.encoding.panel_n() == 0 ? packVector(weight, recipe, rows, blockBytes, sink)
                                        : packMatrix(weight, recipe, rows, blockBytes, sink);
}
