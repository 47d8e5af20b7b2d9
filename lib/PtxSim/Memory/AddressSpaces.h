// Where the state spaces lie in the 64-bit generic address space of the simulator.
//
// No host pointer of x86-64 or AArch64 Linux lies at or above 2^48, so a host pointer that a kernel
// follows by mistake is out of bounds.
#pragma once

#include <cstdint>

namespace qvlsim {

/// Global memory: DeviceMemory hands out addresses from here upwards.
inline constexpr std::uint64_t kGlobalBase = std::uint64_t{1} << 48;
inline constexpr std::uint64_t kGlobalEnd = kGlobalBase + (std::uint64_t{1} << 46);

/// Shared memory of a cluster. A .shared address is (rank of the CTA in its cluster) << 24 |
/// offset, also that of the own CTA, as on the hardware; the generic address adds the base of the
/// window.
inline constexpr std::uint64_t kSharedWindow = kGlobalBase + (std::uint64_t{2} << 46);
inline constexpr unsigned kSharedRankShift = 24;
inline constexpr std::uint64_t kSharedWindowBytes = std::uint64_t{1} << 32;

/// Local memory of the thread that uses the address. A .local address is its offset; zero is no
/// address.
inline constexpr std::uint64_t kLocalWindow = kSharedWindow + (std::uint64_t{1} << 33);
inline constexpr std::uint64_t kLocalWindowBytes = std::uint64_t{1} << 32;
inline constexpr std::uint64_t kLocalStart = 16;

/// Kernel parameters.
inline constexpr std::uint64_t kParameterWindow = kLocalWindow + (std::uint64_t{1} << 33);
inline constexpr std::uint64_t kParameterWindowBytes = std::uint64_t{1} << 16;

/// Addresses of functions: the base plus 16 times the index in Program::functions.
inline constexpr std::uint64_t kCodeWindow = kParameterWindow + (std::uint64_t{1} << 33);

} // namespace qvlsim
