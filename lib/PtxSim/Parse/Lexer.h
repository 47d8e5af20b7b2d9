// Splits PTX text into tokens.
#pragma once

#include "absl/status/status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace qvlsim {

struct Token {
  enum class Kind : std::uint8_t {
    End,
    Identifier, // foo, %r1, $L__BB0_1, _
    Dotted,     // .global, .L2::cache_hint; the text is without the dot
    Integer,    // value in `bits`
    Float,      // decimal or 0d: f64 bits
    Float32,    // 0f: f32 bits
    String,     // text without quotes
    Punctuation // one character
  };
  Kind kind = Kind::End;
  std::string_view text;
  std::uint64_t bits = 0;
  std::uint32_t line = 1;
  std::size_t begin = 0, end = 0; // offsets in the text

  bool is(char c) const { return kind == Kind::Punctuation && text[0] == c; }
  bool isDotted(std::string_view name) const { return kind == Kind::Dotted && text == name; }
};

/// A token stream with one token of lookahead. After a lexical error it gives End for ever and
/// status() says why.
class Lexer {
public:
  Lexer(std::string_view text, std::string_view fileName) : text_(text), fileName_(fileName) {
    advance();
  }

  const Token &peek() const { return token_; }
  Token next() {
    Token token = token_;
    advance();
    return token;
  }
  bool accept(char c) {
    if (!token_.is(c))
      return false;
    advance();
    return true;
  }
  bool acceptDotted(std::string_view name) {
    if (!token_.isDotted(name))
      return false;
    advance();
    return true;
  }
  /// Whether no white space lies between the last token and the current one.
  bool adjacent() const { return token_.begin == previousEnd_; }
  /// Skips the rest of the line that the current token is on.
  void skipLine();
  std::string_view text() const { return text_; }
  const absl::Status &status() const { return status_; }
  absl::Status error(std::uint32_t line, std::string_view message) const;
  absl::Status errorHere(std::string_view message) const;

private:
  void advance();
  bool skipBlanks();
  void number();
  void string();
  void fail(std::string_view message);

  std::string_view text_;
  std::string fileName_;
  std::size_t position_ = 0, previousEnd_ = 0;
  std::uint32_t line_ = 1;
  Token token_;
  absl::Status status_;
};

} // namespace qvlsim
