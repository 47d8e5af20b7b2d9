// Registration of the qvl dialect, and its types and attributes.

#include "dialects/qvl/IR/Qvl.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace mlir::qvl;

#include "dialects/qvl/IR/QvlDialect.cpp.inc"
#include "dialects/qvl/IR/QvlEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/qvl/IR/QvlAttrInterfaces.cpp.inc"
#include "dialects/qvl/IR/QvlTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/qvl/IR/QvlAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/qvl/IR/QvlOps.cpp.inc"

void QvlDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/qvl/IR/QvlTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/qvl/IR/QvlAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/qvl/IR/QvlOps.cpp.inc"
      >();
}

LogicalResult CacheType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t layers,
                                int64_t kvHeads, int64_t headDim, int64_t page, Type element) {
  if (layers <= 0 || kvHeads <= 0 || headDim <= 0)
    return emitError() << "layers, kv_heads and head_dim of a cache must be positive";
  if (page <= 0 || page % 64 != 0)
    return emitError() << "page of a cache must be a positive multiple of 64, got " << page;
  if (!element.isF32() && !element.isBF16())
    return emitError() << "elements of a cache must be f32 or bf16, got " << element;
  if (!hasBoundedSizes({layers, 2, kvHeads, headDim, page}))
    return emitError() << "a page of a cache must have at most 2^48 elements";
  return success();
}

LogicalResult PanelAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t n,
                                int64_t kGroup, Type element, int64_t padN, int64_t padK,
                                int64_t interleave) {
  if (n <= 0 || kGroup <= 0)
    return emitError() << "n and k_group of a panel must be positive";
  if (!element.isF32() && !element.isBF16())
    return emitError() << "elements of a panel must be f32 or bf16, got " << element;
  if (padN <= 0 || padN % n != 0)
    return emitError() << "pad_n = " << padN << " is not a positive multiple of n = " << n;
  if (padK <= 0 || padK % kGroup != 0)
    return emitError() << "pad_k = " << padK
                       << " is not a positive multiple of k_group = " << kGroup;
  if (!hasBoundedSizes({padN, padK}))
    return emitError() << "a panel must store at most 2^48 elements";
  if (interleave < 0 || interleave > n || (interleave > 0 && n % (2 * interleave) != 0))
    return emitError() << "interleave = " << interleave
                       << " gives no whole pairs of blocks in n = " << n << " rows";
  return success();
}

LogicalResult FlatAttr::verify(function_ref<InFlightDiagnostic()> emitError, Type element) {
  if (!element.isF32() && !element.isBF16())
    return emitError() << "elements of a flat vector must be f32 or bf16, got " << element;
  return success();
}

bool mlir::qvl::hasBoundedSizes(ArrayRef<int64_t> sizes) {
  int64_t room = int64_t{1} << 48;
  return llvm::all_of(sizes, [&](int64_t size) { return size > 0 && (room /= size) > 0; });
}

bool mlir::qvl::sizesAgree(int64_t first, int64_t second, int64_t merge) {
  if (ShapedType::isDynamic(first) || ShapedType::isDynamic(second))
    return true;
  return first % merge == 0 && first / merge == second;
}

bool mlir::qvl::areHeads(int64_t columns, ArrayRef<int64_t> heads, int64_t headDim) {
  bool fit = headDim > 0 && columns % headDim == 0 &&
             llvm::all_of(heads, [&](int64_t size) { return size > 0 && size <= columns; });
  return fit && columns / headDim == llvm::sum_of(heads, int64_t{0});
}

bool mlir::qvl::rowsAgree(ValueRange values) {
  int64_t known = ShapedType::kDynamic;
  return llvm::all_of(values, [&](Value value) {
    int64_t rows = cast<RankedTensorType>(value.getType()).getDimSize(0);
    bool agrees = sizesAgree(known, rows);
    known = ShapedType::isDynamic(rows) ? known : rows;
    return agrees;
  });
}

bool mlir::qvl::isParameterType(RankedTensorType type) {
  Type element = type.getElementType();
  return (type.getRank() == 1 || type.getRank() == 2) && hasBoundedSizes(type.getShape()) &&
         (element.isF32() || element.isBF16() || element.isF16());
}

OpFoldResult mlir::qvl::dimensionOf(OpBuilder &builder, Location loc, Value tensor,
                                    int64_t dimension) {
  return tensor::getMixedSize(builder, loc, tensor, dimension);
}

LogicalResult mlir::qvl::reifyRows(OpBuilder &builder, Operation *op, Value rows,
                                   ReifiedRankedShapedTypeDims &dims) {
  for (Value result : op->getResults()) {
    SmallVector<OpFoldResult> sizes{dimensionOf(builder, op->getLoc(), rows, 0)};
    for (int64_t size : cast<RankedTensorType>(result.getType()).getShape().drop_front())
      sizes.push_back(builder.getIndexAttr(size));
    dims.push_back(std::move(sizes));
  }
  return success();
}

LogicalResult mlir::qvl::reifyMergedRows(OpBuilder &builder, Operation *op, Value rows,
                                         int64_t merge, ReifiedRankedShapedTypeDims &dims) {
  if (merge == 1)
    return reifyRows(builder, op, rows, dims);
  OpFoldResult count = dimensionOf(builder, op->getLoc(), rows, 0);
  if (auto size = dyn_cast<Value>(count)) {
    Value factor = arith::ConstantIndexOp::create(builder, op->getLoc(), merge);
    count = arith::DivUIOp::create(builder, op->getLoc(), size, factor).getResult();
  } else {
    count = builder.getIndexAttr(cast<IntegerAttr>(cast<Attribute>(count)).getInt() / merge);
  }
  dims.push_back({count, builder.getIndexAttr(
                             cast<RankedTensorType>(op->getResult(0).getType()).getDimSize(1))});
  return success();
}
