// mov, cvta, isspacep (PTX ISA 9.0, section 9.7.9).
#include "Exec/Cta.h"
#include "Isa/Dispatch.h"
#include "Memory/AddressSpaces.h"
#include "Module/FunctionBuilder.h"
#include "Module/SpecialRegisters.h"

namespace qvlsim {
namespace {

using U32 = std::uint32_t;
using U64 = std::uint64_t;

struct Copy {
  template <typename T> T operator()(T a) const { return a; }
};
/// Copies an address, adding the displacement that local variables carry.
template <typename T> Step addressHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  forLanes(mask, [&](unsigned lane) {
    writeLane<T>(warp, i.operands[0], lane, static_cast<T>(laneAddress(warp, i.operands[1], lane)));
  });
  return Step::Next;
}
Step predicateMove(Warp &warp, const Instruction &i, LaneMask mask) {
  warp.setPredicate(i.operands[0], mask, warp.predicate(i.operands[1]));
  return Step::Next;
}
Step wideMove(Warp &warp, const Instruction &i, LaneMask mask) { // 128 bits
  auto *d = warp.lanes(i.operands[0]);
  auto *a = warp.lanes(i.operands[1]);
  forLanes(mask, [&](unsigned lane) { std::memcpy(d + 16 * lane, a + 16 * lane, 16); });
  return Step::Next;
}
Step clockHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  U64 value = changingSpecial(warp, static_cast<std::uint16_t>(i.variant));
  forLanes(mask, [&](unsigned lane) { writeLane64(warp, i.operands[0], lane, value); });
  return Step::Next;
}

/// Reads or writes `bits` at bit position `at` of a register of up to 128 bits.
U64 readPart(Warp &warp, const Operand &o, unsigned lane, unsigned at, unsigned bits) {
  U64 value;
  if (o.kind == Operand::Kind::Value128) {
    std::memcpy(&value, warp.lanes(o) + 16 * lane + at / 8, 8);
    return bits == 64 ? value : value & ((U64{1} << bits) - 1);
  }
  value = readLane64(warp, o, lane) >> at;
  return bits == 64 ? value : value & ((U64{1} << bits) - 1);
}

// Packing: d = {s0, s1, ...}; each part has i.variant bits.
Step packHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  forLanes(mask, [&](unsigned lane) {
    if (i.operands[0].kind == Operand::Kind::Value128) {
      U64 parts[2] = {0, 0};
      for (unsigned k = 1; k < i.operandCount; ++k) {
        unsigned at = (k - 1) * i.variant;
        parts[at / 64] |= readPart(warp, i.operands[k], lane, 0, i.variant) << (at % 64);
      }
      std::memcpy(warp.lanes(i.operands[0]) + 16 * lane, parts, 16);
      return;
    }
    U64 value = 0;
    for (unsigned k = 1; k < i.operandCount; ++k)
      value |= readPart(warp, i.operands[k], lane, 0, i.variant) << ((k - 1) * i.variant);
    writeLane64(warp, i.operands[0], lane, value);
  });
  return Step::Next;
}
Step unpackHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const Operand &source = i.operands[i.destinations];
  forLanes(mask, [&](unsigned lane) {
    // A destination may be the source register: read all before writing.
    U64 parts[16];
    for (unsigned k = 0; k < i.destinations; ++k)
      parts[k] = readPart(warp, source, lane, k * i.variant, i.variant);
    for (unsigned k = 0; k < i.destinations; ++k)
      if (i.operands[k].exists())
        writeLane64(warp, i.operands[k], lane, parts[k]);
  });
  return Step::Next;
}

Type bitsType(unsigned bits) {
  return bits == 8 ? Type::B8 : bits == 16 ? Type::B16 : bits == 32 ? Type::B32 : Type::B64;
}

/// Bits of one part of a vector operand; 0 after a failure.
unsigned partBits(Decoder &d, Type type, std::size_t parts) {
  if (parts == 0 || parts > 4 || byteSize(type) * 8 % parts != 0) {
    d.fail("a vector that does not divide the type");
    return 0;
  }
  return static_cast<unsigned>(byteSize(type) * 8 / parts);
}

void decodeAddressMove(Decoder &d, Type type) {
  const ParsedOperand &operand = d.parsed(1);
  StateSpace space = StateSpace::Generic;
  auto address = d.builder().findAddress(operand.text, operand.bits, byteSize(type) == 8, space);
  if (!address || (byteSize(type) != 8 && byteSize(type) != 4)) {
    d.fail(concat("unknown name '", operand.text, "'"));
    return;
  }
  d.destination(0, type);
  d.append(*address);
  d.out.handler = byteSize(type) == 8 ? addressHandler<U64> : addressHandler<U32>;
}

