#include "Async/Reduction.h"

#include "Isa/MatrixElements.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace qvlsim {
namespace {

template <typename T> T combineInteger(Reduction reduction, T old, T value) {
  switch (reduction) {
  case Reduction::Add:
    return static_cast<T>(static_cast<std::uint64_t>(old) + static_cast<std::uint64_t>(value));
  case Reduction::Min:
    return std::min(old, value);
  case Reduction::Max:
    return std::max(old, value);
  case Reduction::Increment:
    return old >= value ? T{0} : static_cast<T>(old + 1);
  case Reduction::Decrement:
    return old == 0 || old > value ? value : static_cast<T>(old - 1);
  case Reduction::And:
    return old & value;
  case Reduction::Or:
    return old | value;
  default:
    return old ^ value;
  }
}

/// NaN loses against a number in min and max.
template <typename T> T combineFloat(Reduction reduction, T old, T value) {
  if (reduction == Reduction::Add)
    return old + value;
  if (old != old || value != value)
    return old != old ? value : old;
  return reduction == Reduction::Min ? std::min(old, value) : std::max(old, value);
}

template <typename Bits, typename Combine>
void update(std::byte *destination, const std::byte *source, std::size_t count, Combine combine) {
  for (std::size_t e = 0; e < count; ++e) {
    auto *place = reinterpret_cast<Bits *>(destination) + e;
    Bits value, old = __atomic_load_n(place, __ATOMIC_RELAXED), next;
    std::memcpy(&value, source + e * sizeof(Bits), sizeof(Bits));
    do
      next = combine(old, value);
    while (
        !__atomic_compare_exchange_n(place, &old, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  }
}

template <typename Value, typename Bits>
void updateInteger(Reduction r, std::byte *to, const std::byte *from, std::size_t count) {
  update<Bits>(to, from, count, [r](Bits a, Bits b) {
    return static_cast<Bits>(combineInteger(r, static_cast<Value>(a), static_cast<Value>(b)));
  });
}
template <typename Value, typename Bits>
void updateFloat(Reduction r, std::byte *to, const std::byte *from, std::size_t count) {
  update<Bits>(to, from, count, [r](Bits a, Bits b) {
    return std::bit_cast<Bits>(combineFloat(r, std::bit_cast<Value>(a), std::bit_cast<Value>(b)));
  });
}

} // namespace

void reduceElements(Reduction r, Type type, std::byte *to, const std::byte *from,
                    std::size_t count) {
  switch (type) {
  case Type::U32:
  case Type::B32:
    return updateInteger<std::uint32_t, std::uint32_t>(r, to, from, count);
  case Type::S32:
    return updateInteger<std::int32_t, std::uint32_t>(r, to, from, count);
  case Type::U64:
  case Type::B64:
    return updateInteger<std::uint64_t, std::uint64_t>(r, to, from, count);
  case Type::S64:
    return updateInteger<std::int64_t, std::uint64_t>(r, to, from, count);
  case Type::F32:
    return updateFloat<float, std::uint32_t>(r, to, from, count);
  case Type::F64:
    return updateFloat<double, std::uint64_t>(r, to, from, count);
  case Type::F16:
    return update<std::uint16_t>(to, from, count, [r](std::uint16_t a, std::uint16_t b) {
      return floatToHalf(combineFloat(r, halfToFloat(a), halfToFloat(b)));
    });
  default: // BF16
    return update<std::uint16_t>(to, from, count, [r](std::uint16_t a, std::uint16_t b) {
      return floatToBfloat16(combineFloat(r, bfloat16ToFloat(a), bfloat16ToFloat(b)));
    });
  }
}

bool reductionExists(Reduction r, Type type) {
  switch (r) {
  case Reduction::Add:
    return isInteger(type) || isFloat(type);
  case Reduction::Min:
  case Reduction::Max:
    return isInteger(type) || type == Type::F16 || type == Type::BF16;
  case Reduction::Increment:
  case Reduction::Decrement:
    return type == Type::U32;
  default:
    return type == Type::B32 || type == Type::B64;
  }
}

} // namespace qvlsim
