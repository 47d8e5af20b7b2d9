// atom and red (PTX ISA 9.0, section 9.7.13).
#include "Exec/Cluster.h"
#include "Isa/Dispatch.h"
#include "Isa/Rounding.h"
#include "Memory/Access.h"

#include <algorithm>
#include <bit>
#include <mutex>

namespace qvlsim {
namespace {

using U32 = std::uint32_t;
using U64 = std::uint64_t;
enum AtomicOp : U32 { AndOp, OrOp, XorOp, CasOp, ExchOp, AddOp, IncOp, DecOp, MinOp, MaxOp };

/// Packed or single halves: one element each.
U32 addHalves(Type type, U32 a, U32 b, AtomicOp op) {
  const Format format = formatOf(type);
  U32 result = 0;
  for (unsigned at = 0; at < byteSize(type) * 8; at += 16) {
    double x = decodeFloat(format, a >> at & 0xFFFF), y = decodeFloat(format, b >> at & 0xFFFF);
    double value = op == AddOp     ? addRoundedToOdd(x, y)
                   : std::isnan(x) ? y
                   : std::isnan(y) ? x
                   : op == MinOp   ? std::fmin(x, y)
                                   : std::fmax(x, y);
    result |= static_cast<U32>(encodeFloat(format, value)) << at;
  }
  return result;
}

template <typename T> T integerOp(U32 op, T old, T b) {
  switch (op) {
  case AndOp:
    return old & b;
  case OrOp:
    return old | b;
  case XorOp:
    return old ^ b;
  case ExchOp:
    return b;
  case IncOp:
    return old >= b ? T{0} : static_cast<T>(old + 1);
  case DecOp:
    return old == 0 || old > b ? b : static_cast<T>(old - 1);
  default:
    return static_cast<T>(old + b);
  }
}

/// add.f32: on global memory subnormal operands and results become zero, on shared memory they
/// stay.
U32 addFloats(U32 old, U32 b, bool global) {
  const auto x = std::bit_cast<float>(old), y = std::bit_cast<float>(b);
  return std::bit_cast<U32>(canonical(global ? flushed(flushed(x) + flushed(y)) : x + y));
}

/// The new value of one element of up to 8 bytes; `global`: it lies in global memory.
U64 update(const Instruction &i, bool global, U64 old, U64 b, U64 c) {
  const U32 op = i.variant;
  if (op == CasOp)
    return old == b ? c : old;
  switch (i.type) {
  case Type::F32:
    return addFloats(static_cast<U32>(old), static_cast<U32>(b), global);
  case Type::F64:
    return std::bit_cast<U64>(std::bit_cast<double>(old) + std::bit_cast<double>(b));
  case Type::F16:
  case Type::BF16:
  case Type::F16x2:
  case Type::BF16x2:
    return addHalves(i.type, static_cast<U32>(old), static_cast<U32>(b), static_cast<AtomicOp>(op));
  case Type::S32:
    if (op == MinOp || op == MaxOp) {
      auto x = static_cast<std::int32_t>(old), y = static_cast<std::int32_t>(b);
      return static_cast<U32>(op == MinOp ? std::min(x, y) : std::max(x, y));
    }
    return integerOp(op, static_cast<U32>(old), static_cast<U32>(b));
  case Type::S64:
    if (op == MinOp || op == MaxOp) {
      auto x = static_cast<std::int64_t>(old), y = static_cast<std::int64_t>(b);
      return static_cast<U64>(op == MinOp ? std::min(x, y) : std::max(x, y));
    }
    return integerOp(op, old, b);
  default:
    if (op == MinOp || op == MaxOp)
      return op == MinOp ? std::min(old, b) : std::max(old, b);
    return byteSize(i.type) == 8 ? integerOp<U64>(op, old, b)
                                 : integerOp<U32>(op, static_cast<U32>(old), static_cast<U32>(b));
  }
}

/// Replaces an element by what fn makes of it, atomically also for other host threads.
template <typename T, typename Function> T exchange(std::byte *at, Function fn) {
  T *place = reinterpret_cast<T *>(at);
  T old = __atomic_load_n(place, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(place, &old, static_cast<T>(fn(old)), false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_RELAXED)) {
  }
  return old;
}

// Operands: destination (or none of red), address, b, c (of cas). Vectors: i.elements destinations
// and sources; the lanes run in ascending order.
Step atomicHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  AccessRequest request;
  request.kind = AccessKind::Atomic;
  request.space = i.space;
  request.bytes = static_cast<U32>(i.elementBytes) * i.elements;
  request.ordering = i.ordering;
  request.scope = i.scope;
  LaneAccess access;
  const Operand *sources = i.operands + i.destinations;
  if (!accessMemory(warp, i, mask, sources[0], request, access))
    return Step::Fault;
  forLanes(mask, [&](unsigned lane) {
    U64 olds[8];
    const bool global = access.regions[lane] != nullptr;
    for (unsigned k = 0; k < i.elements; ++k) {
      U64 b = readLane64(warp, sources[1 + k], lane),
          c = i.variant == CasOp ? readLane64(warp, sources[2], lane) : 0;
      std::byte *at = access.data[lane] + std::size_t{k} * i.elementBytes;
      auto fn = [&](U64 old) { return update(i, global, old, b, c); };
      olds[k] = i.elementBytes == 8   ? exchange<U64>(at, fn)
                : i.elementBytes == 4 ? exchange<U32>(at, fn)
                                      : exchange<std::uint16_t>(at, fn);
    }
    for (unsigned k = 0; k < i.destinations; ++k)
      if (i.operands[k].exists())
        writeLane64(warp, i.operands[k], lane, olds[k]);
  });
  access.markWritten(mask);
  return Step::Next;
}

std::mutex &wideMutex() {
  static std::mutex mutex;
  return mutex;
}

// atom.cas.b128 and atom.exch.b128.
Step wideHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  AccessRequest request{.kind = AccessKind::Atomic, .space = i.space, .bytes = 16};
  request.ordering = i.ordering;
  request.scope = i.scope;
  LaneAccess access;
  if (!accessMemory(warp, i, mask, i.operands[1], request, access))
    return Step::Fault;
  std::lock_guard lock(wideMutex());
  forLanes(mask, [&](unsigned lane) {
    std::byte old[16];
    std::memcpy(old, access.data[lane], 16);
    const std::byte *b = warp.lanes(i.operands[2]) + 16 * lane;
    if (i.variant == ExchOp)
      std::memcpy(access.data[lane], b, 16);
    else if (std::memcmp(old, b, 16) == 0)
      std::memcpy(access.data[lane], warp.lanes(i.operands[3]) + 16 * lane, 16);
    if (i.operands[0].exists())
      std::memcpy(warp.lanes(i.operands[0]) + 16 * lane, old, 16);
  });
  access.markWritten(mask);
  return Step::Next;
}

