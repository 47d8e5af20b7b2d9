#include "Parse/FunctionParser.h"

#include "Parse/ConstantExpression.h"
#include "Parse/InstructionParser.h"
#include "Parse/Limits.h"
#include "Parse/VariableParser.h"

namespace qvlsim {
namespace {

/// Prefixes a file and line to messages of the builder, which knows neither.
absl::Status located(const Lexer &lexer, std::uint32_t line, const absl::Status &status) {
  if (status.ok())
    return status;
  absl::Status result = lexer.error(line, std::string(status.message()));
  return absl::IsResourceExhausted(status) ? absl::ResourceExhaustedError(result.message())
                                           : result;
}

class BodyParser {
public:
  BodyParser(Lexer &lexer, ModuleScope &module, FunctionBuilder &builder)
      : lexer_(lexer), module_(module), builder_(builder) {}

  absl::Status parse() {
    if (!lexer_.accept('{'))
      return lexer_.errorHere("'{' expected");
    std::size_t depth = 1;
    while (depth > 0) {
      const Token &token = lexer_.peek();
      if (token.kind == Token::Kind::End)
        return lexer_.errorHere("'}' expected at the end of a function");
      if (lexer_.accept('{')) {
        if (++depth > kMaxNesting)
          return lexer_.errorHere("blocks nested too deeply");
        builder_.enterScope();
      } else if (lexer_.accept('}')) {
        if (--depth > 0)
          builder_.leaveScope();
      } else if (lexer_.accept(';')) {
        continue;
      } else if (absl::Status status = statement(); !status.ok()) {
        return status;
      }
    }
    return lexer_.status();
  }

private:
  absl::Status statement() {
    auto debug = skipDebugDirective(lexer_);
    if (!debug.ok() || *debug)
      return debug.status();
    if (lexer_.peek().kind == Token::Kind::Dotted)
      return directive();
    if (lexer_.peek().kind == Token::Kind::Identifier && isLabel())
      return label();
    auto instruction = parseInstruction(lexer_);
    if (!instruction.ok())
      return instruction.status();
    return builder_.add(*instruction);
  }

  bool isLabel() const {
    std::string_view rest = lexer_.text().substr(lexer_.peek().end);
    std::size_t at = rest.find_first_not_of(" \t\r\n");
    return at != std::string_view::npos && rest[at] == ':';
  }

  absl::Status label() {
    Token name = lexer_.next();
    lexer_.accept(':');
    if (lexer_.acceptDotted("branchtargets"))
      return targets(name, true);
    if (lexer_.acceptDotted("calltargets"))
      return targets(name, false);
    if (lexer_.acceptDotted("callprototype")) {
      while (lexer_.peek().kind != Token::Kind::End && !lexer_.peek().is(';'))
        lexer_.next();
      lexer_.accept(';');
      return located(lexer_, name.line, builder_.callPrototype(name.text));
    }
    return located(lexer_, name.line, builder_.label(name.text));
  }

  absl::Status targets(const Token &name, bool branch) {
    std::vector<std::string_view> names;
    std::vector<std::uint32_t> functions;
    do {
      if (lexer_.peek().kind != Token::Kind::Identifier)
        return lexer_.errorHere("target expected");
      Token target = lexer_.next();
      names.push_back(target.text);
      if (branch)
        continue;
      auto function = builder_.findFunction(target.text);
      if (!function)
        return lexer_.error(target.line, concat("unknown function '", target.text, "'"));
      functions.push_back(*function);
    } while (lexer_.accept(','));
    if (!lexer_.accept(';'))
      return lexer_.errorHere("',' or ';' expected");
    return located(lexer_, name.line,
                   branch ? builder_.branchTargets(name.text, names, name.line)
                          : builder_.callTargets(name.text, functions));
  }

  absl::Status directive() {
    if (lexer_.acceptDotted("reg"))
      return end(parseRegisters(lexer_, builder_));
    if (lexer_.acceptDotted("pragma")) {
      if (lexer_.peek().kind != Token::Kind::String)
        return lexer_.errorHere("string expected after .pragma");
      lexer_.next();
      return end(absl::OkStatus());
    }
    bool external = lexer_.acceptDotted("extern");
    if (lexer_.acceptDotted("shared"))
      return end(shared(external));
    if (lexer_.acceptDotted("local"))
      return end(local(false));
    if (lexer_.acceptDotted("param"))
      return end(local(true));
    return lexer_.errorHere("unknown directive");
  }

