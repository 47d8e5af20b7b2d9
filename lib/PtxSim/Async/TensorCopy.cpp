#include "Async/TensorCopy.h"

#include "Async/BulkTransfer.h"
#include "Async/Reduction.h"
#include "absl/strings/str_format.h"

#include <cstring>

namespace qvlsim {
namespace {

/// Fills a row's bytes outside the tensor: zero, or the NaN of the element type.
void fillRow(const TensorMap &map, std::byte *row, std::uint64_t bytes) {
  std::memset(row, 0, bytes);
  if (!map.fillNan)
    return;
  // The canonical NaN of each format, little-endian; f64 has all bits below the sign set as well.
  const std::uint64_t pattern = map.elementBytes == 8   ? 0x7FFFFFFFFFFFFFFFu
                                : map.elementBytes == 4 ? 0x7FFFFFFFu
                                                        : 0x7FFFu;
  for (std::uint64_t b = 0; b < bytes; b += map.elementBytes)
    std::memcpy(row + b, &pattern, map.elementBytes);
}

constexpr std::uint64_t kMaxRowBytes = 256 * 8;

} // namespace

bool readTensorMap(TensorCopy &copy, std::uint64_t address) {
  RangeAccess range;
  if (!accessRange(*copy.warp, *copy.instruction, copy.lane, address, kTensorMapBytes, 64,
                   AccessKind::Read, StateSpace::Generic, range))
    return false;
  if (range.space == StateSpace::Shared || range.space == StateSpace::Local)
    return copy.fail(FaultKind::IllegalInstructionUse,
                     "a tensor map lies in global, constant or parameter memory");
  if (!requireInitialised(*copy.warp, *copy.instruction, copy.lane, range, kTensorMapBytes) ||
      !observeBulk(*copy.warp, *copy.instruction, copy.lane, AccessKind::Read, range,
                   kTensorMapBytes, nullptr, Proxy::TensorMap))
    return false;
  const auto map =
      decodeTensorMap(std::span<const std::byte, kTensorMapBytes>(range.data, kTensorMapBytes));
  if (!map.ok())
    return copy.fail(FaultKind::IllegalInstructionUse, std::string(map.status().message()));
  copy.map = *map;
  if (map->rank != copy.instruction->elements)
    return copy.fail(FaultKind::IllegalInstructionUse,
                     absl::StrFormat("the tensor map has rank %d, the instruction %d", map->rank,
                                     copy.instruction->elements));
  return true;
}

bool resolveShared(const TensorCopy &copy, std::uint64_t address, StateSpace space, AccessKind kind,
                   RangeAccess &range) {
  if (!accessRange(*copy.warp, *copy.instruction, copy.lane, address, copy.map.boxBytes(), 128,
                   kind, space, range))
    return false;
  return range.space == StateSpace::Shared ||
         copy.fail(FaultKind::IllegalInstructionUse, "the address does not lie in shared memory");
}

bool observeRows(const TensorCopy &copy, AccessKind kind) {
  return forTensorRows(copy.map, copy.coordinates, [&](const TensorRow &row) {
    if (row.first >= row.last)
      return true;
    const std::uint64_t inside = std::uint64_t{row.last - row.first} * copy.map.elementBytes;
    RangeAccess range;
    return accessRange(*copy.warp, *copy.instruction, copy.lane, row.address, inside, 1, kind,
                       StateSpace::Global, range) &&
           observeBulk(*copy.warp, *copy.instruction, copy.lane, kind, range, inside,
                       &copy.completion);
  });
}

bool loadBox(const TensorCopy &copy, const RangeAccess &target) {
  const std::uint64_t bytes = copy.rowBytes();
  return forTensorRows(copy.map, copy.coordinates, [&](const TensorRow &row) {
    alignas(16) std::byte buffer[kMaxRowBytes];
    fillRow(copy.map, buffer, bytes);
    if (row.first < row.last) {
      const std::uint64_t inside = std::uint64_t{row.last - row.first} * copy.map.elementBytes;
      RangeAccess source;
      if (!accessRange(*copy.warp, *copy.instruction, copy.lane, row.address, inside, 1,
                       AccessKind::Read, StateSpace::Global, source) ||
          !requireInitialised(*copy.warp, *copy.instruction, copy.lane, source, inside))
        return false;
      std::memcpy(buffer + std::uint64_t{row.first} * copy.map.elementBytes, source.data, inside);
    }
    for (std::uint64_t b = 0; b < bytes; b += 16)
      std::memcpy(copy.chunk(target, row.sharedOffset + b), buffer + b, 16);
    return true;
  });
}

Type reductionType(const TensorMap &map) {
  const bool wide = map.elementBytes == 8;
  switch (map.element) {
  case TensorElement::Half:
    return Type::F16;
  case TensorElement::Bfloat16:
    return Type::BF16;
  case TensorElement::Float:
    return wide ? Type::F64 : Type::F32;
  case TensorElement::Signed:
    return wide ? Type::S64 : Type::S32;
  default:
    return wide ? Type::U64 : Type::U32;
  }
}

void readBox(const TensorCopy &copy, const RangeAccess &source, std::vector<std::byte> &box) {
  box.resize(copy.map.boxBytes());
  for (std::uint64_t b = 0; b < box.size(); b += 16)
    std::memcpy(box.data() + b, copy.chunk(source, b), 16);
}

bool writeBox(const TensorCopy &copy, const std::vector<std::byte> &box) {
  const auto reduction = static_cast<Reduction>(copy.instruction->variant);
  return forTensorRows(copy.map, copy.coordinates, [&](const TensorRow &row) {
    if (row.first >= row.last)
      return true;
    const std::uint32_t count = row.last - row.first;
    const std::uint64_t inside = std::uint64_t{count} * copy.map.elementBytes;
    const std::byte *source =
        box.data() + row.sharedOffset + std::uint64_t{row.first} * copy.map.elementBytes;
    RangeAccess target;
    if (!accessRange(*copy.warp, *copy.instruction, copy.lane, row.address, inside, 1,
                     reduction == Reduction::None ? AccessKind::Write : AccessKind::Atomic,
                     StateSpace::Global, target))
      return false;
    if (reduction == Reduction::None)
      std::memcpy(target.data, source, inside);
    else if (!requireInitialised(*copy.warp, *copy.instruction, copy.lane, target, inside))
      return false;
    else
      reduceElements(reduction, reductionType(copy.map), target.data, source, count);
    target.markWritten(inside);
    return true;
  });
}

} // namespace qvlsim
