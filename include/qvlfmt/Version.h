// Version numbers and the fixed header of a `.qvl` artifact.
//
// Depends on nothing: the compiler writes this header, the runtime reads it.
#pragma once

#include <cstdint>

namespace qvlfmt {

/// The format this tree writes. A reader accepts the same major with a minor up to its own.
inline constexpr std::uint16_t kVersionMajor = 1;
inline constexpr std::uint16_t kVersionMinor = 3;

/// First bytes of every artifact.
inline constexpr char kMagic[8] = {'Q', 'V', 'L', 'A', 'R', 'T', 'I', '\n'};

/// Alignment of the weights in the file, in bytes: one page, so that they are used where they are
/// mapped.
inline constexpr std::uint64_t kWeightAlignment = 4096;

/// The first bytes of the file, little endian. All offsets count from the start of the file.
struct FileHeader {
  char magic[8];
  std::uint16_t version_major;
  std::uint16_t version_minor;
  std::uint32_t reserved;        // zero
  std::uint64_t metadata_offset; // the flatbuffer (artifact.fbs)
  std::uint64_t metadata_bytes;
  std::uint64_t metadata_checksum; // XXH3-64 of the flatbuffer
  std::uint64_t weights_offset;    // first weight
  std::uint64_t file_bytes;        // size of the whole file: a shorter one is truncated
  std::uint64_t header_checksum;   // XXH3-64 of the bytes before this field
};
static_assert(sizeof(FileHeader) == 64, "the header is part of the format");

} // namespace qvlfmt
