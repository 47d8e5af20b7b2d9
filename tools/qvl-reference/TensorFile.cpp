#include "TensorFile.h"

#include "Errors.h"

#include "qvl/Import/Failure.h"
#include "qvlrt/npy.h"
#include "llvm/Support/FileSystem.h"

#include <bit>

using namespace mlir::qvl::reference;

namespace qvlref {

llvm::Error createFolder(llvm::StringRef path) {
  if (std::error_code error = llvm::sys::fs::create_directories(path))
    return ::qvl::systemFailure(path, "cannot create the folder", error);
  return llvm::Error::success();
}

namespace {

template <typename T> std::vector<double> widen(const qvlrt::NpyArray &array) {
  auto elements = array.elements<T>();
  return {elements.begin(), elements.end()};
}

std::vector<double> widenBf16(const qvlrt::NpyArray &array) {
  std::vector<double> values;
  for (uint16_t bits : array.elements<uint16_t>())
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits) << 16));
  return values;
}

/// The values of `array` when a value of type `element` may come from it.
std::optional<std::vector<double>> valuesFor(const qvlrt::NpyArray &array, mlir::Type element) {
  bool isFloat = mlir::isa<mlir::FloatType>(element);
  switch (array.type) {
  case qvlrt::NpyType::F32:
    return isFloat ? std::optional(widen<float>(array)) : std::nullopt;
  case qvlrt::NpyType::F64:
    return isFloat ? std::optional(widen<double>(array)) : std::nullopt;
  case qvlrt::NpyType::I32:
    return isFloat ? std::nullopt : std::optional(widen<int32_t>(array));
  case qvlrt::NpyType::I64:
    return isFloat ? std::nullopt : std::optional(widen<int64_t>(array));
  case qvlrt::NpyType::U8:
    return isFloat ? std::nullopt : std::optional(widen<uint8_t>(array));
  case qvlrt::NpyType::U16:
    return element.isBF16() ? std::optional(widenBf16(array)) : std::nullopt;
  default:
    return std::nullopt; // types that no operand has
  }
  return std::nullopt;
}

template <typename T> llvm::Error writeAs(const std::string &path, const Tensor &tensor) {
  std::vector<T> elements(tensor.values.begin(), tensor.values.end());
  absl::Status status = qvlrt::writeNpy<T>(path, tensor.shape, elements);
  return status.ok() ? llvm::Error::success() : fromStatus(status);
}

} // namespace

llvm::Expected<Tensor> readTensor(const std::string &path, mlir::Type type) {
  absl::StatusOr<qvlrt::NpyArray> array = qvlrt::readNpy(path);
  if (!array.ok())
    return fromStatus(array.status());
  mlir::Type element = mlir::getElementTypeOrSelf(type);
  std::optional<std::vector<double>> values = valuesFor(*array, element);
  if (!values) {
    std::string expected;
    llvm::raw_string_ostream(expected) << element;
    return ::qvl::badInput(path, "holds elements of another kind than " + expected);
  }
  return Tensor(array->shape, std::move(*values));
}

llvm::Error writeTensor(const std::string &path, const Tensor &tensor, mlir::Type type,
                        Precision precision) {
  mlir::Type element = mlir::getElementTypeOrSelf(type);
  if (element.isInteger(32))
    return writeAs<int32_t>(path, tensor);
  if (element.isIntOrIndex())
    return writeAs<int64_t>(path, tensor);
  return precision == Precision::F64 ? writeAs<double>(path, tensor) : writeAs<float>(path, tensor);
}

} // namespace qvlref
