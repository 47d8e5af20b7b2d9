// Integer constant expressions (PTX ISA 9.0, section 4.5).
#pragma once

#include "Parse/Lexer.h"
#include "absl/status/statusor.h"

#include <cstdint>

namespace qvlsim {

/// Parses an expression of literals, parentheses, casts, unary + - ! ~ and the binary operators of
/// C without ?:. Arithmetic wraps at 64 bits; division by zero is an error.
absl::StatusOr<std::int64_t> parseConstantExpression(Lexer &lexer);

} // namespace qvlsim
