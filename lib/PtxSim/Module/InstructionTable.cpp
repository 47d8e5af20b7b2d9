#include "Module/InstructionTable.h"

namespace qvlsim {

#define QVL_INSTRUCTION_FAMILY(NAME) void add##NAME##Instructions(InstructionTable &table);
#include "Isa/Families.inc"
#undef QVL_INSTRUCTION_FAMILY

const InstructionTable &InstructionTable::get() {
  static const InstructionTable *const kTable = [] {
    auto *table = new InstructionTable;
#define QVL_INSTRUCTION_FAMILY(NAME) add##NAME##Instructions(*table);
#include "Isa/Families.inc"
#undef QVL_INSTRUCTION_FAMILY
    return table;
  }();
  return *kTable;
}

void InstructionTable::add(std::string_view prefix, DecodeFunction decode) {
  entries_[std::string(prefix)] = decode;
}

DecodeFunction InstructionTable::find(std::string_view opcode,
                                      const std::vector<std::string_view> &modifiers,
                                      std::size_t &usedModifiers) const {
  std::string key(opcode);
  DecodeFunction result = nullptr;
  constexpr std::size_t kLongest = 4; // parts after the opcode in any prefix
  for (std::size_t used = 0;; ++used) {
    if (auto found = entries_.find(key); found != entries_.end()) {
      result = found->second;
      usedModifiers = used;
    }
    if (used == modifiers.size() || used == kLongest)
      return result;
    key.append(".").append(modifiers[used]);
  }
}

} // namespace qvlsim
