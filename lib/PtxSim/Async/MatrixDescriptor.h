// Matrix descriptors of wgmma: operands in shared memory (PTX ISA 9.0, section 9.7.15.5.1).
#pragma once

#include "Async/Swizzle.h"

#include <cstdint>
#include <string_view>

namespace qvlsim {

struct MatrixDescriptor {
  std::uint32_t start = 0;         // bytes
  std::uint32_t leadingOffset = 0; // bytes
  std::uint32_t strideOffset = 0;  // bytes
  std::uint8_t baseOffset = 0;     // 0 to 7, in rows of 128 bytes
  Swizzle swizzle = Swizzle::None;
};

/// Bits 0-13 start, 16-29 leading and 32-45 stride offset, all >> 4; 49-51 base offset; 62-63
/// swizzle (0 none, 1 128 bytes, 2 64 bytes, 3 32 bytes).
constexpr MatrixDescriptor decodeMatrixDescriptor(std::uint64_t bits) {
  constexpr Swizzle kModes[] = {Swizzle::None, Swizzle::Bytes128, Swizzle::Bytes64,
                                Swizzle::Bytes32};
  const auto field = [&](unsigned shift) {
    return static_cast<std::uint32_t>(bits >> shift & 0x3FFF) << 4;
  };
  return {.start = field(0),
          .leadingOffset = field(16),
          .strideOffset = field(32),
          .baseOffset = static_cast<std::uint8_t>(bits >> 49 & 7),
          .swizzle = kModes[bits >> 62]};
}

/// What is wrong with the bits that have to be zero; empty when nothing is.
constexpr std::string_view descriptorProblem(std::uint64_t bits) {
  if (bits >> 14 & 3 || bits >> 30 & 3 || bits >> 46 & 7 || bits >> 52 & 0x3FF)
    return "reserved bits of the matrix descriptor are set";
  return {};
}

/// Shared-memory offset of an element; `mn` is its row in A (column in B), `k` its place along K.
///
/// Core matrices are 8 rows of 16 bytes. With T elements in 16 bytes and a swizzle span of W
/// chunks, K-major operands hold element (mn, k) at
///   none:     (mn mod 8) 16 + (mn / 8) SBO + (k / T) LBO + (k mod T) bytes
///   swizzled: (mn mod 8) 16 W + (mn / 8) SBO + k bytes
/// and MN-major ones (16-bit elements only) at
///   none:     (mn mod T) bytes + (mn / T) SBO + (k mod 8) 16 + (k / 8) LBO
///   swizzled: (mn mod T W) bytes + (mn / (T W)) LBO + (k mod 8) 16 W + (k / 8) SBO
/// to which the swizzle of the address is applied.
constexpr std::uint64_t matrixElementOffset(const MatrixDescriptor &d, bool mnMajor,
                                            unsigned elementBytes, unsigned mn, unsigned k) {
  const std::uint64_t span = swizzleSpan(d.swizzle), perRow = span / elementBytes;
  const bool plain = d.swizzle == Swizzle::None;
  std::uint64_t offset = d.start;
  if (!mnMajor) {
    offset += mn % 8 * span + std::uint64_t{mn / 8} * d.strideOffset;
    offset += plain ? k / perRow * d.leadingOffset + k % perRow * elementBytes : k * elementBytes;
  } else {
    offset += mn % perRow * elementBytes + k % 8 * span;
    offset += mn / perRow * (plain ? d.strideOffset : d.leadingOffset);
    offset += std::uint64_t{k / 8} * (plain ? d.leadingOffset : d.strideOffset);
  }
  // A base offset says that the pattern starts that many rows of 128 bytes before an aligned one.
  const std::uint64_t shift = std::uint64_t{d.baseOffset} << 7;
  return swizzled(offset - shift, d.swizzle) + shift;
}

} // namespace qvlsim
