#include "Module/Decode.h"

#include "Module/FunctionBuilder.h"
#include "Parse/Names.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <bit>

namespace qvlsim {
namespace {

using Kind = ParsedOperand::Kind;

unsigned registerBits(Type type) {
  std::uint32_t bytes = byteSize(type);
  return bytes <= 2 ? 16 : bytes * 8;
}

/// Bits of a literal for a type: integers are cut to size, floats converted.
std::uint64_t literalBits(const ParsedOperand &operand, Type type) {
  if (operand.kind == Kind::Integer)
    return byteSize(type) >= 8 ? operand.bits
                               : operand.bits & ((std::uint64_t{1} << (8 * byteSize(type))) - 1);
  if (operand.kind == Kind::Float32)
    return byteSize(type) == 8
               ? std::bit_cast<std::uint64_t>(static_cast<double>(
                     std::bit_cast<float>(static_cast<std::uint32_t>(operand.bits))))
               : operand.bits;
  return byteSize(type) == 8 ? operand.bits
                             : std::bit_cast<std::uint32_t>(
                                   static_cast<float>(std::bit_cast<double>(operand.bits)));
}

bool isModifierOf(std::string_view modifier, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), modifier) != choices.end();
}

std::string spelled(std::initializer_list<std::string_view> modifiers) {
  std::string result;
  for (std::string_view modifier : modifiers)
    result.append(result.empty() ? "." : " .").append(modifier);
  return result;
}

} // namespace

Decoder::Decoder(FunctionBuilder &builder, const ParsedInstruction &parsed,
                 std::size_t usedModifiers)
    : builder_(builder), parsed_(parsed), nextModifier_(usedModifiers) {
  out.line = parsed.line;
  out.text = parsed.text;
}

void Decoder::fail(std::string_view message) {
  if (!status_.ok())
    return;
  std::string text(parsed_.text.substr(0, 120));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  status_ = builder_.error(parsed_.line, concat(message, " in '", text, "'"));
}

std::string_view Decoder::peek() const {
  return nextModifier_ < parsed_.modifiers.size() ? parsed_.modifiers[nextModifier_]
                                                  : std::string_view();
}

bool Decoder::accept(std::string_view modifier) {
  if (peek() != modifier || modifier.empty())
    return false;
  ++nextModifier_;
  return true;
}

int Decoder::optionalOf(std::initializer_list<std::string_view> choices) {
  int index = 0;
  for (std::string_view choice : choices) {
    if (accept(choice))
      return index;
    ++index;
  }
  return -1;
}

std::size_t Decoder::oneOf(std::initializer_list<std::string_view> choices) {
  int index = optionalOf(choices);
  if (index >= 0)
    return static_cast<std::size_t>(index);
  fail(peek().empty()
           ? concat("missing modifier, one of ", spelled(choices))
           : concat("modifier '.", peek(), "' where one of ", spelled(choices), " is expected"));
  return 0;
}

Type Decoder::type(std::initializer_list<Type> allowed) {
  auto found = typeFromName(peek());
  if (found &&
      (allowed.size() == 0 || std::find(allowed.begin(), allowed.end(), *found) != allowed.end())) {
    ++nextModifier_;
    return *found;
  }
  fail(peek().empty() ? std::string("missing type")
                      : concat("type '.", peek(), "' is not one of this instruction"));
  return allowed.size() ? *allowed.begin() : Type::B32;
}

Scope Decoder::scope() {
  switch (optionalOf({"cta", "cluster", "gpu", "sys"})) {
  case 0:
    return Scope::Cta;
  case 1:
    return Scope::Cluster;
  case 2:
    return Scope::Gpu;
  case 3:
    return Scope::System;
  default:
    return Scope::None;
  }
}

bool Decoder::cacheHints() {
  bool policy = false;
  for (;;) {
    std::string_view next = peek();
    if (next == "L2::cache_hint")
      policy = true;
    else if (!isModifierOf(next, {"ca",
                                  "cg",
                                  "cs",
                                  "cv",
                                  "lu",
                                  "wb",
                                  "wt",
                                  "nc",
                                  "L1::evict_normal",
                                  "L1::evict_unchanged",
                                  "L1::evict_first",
                                  "L1::evict_last",
                                  "L1::no_allocate",
                                  "L2::evict_normal",
                                  "L2::evict_first",
                                  "L2::evict_last",
                                  "L2::64B",
                                  "L2::128B",
                                  "L2::256B",
                                  "level::eviction_priority"}))
      return policy;
    ++nextModifier_;
  }
}