  absl::Status shared(bool external) {
    auto variable = parseVariable(lexer_, nullptr);
    if (!variable.ok())
      return variable.status();
    std::uint32_t index = 0;
    if (absl::Status status = addSharedVariable(module_, *variable, external, index); !status.ok())
      return located(lexer_, variable->line, status);
    return located(lexer_, variable->line, builder_.declareShared(variable->name, index));
  }

  absl::Status local(bool parameter) {
    do {
      auto variable = parseVariable(lexer_, nullptr);
      if (!variable.ok())
        return variable.status();
      if (absl::Status status =
              builder_.declareLocal(variable->name, variable->bytes, variable->align, parameter);
          !status.ok())
        return located(lexer_, variable->line, status);
    } while (lexer_.accept(','));
    return absl::OkStatus();
  }

  absl::Status end(absl::Status status) {
    if (status.ok() && !lexer_.accept(';'))
      return lexer_.errorHere("';' expected");
    return status;
  }

  Lexer &lexer_;
  ModuleScope &module_;
  FunctionBuilder &builder_;
};

absl::Status skipSection(Lexer &lexer) {
  while (lexer.peek().kind != Token::Kind::End && !lexer.peek().is('{'))
    lexer.next();
  unsigned depth = 0;
  do {
    if (lexer.peek().kind == Token::Kind::End)
      return lexer.errorHere("'}' expected at the end of a section");
    if (lexer.peek().is('{'))
      ++depth;
    if (lexer.peek().is('}'))
      --depth;
    lexer.next();
  } while (depth > 0);
  return absl::OkStatus();
}

} // namespace

absl::Status addSharedVariable(ModuleScope &module, const VariableDeclaration &variable,
                               bool external, std::uint32_t &index) {
  if (module.program.shared.size() >= kMaxVariables)
    return absl::ResourceExhaustedError("too many variables");
  SharedVariable shared;
  shared.name = std::string(variable.name);
  shared.dynamic = external;
  shared.size = external ? 0 : variable.bytes;
  if (!external && variable.bytes > (std::uint64_t{1} << kSharedVariableBits))
    return absl::ResourceExhaustedError(concat("'", variable.name, "' exceeds shared memory"));
  shared.align = static_cast<std::uint32_t>(variable.align);
  index = static_cast<std::uint32_t>(module.program.shared.size());
  module.program.shared.push_back(std::move(shared));
  return absl::OkStatus();
}

absl::StatusOr<bool> skipDebugDirective(Lexer &lexer) {
  const Token &token = lexer.peek();
  if (token.is('@') && lexer.text().substr(token.begin, 2) == "@@") {
    lexer.skipLine();
    return true;
  }
  if (token.kind != Token::Kind::Dotted)
    return false;
  if (token.text == "loc" || token.text == "file") {
    lexer.skipLine();
    return true;
  }
  if (token.text == "section") {
    absl::Status status = skipSection(lexer);
    if (!status.ok())
      return status;
    return true;
  }
  return false;
}

absl::Status parseRegisters(Lexer &lexer, FunctionBuilder &builder) {
  auto type =
      lexer.peek().kind == Token::Kind::Dotted ? typeFromName(lexer.peek().text) : std::nullopt;
  if (!type)
    return lexer.errorHere("register type expected");
  lexer.next();
  RegisterType reg;
  if (*type == Type::Pred)
    reg = {Operand::Kind::Predicate, 1};
  else if (byteSize(*type) == 16)
    reg = {Operand::Kind::Value128, 128};
  else if (byteSize(*type) == 8)
    reg = {Operand::Kind::Value64, 64};
  else
    reg = {Operand::Kind::Value32, static_cast<std::uint8_t>(byteSize(*type) == 4 ? 32 : 16)};
  do {
    if (lexer.peek().kind != Token::Kind::Identifier)
      return lexer.errorHere("register name expected");
    Token name = lexer.next();
    std::uint64_t count = 0;
    bool range = lexer.accept('<');
    if (range) {
      if (lexer.peek().kind != Token::Kind::Integer)
        return lexer.errorHere("number of registers expected");
      count = lexer.next().bits;
      if (!lexer.accept('>'))
        return lexer.errorHere("'>' expected");
    }
    if (absl::Status status = builder.declareRegister(name.text, reg, count, range); !status.ok())
      return located(lexer, name.line, status);
  } while (lexer.accept(','));
  return absl::OkStatus();
}

absl::Status parseFunctionBody(Lexer &lexer, ModuleScope &module, FunctionBuilder &builder) {
  return BodyParser(lexer, module, builder).parse();
}

} // namespace qvlsim
