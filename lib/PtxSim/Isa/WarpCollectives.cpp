// shfl, vote, match, redux, activemask, elect (PTX ISA 9.0, sections 9.7.9 and 9.7.13).
#include "Exec/Cta.h"
#include "Isa/Dispatch.h"
#include "Isa/Rounding.h"
#include "Memory/AccessObserver.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <bit>

namespace qvlsim {
namespace {

using U32 = std::uint32_t;

unsigned firstLane(LaneMask mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

/// Splits the executing lanes by the member masks that they name: each mask is a collective of its
/// own, as the tiles of a warp form them. Checks that the lanes name themselves and that all
/// members are here, and calls fn(members) for each; false after a fault.
template <typename Function>
bool forCollectives(Warp &warp, const Instruction &i, LaneMask mask, const Operand &operand,
                    Function fn) {
  for (LaneMask left = mask; left;) {
    const unsigned lane = firstLane(left);
    const auto members = readLane<U32>(warp, operand, lane);
    LaneMask group = 0;
    forLanes(left, [&](unsigned other) {
      group |= LaneMask{readLane<U32>(warp, operand, other) == members} << other;
    });
    left &= ~group;
    if (LaneMask outsiders = group & ~members)
      return warp.fail(
                 i, FaultKind::PartialWarpCollective, firstLane(outsiders),
                 absl::StrFormat("the member mask %08x does not name the executing lane", members)),
             false;
    if (LaneMask missing = members & ~group) {
      const char *why = missing & ~warp.threads() ? "do not exist"
                        : missing & ~warp.live()  ? "have exited"
                                                  : "do not execute it with this mask";
      return warp.fail(i, FaultKind::PartialWarpCollective, lane,
                       absl::StrFormat("the member mask %08x names lanes %08x, some of which %s",
                                       members, missing, why)),
             false;
    }
    if (warp.observer() != nullptr && !warp.observer()->warpSync(warp, i, members))
      return false;
    if (!fn(members))
      return false;
  }
  return true;
}
Step stepOf(bool ok) { return ok ? Step::Next : Step::Fault; }

enum ShuffleMode { Up, Down, Butterfly, Index };

// Operands: d, p (or none), a, b, c, members.
Step shuffleHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  return stepOf(forCollectives(warp, i, mask, i.operands[5], [&](LaneMask members) {
    U32 source[kWarpSize];
    std::memcpy(source, warp.lanes(i.operands[2]), sizeof(source));
    LaneMask inRange = 0;
    bool ok = true;
    U32 results[kWarpSize];
    forLanes(members, [&](unsigned lane) {
      const U32 b = readLane<U32>(warp, i.operands[3], lane) & 31,
                c = readLane<U32>(warp, i.operands[4], lane);
      const U32 segment = c >> 8 & 31, clamp = c & 31;
      const auto last = static_cast<int>((lane & segment) | (clamp & ~segment));
      const auto first = static_cast<int>(lane & segment);
      int j = 0;
      bool valid = false;
      switch (i.variant) {
      case Up:
        j = static_cast<int>(lane) - static_cast<int>(b);
        valid = j >= last;
        break;
      case Down:
        j = static_cast<int>(lane + b);
        valid = j <= last;
        break;
      case Butterfly:
        j = static_cast<int>(lane ^ b);
        valid = j <= last;
        break;
      default:
        j = first | static_cast<int>(b & ~segment);
        valid = j <= last;
        break;
      }
      if (!valid)
        j = static_cast<int>(lane);
      inRange |= LaneMask{valid} << lane;
      if (ok && !(members >> j & 1)) {
        warp.fail(
            i, FaultKind::PartialWarpCollective, lane,
            absl::StrFormat("reads lane %d, which the member mask %08x does not name", j, members));
        ok = false;
      }
      results[lane] = source[j & 31];
    });
    if (!ok)
      return false;
    if (i.operands[0].exists())
      forLanes(members,
               [&](unsigned lane) { writeLane<U32>(warp, i.operands[0], lane, results[lane]); });
    warp.setPredicate(i.operands[1], members, inRange);
    return true;
  }));
}

absl::Status decodeShfl(Decoder &d) {
  d.out.instructionClass = InstructionClass::Warp;
  d.oneOf({"sync"});
  d.out.variant = static_cast<U32>(d.oneOf({"up", "down", "bfly", "idx"}));
  d.type({Type::B32});
  d.expectOperands(5);
  d.destinationWithPredicate(0, Type::B32);
  for (std::size_t s = 1; s <= 4; ++s)
    d.source(s, Type::B32);
  d.out.handler = shuffleHandler;
  return absl::OkStatus();
}

enum VoteMode { All, Any, Uniform, Ballot };

// Operands: d, predicate, members.
Step voteHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  return stepOf(forCollectives(warp, i, mask, i.operands[2], [&](LaneMask members) {
    LaneMask votes = warp.predicate(i.operands[1]) & members;
    bool result = i.variant == All   ? votes == members
                  : i.variant == Any ? votes != 0
                                     : votes == members || votes == 0;
    if (i.variant == Ballot)
      forLanes(members, [&](unsigned lane) { writeLane<U32>(warp, i.operands[0], lane, votes); });
    else
      warp.setPredicate(i.operands[0], members, result ? members : 0);
    return true;
  }));
}
absl::Status decodeVote(Decoder &d) {
  d.out.instructionClass = InstructionClass::Warp;
  d.oneOf({"sync"});
  d.out.variant = static_cast<U32>(d.oneOf({"all", "any", "uni", "ballot"}));
  bool ballot = d.out.variant == Ballot;
  d.type({ballot ? Type::B32 : Type::Pred});
  d.expectOperands(3);
  if (ballot)
    d.destination(0, Type::B32);
  else
    d.predicateDestination(0, false);
  d.predicateSource(1);
  d.source(2, Type::B32);
  d.out.handler = voteHandler;
  return absl::OkStatus();
}

// Operands: d, p (or none), a, members.
Step matchHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  return stepOf(forCollectives(warp, i, mask, i.operands[3], [&](LaneMask members) {
    U32 results[kWarpSize];
    LaneMask all = 0;
    forLanes(members, [&](unsigned lane) {
      std::uint64_t value = readLane64(warp, i.operands[2], lane);
      LaneMask same = 0;
      forLanes(members, [&](unsigned other) {
        same |= LaneMask{readLane64(warp, i.operands[2], other) == value} << other;
      });
      results[lane] = i.variant == 0 ? same : same == members ? members : 0;
      all |= LaneMask{same == members} << lane;
    });
    forLanes(members, [&](unsigned lane) {
      if (i.operands[0].exists())
        writeLane<U32>(warp, i.operands[0], lane, results[lane]);
    });
    warp.setPredicate(i.operands[1], members, all);
    return true;
  }));
}
absl::Status decodeMatch(Decoder &d) {
  d.out.instructionClass = InstructionClass::Warp;
  d.out.variant = static_cast<U32>(d.oneOf({"any", "all"}));
  d.oneOf({"sync"});
  Type type = d.type({Type::B32, Type::B64});
  d.expectOperands(3);
  d.destinationWithPredicate(0, Type::B32);
  d.source(1, type);
  d.source(2, Type::B32);
  d.out.handler = matchHandler;
  return absl::OkStatus();
}

