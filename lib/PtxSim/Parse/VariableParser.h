// Parses declarations of variables: type, alignment, extents, initial value.
#pragma once

#include "Module/FunctionBuilder.h"
#include "Parse/Lexer.h"
#include "Parse/Types.h"
#include "absl/status/statusor.h"

#include <string_view>
#include <vector>

namespace qvlsim {

struct VariableDeclaration {
  std::string_view name;
  Type type = Type::B32;
  std::uint32_t line = 0;
  std::uint64_t align = 1;
  std::uint64_t elements = 1; // 0: [] without extent
  bool array = false;
  std::uint64_t bytes = 0;
  bool isPointer = false; // .ptr of a kernel parameter
  GlobalVariable value;   // when there was an initialiser
  bool initialised = false;
};

/// Parses after the state space: {.align N} {.vN} .type {.ptr ...} name {[N]...} {= value}.
/// `module` resolves the symbols of initialisers; null: none is allowed.
absl::StatusOr<VariableDeclaration> parseVariable(Lexer &lexer, const ModuleScope *module);

} // namespace qvlsim
