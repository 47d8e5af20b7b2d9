#include "Parse/ConstantExpression.h"

#include "Parse/Limits.h"

#include <limits>

namespace qvlsim {
namespace {

using Value = absl::StatusOr<std::int64_t>;

struct BinaryOperator {
  std::string_view spelling; // two characters are two punctuation tokens
  int precedence;
};
constexpr BinaryOperator kOperators[] = {{"||", 1}, {"&&", 2}, {"==", 6}, {"!=", 6}, {"<=", 7},
                                         {">=", 7}, {"<<", 8}, {">>", 8}, {"|", 3},  {"^", 4},
                                         {"&", 5},  {"<", 7},  {">", 7},  {"+", 9},  {"-", 9},
                                         {"*", 10}, {"/", 10}, {"%", 10}};

class Parser {
public:
  explicit Parser(Lexer &lexer) : lexer_(lexer) {}

  Value binary(int least, unsigned depth) {
    Value left = unary(depth);
    while (left.ok()) {
      const BinaryOperator *op = peekOperator();
      if (op == nullptr || op->precedence < least)
        break;
      for (std::size_t i = 0; i < op->spelling.size(); ++i)
        lexer_.next();
      Value right = binary(op->precedence + 1, depth + 1);
      if (!right.ok())
        return right;
      left = apply(op->spelling, *left, *right);
    }
    return left;
  }

private:
  const BinaryOperator *peekOperator() const {
    const Token &token = lexer_.peek();
    if (token.kind != Token::Kind::Punctuation)
      return nullptr;
    std::string_view rest = lexer_.text().substr(token.begin, 2);
    for (const BinaryOperator &op : kOperators)
      if (rest.substr(0, op.spelling.size()) == op.spelling)
        return &op;
    return nullptr;
  }

  Value unary(unsigned depth) {
    if (depth > kMaxNesting)
      return lexer_.errorHere("expression nested too deeply");
    for (char op : {'-', '~', '!', '+'})
      if (lexer_.accept(op)) {
        Value value = unary(depth + 1);
        if (!value.ok())
          return value;
        auto bits = static_cast<std::uint64_t>(*value);
        return static_cast<std::int64_t>(op == '-'   ? 0 - bits
                                         : op == '~' ? ~bits
                                         : op == '!' ? std::uint64_t{bits == 0}
                                                     : bits);
      }
    if (lexer_.accept('(')) {
      if (lexer_.acceptDotted("s64") || lexer_.acceptDotted("u64")) {
        if (!lexer_.accept(')'))
          return lexer_.errorHere("')' expected after a cast");
        return unary(depth + 1);
      }
      Value value = binary(1, depth + 1);
      if (value.ok() && !lexer_.accept(')'))
        return lexer_.errorHere("')' expected");
      return value;
    }
    if (lexer_.peek().kind == Token::Kind::Integer)
      return static_cast<std::int64_t>(lexer_.next().bits);
    if (lexer_.peek().text == "WARP_SZ") {
      lexer_.next();
      return 32;
    }
    return lexer_.errorHere("integer constant expected");
  }

  Value apply(std::string_view op, std::int64_t a, std::int64_t b) {
    auto ua = static_cast<std::uint64_t>(a), ub = static_cast<std::uint64_t>(b);
    if (op == "/" || op == "%") {
      if (b == 0)
        return lexer_.errorHere("division by zero in a constant expression");
      if (a == std::numeric_limits<std::int64_t>::min() && b == -1)
        return op == "/" ? a : 0;
      return op == "/" ? a / b : a % b;
    }
    if (op == "+")
      return static_cast<std::int64_t>(ua + ub);
    if (op == "-")
      return static_cast<std::int64_t>(ua - ub);
    if (op == "*")
      return static_cast<std::int64_t>(ua * ub);
    if (op == "<<")
      return ub > 63 ? 0 : static_cast<std::int64_t>(ua << ub);
    if (op == ">>")
      return a >> (ub > 63 ? 63 : ub);
    if (op == "&")
      return a & b;
    if (op == "|")
      return a | b;
    if (op == "^")
      return a ^ b;
    if (op == "&&")
      return a && b;
    if (op == "||")
      return a || b;
    if (op == "==")
      return a == b;
    if (op == "!=")
      return a != b;
    if (op == "<")
      return a < b;
    if (op == ">")
      return a > b;
    return op == "<=" ? a <= b : a >= b;
  }

  Lexer &lexer_;
};

} // namespace

absl::StatusOr<std::int64_t> parseConstantExpression(Lexer &lexer) {
  return Parser(lexer).binary(1, 0);
}

} // namespace qvlsim
