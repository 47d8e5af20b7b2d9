// Typed access to the lanes of operands.
#pragma once

#include "Exec/Warp.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

namespace qvlsim {

/// The lane of a register that holds a T: 4 bytes up to 32 bits, else 8.
template <typename T>
using LaneOf = std::conditional_t<(sizeof(T) > 4), std::uint64_t, std::uint32_t>;

/// The lanes of a register: LaneOf<T>* for whole-warp loops.
template <typename T> LaneOf<T> *laneArray(const Warp &warp, const Operand &o) {
  return reinterpret_cast<LaneOf<T> *>(warp.lanes(o));
}
template <typename T> T fromLane(LaneOf<T> lane) {
  T value;
  std::memcpy(&value, &lane, sizeof(T)); // little-endian: the low bytes
  return value;
}
template <typename T> LaneOf<T> toLane(T value) {
  LaneOf<T> lane = 0;
  std::memcpy(&lane, &value, sizeof(T));
  return lane;
}
template <typename T> T readLane(const Warp &warp, const Operand &o, unsigned lane) {
  return fromLane<T>(laneArray<T>(warp, o)[lane]);
}
template <typename T> void writeLane(const Warp &warp, const Operand &o, unsigned lane, T value) {
  laneArray<T>(warp, o)[lane] = toLane<T>(value);
}
/// Zero-extended lane of a 32- or 64-bit register.
inline std::uint64_t readLane64(const Warp &warp, const Operand &o, unsigned lane) {
  return o.kind == Operand::Kind::Value64 ? readLane<std::uint64_t>(warp, o, lane)
                                          : readLane<std::uint32_t>(warp, o, lane);
}
/// Stores the low bits of `value` as the register's width demands.
inline void writeLane64(const Warp &warp, const Operand &o, unsigned lane, std::uint64_t value) {
  if (o.kind == Operand::Kind::Value64)
    writeLane<std::uint64_t>(warp, o, lane, value);
  else
    writeLane<std::uint32_t>(warp, o, lane,
                             static_cast<std::uint32_t>(o.bits == 16 ? value & 0xFFFF : value));
}
/// Address of a lane: an address operand with its displacement. 32-bit bases are zero-extended.
inline std::uint64_t laneAddress(const Warp &warp, const Operand &o, unsigned lane) {
  return readLane64(warp, o, lane) + static_cast<std::uint64_t>(o.displacement);
}

/// Calls fn(lane) for the lanes of a mask, as a plain loop where the mask is full.
template <typename Function> void forLanes(LaneMask mask, Function fn) {
  if (mask == kAllLanes) {
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      fn(lane);
    return;
  }
  for (LaneMask rest = mask; rest; rest &= rest - 1)
    fn(static_cast<unsigned>(std::countr_zero(rest)));
}

/// Handler of d = F(a, b, ...) on lanes: D and A... are the C++ types of destination and sources.
/// F is a stateless callable, with or without the instruction as first argument.
template <typename F, typename D, typename... A>
Step elementwise(Warp &warp, const Instruction &i, LaneMask mask) {
  auto run = [&]<std::size_t... I>(std::index_sequence<I...>) {
    auto *d = laneArray<D>(warp, i.operands[0]);
    auto arrays = std::tuple(laneArray<A>(warp, i.operands[1 + I])...);
    forLanes(mask, [&](unsigned lane) {
      if constexpr (std::is_invocable_v<F, const Instruction &, A...>)
        d[lane] = toLane<D>(F{}(i, fromLane<A>(std::get<I>(arrays)[lane])...));
      else
        d[lane] = toLane<D>(F{}(fromLane<A>(std::get<I>(arrays)[lane])...));
    });
  };
  run(std::index_sequence_for<A...>{});
  return Step::Next;
}

} // namespace qvlsim
