#include "Parse/InstructionParser.h"

#include "Parse/ConstantExpression.h"
#include "Parse/Limits.h"

#include <bit>

namespace qvlsim {
namespace {

using Result = absl::StatusOr<ParsedOperand>;
using Kind = ParsedOperand::Kind;

class OperandParser {
public:
  explicit OperandParser(Lexer &lexer) : lexer_(lexer) {}

  /// An operand with an optional second part p|q.
  Result operand(unsigned depth = 0) {
    std::size_t begin = lexer_.peek().begin;
    Result first = simple(depth);
    if (!first.ok() || !lexer_.peek().is('|'))
      return first;
    lexer_.next();
    Result second = simple(depth);
    if (!second.ok())
      return second;
    ParsedOperand pair;
    pair.kind = Kind::Pair;
    pair.text = lexer_.text().substr(begin, 1);
    pair.children = {*std::move(first), *std::move(second)};
    return pair;
  }

private:
  Result simple(unsigned depth) {
    if (depth > kMaxNesting)
      return lexer_.errorHere("operand nested too deeply");
    const Token &token = lexer_.peek();
    if (token.is('{'))
      return list('{', '}', Kind::Vector, depth);
    if (token.is('('))
      return list('(', ')', Kind::List, depth);
    if (token.is('['))
      return address(depth);
    if (token.kind == Token::Kind::Identifier && token.text != "WARP_SZ")
      return named();
    if (token.is('!'))
      return negated();
    return number();
  }

  Result list(char open, char close, Kind kind, unsigned depth) {
    ParsedOperand result;
    result.kind = kind;
    result.text = lexer_.next().text;
    if (lexer_.accept(close))
      return result;
    do {
      Result child = operand(depth + 1);
      if (!child.ok())
        return child;
      result.children.push_back(*std::move(child));
    } while (lexer_.accept(','));
    if (!lexer_.accept(close))
      return lexer_.errorHere(open == '{' ? "',' or '}' expected" : "',' or ')' expected");
    return result;
  }

  Result address(unsigned depth) {
    ParsedOperand result;
    result.kind = Kind::Address;
    result.text = lexer_.next().text;
    Result base = simple(depth + 1);
    if (!base.ok())
      return base;
    if (base->kind != Kind::Name && base->kind != Kind::Integer)
      return lexer_.errorHere("an address starts with a register, variable or constant");
    result.bits = base->hasDisplacement ? base->bits : 0;
    result.hasDisplacement = base->hasDisplacement;
    result.children.push_back(*std::move(base));
    while (lexer_.accept(',')) {
      Result coordinates = operand(depth + 1);
      if (!coordinates.ok())
        return coordinates;
      result.children.push_back(*std::move(coordinates));
    }
    if (!lexer_.accept(']'))
      return lexer_.errorHere("']' expected");
    return result;
  }

  Result named() {
    ParsedOperand result;
    Token token = lexer_.next();
    result.text = token.text;
    if (token.text == "_") {
      result.kind = Kind::Sink;
      return result;
    }
    // Components of special registers: %tid.x.
    if (token.text[0] == '%' && lexer_.peek().kind == Token::Kind::Dotted && lexer_.adjacent()) {
      Token component = lexer_.next();
      result.text = lexer_.text().substr(token.begin, component.end - token.begin);
    }
    if (lexer_.peek().is('+') || lexer_.peek().is('-')) {
      bool minus = lexer_.next().is('-');
      auto value = parseConstantExpression(lexer_);
      if (!value.ok())
        return value.status();
      result.hasDisplacement = true;
      result.bits =
          minus ? 0 - static_cast<std::uint64_t>(*value) : static_cast<std::uint64_t>(*value);
    }
    return result;
  }

  Result negated() {
    Token mark = lexer_.next();
    if (lexer_.peek().kind != Token::Kind::Identifier) { // !0 and the like are constants
      auto value = parseConstantExpression(lexer_);
      if (!value.ok())
        return value.status();
      ParsedOperand result;
      result.kind = Kind::Integer;
      result.text = mark.text;
      result.bits = *value == 0;
      return result;
    }
    Result result = named();
    if (result.ok())
      result->negated = true;
    return result;
  }

  Result number() {
    ParsedOperand result;
    const Token token = lexer_.peek();
    result.text = token.text;
    bool minus = token.is('-');
    if (minus) {
      // A negated decimal float needs a look past the sign.
      std::size_t at = token.end;
      std::string_view rest = lexer_.text().substr(at);
      std::size_t digits = rest.find_first_not_of("0123456789");
      bool real = digits != 0 && digits != std::string_view::npos &&
                  (rest[digits] == '.' || rest[digits] == 'e' || rest[digits] == 'E');
      if (real)
        lexer_.next();
      else
        minus = false;
    }
    const Token &value = lexer_.peek();
    if (value.kind == Token::Kind::Float || value.kind == Token::Kind::Float32) {
      result.kind = value.kind == Token::Kind::Float ? Kind::Float : Kind::Float32;
      result.bits = minus ? value.bits ^ (std::uint64_t{1} << 63) : value.bits;
      lexer_.next();
      return result;
    }
    auto constant = parseConstantExpression(lexer_);
    if (!constant.ok())
      return constant.status();
    result.kind = Kind::Integer;
    result.bits = static_cast<std::uint64_t>(*constant);
    return result;
  }

  Lexer &lexer_;
};

absl::Status parseGuard(Lexer &lexer, ParsedInstruction &result) {
  if (!lexer.accept('@'))
    return absl::OkStatus();
  result.guardNegated = lexer.accept('!');
  if (lexer.peek().kind != Token::Kind::Identifier)
    return lexer.errorHere("guard predicate expected");
  result.guard = lexer.next().text;
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<ParsedInstruction> parseInstruction(Lexer &lexer) {
  ParsedInstruction result;
  std::size_t begin = lexer.peek().begin;
  if (absl::Status guard = parseGuard(lexer, result); !guard.ok())
    return guard;
  if (lexer.peek().kind != Token::Kind::Identifier)
    return lexer.errorHere("opcode expected");
  result.line = lexer.peek().line;
  result.opcode = lexer.next().text;
  while (lexer.peek().kind == Token::Kind::Dotted && lexer.adjacent())
    result.modifiers.push_back(lexer.next().text);
  OperandParser operands(lexer);
  // Operands of a call may stand without a comma after the list of results in old texts; PTX of
  // today always has commas, and nothing else is accepted.
  if (!lexer.peek().is(';'))
    do {
      auto operand = operands.operand();
      if (!operand.ok())
        return operand.status();
      result.operands.push_back(*std::move(operand));
    } while (lexer.accept(','));
  std::size_t end = lexer.peek().begin;
  if (!lexer.accept(';'))
    return lexer.errorHere("',' or ';' expected");
  std::string_view text = lexer.text().substr(begin, end - begin);
  result.text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  return result;
}

} // namespace qvlsim