/// Semantics and scope. The ISA puts them before the state space; older texts have the scope behind
/// it, or both behind the operation, and ptxas takes all three.
void acceptOrdering(Decoder &d, bool reduction) {
  static constexpr Ordering kOrderings[] = {Ordering::Relaxed, Ordering::Acquire, Ordering::Release,
                                            Ordering::AcquireRelease};
  if (d.out.ordering == Ordering::Weak) {
    int ordering = d.optionalOf({"relaxed", "acquire", "release", "acq_rel"});
    if (ordering >= 0)
      d.out.ordering = kOrderings[ordering];
    if (reduction && (ordering == 1 || ordering == 3))
      d.fail("red is .relaxed or .release");
  }
  if (d.out.scope == Scope::None)
    d.out.scope = d.scope();
}

StateSpace acceptSpace(Decoder &d) {
  switch (d.optionalOf({"global", "shared", "shared::cta", "shared::cluster"})) {
  case 0:
    return StateSpace::Global;
  case 1:
  case 2:
    return StateSpace::Shared;
  case 3:
    return StateSpace::SharedCluster;
  default:
    return StateSpace::Generic;
  }
}

bool typeFits(U32 op, Type type) {
  switch (op) {
  case AndOp:
  case OrOp:
  case XorOp:
    return type == Type::B32 || type == Type::B64;
  case CasOp:
    return type == Type::B16 || type == Type::B32 || type == Type::B64 || type == Type::B128;
  case ExchOp:
    return type == Type::B32 || type == Type::B64 || type == Type::B128;
  case IncOp:
  case DecOp:
    return type == Type::U32;
  case MinOp:
  case MaxOp:
    return type == Type::U32 || type == Type::S32 || type == Type::U64 || type == Type::S64 ||
           type == Type::F16 || type == Type::F16x2 || type == Type::BF16 || type == Type::BF16x2;
  default:
    return type == Type::U32 || type == Type::S32 || type == Type::U64 || type == Type::S64 ||
           type == Type::F32 || type == Type::F64 || type == Type::F16 || type == Type::F16x2 ||
           type == Type::BF16 || type == Type::BF16x2;
  }
}

