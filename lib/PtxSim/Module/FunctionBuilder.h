// Names of a function under construction: registers, variables, labels; and its constants.
#pragma once

#include "Module/Program.h"
#include "Parse/Names.h"
#include "Parse/Syntax.h"
#include "absl/status/status.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qvlsim {

/// A name of module scope.
struct Symbol {
  enum class Kind : std::uint8_t { Global, Shared, Function } kind = Kind::Global;
  std::uint32_t index = 0;
};

/// What building functions shares: module symbols and the pools of constants.
struct ModuleScope {
  detail::Program &program;
  NameMap<Symbol> symbols;
  NameMap<std::uint32_t> pooled; // key of a PoolValue: index, see pool()

  /// The operand of a pooled value; adds it on first use.
  Operand pool(PoolValue value);
};

/// A register type as the frame stores it.
struct RegisterType {
  Operand::Kind kind = Operand::Kind::Value32;
  std::uint8_t bits = 32;
};

class FunctionBuilder {
public:
  FunctionBuilder(ModuleScope &module, Function &function) : module_(module), function_(function) {
    scopes_.push_back({});
  }

  // --- declarations ------------------------------------------------------------------------------
  void enterScope();
  void leaveScope();
  std::size_t depth() const { return open_.size(); }
  absl::Status declareRegister(std::string_view name, RegisterType type, std::uint64_t count,
                               bool range);
  /// A variable of the frame: .local, or .param inside a body or of a device function.
  absl::Status declareLocal(std::string_view name, std::uint64_t bytes, std::uint64_t align,
                            bool parameter, FormalParameter *formal = nullptr);
  absl::Status declareShared(std::string_view name, std::uint32_t index);
  absl::Status declareKernelParameter(std::string_view name, std::uint32_t offset);
  absl::Status label(std::string_view name);
  /// `name: .branchtargets a, b;` and the prototypes of indirect calls.
  absl::Status branchTargets(std::string_view name, std::vector<std::string_view> labels,
                             std::uint32_t line);
  absl::Status callTargets(std::string_view name, std::vector<std::uint32_t> functions);
  absl::Status callPrototype(std::string_view name);

  // --- instructions ------------------------------------------------------------------------------
  absl::Status add(const ParsedInstruction &instruction);
  /// Resolves labels and reconvergence points; appends the implicit ret.
  absl::Status finish();

  // --- for Decoder -------------------------------------------------------------------------------
  std::optional<Operand> findRegister(std::string_view name);
  Operand literal(std::uint64_t bits, bool wide);
  Operand predicateLiteral(bool value);
  /// A special register as an operand; empty when `name` is none, or is one whose value changes.
  std::optional<Operand> findSpecial(std::string_view name);
  /// The address of a variable or function: `wide` for 64-bit lanes, in the variable's own space
  /// (not generic). `space` is set to where it lies.
  std::optional<Operand> findAddress(std::string_view name, std::uint64_t displacement, bool wide,
                                     StateSpace &space);
  /// The parameter variable of a call; null when there is none of that name.
  const FormalParameter *findParameter(std::string_view name);
  std::optional<std::uint32_t> findFunction(std::string_view name) const;
  /// Makes instruction `code.size()` jump to a label, or to a list of labels, once they are known.
  void labelTarget(std::string_view label);
  std::uint32_t branchTable(std::string_view name);
  enum class TargetList { None, Prototype, Functions };
  TargetList findTargetList(std::string_view name, std::vector<std::uint32_t> &functions) const;

  Function &function() { return function_; }
  detail::Program &program() { return module_.program; }
  absl::Status error(std::uint32_t line, std::string_view message) const;

private:
  struct Range {
    std::string prefix;
    RegisterType type;
    std::uint64_t count;
  };
  struct Local {
    FormalParameter formal; // bytes and offset in the frame
    bool parameter = false;
    std::optional<Operand> address[2]; // hidden registers that hold it: 32- and 64-bit lanes
  };
  struct Scope {
    std::size_t parent = 0;
    NameMap<RegisterType> registers;
    std::vector<Range> ranges;
    NameMap<Operand> slots; // registers that have been used
    NameMap<Local> locals;
    NameMap<std::uint32_t> shared, parameters, labels;
    NameMap<std::uint32_t> tables;                   // .branchtargets
    NameMap<std::vector<std::uint32_t>> targetLists; // .calltargets
    NameMap<bool> prototypes;
  };
  struct Fixup {
    std::uint32_t instruction, table, entry; // table: kNoTable for a branch
    std::size_t scope;
    std::string label;
    std::uint32_t line;
  };
  struct TableUse {
    std::uint32_t instruction;
    std::size_t scope;
    std::string name;
  };
  std::size_t current() const { return open_.empty() ? 0 : open_.back(); }
  template <typename Visit> bool visitScopes(std::size_t from, Visit visit) const;
  bool declared(std::string_view name) const;
  Operand newSlot(RegisterType type);
  std::optional<std::uint32_t> findLabel(std::size_t scope, std::string_view name) const;

  ModuleScope &module_;
  Function &function_;
  std::vector<Scope> scopes_;
  std::vector<std::size_t> open_;
  std::vector<Fixup> fixups_;
  std::vector<TableUse> tableUses_;
  absl::Status status_;
};

} // namespace qvlsim
