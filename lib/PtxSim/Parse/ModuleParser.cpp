#include "Parse/ModuleParser.h"

#include "Module/FunctionBuilder.h"
#include "Module/SharedLayout.h"
#include "Parse/ConstantExpression.h"
#include "Parse/FunctionParser.h"
#include "Parse/Limits.h"
#include "Parse/VariableParser.h"
#include "absl/strings/str_format.h"

#include <bit>

namespace qvlsim {
namespace {

class ModuleParser {
public:
  explicit ModuleParser(detail::Program &program)
      : program_(program), lexer_(program.text, program.fileName), module_{program, {}, {}} {}

  absl::Status parse() {
    while (lexer_.status().ok() && lexer_.peek().kind != Token::Kind::End) {
      auto debug = skipDebugDirective(lexer_);
      if (!debug.ok())
        return debug.status();
      if (*debug || lexer_.accept(';'))
        continue;
      if (absl::Status status = directive(); !status.ok())
        return status;
    }
    if (!lexer_.status().ok())
      return lexer_.status();
    if (program_.version.empty() || program_.target.empty())
      return lexer_.error(lexer_.peek().line, "a module starts with .version and .target");
    for (const auto &function : program_.functions)
      if (!function->defined)
        if (auto use = firstCall(*function); use)
          return lexer_.error(*use,
                              concat("function '", function->name, "' is called but not defined"));
    return layOutShared(program_);
  }

private:
  absl::Status directive() {
    if (lexer_.acceptDotted("version"))
      return version();
    if (lexer_.acceptDotted("target"))
      return target();
    if (lexer_.acceptDotted("address_size")) {
      if (lexer_.peek().kind != Token::Kind::Integer || lexer_.peek().bits != 64)
        return lexer_.errorHere("only .address_size 64 is supported");
      lexer_.next();
      return absl::OkStatus();
    }
    if (lexer_.acceptDotted("pragma")) {
      lexer_.next();
      return end();
    }
    if (program_.target.empty())
      return lexer_.errorHere(".version and .target expected");
    bool external = false;
    for (;;) {
      if (lexer_.acceptDotted("extern"))
        external = true;
      else if (!lexer_.acceptDotted("visible") && !lexer_.acceptDotted("weak") &&
               !lexer_.acceptDotted("common"))
        break;
    }
    if (lexer_.acceptDotted("entry"))
      return function(true);
    if (lexer_.acceptDotted("func"))
      return function(false);
    if (lexer_.acceptDotted("global"))
      return variables(false, external);
    if (lexer_.acceptDotted("const"))
      return variables(true, external);
    if (lexer_.acceptDotted("shared"))
      return sharedVariables(external);
    return lexer_.errorHere("unknown directive");
  }

  absl::Status end() {
    return lexer_.accept(';') ? absl::OkStatus() : lexer_.errorHere("';' expected");
  }

  absl::Status version() {
    const Token token = lexer_.next();
    double number = token.kind == Token::Kind::Float ? std::bit_cast<double>(token.bits) : 0;
    if (number < 1.0 || number > 9.09)
      return lexer_.error(token.line,
                          concat("PTX version '", token.text, "' is not one up to 9.0"));
    program_.version = std::string(token.text);
    return absl::OkStatus();
  }

  absl::Status target() {
    do {
      if (lexer_.peek().kind != Token::Kind::Identifier)
        return lexer_.errorHere("target expected");
      std::string_view name = lexer_.next().text;
      if (program_.target.empty())
        program_.target = std::string(name);
    } while (lexer_.accept(','));
    if (program_.target.substr(0, 3) != "sm_")
      return lexer_.error(lexer_.peek().line,
                          concat("target '", program_.target, "' is not sm_NN"));
    return absl::OkStatus();
  }

  absl::Status declareSymbol(std::string_view name, std::uint32_t line, Symbol symbol) {
    if (!module_.symbols.emplace(std::string(name), symbol).second)
      return lexer_.error(line, concat("'", name, "' is declared twice"));
    return absl::OkStatus();
  }

