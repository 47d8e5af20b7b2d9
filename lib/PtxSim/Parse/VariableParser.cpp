#include "Parse/VariableParser.h"

#include "Parse/ConstantExpression.h"
#include "Parse/Limits.h"
#include "Parse/Names.h"

#include <bit>

namespace qvlsim {
namespace {

absl::StatusOr<std::uint64_t> parseAlign(Lexer &lexer) {
  if (lexer.peek().kind != Token::Kind::Integer || !std::has_single_bit(lexer.peek().bits) ||
      lexer.peek().bits > 65536)
    return lexer.errorHere("alignment, a power of two, expected");
  return lexer.next().bits;
}

/// Fills a variable's bytes from the initialiser in braces.
class InitialiserParser {
public:
  InitialiserParser(Lexer &lexer, const ModuleScope &module, VariableDeclaration &variable)
      : lexer_(lexer), module_(module), variable_(variable), width_(byteSize(variable.type)) {}

  absl::Status parse() {
    if (absl::Status status = list(0); !status.ok())
      return status;
    if (variable_.array && variable_.elements == 0) {
      variable_.elements = position_ / width_;
      variable_.bytes = position_;
    }
    return absl::OkStatus();
  }

private:
  absl::Status list(unsigned depth) {
    if (depth > kMaxNesting)
      return lexer_.errorHere("initialiser nested too deeply");
    if (!lexer_.accept('{'))
      return element();
    if (lexer_.accept('}'))
      return absl::OkStatus();
    do
      if (absl::Status status = list(depth + 1); !status.ok())
        return status;
    while (lexer_.accept(','));
    return lexer_.accept('}') ? absl::OkStatus() : lexer_.errorHere("',' or '}' expected");
  }

  absl::Status element() {
    bool sized = !(variable_.array && variable_.elements == 0);
    if (sized && position_ + width_ > variable_.bytes)
      return lexer_.errorHere("more initial values than elements");
    if (variable_.value.bytes.size() < position_ + width_)
      variable_.value.bytes.resize(position_ + width_);
    absl::Status status =
        lexer_.peek().kind == Token::Kind::Identifier && lexer_.peek().text != "WARP_SZ" ? symbol(0)
                                                                                         : number();
    position_ += width_;
    return status;
  }

  absl::Status number() {
    std::uint64_t bits = 0;
    bool minus = false;
    if (lexer_.peek().is('-')) {
      std::string_view rest = lexer_.text().substr(lexer_.peek().end, 400);
      std::size_t digits = rest.find_first_not_of("0123456789");
      minus = digits != std::string_view::npos && (rest[digits] == '.' || rest[digits] == 'e');
      if (minus)
        lexer_.next();
    }
    const Token token = lexer_.peek();
    if (token.kind == Token::Kind::Float32 || token.kind == Token::Kind::Float) {
      lexer_.next();
      double value = token.kind == Token::Kind::Float32
                         ? std::bit_cast<float>(static_cast<std::uint32_t>(token.bits))
                         : std::bit_cast<double>(token.bits);
      if (minus)
        value = -value;
      if (width_ != 4 && width_ != 8)
        return lexer_.error(token.line, "floating initial values are f32 or f64");
      bits = width_ == 8 ? std::bit_cast<std::uint64_t>(value)
             : token.kind == Token::Kind::Float32
                 ? token.bits ^ (minus ? 0x80000000U : 0U)
                 : std::bit_cast<std::uint32_t>(static_cast<float>(value));
    } else {
      auto value = parseConstantExpression(lexer_);
      if (!value.ok())
        return value.status();
      bits = static_cast<std::uint64_t>(*value);
    }
    for (std::uint32_t b = 0; b < std::min<std::uint32_t>(width_, 8); ++b)
      variable_.value.bytes[position_ + b] = static_cast<std::byte>(bits >> (8 * b));
    return absl::OkStatus();
  }

  // generic(name)+4, name+4, 0xFF00(generic(name)): PTX ISA 9.0, section 5.4.4.
  absl::Status symbol(unsigned shift, bool generic = false) {
    Token token = lexer_.next();
    if (token.text == "generic") {
      if (!lexer_.accept('('))
        return lexer_.errorHere("'(' expected");
      absl::Status status = symbol(shift, true);
      if (status.ok() && !lexer_.accept(')'))
        return lexer_.errorHere("')' expected");
      return status.ok() ? displacement() : status;
    }
    auto found = module_.symbols.find(token.text);
    if (found == module_.symbols.end() || found->second.kind == Symbol::Kind::Shared)
      return lexer_.error(token.line, concat("'", token.text,
                                             "' is no variable of global or "
                                             "constant memory and no function"));
    if (width_ < 4)
      return lexer_.error(token.line, "an address does not fit the element");
    Initialiser initialiser;
    initialiser.offset = position_;
    initialiser.kind = found->second.kind == Symbol::Kind::Function ? Initialiser::Kind::Function
                       : generic ? Initialiser::Kind::GenericGlobal
                                 : Initialiser::Kind::Global;
    initialiser.index = found->second.index;
    initialiser.bytes = static_cast<std::uint8_t>(std::min<std::uint32_t>(width_, 8));
    variable_.value.addresses.push_back(initialiser);
    return displacement();
  }

