#include "RecipeReader.h"

#include "StoredElements.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cstring>

using namespace qvl;

static int64_t rowBytes(const Recipe &recipe) { return recipe.columns * byteWidth(recipe.element); }

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

static std::string checkSource(const Recipe &recipe, llvm::ArrayRef<TensorInfo> sources) {
  if (recipe.source >= sources.size())
    return "the recipe names a source that is not there";
  const TensorInfo &info = sources[recipe.source];
  const bool fits = !info.shape.empty() && info.shape[0] == recipe.rows &&
                    info.elements() / std::max<int64_t>(info.shape[0], 1) == recipe.columns;
  if (!fits || info.dtype != recipe.element)
    return "source '" + info.sourceName + "' is " + toString(info.dtype).str() + " " +
           toString(info.shape) + ", but the recipe needs " + toString(recipe.element).str() +
           " rows of " + toString({recipe.rows, recipe.columns});
  return "";
}

static bool concatFits(const Recipe &recipe) {
  int64_t rows = 0;
  for (const Recipe &operand : recipe.operands)
    if (operand.element != recipe.element || operand.columns != recipe.columns ||
        llvm::AddOverflow(rows, operand.rows, rows))
      return false;
  return rows == recipe.rows;
}

static bool sumFits(const Recipe &recipe, const Recipe &operand) {
  int64_t width = 0, columns = 0;
  if (llvm::any_of(recipe.axes, [](int64_t size) { return size < 1; }) ||
      llvm::MulOverflow(recipe.axes[0], recipe.axes[2], width) ||
      llvm::MulOverflow(width, recipe.axes[1], columns))
    return false;
  return operand.columns == columns && recipe.columns == width && operand.rows == recipe.rows &&
         operand.element == DType::F32 && recipe.element == DType::F32;
}

/// True when an inner node makes what it says of operands that make what they say.
static bool fitsOperands(const Recipe &recipe) {
  if (recipe.kind == Recipe::Kind::Concat)
    return concatFits(recipe);
  if (recipe.operands.size() != 1)
    return false;
  const Recipe &operand = recipe.operands.front();
  if (recipe.kind == Recipe::Kind::Pad)
    return operand.rows <= recipe.rows && operand.columns <= recipe.columns &&
           operand.element == recipe.element;
  if (recipe.kind == Recipe::Kind::Convert)
    return operand.rows == recipe.rows && operand.columns == recipe.columns &&
           recipe.element == DType::F32;
  return sumFits(recipe, operand);
}

std::string qvl::contradictionOf(const Recipe &recipe, llvm::ArrayRef<TensorInfo> sources) {
  int64_t elements = 0;
  if (recipe.rows < 0 || recipe.columns < 0 ||
      llvm::MulOverflow(recipe.rows, recipe.columns, elements) || elements > (int64_t{1} << 60))
    return "a recipe makes " + toString({recipe.rows, recipe.columns}) + ", which is too large";
  if (recipe.kind == Recipe::Kind::Source)
    return checkSource(recipe, sources);
  if (!fitsOperands(recipe))
    return "a recipe of " + toString({recipe.rows, recipe.columns}) +
           " does not fit what it is made of";
  for (const Recipe &operand : recipe.operands)
    if (std::string reason = contradictionOf(operand, sources); !reason.empty())
      return reason;
  return "";
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

template <typename Source>
static void widen(const std::vector<char> &from, int64_t count, float *to) {
  const auto *elements = reinterpret_cast<const Source *>(from.data());
  std::copy(elements, elements + count, to);
}

static void convertRows(DType element, const std::vector<char> &from, int64_t count, float *to) {
  switch (element) {
  case DType::BF16:
    return widen<BFloat16>(from, count, to);
  case DType::F16:
    return widen<Float16>(from, count, to);
  case DType::F32:
    return widen<float>(from, count, to);
  }
}

/// The sums of one row's slices, terms in ascending order.
static void addSlices(const std::array<int64_t, 3> &axes, const float *from, float *to) {
  const auto [outer, terms, width] = axes;
  for (int64_t i = 0; i < outer; ++i, to += width) {
    std::copy_n(from, width, to);
    from += width;
    for (int64_t term = 1; term < terms; ++term, from += width)
      for (int64_t column = 0; column < width; ++column)
        to[column] += from[column];
  }
}

llvm::Expected<std::vector<char>> RecipeReader::readOperand(const Recipe &recipe, int64_t first,
                                                            int64_t count) {
  const Recipe &operand = recipe.operands.front();
  std::vector<char> rows(count * rowBytes(operand));
  if (llvm::Error error = read(operand, first, count, rows.data()))
    return error;
  return rows;
}

llvm::Error RecipeReader::readConcat(const Recipe &recipe, int64_t first, int64_t count,
                                     char *rows) {
  for (const Recipe &operand : recipe.operands) {
    const int64_t taken = std::clamp<int64_t>(operand.rows - first, 0, count);
    if (llvm::Error error = read(operand, first, taken, rows))
      return error;
    rows += taken * rowBytes(recipe);
    count -= taken;
    first = std::max<int64_t>(first - operand.rows, 0);
  }
  return llvm::Error::success();
}

/// A zero of every element type is zero bytes.
llvm::Error RecipeReader::readPad(const Recipe &recipe, int64_t first, int64_t count, char *rows) {
  const Recipe &operand = recipe.operands.front();
  std::memset(rows, 0, count * rowBytes(recipe));
  count = std::clamp<int64_t>(operand.rows - first, 0, count);
  if (operand.columns == recipe.columns)
    return read(operand, first, count, rows);
  llvm::Expected<std::vector<char>> inner = readOperand(recipe, first, count);
  if (!inner)
    return inner.takeError();
  for (int64_t row = 0; row < count; ++row)
    std::copy_n(inner->data() + row * rowBytes(operand), rowBytes(operand),
                rows + row * rowBytes(recipe));
  return llvm::Error::success();
}

llvm::Error RecipeReader::read(const Recipe &recipe, int64_t first, int64_t count, char *rows) {
  if (count == 0 || recipe.columns == 0)
    return llvm::Error::success();
  if (recipe.kind == Recipe::Kind::Source)
    return reader.read(sources[recipe.source], first * rowBytes(recipe),
                       {rows, static_cast<size_t>(count * rowBytes(recipe))});
  if (recipe.kind == Recipe::Kind::Concat)
    return readConcat(recipe, first, count, rows);
  if (recipe.kind == Recipe::Kind::Pad)
    return readPad(recipe, first, count, rows);
  llvm::Expected<std::vector<char>> inner = readOperand(recipe, first, count);
  if (!inner)
    return inner.takeError();
  const Recipe &operand = recipe.operands.front();
  auto *values = reinterpret_cast<float *>(rows);
  if (recipe.kind == Recipe::Kind::Convert)
    convertRows(operand.element, *inner, count * recipe.columns, values);
  else
    for (int64_t row = 0; row < count; ++row)
      addSlices(recipe.axes, reinterpret_cast<const float *>(inner->data()) + row * operand.columns,
                values + row * recipe.columns);
  return llvm::Error::success();
}
