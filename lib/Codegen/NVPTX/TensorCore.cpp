#include "TensorCore.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::qvl {
namespace {

Type structOfFour(ImplicitLocOpBuilder &b, Type element) {
  return LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, element));
}

} // namespace

SmallVector<Value> loadMatrices(ImplicitLocOpBuilder &b, Value pointer, bool transposed) {
  auto shape = NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8);
  auto layout = transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row;
  Value loaded = NVVM::LdMatrixOp::create(b, structOfFour(b, b.getI32Type()), pointer, 4, layout,
                                          shape, NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> words;
  for (int64_t i = 0; i < 4; ++i)
    words.push_back(LLVM::ExtractValueOp::create(b, loaded, i));
  return words;
}

void multiplyAdd(ImplicitLocOpBuilder &b, ArrayRef<Value> a, Value b0, Value b1,
                 MutableArrayRef<Value> sums) {
  using Types = std::array<NVVM::MMATypes, 2>;
  using Layouts = std::array<NVVM::MMALayout, 2>;
  SmallVector<Value> start(sums);
  Value result =
      NVVM::MmaOp::create(b, structOfFour(b, b.getF32Type()), a, ValueRange{b0, b1}, start,
                          ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
                          Types{NVVM::MMATypes::bf16, NVVM::MMATypes::bf16},
                          Layouts{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (int64_t i = 0; i < 4; ++i)
    sums[i] = LLVM::ExtractValueOp::create(b, result, i);
}

} // namespace mlir::qvl
