// Picks the instantiation of a handler by the type of an instruction.
#pragma once

#include "Exec/Lanes.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"

namespace qvlsim {

/// Calls pick.operator()<T>() with the C++ type of a PTX integer type; bits count as unsigned.
template <typename Pick> Handler byInteger(Type type, Pick pick) {
  switch (type) {
  case Type::U8:
  case Type::B8:
    return pick.template operator()<std::uint8_t>();
  case Type::S8:
    return pick.template operator()<std::int8_t>();
  case Type::U16:
  case Type::B16:
    return pick.template operator()<std::uint16_t>();
  case Type::S16:
    return pick.template operator()<std::int16_t>();
  case Type::U32:
  case Type::B32:
    return pick.template operator()<std::uint32_t>();
  case Type::S32:
    return pick.template operator()<std::int32_t>();
  case Type::U64:
  case Type::B64:
    return pick.template operator()<std::uint64_t>();
  case Type::S64:
    return pick.template operator()<std::int64_t>();
  default:
    return nullptr;
  }
}

/// The handler of a two-source operation Op<T> on integers.
template <template <typename> typename Op> Handler binaryInteger(Type type) {
  return byInteger(type, []<typename T>() -> Handler { return elementwise<Op<T>, T, T, T>; });
}
template <template <typename> typename Op> Handler unaryInteger(Type type) {
  return byInteger(type, []<typename T>() -> Handler { return elementwise<Op<T>, T, T>; });
}

/// Appends one destination and `sources` sources, all of one type, which are all the operands.
inline void plainOperands(Decoder &d, Type type, std::size_t sources) {
  d.expectOperands(1 + sources);
  d.destination(0, type);
  for (std::size_t s = 1; s <= sources; ++s)
    d.source(s, type);
}

/// Whether the last modifier is a floating type: decides between families that share an opcode.
inline bool isFloatForm(const Decoder &d, const ParsedInstruction &statement) {
  if (statement.modifiers.empty())
    return false;
  auto type = typeFromName(statement.modifiers.back());
  return type && isFloat(*type);
}

/// Decode functions of floating forms (Isa/Float.cpp, Isa/HalfFloat.cpp) of opcodes that integers
/// have too.
absl::Status decodeFloatArithmetic(Decoder &d);
absl::Status decodeFloatUnary(Decoder &d);
absl::Status decodeFloatMinMax(Decoder &d);

} // namespace qvlsim
