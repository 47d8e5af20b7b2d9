// What the parser makes of one instruction, before it is decoded.
#pragma once

#include "Parse/Types.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qvlsim {

/// One operand as written. `text` views the module's text.
struct ParsedOperand {
  enum class Kind : std::uint8_t {
    Name,    // register, variable, label, function or special register
    Integer, // integer constant in `bits`
    Float,   // 0f, 0d or decimal floating constant: the f64 value in `bits`
    Float32, // 0fXXXXXXXX: the f32 bits in `bits`
    Vector,  // {a, b, ...}: `children`
    Address, // [base + displacement]: children[0] the base (Name or Integer) and `bits` the
             // displacement; further children are coordinate vectors ([map, {x, y}])
    Sink,    // _
    Pair,    // p|q: two children
    List,    // (a, b) of a call: `children`
  };
  Kind kind = Kind::Name;
  bool negated = false; // !p in front of a predicate
  std::uint64_t bits = 0;
  bool hasDisplacement = false; // name+constant outside brackets: `bits`
  std::string_view text;        // name of a Name, source text otherwise
  std::vector<ParsedOperand> children;
};

/// `@!p mnemonic.mod.mod a, b;`
struct ParsedInstruction {
  std::uint32_t line = 0;
  std::string_view text;  // whole statement, without the semicolon
  std::string_view guard; // predicate register, empty when there is none
  bool guardNegated = false;
  std::string_view opcode;                 // "add"
  std::vector<std::string_view> modifiers; // without dots: "rn", "f32", "shared::cta"
  std::vector<ParsedOperand> operands;
};

} // namespace qvlsim