const ParsedOperand &Decoder::parsed(std::size_t index) {
  static const ParsedOperand missing{.kind = Kind::Sink};
  if (index < parsed_.operands.size())
    return parsed_.operands[index];
  fail(absl::StrFormat("operand %d is missing", index + 1));
  return missing;
}

bool Decoder::isVector(std::size_t index) { return parsed(index).kind == Kind::Vector; }

void Decoder::append(Operand operand, bool destination) {
  if (destination) {
    if (sourcesSeen_)
      fail("internal: destination after source");
    ++destinations_;
  } else {
    sourcesSeen_ = true;
  }
  operands_.push_back(operand);
}

Operand Decoder::resolvePredicate(const ParsedOperand &operand, bool destination, bool sink) {
  Operand result;
  if (operand.kind == Kind::Sink && sink) {
    result.kind = Operand::Kind::Sink;
    return result;
  }
  if (operand.kind == Kind::Integer && !destination)
    return builder_.predicateLiteral(operand.bits != 0);
  if (operand.kind != Kind::Name || operand.hasDisplacement) {
    fail("predicate expected");
    return result;
  }
  auto found = builder_.findRegister(operand.text);
  if (!found && !destination)
    found = builder_.findSpecial(operand.text);
  if (!found) {
    fail(concat("unknown register '", operand.text, "'"));
    return result;
  }
  if (found->kind != Operand::Kind::Predicate)
    fail(concat("'", operand.text, "' is not a predicate"));
  found->negated = operand.negated;
  if (destination && operand.negated)
    fail("a destination cannot be negated");
  return *found;
}

Operand Decoder::resolve(const ParsedOperand &operand, Type type, bool wider, bool destination,
                         bool sink) {
  if (type == Type::Pred)
    return resolvePredicate(operand, destination, sink);
  Operand result;
  switch (operand.kind) {
  case Kind::Sink:
    if (sink) {
      result.kind = Operand::Kind::Sink;
      return result;
    }
    fail("'_' is not allowed here");
    return result;
  case Kind::Integer:
  case Kind::Float:
  case Kind::Float32:
    if (destination)
      fail("a constant cannot be written");
    if (byteSize(type) == 16)
      fail("128-bit operands are registers");
    if (operand.kind != Kind::Integer && byteSize(type) < 4)
      fail("floating constants are f32 or f64");
    return builder_.literal(literalBits(operand, type), byteSize(type) == 8);
  case Kind::Name:
    break;
  default:
    fail("register or constant expected");
    return result;
  }
  if (operand.negated)
    fail("only predicates can be negated");
  auto found = builder_.findRegister(operand.text);
  if (!found && !destination)
    found = builder_.findSpecial(operand.text);
  if (!found) {
    fail(concat("unknown register '", operand.text, "'"));
    return result;
  }
  if (operand.hasDisplacement)
    fail("a register with a displacement is an address only");
  unsigned bits = registerBits(type);
  bool fits = found->bits == bits || (wider && found->bits > bits);
  // Special registers are 32-bit values and may be read with their old 16-bit type.
  fits |= found->bank != Bank::Frame && found->bits == 32 && bits == 16;
  if (found->kind == Operand::Kind::Predicate || !fits)
    fail(absl::StrFormat("register '%s' of %d bits does not fit type .%s", operand.text,
                         found->bits, name(type)));
  return *found;
}

void Decoder::destinationOf(const ParsedOperand &operand, Type type, bool wider, bool sink) {
  append(resolve(operand, type, wider, true, sink), true);
}
void Decoder::sourceOf(const ParsedOperand &operand, Type type, bool wider) {
  append(resolve(operand, type, wider, false, false));
}
void Decoder::destination(std::size_t index, Type type, bool wider, bool sink) {
  destinationOf(parsed(index), type, wider, sink);
}
void Decoder::source(std::size_t index, Type type, bool wider) {
  sourceOf(parsed(index), type, wider);
}

std::size_t Decoder::destinationVector(std::size_t index, Type type, bool wider, bool sink) {
  const ParsedOperand &operand = parsed(index);
  if (operand.kind != Kind::Vector) {
    destinationOf(operand, type, wider, sink);
    return 1;
  }
  for (const ParsedOperand &child : operand.children)
    destinationOf(child, type, wider, sink);
  return operand.children.size();
}

std::size_t Decoder::sourceVector(std::size_t index, Type type, bool wider) {
  const ParsedOperand &operand = parsed(index);
  if (operand.kind != Kind::Vector) {
    sourceOf(operand, type, wider);
    return 1;
  }
  for (const ParsedOperand &child : operand.children)
    sourceOf(child, type, wider);
  return operand.children.size();
}