  absl::Status variables(bool constant, bool external) {
    do {
      auto variable = parseVariable(lexer_, &module_);
      if (!variable.ok())
        return variable.status();
      if (program_.globals.size() >= kMaxVariables)
        return lexer_.error(variable->line, "too many variables");
      if (variable->array && variable->bytes == 0 && !external)
        return lexer_.error(variable->line, concat("'", variable->name, "' has no extent"));
      if (constant && variable->bytes > kMaxConstantBytes)
        return lexer_.error(variable->line,
                            concat("'", variable->name, "' exceeds 64 KiB of constant memory"));
      // A declaration may precede the definition.
      auto known = module_.symbols.find(variable->name);
      std::uint32_t index = static_cast<std::uint32_t>(program_.globals.size());
      if (known != module_.symbols.end() && known->second.kind == Symbol::Kind::Global &&
          (program_.globals[known->second.index].external || external)) {
        index = known->second.index;
        if (external)
          continue;
      } else {
        if (absl::Status s =
                declareSymbol(variable->name, variable->line, {Symbol::Kind::Global, index});
            !s.ok())
          return s;
        program_.globals.emplace_back();
        program_.globalValues.emplace_back();
      }
      program_.globals[index] = {std::string(variable->name), variable->bytes, variable->align,
                                 constant, external};
      program_.globalValues[index] = std::move(variable->value);
    } while (lexer_.accept(','));
    return end();
  }

  absl::Status sharedVariables(bool external) {
    do {
      auto variable = parseVariable(lexer_, nullptr);
      if (!variable.ok())
        return variable.status();
      std::uint32_t index = 0;
      if (absl::Status s = addSharedVariable(module_, *variable, external, index); !s.ok())
        return lexer_.error(variable->line, std::string(s.message()));
      if (absl::Status s =
              declareSymbol(variable->name, variable->line, {Symbol::Kind::Shared, index});
          !s.ok())
        return s;
    } while (lexer_.accept(','));
    return end();
  }

  // --- functions
  // -----------------------------------------------------------------------------------

  absl::Status function(bool entry) {
    auto owned = std::make_unique<Function>();
    FunctionBuilder builder(module_, *owned);
    owned->entry = entry;
    KernelInfo info;
    if (!entry && lexer_.peek().is('('))
      if (absl::Status s = formals(builder, owned->results); !s.ok())
        return s;
    if (lexer_.peek().kind != Token::Kind::Identifier)
      return lexer_.errorHere("function name expected");
    const Token name = lexer_.next();
    owned->name = info.name = std::string(name.text);
    if (lexer_.peek().is('('))
      if (absl::Status s =
              entry ? kernelParameters(builder, info) : formals(builder, owned->parameters);
          !s.ok())
        return s;
    if (absl::Status s = performanceDirectives(info); !s.ok())
      return s;
    return define(name, std::move(owned), builder, std::move(info));
  }

  absl::Status define(const Token &name, std::unique_ptr<Function> owned, FunctionBuilder &builder,
                      KernelInfo info) {
    Function &function = *owned;
    auto known = module_.symbols.find(name.text);
    if (known == module_.symbols.end()) {
      function.index = static_cast<std::uint32_t>(program_.functions.size());
      module_.symbols.emplace(std::string(name.text),
                              Symbol{Symbol::Kind::Function, function.index});
      program_.functions.push_back(std::move(owned));
    } else {
      if (known->second.kind != Symbol::Kind::Function ||
          (program_.functions[known->second.index]->defined && lexer_.peek().is('{')))
        return lexer_.error(name.line, concat("'", name.text, "' is declared twice"));
      if (lexer_.peek().is(';'))
        return end();
      function.index = known->second.index;
      program_.functions[function.index] = std::move(owned); // replaces the declaration
    }
    if (lexer_.accept(';'))
      return absl::OkStatus();
    function.defined = true;
    if (function.entry)
      function.kernel = static_cast<int>(program_.kernels.size());
    if (absl::Status s = parseFunctionBody(lexer_, module_, builder); !s.ok())
      return s;
    if (absl::Status s = builder.finish(); !s.ok())
      return s;
    if (function.entry) {
      info.localBytes = function.localBytes;
      info.registers = function.registerBytes / kLaneUnit;
      program_.kernels.push_back(std::move(info));
    }
    return absl::OkStatus();
  }

