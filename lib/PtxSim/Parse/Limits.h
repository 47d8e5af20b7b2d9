// Bounds on what a module may ask of the host, so that hostile text ends in an error.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qvlsim {

inline constexpr std::size_t kMaxTextBytes = std::size_t{256} << 20;
inline constexpr unsigned kMaxNesting = 64;                 // of blocks, vectors, expressions
inline constexpr std::size_t kMaxInstructions = 1 << 22;    // of one function
inline constexpr std::uint32_t kMaxRegisterBytes = 1 << 24; // of one warp's frame: 131072 registers
inline constexpr std::uint64_t kMaxLocalBytes = 512 << 10;  // of one thread, PTX's own limit
inline constexpr std::uint64_t kMaxGlobalBytes = std::uint64_t{1} << 36;
inline constexpr std::uint64_t kMaxConstantBytes = 64 << 10;
inline constexpr std::size_t kMaxVariables = 1 << 16;
inline constexpr unsigned kSharedVariableBits = 24; // a window of shared memory
inline constexpr unsigned kMaxCallDepth = 256;

} // namespace qvlsim
