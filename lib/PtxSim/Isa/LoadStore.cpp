// ld, ldu, st, prefetch and relatives of the generic proxy (PTX ISA 9.0, section 9.7.9).
#include "Exec/Cta.h"
#include "Isa/Dispatch.h"
#include "Memory/Access.h"
#include "Module/FunctionBuilder.h"

#include <bit>

namespace qvlsim {
namespace {

StateSpace acceptSpace(Decoder &d) {
  switch (d.optionalOf({"global", "shared", "shared::cta", "shared::cluster", "local", "const",
                        "param", "param::entry", "param::func"})) {
  case 0:
    return StateSpace::Global;
  case 1:
  case 2:
    return StateSpace::Shared;
  case 3:
    return StateSpace::SharedCluster;
  case 4:
    return StateSpace::Local;
  case 5:
    return StateSpace::Constant;
  case 6:
  case 7:
  case 8:
    return StateSpace::Parameter;
  default:
    return StateSpace::Generic;
  }
}

InstructionClass classOf(StateSpace space) {
  switch (space) {
  case StateSpace::Shared:
  case StateSpace::SharedCluster:
    return InstructionClass::SharedMemory;
  case StateSpace::Local:
    return InstructionClass::LocalMemory;
  default:
    return InstructionClass::GlobalMemory;
  }
}

AccessRequest requestOf(const Instruction &i, AccessKind kind) {
  AccessRequest request;
  request.kind = kind;
  request.space = i.space;
  request.bytes = static_cast<std::uint32_t>(i.elementBytes) * i.elements;
  request.ordering = i.ordering;
  request.scope = i.scope;
  return request;
}

template <typename T> std::uint64_t extend(T value, bool isSigned) {
  return isSigned ? static_cast<std::uint64_t>(
                        static_cast<std::int64_t>(static_cast<std::make_signed_t<T>>(value)))
                  : value;
}

/// Loads element k of every lane into its register.
template <typename T>
void loadElement(Warp &warp, const Instruction &i, LaneMask mask, const LaneAccess &access,
                 unsigned k) {
  const Operand &o = i.operands[k];
  if (!o.exists())
    return;
  const bool sign = isSigned(i.type);
  if (o.kind == Operand::Kind::Value32 && (!sign || sizeof(T) == 4)) {
    auto *d = laneArray<std::uint32_t>(warp, o);
    forLanes(mask, [&](unsigned lane) {
      d[lane] = static_cast<std::uint32_t>(loadValue<T>(access.data[lane] + k * sizeof(T)));
    });
    return;
  }
  forLanes(mask, [&](unsigned lane) {
    writeLane64(warp, o, lane, extend(loadValue<T>(access.data[lane] + k * sizeof(T)), sign));
  });
}

template <typename T>
void storeElement(Warp &warp, const Operand &o, LaneMask mask, const LaneAccess &access,
                  unsigned k) {
  forLanes(mask, [&](unsigned lane) {
    storeValue<T>(access.data[lane] + k * sizeof(T), static_cast<T>(readLane64(warp, o, lane)));
  });
}

Step reportUnwritten(Warp &warp, const Instruction &i, LaneMask lanes, const char *what) {
  return warp.fail(i, FaultKind::UninitialisedRead, static_cast<unsigned>(std::countr_zero(lanes)),
                   what);
}

/// Marks the registers of a load whose bytes have all been written. Compilers copy structures with
/// their padding: in local memory, and beside a written element of a vector, an element that
/// nothing has written makes its register "not written", which is reported when something uses it.
Step markLoaded(Warp &warp, const Instruction &i, LaneMask mask, const LaneAccess &access) {
  for (LaneMask rest = access.incomplete & ~access.local; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    bool any = false;
    for (unsigned k = 0; k < i.elements; ++k)
      any |= access.isWritten(lane, k * i.elementBytes, i.elementBytes);
    if (!any)
      return reportUnwritten(warp, i, 1U << lane,
                             "the memory that the load reads is not written by anything");
  }
  for (unsigned k = 0; k < i.elements; ++k) {
    if (!i.operands[k].exists())
      continue;
    LaneMask complete = mask;
    for (LaneMask rest = access.incomplete; rest; rest &= rest - 1) {
      const auto lane = static_cast<unsigned>(std::countr_zero(rest));
      if (!access.isWritten(lane, k * i.elementBytes, i.elementBytes))
        complete &= ~(1U << lane);
    }
    LaneMask &written = warp.written(i.operands[k]);
    written = (written & ~mask) | complete;
  }
  return Step::Next;
}

// Operands: the elements, then the address.
Step loadHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneAccess access;
  AccessRequest request = requestOf(i, AccessKind::Read);
  request.allowUninitialised = true;
  if (!accessMemory(warp, i, mask, i.operands[i.elements], request, access))
    return Step::Fault;
  for (unsigned k = 0; k < i.elements; ++k)
    switch (i.elementBytes) {
    case 1:
      loadElement<std::uint8_t>(warp, i, mask, access, k);
      break;
    case 2:
      loadElement<std::uint16_t>(warp, i, mask, access, k);
      break;
    case 4:
      loadElement<std::uint32_t>(warp, i, mask, access, k);
      break;
    case 8:
      loadElement<std::uint64_t>(warp, i, mask, access, k);
      break;
    default:
      forLanes(mask, [&](unsigned lane) {
        if (i.operands[k].exists())
          std::memcpy(warp.lanes(i.operands[k]) + 16 * lane, access.data[lane] + 16 * k, 16);
      });
    }
  return markLoaded(warp, i, mask, access);
}

LaneMask unwritten(const Warp &warp, const Operand &o, LaneMask mask) {
  return o.bank == Bank::Frame ? mask & ~warp.written(o) : 0;
}

/// Marks what a store wrote; registers that nothing has written may go to local memory, and stand
/// beside a written element of a vector, as padding does.
Step markStored(Warp &warp, const Instruction &i, LaneMask mask, const LaneAccess &access) {
  LaneMask missing = 0, common = mask;
  for (unsigned k = 0; k < i.elements; ++k) {
    const LaneMask lanes = unwritten(warp, i.operands[1 + k], mask);
    missing |= lanes;
    common &= lanes;
  }
  access.markWritten(mask);
  if (missing == 0)
    return Step::Next;
  if (common & ~access.local)
    return reportUnwritten(warp, i, common & ~access.local,
                           "the stored register is not written by anything");
  for (unsigned k = 0; k < i.elements; ++k)
    forLanes(unwritten(warp, i.operands[1 + k], mask),
             [&](unsigned lane) { access.mark(lane, k * i.elementBytes, i.elementBytes, false); });
  return Step::Next;
}

// Operands: the address, then the elements.
Step storeHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  if (LaneMask missing = unwritten(warp, i.operands[0], mask))
    return reportUnwritten(warp, i, missing, "the address is a register that nothing has written");
  LaneAccess access;
  if (!accessMemory(warp, i, mask, i.operands[0], requestOf(i, AccessKind::Write), access))
    return Step::Fault;
  for (unsigned k = 0; k < i.elements; ++k) {
    const Operand &o = i.operands[1 + k];
    switch (i.elementBytes) {
    case 1:
      storeElement<std::uint8_t>(warp, o, mask, access, k);
      break;
    case 2:
      storeElement<std::uint16_t>(warp, o, mask, access, k);
      break;
    case 4:
      storeElement<std::uint32_t>(warp, o, mask, access, k);
      break;
    case 8:
      storeElement<std::uint64_t>(warp, o, mask, access, k);
      break;
    default:
      forLanes(mask, [&](unsigned lane) {
        std::memcpy(access.data[lane] + 16 * k, warp.lanes(o) + 16 * lane, 16);
      });
    }
  }
  return markStored(warp, i, mask, access);
}

