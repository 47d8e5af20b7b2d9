#include "Module/FunctionBuilder.h"

#include "Memory/AddressSpaces.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"
#include "Module/MatrixRegisters.h"
#include "Module/Reconvergence.h"
#include "Module/SpecialRegisters.h"
#include "Parse/Limits.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace qvlsim {
namespace {
constexpr std::uint32_t kNoTable = 0xFFFFFFFF;
} // namespace

Operand ModuleScope::pool(PoolValue value) {
  bool warp =
      value.kind == PoolValue::Kind::SharedAddress || value.kind == PoolValue::Kind::WarpSpecial;
  std::string key =
      absl::StrCat(static_cast<int>(value.kind), ",", value.wide, ",", value.generic, ",",
                   value.predicate, ",", value.special, ",", value.index, ",", value.value);
  auto &values = warp ? program.warpPool : program.launchPool;
  std::uint32_t &bytes = warp ? program.warpPoolBytes : program.launchPoolBytes;
  auto [found, fresh] = pooled.try_emplace(key, static_cast<std::uint32_t>(values.size()));
  if (fresh) {
    value.offset = bytes;
    bytes += value.wide ? 2 * kLaneUnit : kLaneUnit;
    values.push_back(value);
  }
  Operand result;
  result.bank = warp ? Bank::Warp : Bank::Launch;
  result.kind = value.predicate ? Operand::Kind::Predicate
                : value.wide    ? Operand::Kind::Value64
                                : Operand::Kind::Value32;
  result.bits = value.predicate ? 1 : value.wide ? 64 : 32;
  result.offset = values[found->second].offset;
  return result;
}

absl::Status FunctionBuilder::error(std::uint32_t line, std::string_view message) const {
  return absl::InvalidArgumentError(
      absl::StrFormat("%s:%d: %s", module_.program.fileName, line, message));
}

void FunctionBuilder::enterScope() {
  scopes_.push_back({.parent = current()});
  open_.push_back(scopes_.size() - 1);
}
void FunctionBuilder::leaveScope() { open_.pop_back(); }

template <typename Visit> bool FunctionBuilder::visitScopes(std::size_t from, Visit visit) const {
  for (std::size_t s = from;; s = scopes_[s].parent) {
    if (visit(scopes_[s]))
      return true;
    if (s == 0)
      return false;
  }
}

bool FunctionBuilder::declared(std::string_view name) const {
  const Scope &s = scopes_[current()];
  return s.registers.contains(name) || s.locals.contains(name) || s.shared.contains(name) ||
         s.parameters.contains(name) || s.labels.contains(name);
}

absl::Status FunctionBuilder::declareRegister(std::string_view name, RegisterType type,
                                              std::uint64_t count, bool range) {
  if (declared(name))
    return absl::InvalidArgumentError(concat("'", name, "' is declared twice"));
  if (range)
    scopes_[current()].ranges.push_back({std::string(name), type, count});
  else
    scopes_[current()].registers.emplace(std::string(name), type);
  return absl::OkStatus();
}

absl::Status FunctionBuilder::declareLocal(std::string_view name, std::uint64_t bytes,
                                           std::uint64_t align, bool parameter,
                                           FormalParameter *formal) {
  if (declared(name))
    return absl::InvalidArgumentError(concat("'", name, "' is declared twice"));
  std::uint64_t offset = (function_.localBytes + align - 1) / align * align;
  if (bytes > kMaxLocalBytes || offset + bytes > kMaxLocalBytes)
    return absl::ResourceExhaustedError(absl::StrFormat(
        "'%s' makes the frame's local memory exceed %d bytes", name, kMaxLocalBytes));
  function_.localBytes = static_cast<std::uint32_t>(offset + bytes);
  Local local;
  local.formal = {static_cast<std::uint32_t>(bytes), static_cast<std::uint32_t>(offset), {}};
  local.parameter = parameter;
  if (formal != nullptr)
    *formal = local.formal;
  scopes_[current()].locals.emplace(std::string(name), local);
  return absl::OkStatus();
}

absl::Status FunctionBuilder::declareShared(std::string_view name, std::uint32_t index) {
  if (declared(name))
    return absl::InvalidArgumentError(concat("'", name, "' is declared twice"));
  scopes_[current()].shared.emplace(std::string(name), index);
  return absl::OkStatus();
}

absl::Status FunctionBuilder::declareKernelParameter(std::string_view name, std::uint32_t offset) {
  if (declared(name))
    return absl::InvalidArgumentError(concat("'", name, "' is declared twice"));
  scopes_[current()].parameters.emplace(std::string(name), offset);
  return absl::OkStatus();
}

absl::Status FunctionBuilder::label(std::string_view name) {
  if (declared(name))
    return absl::InvalidArgumentError(concat("label '", name, "' is declared twice"));
  scopes_[current()].labels.emplace(std::string(name),
                                    static_cast<std::uint32_t>(function_.code.size()));
  return absl::OkStatus();
}