enum ReduceOp { AddOp, MinOp, MaxOp, AndOp, OrOp, XorOp };

U32 reduceFloats(const Instruction &i, U32 a, U32 b) {
  auto x = std::bit_cast<float>(a), y = std::bit_cast<float>(b);
  if (i.flushSubnormals) { // here: .abs
    x = std::fabs(x);
    y = std::fabs(y);
  }
  if (std::isnan(x) || std::isnan(y)) {
    if (i.saturate || (std::isnan(x) && std::isnan(y))) // here: .NaN
      return 0x7FFFFFFF;
    return std::bit_cast<U32>(std::isnan(x) ? y : x);
  }
  bool less = x < y || (x == y && std::signbit(x));
  return std::bit_cast<U32>((i.variant == MinOp) == less ? x : y);
}

U32 reduce(const Instruction &i, U32 a, U32 b) {
  if (i.type == Type::F32)
    return reduceFloats(i, a, b);
  const bool isSignedType = i.type == Type::S32;
  bool less = isSignedType ? static_cast<std::int32_t>(a) < static_cast<std::int32_t>(b) : a < b;
  switch (i.variant) {
  case AddOp:
    return a + b;
  case MinOp:
    return less ? a : b;
  case MaxOp:
    return less ? b : a;
  case AndOp:
    return a & b;
  case OrOp:
    return a | b;
  default:
    return a ^ b;
  }
}

