// Special registers (PTX ISA 9.0, section 10).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace qvlsim {

class Warp;
struct LaunchState;

struct SpecialRegister {
  std::uint16_t id = 0;
  bool perWarp = false; // else equal for the whole launch
  bool wide = false;    // 64-bit
  bool predicate = false;
  bool changes = false; // clocks: read by mov, each time anew
};
std::optional<SpecialRegister> findSpecialRegister(std::string_view name);

/// Values of the registers that do not change: of a launch, and of a lane.
std::uint64_t gridSpecial(const LaunchState &launch, std::uint16_t id);
std::uint64_t laneSpecial(const Warp &warp, unsigned lane, std::uint16_t id);
/// %clock, %clock64, %globaltimer and their halves: the instructions that the cluster has run.
std::uint64_t changingSpecial(const Warp &warp, std::uint16_t id);

} // namespace qvlsim