absl::Status decodeMov(Decoder &d) {
  d.out.instructionClass = InstructionClass::Move;
  Type type = d.type({Type::Pred, Type::B16, Type::B32, Type::B64, Type::B128, Type::U16, Type::U32,
                      Type::U64, Type::S16, Type::S32, Type::S64, Type::F32, Type::F64});
  d.expectOperands(2);
  d.out.propagatesUnwritten = true;
  const ParsedOperand &to = d.parsed(0), &from = d.parsed(1);
  if (to.kind == ParsedOperand::Kind::Vector || from.kind == ParsedOperand::Kind::Vector) {
    bool unpack = to.kind == ParsedOperand::Kind::Vector;
    unsigned bits = partBits(d, type, (unpack ? to : from).children.size());
    if (bits == 0)
      return absl::OkStatus();
    d.out.variant = bits;
    if (unpack) {
      d.destinationVector(0, bitsType(bits), false, true);
      d.source(1, type);
    } else {
      d.destination(0, type);
      d.sourceVector(1, bitsType(bits));
    }
    d.out.handler = unpack ? unpackHandler : packHandler;
    return absl::OkStatus();
  }
  if (from.kind == ParsedOperand::Kind::Name) {
    auto special = findSpecialRegister(from.text);
    if (special && special->changes) {
      d.destination(0, type);
      d.out.variant = special->id;
      d.out.handler = clockHandler;
      return absl::OkStatus();
    }
    if (!special && !d.builder().findRegister(from.text)) {
      decodeAddressMove(d, type);
      return absl::OkStatus();
    }
  }
  d.destination(0, type);
  // Old texts read 32-bit special registers with 64-bit moves of the wide ones only.
  d.source(1, type);
  d.out.handler = type == Type::Pred     ? Handler(predicateMove)
                  : byteSize(type) == 16 ? Handler(wideMove)
                  : byteSize(type) == 8  ? Handler(elementwise<Copy, U64, U64>)
                                         : Handler(elementwise<Copy, U32, U32>);
  return absl::OkStatus();
}

// --- addresses
// ---------------------------------------------------------------------------------------------

U64 windowBase(StateSpace space) {
  switch (space) {
  case StateSpace::Shared:
  case StateSpace::SharedCluster:
    return kSharedWindow;
  case StateSpace::Local:
    return kLocalWindow;
  case StateSpace::Parameter:
    return kParameterWindow;
  default:
    return 0;
  }
}

StateSpace acceptSpace(Decoder &d) {
  switch (d.oneOf({"const", "global", "local", "shared", "shared::cta", "shared::cluster", "param",
                   "param::entry"})) {
  case 0:
    return StateSpace::Constant;
  case 1:
    return StateSpace::Global;
  case 2:
    return StateSpace::Local;
  case 3:
  case 4:
    return StateSpace::Shared;
  case 5:
    return StateSpace::SharedCluster;
  default:
    return StateSpace::Parameter;
  }
}

// i.immediate: the base of the window; i.variant: towards the space.
Step cvtaHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const auto base = static_cast<U64>(i.immediate);
  forLanes(mask, [&](unsigned lane) {
    U64 address = laneAddress(warp, i.operands[1], lane);
    writeLane64(warp, i.operands[0], lane, i.variant ? address - base : address + base);
  });
  return Step::Next;
}

absl::Status decodeCvta(Decoder &d) {
  d.out.instructionClass = InstructionClass::Move;
  bool to = d.accept("to");
  StateSpace space = acceptSpace(d);
  Type type = d.type({Type::U64, Type::U32});
  d.expectOperands(2);
  d.out.variant = to;
  const ParsedOperand &from = d.parsed(1);
  StateSpace lies = space;
  auto address = from.kind == ParsedOperand::Kind::Name && !d.builder().findRegister(from.text)
                     ? d.builder().findAddress(from.text, from.bits, true, lies)
                     : std::nullopt;
  d.destination(0, type);
  if (address) {
    d.append(*address);
    space = lies;
  } else {
    d.source(1, type);
  }
  d.out.immediate = static_cast<std::int64_t>(windowBase(space));
  d.out.handler = cvtaHandler;
  return absl::OkStatus();
}

Step isspacepHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneMask result = 0;
  forLanes(mask, [&](unsigned lane) {
    U64 address = readLane64(warp, i.operands[1], lane);
    bool inside = false;
    switch (i.space) {
    case StateSpace::Shared:
      inside = (address - kSharedWindow) >> kSharedRankShift == warp.cta().rank;
      break;
    case StateSpace::SharedCluster:
      inside = address - kSharedWindow < kSharedWindowBytes;
      break;
    case StateSpace::Local:
      inside = address - kLocalWindow < kLocalWindowBytes;
      break;
    case StateSpace::Parameter:
      inside = address - kParameterWindow < kParameterWindowBytes;
      break;
    default:
      inside = address < kSharedWindow;
      break;
    }
    result |= LaneMask{inside} << lane;
  });
  warp.setPredicate(i.operands[0], mask, result);
  return Step::Next;
}
absl::Status decodeIsspacep(Decoder &d) {
  d.out.space = acceptSpace(d);
  d.expectOperands(2);
  d.predicateDestination(0, false);
  d.source(1, Type::U64);
  d.out.handler = isspacepHandler;
  return absl::OkStatus();
}

} // namespace

void addMoveInstructions(InstructionTable &table) {
  table.add("mov", decodeMov);
  table.add("cvta", decodeCvta);
  table.add("isspacep", decodeIsspacep);
}

} // namespace qvlsim