void Decoder::predicateDestination(std::size_t index, bool sink) {
  append(resolvePredicate(parsed(index), true, sink), true);
}
void Decoder::predicateSource(std::size_t index) {
  append(resolvePredicate(parsed(index), false, false));
}

void Decoder::destinationWithPredicate(std::size_t index, Type type) {
  const ParsedOperand &operand = parsed(index);
  if (operand.kind != Kind::Pair) {
    destinationOf(operand, type, false, true);
    appendAbsent(true);
    return;
  }
  destinationOf(operand.children[0], type, false, true);
  append(resolvePredicate(operand.children[1], true, true), true);
}

void Decoder::predicatePair(std::size_t index) { destinationWithPredicate(index, Type::Pred); }

void Decoder::address(std::size_t index, StateSpace space) {
  const ParsedOperand &operand = parsed(index);
  if (operand.kind == Kind::Address && operand.children.size() > 1)
    fail("unexpected coordinates in an address");
  addressOf(operand, space);
}

void Decoder::addressOf(const ParsedOperand &operand, StateSpace space) {
  if (operand.kind != Kind::Address) {
    fail("address expected");
    append(Operand{});
    return;
  }
  const ParsedOperand &base = operand.children[0];
  Operand result;
  if (base.kind == Kind::Integer) {
    result = builder_.literal(base.bits, true);
  } else if (auto reg = builder_.findRegister(base.text)) {
    result = *reg;
    if (reg->kind != Operand::Kind::Value32 && reg->kind != Operand::Kind::Value64)
      fail(concat("'", base.text, "' cannot hold an address"));
    result.displacement = static_cast<std::int64_t>(operand.bits);
  } else {
    StateSpace lies = space;
    auto variable = builder_.findAddress(base.text, operand.bits, true, lies);
    if (!variable) {
      fail(concat("unknown name '", base.text, "'"));
    } else {
      result = *variable;
      bool same = lies == space || space == StateSpace::Generic ||
                  (lies == StateSpace::Shared && space == StateSpace::SharedCluster) ||
                  (lies == StateSpace::Local && space == StateSpace::Parameter) ||
                  (lies == StateSpace::Constant && space == StateSpace::Global);
      if (!same)
        fail(absl::StrFormat("'%s' lies in .%s, the instruction accesses .%s", base.text,
                             name(lies), name(space)));
      // The address of a variable is in the variable's own space.
      out.space = lies;
    }
  }
  result.address = true;
  append(result);
}

std::int64_t Decoder::constant(std::size_t index, std::int64_t low, std::int64_t high) {
  const ParsedOperand &operand = parsed(index);
  auto value = static_cast<std::int64_t>(operand.bits);
  if (operand.kind == Kind::Integer && value >= low && value <= high)
    return value;
  fail(absl::StrFormat("operand %d must be a constant from %d to %d", index + 1, low, high));
  return low;
}

std::optional<std::int64_t> Decoder::literal(std::size_t index) {
  const ParsedOperand &operand = parsed(index);
  if (operand.kind == Kind::Integer)
    return static_cast<std::int64_t>(operand.bits);
  return std::nullopt;
}

void Decoder::expectOperands(std::size_t least, std::size_t most) {
  if (parsed_.operands.size() >= least && parsed_.operands.size() <= most)
    return;
  fail(least == most
           ? absl::StrFormat("%d operands expected, not %d", least, parsed_.operands.size())
           : absl::StrFormat("%d to %d operands expected, not %d", least, most,
                             parsed_.operands.size()));
}

absl::Status Decoder::finish() {
  if (nextModifier_ < parsed_.modifiers.size())
    fail(concat("unknown modifier '.", peek(), "'"));
  if (!parsed_.guard.empty()) {
    ParsedOperand guard;
    guard.text = parsed_.guard;
    out.guardOffset = resolvePredicate(guard, false, false).offset;
    out.guarded = true;
    out.guardNegated = parsed_.guardNegated;
  }
  if (ok() && out.handler == nullptr)
    fail("this form is not supported");
  auto &storage = builder_.function().operandStorage;
  storage.push_back(std::move(operands_));
  out.operands = storage.back().data();
  out.operandCount = static_cast<std::uint16_t>(storage.back().size());
  out.destinations = static_cast<std::uint16_t>(destinations_);
  return status_;
}

} // namespace qvlsim
