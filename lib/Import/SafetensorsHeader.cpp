#include "qvl/Import/SafetensorsHeader.h"
#include "FileDescriptor.h"
#include "qvl/Import/Failure.h"
#include "qvl/Import/JsonDocument.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include <limits>
#include <unistd.h>

using namespace qvl;
namespace json = llvm::json;

static constexpr uint64_t kLengthBytes = 8;
static constexpr size_t kMaxRank = 8;

int64_t qvl::byteWidth(DType dtype) { return dtype == DType::F32 ? 4 : 2; }

llvm::StringRef qvl::toString(DType dtype) {
  switch (dtype) {
  case DType::BF16:
    return "BF16";
  case DType::F16:
    return "F16";
  case DType::F32:
    return "F32";
  }
  llvm_unreachable("all types are named");
}

int64_t TensorInfo::elements() const { return bytes / byteWidth(dtype); }

//===----------------------------------------------------------------------===//
// One entry
//===----------------------------------------------------------------------===//

static std::optional<DType> parseDType(llvm::StringRef text) {
  return llvm::StringSwitch<std::optional<DType>>(text)
      .Case("BF16", DType::BF16)
      .Case("F16", DType::F16)
      .Case("F32", DType::F32)
      .Default(std::nullopt);
}

/// A list of non-negative integers, or nothing.
static std::optional<llvm::SmallVector<uint64_t, 5>> parseSizes(const json::Value *value) {
  const json::Array *array = value ? value->getAsArray() : nullptr;
  if (!array || array->size() > kMaxRank)
    return std::nullopt;
  llvm::SmallVector<uint64_t, 5> sizes;
  for (const json::Value &entry : *array) {
    const std::optional<int64_t> size = entry.getAsInteger();
    if (!size || *size < 0)
      return std::nullopt;
    sizes.push_back(*size);
  }
  return sizes;
}

/// Bytes of a tensor, or nothing when 63 bits do not hold them.
static std::optional<uint64_t> byteCount(llvm::ArrayRef<uint64_t> shape, DType dtype) {
  uint64_t bytes = byteWidth(dtype);
  for (uint64_t size : shape)
    if (__builtin_mul_overflow(bytes, size, &bytes))
      return std::nullopt;
  if (bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return std::nullopt;
  return bytes;
}

/// Fills `tensor` from its header entry; returns the cause of a failure, or an empty string.
static std::string parseEntry(const json::Value &value, uint64_t dataStart, TensorInfo &tensor) {
  const json::Object *entry = value.getAsObject();
  if (!entry)
    return "its entry is not an object";
  const std::string dtypeText = entry->getString("dtype").value_or("missing").str();
  const std::optional<DType> dtype = parseDType(dtypeText);
  if (!dtype)
    return "dtype " + dtypeText + " is not supported (BF16, F16 and F32 are)";
  const auto shape = parseSizes(entry->get("shape"));
  if (!shape)
    return "its shape is not a short list of sizes";
  const auto range = parseSizes(entry->get("data_offsets"));
  if (!range || range->size() != 2 || (*range)[0] > (*range)[1])
    return "its data_offsets are not [begin, end]";
  tensor.dtype = *dtype;
  tensor.shape.assign(shape->begin(), shape->end());
  const std::optional<uint64_t> bytes = byteCount(*shape, *dtype);
  tensor.bytes = (*range)[1] - (*range)[0];
  if (bytes != tensor.bytes)
    return "shape " + toString(tensor.shape) + " of " + dtypeText + " needs " +
           (bytes ? std::to_string(*bytes) : "too many") + " bytes, its data_offsets span " +
           std::to_string(tensor.bytes);
  // data_offsets are below 2^63 and dataStart is below the header limit: no overflow.
  tensor.offset = dataStart + (*range)[0];
  return "";
}

//===----------------------------------------------------------------------===//
// The header
//===----------------------------------------------------------------------===//

static llvm::Error checkOverlap(llvm::ArrayRef<TensorInfo> sorted, llvm::StringRef file) {
  const TensorInfo *previous = nullptr;
  for (const TensorInfo &tensor : sorted) {
    if (tensor.bytes == 0)
      continue;
    if (previous && tensor.offset - previous->offset < previous->bytes)
      return badInput(file, "the data of '" + previous->sourceName + "' and '" + tensor.sourceName +
                                "' overlap");
    previous = &tensor;
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<TensorInfo>>
qvl::parseSafetensorsHeader(llvm::StringRef json, llvm::StringRef file, uint64_t dataStart,
                            const CheckpointLimits &limits) {
  llvm::Expected<json::Object> header = parseJsonObject(json, file);
  if (!header)
    return header.takeError();
  if (header->size() > limits.tensors)
    return badInput(file, "holds " + llvm::Twine(header->size()) + " tensors, the limit is " +
                              llvm::Twine(limits.tensors));
  std::vector<TensorInfo> tensors;
  for (const json::Object::value_type &entry : *header) {
    if (entry.first == "__metadata__")
      continue;
    TensorInfo tensor;
    tensor.sourceName = entry.first.str();
    tensor.canonicalName = canonicalTensorName(tensor.sourceName);
    tensor.file = file.str();
    const std::string cause = parseEntry(entry.second, dataStart, tensor);
    if (!cause.empty())
      return badInput(file, "tensor '" + tensor.sourceName + "': " + cause);
    tensors.push_back(std::move(tensor));
  }
  // By name on equal offsets: the order of a hash table must not show.
  llvm::sort(tensors, [](const TensorInfo &a, const TensorInfo &b) {
    return std::tie(a.offset, a.sourceName) < std::tie(b.offset, b.sourceName);
  });
  if (llvm::Error error = checkOverlap(tensors, file))
    return std::move(error);
  return tensors;
}

/// The text of the header of an open file.
static llvm::Expected<std::string> readHeaderText(int descriptor, llvm::StringRef path,
                                                  const CheckpointLimits &limits) {
  char length[kLengthBytes];
  llvm::Expected<uint64_t> fileBytes = sizeOfFile(descriptor, path);
  if (!fileBytes)
    return fileBytes.takeError();
  llvm::Expected<uint64_t> count = readAt(descriptor, path, 0, length);
  if (!count)
    return count.takeError();
  if (*count < kLengthBytes)
    return badInput(path, "truncated: no safetensors header; fetch the file again");
  const uint64_t headerBytes = llvm::support::endian::read64le(length);
  if (headerBytes > limits.headerBytes)
    return badInput(path, "not a safetensors file: a header of " + llvm::Twine(headerBytes) +
                              " bytes is above the limit of " + llvm::Twine(limits.headerBytes));
  if (headerBytes > *fileBytes - kLengthBytes)
    return badInput(path, "truncated inside the safetensors header; fetch the file again");
  std::string text(headerBytes, '\0');
  count = readAt(descriptor, path, kLengthBytes, {text.data(), text.size()});
  if (!count)
    return count.takeError();
  if (*count < headerBytes)
    return badInput(path, "shrank while its header was read");
  return text;
}

llvm::Expected<std::vector<TensorInfo>> qvl::readSafetensorsHeader(llvm::StringRef path,
                                                                   const CheckpointLimits &limits) {
  llvm::Expected<int> descriptor = openForReading(path);
  if (!descriptor)
    return descriptor.takeError();
  llvm::scope_exit close([&] { ::close(*descriptor); });
  llvm::Expected<std::string> text = readHeaderText(*descriptor, path, limits);
  if (!text)
    return text.takeError();
  return parseSafetensorsHeader(*text, path, kLengthBytes + text->size(), limits);
}