  absl::Status formals(FunctionBuilder &builder, std::vector<FormalParameter> &out) {
    lexer_.accept('(');
    if (lexer_.accept(')'))
      return absl::OkStatus();
    do {
      FormalParameter formal;
      if (lexer_.acceptDotted("reg")) {
        if (absl::Status s = oneRegister(builder, formal); !s.ok())
          return s;
      } else if (lexer_.acceptDotted("param")) {
        auto variable = parseVariable(lexer_, nullptr);
        if (!variable.ok())
          return variable.status();
        absl::Status s =
            builder.declareLocal(variable->name, variable->bytes, variable->align, true, &formal);
        if (!s.ok())
          return lexer_.error(variable->line, std::string(s.message()));
      } else {
        return lexer_.errorHere(".param or .reg expected");
      }
      out.push_back(formal);
    } while (lexer_.accept(','));
    return lexer_.accept(')') ? absl::OkStatus() : lexer_.errorHere("',' or ')' expected");
  }

  absl::Status oneRegister(FunctionBuilder &builder, FormalParameter &formal) {
    auto type =
        lexer_.peek().kind == Token::Kind::Dotted ? typeFromName(lexer_.peek().text) : std::nullopt;
    if (!type || byteSize(*type) == 16 || *type == Type::Pred)
      return lexer_.errorHere("register type expected");
    lexer_.next();
    if (lexer_.peek().kind != Token::Kind::Identifier)
      return lexer_.errorHere("register name expected");
    Token name = lexer_.next();
    RegisterType reg =
        byteSize(*type) == 8
            ? RegisterType{Operand::Kind::Value64, 64}
            : RegisterType{Operand::Kind::Value32,
                           static_cast<std::uint8_t>(byteSize(*type) == 4 ? 32 : 16)};
    if (absl::Status s = builder.declareRegister(name.text, reg, 0, false); !s.ok())
      return lexer_.error(name.line, std::string(s.message()));
    formal.bytes = byteSize(*type);
    formal.reg = *builder.findRegister(name.text);
    return absl::OkStatus();
  }

  absl::Status kernelParameters(FunctionBuilder &builder, KernelInfo &info) {
    lexer_.accept('(');
    std::uint64_t offset = 0;
    if (lexer_.accept(')'))
      return absl::OkStatus();
    do {
      if (!lexer_.acceptDotted("param"))
        return lexer_.errorHere(".param expected");
      auto variable = parseVariable(lexer_, nullptr);
      if (!variable.ok())
        return variable.status();
      offset = (offset + variable->align - 1) / variable->align * variable->align;
      if (variable->bytes > kMaxParameterBytes || offset + variable->bytes > kMaxParameterBytes)
        return lexer_.error(variable->line,
                            absl::StrFormat("parameters exceed %d bytes", kMaxParameterBytes));
      info.parameters.push_back({std::string(variable->name), std::string(name(variable->type)),
                                 static_cast<std::uint32_t>(offset),
                                 static_cast<std::uint32_t>(variable->bytes),
                                 static_cast<std::uint32_t>(variable->align)});
      if (absl::Status s =
              builder.declareKernelParameter(variable->name, static_cast<std::uint32_t>(offset));
          !s.ok())
        return lexer_.error(variable->line, std::string(s.message()));
      offset += variable->bytes;
    } while (lexer_.accept(','));
    info.parameterBytes = static_cast<std::uint32_t>(offset);
    return lexer_.accept(')') ? absl::OkStatus() : lexer_.errorHere("',' or ')' expected");
  }

