// The families of instructions by opcode.
#pragma once

#include "Parse/Names.h"
#include "absl/status/status.h"

#include <string>
#include <string_view>
#include <vector>

namespace qvlsim {

class Decoder;
using DecodeFunction = absl::Status (*)(Decoder &);

/// Maps dotted opcode prefixes ("cp.async.bulk") to the function that decodes them.
class InstructionTable {
public:
  /// The table with every family of Isa/Families.inc.
  static const InstructionTable &get();

  void add(std::string_view prefix, DecodeFunction decode);
  /// The entry with the longest prefix that opcode and modifiers spell, and how many modifiers it
  /// used up; null when the opcode is unknown.
  DecodeFunction find(std::string_view opcode, const std::vector<std::string_view> &modifiers,
                      std::size_t &usedModifiers) const;

private:
  NameMap<DecodeFunction> entries_;
};

} // namespace qvlsim
