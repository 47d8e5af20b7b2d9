// Tensors of safetensors files as plain tensors.

#include "qvl/Reference/CheckpointParameters.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Endian.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

static bool isElementType(::qvl::DType dtype, Type type) {
  switch (dtype) {
  case ::qvl::DType::BF16:
    return type.isBF16();
  case ::qvl::DType::F16:
    return type.isF16();
  case ::qvl::DType::F32:
    return type.isF32();
  }
  llvm_unreachable("every dtype has an element type");
}

/// The value of one little-endian element.
static double widen(const char *bytes, FloatType type) {
  unsigned width = type.getWidth();
  uint32_t bits =
      width == 32 ? llvm::support::endian::read32le(bytes) : llvm::support::endian::read16le(bytes);
  return llvm::APFloat(type.getFloatSemantics(), llvm::APInt(width, bits)).convertToDouble();
}

static FailureOr<Tensor> readTensor(ParameterOp op, RankedTensorType type,
                                    const ::qvl::TensorInfo &info) {
  if (!isElementType(info.dtype, type.getElementType()) || info.elements() != type.getNumElements())
    return op.emitOpError() << "is " << type << ", but " << info.file << " has '" << info.sourceName
                            << "' as " << ::qvl::toString(info.dtype) << " "
                            << ::qvl::toString(info.shape);
  std::vector<char> bytes(info.bytes);
  if (llvm::Error error = ::qvl::TensorReader().read(info, 0, bytes))
    return op.emitOpError() << "cannot be read: " << llvm::toString(std::move(error));
  Tensor tensor(type.getShape().vec());
  auto element = cast<FloatType>(type.getElementType());
  for (auto [i, value] : llvm::enumerate(tensor.values))
    value = widen(bytes.data() + i * (element.getWidth() / 8), element);
  return tensor;
}

ParameterProvider reference::checkpointParameters(const ::qvl::Checkpoint &checkpoint) {
  return
      [&checkpoint](ParameterOp op, StringRef source, RankedTensorType type) -> FailureOr<Tensor> {
        if (const ::qvl::TensorInfo *info = checkpoint.find(::qvl::canonicalTensorName(source)))
          return readTensor(op, type, *info);
        return op.emitOpError() << "needs '" << source << "', which is not in "
                                << checkpoint.directory();
      };
}
