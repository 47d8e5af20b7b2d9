// Parses the body of a function.
#pragma once

#include "Module/FunctionBuilder.h"
#include "Parse/Lexer.h"

namespace qvlsim {

/// Registers a variable in shared memory; `line` for messages.
absl::Status addSharedVariable(ModuleScope &module, const struct VariableDeclaration &variable,
                               bool external, std::uint32_t &index);

/// Parses "{ ... }" into the function. The lexer stands at the brace.
absl::Status parseFunctionBody(Lexer &lexer, ModuleScope &module, FunctionBuilder &builder);

/// Parses ".reg" declarations after the directive; also used for formal parameters in registers.
absl::Status parseRegisters(Lexer &lexer, FunctionBuilder &builder);

/// Skips .loc, .file, .section and the like if one is next; true when it did.
absl::StatusOr<bool> skipDebugDirective(Lexer &lexer);

} // namespace qvlsim
