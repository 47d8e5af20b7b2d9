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

/// Checks the member mask of a .sync collective: the executing lanes name themselves, agree, and
/// all members are here. Sets `members`.
bool checkMembers(Warp &warp, const Instruction &i, LaneMask mask, const Operand &operand,
                  LaneMask &members) {
  members = readLane<U32>(warp, operand, firstLane(mask));
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    auto named = readLane<U32>(warp, operand, lane);
    if (named != members)
      return warp.fail(i, FaultKind::PartialWarpCollective, lane,
                       absl::StrFormat("lanes name different member masks, %08x and %08x", members,
                                       named)),
             false;
    if (!(named >> lane & 1))
      return warp.fail(
                 i, FaultKind::PartialWarpCollective, lane,
                 absl::StrFormat("the member mask %08x does not name the executing lane", named)),
             false;
  }
  if (LaneMask missing = members & ~mask) {
    unsigned lane = firstLane(missing);
    const char *why = missing & ~warp.threads() ? "do not exist"
                      : missing & ~warp.live()  ? "have exited"
                                                : "are elsewhere";
    return warp.fail(i, FaultKind::PartialWarpCollective, std::min(lane, firstLane(mask)),
                     absl::StrFormat("the member mask %08x names lanes %08x, some of which %s",
                                     members, missing, why)),
           false;
  }
  return warp.observer() == nullptr || warp.observer()->warpSync(warp, i, members);
}

enum ShuffleMode { Up, Down, Butterfly, Index };

// Operands: d, p (or none), a, b, c, members.
Step shuffleHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneMask members;
  if (!checkMembers(warp, i, mask, i.operands[5], members))
    return Step::Fault;
  U32 source[kWarpSize];
  std::memcpy(source, warp.lanes(i.operands[2]), sizeof(source));
  LaneMask inRange = 0;
  bool ok = true;
  U32 results[kWarpSize];
  forLanes(mask, [&](unsigned lane) {
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
    return Step::Fault;
  if (i.operands[0].exists())
    forLanes(mask,
             [&](unsigned lane) { writeLane<U32>(warp, i.operands[0], lane, results[lane]); });
  warp.setPredicate(i.operands[1], mask, inRange);
  return Step::Next;
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
  LaneMask members;
  if (!checkMembers(warp, i, mask, i.operands[2], members))
    return Step::Fault;
  LaneMask votes = warp.predicate(i.operands[1]) & members;
  bool result = i.variant == All   ? votes == members
                : i.variant == Any ? votes != 0
                                   : votes == members || votes == 0;
  if (i.variant == Ballot)
    forLanes(mask, [&](unsigned lane) { writeLane<U32>(warp, i.operands[0], lane, votes); });
  else
    warp.setPredicate(i.operands[0], mask, result ? mask : 0);
  return Step::Next;
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
  LaneMask members;
  if (!checkMembers(warp, i, mask, i.operands[3], members))
    return Step::Fault;
  U32 results[kWarpSize];
  LaneMask all = 0;
  forLanes(mask, [&](unsigned lane) {
    std::uint64_t value = readLane64(warp, i.operands[2], lane);
    LaneMask same = 0;
    forLanes(members, [&](unsigned other) {
      same |= LaneMask{readLane64(warp, i.operands[2], other) == value} << other;
    });
    results[lane] = i.variant == 0 ? same : same == members ? members : 0;
    all |= LaneMask{same == members} << lane;
  });
  forLanes(mask, [&](unsigned lane) {
    if (i.operands[0].exists())
      writeLane<U32>(warp, i.operands[0], lane, results[lane]);
  });
  warp.setPredicate(i.operands[1], mask, all);
  return Step::Next;
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
  LaneMask members;
  if (!checkMembers(warp, i, mask, i.operands[2], members))
    return Step::Fault;
  U32 result = readLane<U32>(warp, i.operands[1], firstLane(members));
  if (i.type == Type::F32)
    result = reduceFloats(i, result, result);
  forLanes(members & (members - 1), [&](unsigned lane) {
    result = reduce(i, result, readLane<U32>(warp, i.operands[1], lane));
  });
  forLanes(mask, [&](unsigned lane) { writeLane<U32>(warp, i.operands[0], lane, result); });
  return Step::Next;
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
  LaneMask members;
  if (!checkMembers(warp, i, mask, i.operands[2], members))
    return Step::Fault;
  unsigned leader = firstLane(members);
  if (i.operands[0].exists())
    forLanes(mask, [&](unsigned lane) { writeLane<U32>(warp, i.operands[0], lane, leader); });
  warp.setPredicate(i.operands[1], mask, 1U << leader);
  return Step::Next;
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
