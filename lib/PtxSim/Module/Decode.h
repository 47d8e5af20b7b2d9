// What a family's decode function sees: modifiers in order, operands by index.
#pragma once

#include "Module/Instruction.h"
#include "Parse/Syntax.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

namespace qvlsim {

class FunctionBuilder;

/// Decodes one instruction. The first failed check is kept and returned by finish(), so decode
/// functions read straight down; a failed call returns a harmless default.
class Decoder {
public:
  Decoder(FunctionBuilder &builder, const ParsedInstruction &parsed, std::size_t usedModifiers);

  Instruction out; // handler, class and family fields are set by the decode function

  // --- modifiers, in the order of the syntax -----------------------------------------------------
  /// The next modifier, empty at the end.
  std::string_view peek() const;
  /// Consumes the next modifier if it is `modifier`.
  bool accept(std::string_view modifier);
  /// Consumes one of the choices and returns its index; fails when the next modifier is none.
  std::size_t oneOf(std::initializer_list<std::string_view> choices);
  /// The same, but absent is allowed: -1.
  int optionalOf(std::initializer_list<std::string_view> choices);
  /// Consumes a type out of `allowed` (all types when empty).
  Type type(std::initializer_list<Type> allowed = {});
  /// Consumes .cta, .cluster, .gpu or .sys; Scope::None when absent.
  Scope scope();
  /// Consumes modifiers that only steer caches: .ca .cg .cs .cv .lu .wb .wt .nc, .L1::*, .L2::*,
  /// .level::*; returns whether .L2::cache_hint (which adds an operand) was among them.
  bool cacheHints();

  // --- operands ----------------------------------------------------------------------------------
  std::size_t operandCount() const { return parsed_.operands.size(); }
  /// Operand as written, to look at its kind; fails and gives a sink beyond the end.
  const ParsedOperand &parsed(std::size_t index);
  bool isVector(std::size_t index);
  /// Appends operand `index` as a destination of `type`: a register of that size (or wider where
  /// `wider`), or the sink where `sink`. All destinations come before all sources.
  void destination(std::size_t index, Type type, bool wider = false, bool sink = false);
  /// Appends operand `index` as a source: register of that size, literal, or special register.
  void source(std::size_t index, Type type, bool wider = false);
  /// Vector elements {a, b, ...} (or one scalar), each as destination or source; returns the count.
  std::size_t destinationVector(std::size_t index, Type type, bool wider = false,
                                bool sink = false);
  std::size_t sourceVector(std::size_t index, Type type, bool wider = false);
  void predicateDestination(std::size_t index, bool sink = true);
  /// A predicate source; !p is allowed.
  void predicateSource(std::size_t index);
  /// `d|p` with an optional second part: a destination of `type` and a predicate (or none).
  void destinationWithPredicate(std::size_t index, Type type);
  /// Two predicates `p|q`; the second may be missing.
  void predicatePair(std::size_t index);
  /// [base + displacement] as a source with `address` set: a 32- or 64-bit register, a literal or a
  /// variable. Further children of the operand (tensor coordinates) are left to the caller.
  void address(std::size_t index, StateSpace space);
  /// The same for operands that are not numbered operands of the instruction.
  void addressOf(const ParsedOperand &operand, StateSpace space);
  void sourceOf(const ParsedOperand &operand, Type type, bool wider = false);
  void destinationOf(const ParsedOperand &operand, Type type, bool wider = false,
                     bool sink = false);
  /// A constant integer operand in [low, high].
  std::int64_t constant(std::size_t index, std::int64_t low, std::int64_t high);
  /// The integer if the operand is a literal.
  std::optional<std::int64_t> literal(std::size_t index);
  /// Checks the number of operands.
  void expectOperands(std::size_t least, std::size_t most);
  void expectOperands(std::size_t count) { expectOperands(count, count); }
  /// The j-th resolved operand so far.
  const Operand &resolved(std::size_t j) const { return operands_[j]; }
  std::size_t resolvedCount() const { return operands_.size(); }
  /// Appends a resolved operand (Kind::None as a placeholder for an absent optional source).
  void append(Operand operand, bool destination = false);
  void appendAbsent(bool destination = false) { append(Operand{}, destination); }

  /// Fails with "FILE:LINE: message: instruction text".
  void fail(std::string_view message);
  bool ok() const { return status_.ok(); }
  FunctionBuilder &builder() { return builder_; }
  const ParsedInstruction &statement() const { return parsed_; }

  /// After the decode function: refuses left-over modifiers, resolves the guard, stores operands.
  absl::Status finish();

private:
  Operand resolve(const ParsedOperand &operand, Type type, bool wider, bool destination, bool sink);
  Operand resolvePredicate(const ParsedOperand &operand, bool destination, bool sink);

  FunctionBuilder &builder_;
  const ParsedInstruction &parsed_;
  std::size_t nextModifier_;
  std::vector<Operand> operands_;
  std::size_t destinations_ = 0;
  bool sourcesSeen_ = false;
  absl::Status status_;
};

} // namespace qvlsim
