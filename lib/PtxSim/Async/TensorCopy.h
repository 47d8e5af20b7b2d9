// One lane's tensor copy in tile mode (PTX ISA 9.0, section 9.7.9.25.5): a box of a tensor in
// global memory, and its image in shared memory.
#pragma once

#include "Async/TensorBox.h"
#include "Exec/Warp.h"
#include "Memory/Access.h"
#include "Memory/AccessObserver.h"
#include "Module/Instruction.h"

#include <vector>

namespace qvlsim {

/// Everything that one lane's copy needs.
struct TensorCopy {
  Warp *warp = nullptr;
  const Instruction *instruction = nullptr;
  unsigned lane = 0;
  TensorMap map = {};
  std::array<std::int32_t, kMaxTensorRank> coordinates{};
  Completion completion = {}; // by which others hear of its end

  bool fail(FaultKind kind, std::string_view detail) const {
    warp->fail(*instruction, kind, lane, detail);
    return false;
  }
  /// The place of 16 bytes of a row in the box's shared memory: the swizzle works on the offset in
  /// the CTA, and stays inside the aligned 128 bytes that the box covers.
  std::byte *chunk(const RangeAccess &shared, std::uint64_t offset) const {
    const std::uint64_t address = shared.address + offset;
    const std::uint64_t place = swizzled(address, static_cast<Swizzle>(map.swizzle));
    return shared.data + offset + static_cast<std::int64_t>(place - address);
  }
  std::uint64_t rowBytes() const { return std::uint64_t{map.box[0]} * map.elementBytes; }
};

// All of these return false after Warp::fail.

/// Reads and checks the tensor map at an address.
bool readTensorMap(TensorCopy &copy, std::uint64_t address);
/// Finds the box's image, which lies in shared memory.
bool resolveShared(const TensorCopy &copy, std::uint64_t address, StateSpace space, AccessKind kind,
                   RangeAccess &range);
/// Checks the rows in global memory and tells the observer of them, when the copy is issued.
bool observeRows(const TensorCopy &copy, AccessKind kind);
/// From global to shared memory; elements outside the tensor become zero or NaN.
bool loadBox(const TensorCopy &copy, const RangeAccess &target);
/// Reads the image without its swizzle.
void readBox(const TensorCopy &copy, const RangeAccess &source, std::vector<std::byte> &box);
/// Writes that to global memory, or reduces it into what is there, by the instruction's Reduction;
/// elements outside the tensor are not written.
bool writeBox(const TensorCopy &copy, const std::vector<std::byte> &box);

/// The type as which reductions take the map's elements.
Type reductionType(const TensorMap &map);

} // namespace qvlsim
