#include "CudaTensorMap.h"

#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <array>
#include <bit>

namespace qvlrt {

namespace {

constexpr std::size_t kRank = 5; // the largest

/// The element type as CUtensorMapDataType, and its bytes.
struct MapElement {
  int type, bytes;
};

MapElement elementOf(qvlfmt::ElementType element) {
  switch (element) {
  case qvlfmt::ElementType::U8:
    return {0, 1};
  case qvlfmt::ElementType::I32:
    return {3, 4};
  case qvlfmt::ElementType::I64:
    return {5, 8};
  case qvlfmt::ElementType::F16:
    return {6, 2};
  case qvlfmt::ElementType::F32:
    return {7, 4};
  case qvlfmt::ElementType::BF16:
    return {9, 2};
  }
  return {-1, 0};
}

/// CUtensorMapSwizzle: 0 for none, then 1 to 3 for 32, 64 and 128 bytes.
int swizzleMode(std::uint32_t bytes) { return bytes == 0 ? 0 : std::countr_zero(bytes) - 4; }

} // namespace

absl::StatusOr<CUtensorMap> encodeMap(const Driver &driver, const qvlfmt::TensorMap &map,
                                      const Launch &launch) {
  constexpr int kPlain = 0, kZeros = 0, kPromoteTo128Bytes = 2;
  const MapElement element = elementOf(map.element());
  const std::uint32_t rank = map.sizes()->size();
  std::array<cuuint64_t, kRank> sizes{}, strides{}; // strides of dimensions 1, 2, ...
  std::array<cuuint32_t, kRank> box{}, steps{};
  std::uint64_t bytes = static_cast<std::uint64_t>(element.bytes);
  for (std::uint32_t i = 0; i < rank; ++i) {
    sizes[i] = map.sizes()->Get(i);
    box[i] = map.box()->Get(i);
    steps[i] = 1;
    strides[i] = bytes *= sizes[i];
  }
  if (sizes[rank - 1] == 0) {
    const std::int64_t size = launch.scalars[map.scalar()];
    if (size < 1 || size > std::int64_t{1} << 32)
      return absl::InvalidArgumentError(absl::StrCat("a tensor map of ", size, " rows"));
    sizes[rank - 1] = static_cast<cuuint64_t>(size);
  }
  CUtensorMap encoded{};
  QVLRT_RETURN_IF_ERROR(driver.cuTensorMapEncodeTiled(
      &encoded, element.type, rank, launch.buffers[map.buffer()], sizes.data(), strides.data(),
      box.data(), steps.data(), kPlain, swizzleMode(map.swizzle()), kPromoteTo128Bytes, kZeros));
  return encoded;
}

} // namespace qvlrt