absl::Status FunctionBuilder::branchTargets(std::string_view name,
                                            std::vector<std::string_view> labels,
                                            std::uint32_t line) {
  auto table = static_cast<std::uint32_t>(function_.branchTables.size());
  if (!scopes_[current()].tables.emplace(std::string(name), table).second)
    return absl::InvalidArgumentError(concat("'", name, "' is declared twice"));
  function_.branchTables.emplace_back(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i)
    fixups_.push_back(
        {0, table, static_cast<std::uint32_t>(i), current(), std::string(labels[i]), line});
  return absl::OkStatus();
}
absl::Status FunctionBuilder::callTargets(std::string_view name,
                                          std::vector<std::uint32_t> functions) {
  scopes_[current()].targetLists.emplace(std::string(name), std::move(functions));
  return absl::OkStatus();
}
absl::Status FunctionBuilder::callPrototype(std::string_view name) {
  scopes_[current()].prototypes.emplace(std::string(name), true);
  return absl::OkStatus();
}

Operand FunctionBuilder::newSlot(RegisterType type) {
  Operand slot;
  slot.kind = type.kind;
  slot.bits = type.bits;
  slot.offset = function_.registerBytes;
  function_.registerBytes += kLaneUnit * (type.kind == Operand::Kind::Value128  ? 4
                                          : type.kind == Operand::Kind::Value64 ? 2
                                                                                : 1);
  if (function_.registerBytes > kMaxRegisterBytes && status_.ok())
    status_ = absl::ResourceExhaustedError(
        absl::StrFormat("%s: function '%s' uses more registers than the simulator's %d bytes a "
                        "warp hold",
                        module_.program.fileName, function_.name, kMaxRegisterBytes));
  return slot;
}

std::optional<Operand> FunctionBuilder::findRegister(std::string_view name) {
  std::optional<Operand> result;
  std::size_t digits = name.find_last_not_of("0123456789") + 1;
  std::uint64_t number = 0;
  bool numbered =
      digits < name.size() && (name[digits] != '0' || digits + 1 == name.size()) &&
      absl::SimpleAtoi(absl::string_view(name.data() + digits, name.size() - digits), &number);
  for (std::size_t s = current();; s = scopes_[s].parent) {
    Scope &scope = scopes_[s];
    if (auto slot = scope.slots.find(name); slot != scope.slots.end())
      return slot->second;
    std::optional<RegisterType> type;
    if (auto found = scope.registers.find(name); found != scope.registers.end())
      type = found->second;
    if (numbered && !type)
      for (const Range &range : scope.ranges)
        if (range.prefix == name.substr(0, digits) && number < range.count)
          type = range.type;
    if (type)
      return scope.slots.emplace(std::string(name), newSlot(*type)).first->second;
    if (s == 0)
      return std::nullopt;
  }
}

Operand FunctionBuilder::literal(std::uint64_t bits, bool wide) {
  PoolValue value;
  value.wide = wide;
  value.value = wide ? bits : static_cast<std::uint32_t>(bits);
  return module_.pool(value);
}

Operand FunctionBuilder::predicateLiteral(bool truth) {
  PoolValue value;
  value.predicate = true;
  value.value = truth;
  return module_.pool(value);
}

std::optional<Operand> FunctionBuilder::findSpecial(std::string_view name) {
  std::optional<SpecialRegister> special = findSpecialRegister(name);
  if (!special || special->changes)
    return std::nullopt;
  PoolValue value;
  value.kind = special->perWarp ? PoolValue::Kind::WarpSpecial : PoolValue::Kind::GridSpecial;
  value.wide = special->wide;
  value.predicate = special->predicate;
  value.special = special->id;
  return module_.pool(value);
}

std::optional<Operand> FunctionBuilder::findAddress(std::string_view name,
                                                    std::uint64_t displacement, bool wide,
                                                    StateSpace &space) {
  PoolValue value;
  value.wide = wide;
  value.value = displacement;
  for (std::size_t s = current();; s = scopes_[s].parent) {
    Scope &scope = scopes_[s];
    if (auto local = scope.locals.find(name); local != scope.locals.end()) {
      space = StateSpace::Local;
      auto &address = local->second.address[wide];
      if (!address) {
        address = newSlot(wide ? RegisterType{Operand::Kind::Value64, 64} : RegisterType{});
        function_.localAddresses.push_back({*address, local->second.formal.offset});
      }
      Operand result = *address;
      result.displacement = static_cast<std::int64_t>(displacement);
      return result;
    }
    if (auto shared = scope.shared.find(name); shared != scope.shared.end()) {
      value.kind = PoolValue::Kind::SharedAddress;
      value.index = shared->second;
      break;
    }
    if (auto parameter = scope.parameters.find(name); parameter != scope.parameters.end()) {
      value.kind = PoolValue::Kind::ParameterAddress;
      value.value += parameter->second;
      break;
    }
    if (s != 0)
      continue;
    auto symbol = module_.symbols.find(name);
    if (symbol == module_.symbols.end())
      return std::nullopt;
    value.index = symbol->second.index;
    value.kind = symbol->second.kind == Symbol::Kind::Global   ? PoolValue::Kind::GlobalAddress
                 : symbol->second.kind == Symbol::Kind::Shared ? PoolValue::Kind::SharedAddress
                                                               : PoolValue::Kind::FunctionAddress;
    break;
  }
  if (value.kind == PoolValue::Kind::SharedAddress) {
    space = StateSpace::Shared;
    function_.sharedUses.push_back(value.index);
  } else if (value.kind == PoolValue::Kind::ParameterAddress) {
    space = StateSpace::Parameter;
  } else {
    space = StateSpace::Global;
    if (value.kind == PoolValue::Kind::GlobalAddress &&
        module_.program.globals[value.index].constant)
      space = StateSpace::Constant;
  }
  return module_.pool(value);
}

