// Plain tensors, the paged cache as a value, and rounding to narrow element types.

#include "qvl/Reference/Tensor.h"

#include "OpFunctions.h"

#include "llvm/ADT/APFloat.h"

#include <functional>
#include <numeric>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

static int64_t product(ArrayRef<int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

Tensor::Tensor(std::vector<int64_t> sizes) : shape(std::move(sizes)), values(product(shape)) {}

int64_t Tensor::columns() const { return product(ArrayRef(shape).drop_front()); }

Cache::Cache(CacheType type)
    : type(type), layers(type.getLayers(), std::make_shared<const Rows>()) {}

Cache Cache::append(int64_t layer, const Rows &rows) const {
  Cache next = *this;
  auto merged = std::make_shared<Rows>(rows);
  merged->insert(layers[layer]->begin(), layers[layer]->end()); // New rows win.
  next.layers[layer] = std::move(merged);
  return next;
}

const CacheRow *Cache::find(int64_t layer, int64_t slot) const {
  auto found = layers[layer]->find(slot);
  return found == layers[layer]->end() ? nullptr : found->second.get();
}

/// The nearest value of a narrow floating-point type, ties to even.
static double roundTo(const llvm::fltSemantics &semantics, double value) {
  llvm::APFloat rounded(value);
  bool losesInfo = false;
  rounded.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return rounded.convertToDouble();
}

void reference::roundToElement(MutableArrayRef<double> values, Type element) {
  if (element.isF32())
    for (double &value : values)
      value = static_cast<float>(value);
  else if (auto narrow = dyn_cast<FloatType>(element))
    for (double &value : values)
      value = roundTo(narrow.getFloatSemantics(), value);
}