Step reduxHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  return stepOf(forCollectives(warp, i, mask, i.operands[2], [&](LaneMask members) {
    U32 result = readLane<U32>(warp, i.operands[1], firstLane(members));
    if (i.type == Type::F32)
      result = reduceFloats(i, result, result);
    forLanes(members & (members - 1), [&](unsigned lane) {
      result = reduce(i, result, readLane<U32>(warp, i.operands[1], lane));
    });
    forLanes(members, [&](unsigned lane) { writeLane<U32>(warp, i.operands[0], lane, result); });
    return true;
  }));
}
absl::Status decodeRedux(Decoder &d) {
  d.out.instructionClass = InstructionClass::Warp;
  d.oneOf({"sync"});
  d.out.variant = static_cast<U32>(d.oneOf({"add", "min", "max", "and", "or", "xor"}));
  d.out.flushSubnormals = d.accept("abs");
  d.out.saturate = d.accept("NaN");
  bool logic = d.out.variant >= AndOp, order = d.out.variant == MinOp || d.out.variant == MaxOp;
  d.out.type = logic   ? d.type({Type::B32})
               : order ? d.type({Type::U32, Type::S32, Type::F32})
                       : d.type({Type::U32, Type::S32});
  if (d.out.type != Type::F32 && (d.out.flushSubnormals || d.out.saturate))
    d.fail(".abs and .NaN are for .f32 only");
  plainOperands(d, Type::B32, 2);
  d.out.handler = reduxHandler;
  return absl::OkStatus();
}

Step activeMaskHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  forLanes(mask, [&](unsigned lane) { writeLane<U32>(warp, i.operands[0], lane, mask); });
  return Step::Next;
}
absl::Status decodeActiveMask(Decoder &d) {
  d.out.instructionClass = InstructionClass::Warp;
  d.type({Type::B32});
  plainOperands(d, Type::B32, 0);
  d.out.handler = activeMaskHandler;
  return absl::OkStatus();
}

// Operands: d, p, members. The leader is the lowest member.
Step electHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  return stepOf(forCollectives(warp, i, mask, i.operands[2], [&](LaneMask members) {
    unsigned leader = firstLane(members);
    if (i.operands[0].exists())
      forLanes(members, [&](unsigned lane) { writeLane<U32>(warp, i.operands[0], lane, leader); });
    warp.setPredicate(i.operands[1], members, 1U << leader);
    return true;
  }));
}
absl::Status decodeElect(Decoder &d) {
  d.out.instructionClass = InstructionClass::Warp;
  d.oneOf({"sync"});
  d.expectOperands(2);
  d.destinationWithPredicate(0, Type::B32);
  d.source(1, Type::B32);
  d.out.handler = electHandler;
  return absl::OkStatus();
}

} // namespace

void addWarpCollectivesInstructions(InstructionTable &table) {
  table.add("shfl", decodeShfl);
  table.add("vote", decodeVote);
  table.add("match", decodeMatch);
  table.add("redux", decodeRedux);
  table.add("activemask", decodeActiveMask);
  table.add("elect", decodeElect);
}

} // namespace qvlsim