void acceptOrdering(Decoder &d, bool load) {
  if (d.accept("weak"))
    return;
  if (d.accept("volatile")) {
    d.out.ordering = Ordering::Volatile;
    d.out.scope = Scope::System;
    return;
  }
  bool mmio = d.accept("mmio");
  if (d.accept("relaxed"))
    d.out.ordering = Ordering::Relaxed;
  else if (d.accept(load ? "acquire" : "release"))
    d.out.ordering = load ? Ordering::Acquire : Ordering::Release;
  else if (mmio)
    d.fail(".mmio needs .relaxed");
  if (d.out.ordering != Ordering::Weak) {
    d.out.scope = d.scope();
    if (d.out.scope == Scope::None)
      d.fail("scope expected");
  }
}

unsigned acceptVector(Decoder &d) {
  static constexpr unsigned kLengths[] = {2, 4, 8};
  int index = d.optionalOf({"v2", "v4", "v8"});
  return index < 0 ? 1 : kLengths[index];
}

const std::initializer_list<Type> kElements = {
    Type::B8,  Type::B16, Type::B32,  Type::B64, Type::B128, Type::U8,
    Type::U16, Type::U32, Type::U64,  Type::S8,  Type::S16,  Type::S32,
    Type::S64, Type::F16, Type::BF16, Type::F32, Type::F64};