Type registerType(Type type) {
  return byteSize(type) == 2   ? Type::B16
         : byteSize(type) == 4 ? Type::B32
         : byteSize(type) == 8 ? Type::B64
                               : Type::B128;
}

absl::Status decodeAtomic(Decoder &d, bool reduction) {
  d.out.instructionClass = InstructionClass::Atomic;
  acceptOrdering(d, reduction);
  StateSpace space = acceptSpace(d);
  acceptOrdering(d, reduction);
  d.out.variant = static_cast<U32>(
      d.oneOf({"and", "or", "xor", "cas", "exch", "add", "inc", "dec", "min", "max"}));
  acceptOrdering(d, reduction);
  if (d.out.ordering == Ordering::Weak)
    d.out.ordering = Ordering::Relaxed;
  if (d.out.scope == Scope::None)
    d.out.scope = Scope::Gpu;
  bool noFlush = d.accept("noftz");
  bool policy = d.cacheHints();
  int vector = d.optionalOf({"v2", "v4", "v8"});
  policy |= d.cacheHints();
  d.out.elements = vector < 0 ? 1 : static_cast<std::uint8_t>(2 << vector);
  d.out.type = d.type();
  if (!typeFits(d.out.variant, d.out.type) ||
      (reduction && (d.out.variant == CasOp || d.out.variant == ExchOp)) ||
      byteSize(d.out.type) == 1)
    d.fail("this operation does not exist on this type");
  bool half = byteSize(d.out.type) <= 4 && isFloat(d.out.type) && d.out.type != Type::F32;
  if (half != noFlush && half)
    d.fail(".noftz expected");
  d.out.elementBytes = static_cast<std::uint8_t>(byteSize(d.out.type));
  if (d.out.elements > 1 && (!isFloat(d.out.type) || d.out.elementBytes * d.out.elements > 16))
    d.fail("a vector of this length and type does not exist");
  const Type reg = registerType(d.out.type);
  std::size_t at = 0;
  if (!reduction)
    d.destinationVector(at++, reg, false, true);
  d.address(at++, space);
  d.sourceVector(at++, reg);
  if (d.out.variant == CasOp)
    d.source(at++, reg);
  d.expectOperands(at + (policy ? 1 : 0));
  if (policy)
    d.source(at, Type::B64);
  if (d.out.space == StateSpace::Generic)
    d.out.space = space;
  d.out.handler = byteSize(d.out.type) == 16 ? wideHandler : atomicHandler;
  return absl::OkStatus();
}

} // namespace

void addAtomicsInstructions(InstructionTable &table) {
  table.add("atom", [](Decoder &d) { return decodeAtomic(d, false); });
  table.add("red", [](Decoder &d) { return decodeAtomic(d, true); });
}

} // namespace qvlsim
