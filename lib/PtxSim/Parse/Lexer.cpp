#include "Parse/Lexer.h"

#include "absl/strings/charconv.h"
#include "absl/strings/str_format.h"

#include <bit>

namespace qvlsim {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool startsIdentifier(char c) { return isLetter(c) || c == '_' || c == '$' || c == '%'; }
bool continuesIdentifier(char c) { return isLetter(c) || isDigit(c) || c == '_' || c == '$'; }

int digitValue(char c) {
  if (isDigit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return 99;
}

} // namespace

absl::Status Lexer::error(std::uint32_t line, std::string_view message) const {
  return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s", fileName_, line, message));
}

absl::Status Lexer::errorHere(std::string_view message) const {
  if (!status_.ok())
    return status_;
  if (token_.kind == Token::Kind::End)
    return error(token_.line, absl::StrFormat("%s, but the text ends", message));
  std::string_view shown =
      text_.substr(token_.begin, std::min<std::size_t>(token_.end - token_.begin, 60));
  return error(token_.line, absl::StrFormat("%s, not '%s'", message, shown));
}

void Lexer::fail(std::string_view message) {
  if (status_.ok())
    status_ = error(line_, message);
  position_ = text_.size();
  token_ = Token{};
  token_.line = line_;
}

void Lexer::skipLine() {
  std::size_t newline = text_.find('\n', token_.begin);
  if (token_.kind == Token::Kind::End || newline == std::string_view::npos)
    newline = text_.size();
  line_ = token_.line;
  position_ = newline;
  advance();
}

bool Lexer::skipBlanks() {
  while (position_ < text_.size()) {
    char c = text_[position_];
    if (c == '\n')
      ++line_;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++position_;
    } else if (text_.substr(position_, 2) == "//") {
      position_ = std::min(text_.find('\n', position_), text_.size());
    } else if (text_.substr(position_, 2) == "/*") {
      std::size_t end = text_.find("*/", position_ + 2);
      if (end == std::string_view::npos) {
        fail("comment without end");
        return false;
      }
      for (; position_ < end + 2; ++position_)
        line_ += text_[position_] == '\n';
    } else {
      return true;
    }
  }
  return false;
}

void Lexer::advance() {
  previousEnd_ = token_.end;
  bool more = skipBlanks();
  token_ = Token{};
  token_.line = line_;
  token_.begin = token_.end = position_;
  if (!more || !status_.ok())
    return;
  char c = text_[position_];
  std::size_t start = position_;
  if (startsIdentifier(c)) {
    do
      ++position_;
    while (position_ < text_.size() && continuesIdentifier(text_[position_]));
    token_.kind = Token::Kind::Identifier;
    token_.text = text_.substr(start, position_ - start);
  } else if (c == '.') {
    ++position_;
    while (position_ < text_.size() && (continuesIdentifier(text_[position_]) ||
                                        (text_.substr(position_, 2) == "::" && ++position_)))
      ++position_;
    token_.kind = Token::Kind::Dotted;
    token_.text = text_.substr(start + 1, position_ - start - 1);
    if (token_.text.empty())
      return fail("a dot without a name");
  } else if (isDigit(c)) {
    number();
  } else if (c == '"') {
    string();
  } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) {
    return fail("a character that is not PTX");
  } else {
    ++position_;
    token_.kind = Token::Kind::Punctuation;
    token_.text = text_.substr(start, 1);
  }
  token_.end = position_;
}

// Integers: decimal, 0x, 0b, octal with a leading 0, each with an optional U. Floats: 0f and 0d
// with exactly 8 and 16 hexadecimal digits, and decimals with a point or an exponent.
void Lexer::number() {
  std::size_t start = position_;
  std::string_view rest = text_.substr(start);
  auto hexadecimal = [&](std::size_t from, std::size_t most, std::uint64_t &value) {
    std::size_t n = 0;
    while (n < most && from + n < rest.size() && digitValue(rest[from + n]) < 16)
      value = value << 4 | static_cast<std::uint64_t>(digitValue(rest[from + n++]));
    return n;
  };
  char second = rest.size() > 1 ? rest[1] : ' ';
  if (rest[0] == '0' && (second == 'f' || second == 'F' || second == 'd' || second == 'D')) {
    bool wide = second == 'd' || second == 'D';
    std::size_t digits = hexadecimal(2, 16, token_.bits);
    if (digits != (wide ? 16U : 8U))
      return fail("a hexadecimal float takes exactly 8 digits after 0f, 16 after 0d");
    token_.kind = wide ? Token::Kind::Float : Token::Kind::Float32;
    position_ += 2 + digits;
  } else {
    std::size_t n = 0;
    unsigned base = 10;
    if (rest[0] == '0' && (second == 'x' || second == 'X'))
      base = 16, n = 2;
    else if (rest[0] == '0' && (second == 'b' || second == 'B'))
      base = 2, n = 2;
    else if (rest[0] == '0' && isDigit(second))
      base = 8, n = 1;
    std::size_t digitsFrom = n;
    bool overflow = false;
    for (; n < rest.size() && static_cast<unsigned>(digitValue(rest[n])) < base; ++n) {
      overflow |= __builtin_mul_overflow(token_.bits, std::uint64_t{base}, &token_.bits);
      overflow |= __builtin_add_overflow(
          token_.bits, static_cast<std::uint64_t>(digitValue(rest[n])), &token_.bits);
    }
    bool real = base != 16 && base != 2 && n < rest.size() &&
                (rest[n] == '.' || rest[n] == 'e' || rest[n] == 'E');
    if (real) {
      double value = 0;
      auto parsed = absl::from_chars(rest.data(),
                                     rest.data() + std::min<std::size_t>(rest.size(), 400), value);
      token_.kind = Token::Kind::Float;
      token_.bits = std::bit_cast<std::uint64_t>(value);
      n = static_cast<std::size_t>(parsed.ptr - rest.data());
    } else {
      if (overflow)
        return fail("an integer beyond 64 bits");
      if (n == digitsFrom)
        return fail("a number without digits");
      token_.kind = Token::Kind::Integer;
      if (n < rest.size() && rest[n] == 'U')
        ++n;
    }
    position_ += n;
  }
  token_.text = text_.substr(start, position_ - start);
  if (position_ < text_.size() && continuesIdentifier(text_[position_]))
    return fail("a malformed number");
}

void Lexer::string() {
  std::size_t start = ++position_;
  while (position_ < text_.size() && text_[position_] != '"' && text_[position_] != '\n')
    position_ += text_[position_] == '\\' ? 2 : 1;
  if (position_ >= text_.size() || text_[position_] != '"')
    return fail("a string without end");
  token_.kind = Token::Kind::String;
  token_.text = text_.substr(start, position_ - start);
  ++position_;
}

} // namespace qvlsim