void acceptElements(Decoder &d, bool policy, std::size_t vectorOperand) {
  unsigned length = acceptVector(d);
  d.out.type = d.type(kElements);
  d.out.elementBytes = static_cast<std::uint8_t>(byteSize(d.out.type));
  d.out.elements = static_cast<std::uint8_t>(length);
  if (length * d.out.elementBytes > 32 || (length == 8 && d.out.elementBytes != 4))
    d.fail("a vector of this length and type does not exist");
  const ParsedOperand &value = d.parsed(vectorOperand);
  std::size_t given = value.kind == ParsedOperand::Kind::Vector ? value.children.size() : 1;
  if (given != length)
    d.fail("the number of registers differs from the vector length");
  d.expectOperands(policy ? 3 : 2);
}

/// Accesses of .param in device functions are accesses of the frame's local memory.
void settleSpace(Decoder &d, StateSpace space) {
  if (d.out.space == StateSpace::Generic)
    d.out.space = space;
  if (space == StateSpace::Parameter && d.out.space == StateSpace::Parameter &&
      !d.builder().function().entry)
    d.out.space = StateSpace::Local;
  d.out.instructionClass = classOf(d.out.space);
}

absl::Status decodeLd(Decoder &d) {
  acceptOrdering(d, true);
  StateSpace space = acceptSpace(d);
  bool policy = d.cacheHints();
  acceptElements(d, policy, 0);
  d.accept("unified");
  d.destinationVector(0, d.out.type, true, true);
  d.address(1, space);
  if (policy)
    d.source(2, Type::B64);
  settleSpace(d, space);
  d.out.marksDestinations = true;
  d.out.handler = loadHandler;
  return absl::OkStatus();
}

absl::Status decodeSt(Decoder &d) {
  acceptOrdering(d, false);
  StateSpace space = acceptSpace(d);
  bool policy = d.cacheHints();
  acceptElements(d, policy, 1);
  d.address(0, space);
  d.sourceVector(1, d.out.type, true);
  if (policy)
    d.source(2, Type::B64);
  settleSpace(d, space);
  if (d.out.space == StateSpace::Constant || d.out.space == StateSpace::Parameter)
    d.fail("this state space cannot be written");
  d.out.propagatesUnwritten = true;
  d.out.handler = storeHandler;
  return absl::OkStatus();
}

absl::Status decodeLdu(Decoder &d) {
  StateSpace space = acceptSpace(d);
  acceptElements(d, false, 0);
  d.destinationVector(0, d.out.type, true);
  d.address(1, space);
  settleSpace(d, space);
  d.out.marksDestinations = true;
  d.out.handler = loadHandler;
  return absl::OkStatus();
}

} // namespace

void addLoadStoreInstructions(InstructionTable &table) {
  table.add("ld", decodeLd);
  table.add("ldu", decodeLdu);
  table.add("st", decodeSt);
}

} // namespace qvlsim