  absl::Status extents(Dim3 &out) {
    std::uint32_t *parts[] = {&out.x, &out.y, &out.z};
    out = {1, 1, 1};
    for (std::size_t i = 0; i < 3; ++i) {
      if (lexer_.peek().kind != Token::Kind::Integer || lexer_.peek().bits == 0 ||
          lexer_.peek().bits > 65535)
        return lexer_.errorHere("extent expected");
      *parts[i] = static_cast<std::uint32_t>(lexer_.next().bits);
      if (!lexer_.accept(','))
        break;
    }
    return absl::OkStatus();
  }

  absl::Status count(std::uint32_t &out) {
    if (lexer_.peek().kind != Token::Kind::Integer || lexer_.peek().bits > 65535)
      return lexer_.errorHere("number expected");
    out = static_cast<std::uint32_t>(lexer_.next().bits);
    return absl::OkStatus();
  }

  absl::Status performanceDirectives(KernelInfo &info) {
    while (lexer_.peek().kind == Token::Kind::Dotted) {
      if (lexer_.acceptDotted("maxntid")) {
        if (absl::Status s = extents(info.maxThreads); !s.ok())
          return s;
      } else if (lexer_.acceptDotted("reqntid")) {
        if (absl::Status s = extents(info.requiredBlock); !s.ok())
          return s;
      } else if (lexer_.acceptDotted("reqnctapercluster")) {
        if (absl::Status s = extents(info.requiredCluster); !s.ok())
          return s;
      } else if (lexer_.acceptDotted("explicitcluster")) {
        info.explicitCluster = true;
      } else if (lexer_.acceptDotted("maxclusterrank")) {
        info.maxClusterRank = static_cast<std::uint32_t>(lexer_.next().bits);
      } else if (lexer_.acceptDotted("minnctapersm")) {
        if (absl::Status s = count(info.minBlocks); !s.ok())
          return s;
      } else if (lexer_.acceptDotted("maxnreg")) {
        if (absl::Status s = count(info.maxRegisters); !s.ok())
          return s;
      } else if (std::uint32_t ignored; lexer_.acceptDotted("maxnctapersm")) {
        if (absl::Status s = count(ignored); !s.ok())
          return s;
      } else if (lexer_.acceptDotted("pragma")) {
        lexer_.next();
        if (!lexer_.accept(';'))
          return lexer_.errorHere("';' expected");
      } else if (lexer_.acceptDotted("attribute") || lexer_.acceptDotted("abi_preserve") ||
                 lexer_.acceptDotted("abi_preserve_control")) {
        return lexer_.errorHere("unsupported directive before this");
      } else if (!lexer_.acceptDotted("noreturn") && !lexer_.acceptDotted("blocksareclusters")) {
        return lexer_.errorHere("unknown directive");
      }
    }
    return absl::OkStatus();
  }

  /// Line of the first direct call of a function, if there is one.
  std::optional<std::uint32_t> firstCall(const Function &callee) const {
    for (const auto &function : program_.functions)
      for (const CallSite &site : function->callSites)
        if (!site.indirect && site.function == callee.index)
          return site.line;
    return std::nullopt;
  }

  detail::Program &program_;
  Lexer lexer_;
  ModuleScope module_;
};

} // namespace

absl::StatusOr<std::unique_ptr<detail::Program>> parseModule(std::string_view text,
                                                             std::string_view fileName) {
  if (text.size() > kMaxTextBytes)
    return absl::ResourceExhaustedError(
        absl::StrFormat("%s: the text exceeds %d bytes", fileName, kMaxTextBytes));
  auto program = std::make_unique<detail::Program>();
  program->text = std::string(text.substr(0, text.find('\0'))); // drivers take C strings
  program->fileName = std::string(fileName);
  if (absl::Status status = ModuleParser(*program).parse(); !status.ok())
    return status;
  return program;
}

} // namespace qvlsim