const FormalParameter *FunctionBuilder::findParameter(std::string_view name) {
  const FormalParameter *result = nullptr;
  visitScopes(current(), [&](const Scope &scope) {
    auto found = scope.locals.find(name);
    if (found == scope.locals.end())
      return false;
    if (found->second.parameter)
      result = &found->second.formal;
    return true;
  });
  return result;
}

std::optional<std::uint32_t> FunctionBuilder::findFunction(std::string_view name) const {
  auto symbol = module_.symbols.find(name);
  if (symbol == module_.symbols.end() || symbol->second.kind != Symbol::Kind::Function)
    return std::nullopt;
  return symbol->second.index;
}

void FunctionBuilder::labelTarget(std::string_view label) {
  fixups_.push_back({static_cast<std::uint32_t>(function_.code.size()), kNoTable, 0, current(),
                     std::string(label), 0});
}

std::uint32_t FunctionBuilder::branchTable(std::string_view name) {
  tableUses_.push_back(
      {static_cast<std::uint32_t>(function_.code.size()), current(), std::string(name)});
  return 0;
}

FunctionBuilder::TargetList
FunctionBuilder::findTargetList(std::string_view name,
                                std::vector<std::uint32_t> &functions) const {
  TargetList result = TargetList::None;
  visitScopes(current(), [&](const Scope &scope) {
    if (scope.prototypes.contains(name))
      result = TargetList::Prototype;
    else if (auto list = scope.targetLists.find(name); list != scope.targetLists.end()) {
      result = TargetList::Functions;
      functions = list->second;
    }
    return result != TargetList::None;
  });
  return result;
}

absl::Status FunctionBuilder::add(const ParsedInstruction &parsed) {
  if (function_.code.size() >= kMaxInstructions)
    return absl::ResourceExhaustedError("function too long");
  std::size_t used = 0;
  DecodeFunction decode = InstructionTable::get().find(parsed.opcode, parsed.modifiers, used);
  if (decode == nullptr)
    return error(parsed.line, absl::StrFormat("unknown opcode '%s'", parsed.opcode));
  Decoder decoder(*this, parsed, used);
  if (absl::Status decoded = decode(decoder); !decoded.ok())
    return decoded;
  if (absl::Status finished = decoder.finish(); !finished.ok())
    return finished;
  function_.code.push_back(decoder.out);
  return status_;
}

std::optional<std::uint32_t> FunctionBuilder::findLabel(std::size_t scope,
                                                        std::string_view name) const {
  std::optional<std::uint32_t> result;
  visitScopes(scope, [&](const Scope &s) {
    if (auto found = s.labels.find(name); found != s.labels.end())
      result = found->second;
    return result.has_value();
  });
  return result;
}

absl::Status FunctionBuilder::finish() {
  // A function that runs off its end returns.
  ParsedInstruction ret;
  ret.opcode = "ret";
  ret.text = "ret (end of the function)";
  ret.line = function_.code.empty() ? 0 : function_.code.back().line;
  if (absl::Status added = add(ret); !added.ok())
    return added;
  for (const Fixup &fixup : fixups_) {
    std::uint32_t line =
        fixup.table == kNoTable ? function_.code[fixup.instruction].line : fixup.line;
    auto target = findLabel(fixup.scope, fixup.label);
    if (!target)
      return error(line, absl::StrFormat("unknown label '%s'", fixup.label));
    if (fixup.table == kNoTable)
      function_.code[fixup.instruction].target = *target;
    else
      function_.branchTables[fixup.table][fixup.entry] = *target;
  }
  for (const TableUse &use : tableUses_) {
    bool found = visitScopes(use.scope, [&](const Scope &scope) {
      auto table = scope.tables.find(use.name);
      if (table != scope.tables.end())
        function_.code[use.instruction].table = table->second;
      return table != scope.tables.end();
    });
    if (!found)
      return error(function_.code[use.instruction].line,
                   absl::StrFormat("unknown branch table '%s'", use.name));
  }
  computeReconvergence(function_);
  markMatrixRegisters(function_);
  return absl::OkStatus();
}

} // namespace qvlsim
