// Parses one instruction.
#pragma once

#include "Parse/Lexer.h"
#include "Parse/Syntax.h"
#include "absl/status/statusor.h"

namespace qvlsim {

/// Parses from the guard or opcode to the semicolon, which it consumes.
absl::StatusOr<ParsedInstruction> parseInstruction(Lexer &lexer);

} // namespace qvlsim
