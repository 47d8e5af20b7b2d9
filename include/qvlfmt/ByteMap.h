// The printable form of bytes in the vocabulary files of byte-level BPE (the model specification,
// section 3.4).
//
// Depends on nothing: the importer undoes the map, tests and tools apply it.
#pragma once

#include <array>
#include <cstdint>

namespace qvlfmt {

/// True for the bytes that stand for themselves: 0x21 to 0x7E, 0xA1 to 0xAC and 0xAE to 0xFF.
constexpr bool isPrintableByte(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

/// Byte to code point. The other 68 bytes follow from U+0100 in increasing order.
constexpr std::array<std::uint16_t, 256> makeByteToCodePoint() {
  std::array<std::uint16_t, 256> map{};
  std::uint16_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte)
    map[byte] = isPrintableByte(byte) ? static_cast<std::uint16_t>(byte) : next++;
  return map;
}
inline constexpr std::array<std::uint16_t, 256> kByteToCodePoint = makeByteToCodePoint();

/// First code point that no byte maps to.
inline constexpr std::uint32_t kByteMapEnd = 0x100 + 68;

/// Code point to byte, or -1.
constexpr std::array<std::int16_t, kByteMapEnd> makeCodePointToByte() {
  std::array<std::int16_t, kByteMapEnd> map{};
  for (std::int16_t &entry : map)
    entry = -1;
  for (unsigned byte = 0; byte < 256; ++byte)
    map[kByteToCodePoint[byte]] = static_cast<std::int16_t>(byte);
  return map;
}
inline constexpr std::array<std::int16_t, kByteMapEnd> kCodePointToByte = makeCodePointToByte();

/// The byte that a code point of a vocabulary string stands for, or -1 when it stands for none.
constexpr int byteOfCodePoint(std::uint32_t codePoint) {
  return codePoint < kByteMapEnd ? kCodePointToByte[codePoint] : -1;
}

} // namespace qvlfmt