  absl::Status displacement() {
    if (!lexer_.peek().is('+') && !lexer_.peek().is('-'))
      return absl::OkStatus();
    bool minus = lexer_.next().is('-');
    auto value = parseConstantExpression(lexer_);
    if (!value.ok())
      return value.status();
    variable_.value.addresses.back().addend += minus ? -*value : *value;
    return absl::OkStatus();
  }

  Lexer &lexer_;
  const ModuleScope &module_;
  VariableDeclaration &variable_;
  std::uint32_t width_;
  std::uint64_t position_ = 0;
};

absl::Status parsePointerAttributes(Lexer &lexer, VariableDeclaration &result) {
  if (!lexer.acceptDotted("ptr"))
    return absl::OkStatus();
  result.isPointer = true;
  for (std::string_view space : {"global", "shared", "const", "local"})
    if (lexer.acceptDotted(space))
      break;
  if (lexer.acceptDotted("align"))
    if (auto align = parseAlign(lexer); !align.ok()) // of what it points to
      return align.status();
  return absl::OkStatus();
}

absl::Status parseExtents(Lexer &lexer, VariableDeclaration &result) {
  while (lexer.accept('[')) {
    std::int64_t extent = 0;
    if (!lexer.peek().is(']')) {
      auto value = parseConstantExpression(lexer);
      if (!value.ok())
        return value.status();
      if (*value < 0)
        return lexer.errorHere("an array has a negative extent");
      extent = *value;
    }
    if (!lexer.accept(']'))
      return lexer.errorHere("']' expected");
    result.array = true;
    if (__builtin_mul_overflow(result.elements, static_cast<std::uint64_t>(extent),
                               &result.elements))
      return lexer.errorHere("an array exceeds the address space");
  }
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<VariableDeclaration> parseVariable(Lexer &lexer, const ModuleScope *module) {
  VariableDeclaration result;
  std::uint64_t vector = 1, declaredAlign = 0;
  for (bool more = true; more;) {
    more = false;
    if (lexer.acceptDotted("align")) {
      auto align = parseAlign(lexer);
      if (!align.ok())
        return align.status();
      declaredAlign = *align;
      more = true;
    }
    if (lexer.acceptDotted("v2"))
      vector = 2, more = true;
    if (lexer.acceptDotted("v4"))
      vector = 4, more = true;
    if (lexer.acceptDotted("attribute")) {
      if (!lexer.accept('('))
        return lexer.errorHere("'(' expected");
      while (lexer.peek().kind != Token::Kind::End && !lexer.accept(')'))
        lexer.next();
      more = true;
    }
  }
  auto type =
      lexer.peek().kind == Token::Kind::Dotted ? typeFromName(lexer.peek().text) : std::nullopt;
  if (!type || *type == Type::Pred)
    return lexer.errorHere("type of a variable expected");
  lexer.next();
  result.type = *type;
  if (absl::Status status = parsePointerAttributes(lexer, result); !status.ok())
    return status;
  if (lexer.peek().kind != Token::Kind::Identifier)
    return lexer.errorHere("name of a variable expected");
  result.line = lexer.peek().line;
  result.name = lexer.next().text;
  if (absl::Status status = parseExtents(lexer, result); !status.ok())
    return status;
  std::uint64_t unit = byteSize(result.type) * vector;
  result.align = declaredAlign ? declaredAlign : unit;
  if (__builtin_mul_overflow(result.elements, unit, &result.bytes) ||
      result.bytes > kMaxGlobalBytes)
    return lexer.error(result.line, concat("'", result.name, "' is too large"));
  if (lexer.accept('=')) {
    if (module == nullptr)
      return lexer.error(result.line, concat("'", result.name, "' cannot have an initial value"));
    result.initialised = true;
    if (absl::Status status = InitialiserParser(lexer, *module, result).parse(); !status.ok())
      return status;
  }
  return result;
}

} // namespace qvlsim
