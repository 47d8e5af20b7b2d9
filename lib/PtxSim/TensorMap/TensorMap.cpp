#include "qvlsim/TensorMap.h"

#include "absl/strings/str_format.h"

#include <cstring>

namespace qvlsim {
namespace {

struct Packed {
  std::uint32_t mark;
  std::uint32_t checksum; // of the bytes behind it
  std::uint64_t address;
  std::uint64_t strides[kMaxTensorRank - 1];
  std::uint32_t lastIndex[kMaxTensorRank]; // extent - 1: extents reach 2^32
  std::uint16_t box[kMaxTensorRank];
  std::uint8_t elementStrides[kMaxTensorRank];
  std::uint8_t rank, dataType, swizzle, fill;
};
static_assert(sizeof(Packed) <= kTensorMapBytes);
constexpr std::uint32_t kMark = 0x50414D54;

struct ElementFormat {
  std::uint32_t bytes;
  TensorElement element;
};
/// In the order of CUtensorMapDataType.
constexpr ElementFormat kFormats[] = {
    {1, TensorElement::Unsigned}, {2, TensorElement::Unsigned}, {4, TensorElement::Unsigned},
    {4, TensorElement::Signed},   {8, TensorElement::Unsigned}, {8, TensorElement::Signed},
    {2, TensorElement::Half},     {4, TensorElement::Float},    {8, TensorElement::Float},
    {2, TensorElement::Bfloat16}, {4, TensorElement::Float},    {4, TensorElement::Float},
    {4, TensorElement::Float}};
constexpr int kDataTypes = static_cast<int>(std::size(kFormats));

std::uint32_t checksum(const Packed &packed) {
  const auto *bytes = reinterpret_cast<const std::uint8_t *>(&packed);
  std::uint32_t hash = 2166136261u; // FNV-1a
  for (std::size_t b = offsetof(Packed, address); b < sizeof(Packed); ++b)
    hash = (hash ^ bytes[b]) * 16777619u;
  return hash;
}

absl::Status checkModes(const TensorMapArguments &a) {
  if (a.dataType < 0 || a.dataType >= kDataTypes + 3)
    return absl::InvalidArgumentError(absl::StrFormat("tensorDataType %d is unknown", a.dataType));
  if (a.dataType >= kDataTypes)
    return absl::UnimplementedError("tensor maps of 4- and 6-bit elements are not supported");
  if (a.rank < 1 || a.rank > kMaxTensorRank)
    return absl::InvalidArgumentError(absl::StrFormat("tensorRank %d is outside 1 to 5", a.rank));
  if (a.interleave < 0 || a.interleave > 2 || a.swizzle < 0 || a.swizzle > 6 || a.promotion < 0 ||
      a.promotion > 3 || a.fill < 0 || a.fill > 1)
    return absl::InvalidArgumentError("interleave, swizzle, l2Promotion or oobFill is unknown");
  if (a.interleave != 0 && a.rank < 3)
    return absl::InvalidArgumentError("interleaved layouts need tensorRank 3 or more");
  if (a.interleave == 2 && a.swizzle != 1)
    return absl::InvalidArgumentError("interleave 32B needs swizzle 32B");
  if (a.interleave != 0)
    return absl::UnimplementedError("interleaved tensor maps are not supported");
  if (a.swizzle > 3)
    return absl::UnimplementedError("swizzles with 32- and 64-byte atoms are not supported");
  if (a.fill == 1 && kFormats[a.dataType].element < TensorElement::Half)
    return absl::InvalidArgumentError("NaN fill needs a floating-point type");
  return absl::OkStatus();
}

absl::Status checkExtents(const TensorMapArguments &a) {
  if (a.globalAddress % 16 != 0)
    return absl::InvalidArgumentError("globalAddress is no multiple of 16");
  for (unsigned r = 0; r < a.rank; ++r) {
    if (a.dims[r] < 1 || a.dims[r] > std::uint64_t{1} << 32)
      return absl::InvalidArgumentError(
          absl::StrFormat("globalDim[%d] = %d is outside 1 to 2^32", r, a.dims[r]));
    if (a.box[r] < 1 || a.box[r] > 256)
      return absl::InvalidArgumentError(
          absl::StrFormat("boxDim[%d] = %d is outside 1 to 256", r, a.box[r]));
    if (a.elementStrides[r] < 1 || a.elementStrides[r] > 8)
      return absl::InvalidArgumentError(
          absl::StrFormat("elementStrides[%d] = %d is outside 1 to 8", r, a.elementStrides[r]));
  }
  for (unsigned r = 0; r + 1 < a.rank; ++r)
    if (a.strides[r] % 16 != 0 || a.strides[r] == 0 || a.strides[r] >= std::uint64_t{1} << 40)
      return absl::InvalidArgumentError(absl::StrFormat(
          "globalStrides[%d] = %d is no multiple of 16 below 2^40", r, a.strides[r]));
  return absl::OkStatus();
}

absl::Status checkInnerBox(const TensorMapArguments &a) {
  const std::uint32_t bytes = a.box[0] * kFormats[a.dataType].bytes;
  if (bytes % 16 != 0)
    return absl::InvalidArgumentError(
        absl::StrFormat("boxDim[0] is %d bytes, which is no multiple of 16", bytes));
  if (a.swizzle != 0 && bytes > 16u << a.swizzle)
    return absl::InvalidArgumentError(absl::StrFormat(
        "boxDim[0] is %d bytes; the swizzle allows at most %d", bytes, 16u << a.swizzle));
  return absl::OkStatus();
}

} // namespace

std::uint64_t TensorMap::boxBytes() const {
  std::uint64_t bytes = elementBytes;
  for (unsigned r = 0; r < rank; ++r)
    bytes *= box[r];
  return bytes;
}

absl::Status encodeTensorMap(const TensorMapArguments &a,
                             std::span<std::byte, kTensorMapBytes> out) {
  if (absl::Status status = checkModes(a); !status.ok())
    return status;
  if (absl::Status status = checkExtents(a); !status.ok())
    return status;
  if (absl::Status status = checkInnerBox(a); !status.ok())
    return status;
  Packed packed;
  std::memset(&packed, 0, sizeof(packed));
  packed.mark = kMark;
  packed.address = a.globalAddress;
  packed.rank = static_cast<std::uint8_t>(a.rank);
  packed.dataType = static_cast<std::uint8_t>(a.dataType);
  packed.swizzle = static_cast<std::uint8_t>(a.swizzle);
  packed.fill = static_cast<std::uint8_t>(a.fill);
  for (unsigned r = 0; r < a.rank; ++r) {
    packed.lastIndex[r] = static_cast<std::uint32_t>(a.dims[r] - 1);
    packed.box[r] = static_cast<std::uint16_t>(a.box[r]);
    packed.elementStrides[r] = static_cast<std::uint8_t>(a.elementStrides[r]);
    if (r + 1 < a.rank)
      packed.strides[r] = a.strides[r];
  }
  packed.checksum = checksum(packed);
  std::memset(out.data(), 0, out.size());
  std::memcpy(out.data(), &packed, sizeof(packed));
  return absl::OkStatus();
}

absl::StatusOr<TensorMap> decodeTensorMap(std::span<const std::byte, kTensorMapBytes> bytes) {
  Packed packed;
  std::memcpy(&packed, bytes.data(), sizeof(packed));
  if (packed.mark != kMark || packed.checksum != checksum(packed))
    return absl::InvalidArgumentError("the 128 bytes are no tensor map of this driver");
  // A forged checksum must not lead outside the tables.
  if (packed.rank < 1 || packed.rank > kMaxTensorRank || packed.dataType >= kDataTypes ||
      packed.swizzle > 3)
    return absl::InvalidArgumentError("the tensor map is corrupt");
  const ElementFormat format = kFormats[packed.dataType];
  TensorMap map{.address = packed.address,
                .rank = packed.rank,
                .elementBytes = format.bytes,
                .element = format.element,
                .fillNan = packed.fill != 0,
                .swizzle = packed.swizzle};
  for (unsigned r = 0; r < map.rank; ++r) {
    // Dimension 0 knows no element stride without interleaving.
    const std::uint32_t step = r == 0 ? 1 : packed.elementStrides[r];
    if (step == 0 || packed.box[r] == 0 || packed.box[r] > 256)
      return absl::InvalidArgumentError("the tensor map is corrupt");
    map.dims[r] = std::uint64_t{packed.lastIndex[r]} + 1;
    map.strides[r] = r == 0 ? format.bytes : packed.strides[r - 1];
    map.steps[r] = step;
    map.box[r] = (packed.box[r] + step - 1) / step;
  }
  return map;
}

} // namespace qvlsim
