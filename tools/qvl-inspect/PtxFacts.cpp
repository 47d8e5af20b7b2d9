// What the text of a PTX kernel says.
#include "PtxFacts.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include <algorithm>

namespace qvlinspect {
namespace {

using Lines = std::vector<absl::string_view>;

/// "$L__BB0_3" of "$L__BB0_3:"; empty for other lines.
absl::string_view labelOf(absl::string_view line) {
  const std::size_t colon = line.find(':');
  return absl::StartsWith(line, "$") && colon != line.npos ? line.substr(0, colon) : "";
}

/// The target of a branch; empty for other statements.
absl::string_view branchTarget(absl::string_view statement) {
  const std::size_t bra = statement.find("bra");
  const std::size_t target = bra == statement.npos ? bra : statement.find('$', bra);
  return target == statement.npos ? "" : statement.substr(target);
}

/// The opcode of a statement with its state space, vector and kind; empty for what is none.
std::string opcodeOf(absl::string_view statement) {
  statement.remove_prefix(std::min(statement.find_first_not_of("{} \t"), statement.size()));
  if (absl::StartsWith(statement, "@")) // a guard
    statement = absl::StripLeadingAsciiWhitespace(
        statement.substr(std::min(statement.find(' '), statement.size())));
  // Operands may have lines of their own.
  if (statement.empty() || !absl::ascii_isalpha(statement[0]))
    return "";
  const Lines parts = absl::StrSplit(statement.substr(0, statement.find_first_of(" \t")), '.');
  static constexpr absl::string_view kKept[] = {"global", "shared", "param", "local", "v2",
                                                "v4",     "sync",   "async", "approx"};
  std::string opcode(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i)
    if (std::find(std::begin(kKept), std::end(kKept), parts[i]) != std::end(kKept))
      absl::StrAppend(&opcode, ".", parts[i]);
  return opcode;
}

/// A line of PTX has several statements where an emitter wrote assembly.
std::vector<ListingLine> listingOf(const Lines &lines) {
  std::vector<ListingLine> listing;
  for (absl::string_view line : lines) {
    line = line.substr(0, line.find("//"));
    listing.push_back({.label = std::string(labelOf(line)), .target = {}, .instruction = {}});
    for (const absl::string_view statement : absl::StrSplit(line, ';'))
      listing.push_back({.label = {},
                         .target = std::string(branchTarget(statement)),
                         .instruction = opcodeOf(statement)});
  }
  return listing;
}

/// The end of the block that opens at `open`, behind its brace; the end of the text when it does
/// not close.
std::size_t blockEnd(std::string_view text, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    depth += text[i] == '{';
    if (text[i] == '}' && --depth == 0)
      return i + 1;
  }
  return text.size();
}

/// "dyn" of ".extern .shared .align 1024 .b8 dyn[];", "table" of ".global .b8 table[2] = {0, 1};";
/// empty for lines that declare no variable of a module.
std::string_view declaredName(absl::string_view line) {
  static constexpr absl::string_view kStarts[] = {".extern ", ".visible .global ", ".global ",
                                                  ".const ", ".shared "};
  if (std::none_of(std::begin(kStarts), std::end(kStarts),
                   [&](absl::string_view start) { return absl::StartsWith(line, start); }))
    return {};
  absl::string_view front = line.substr(0, line.find_first_of("[;="));
  front = absl::StripTrailingAsciiWhitespace(front);
  const absl::string_view name = front.substr(front.find_last_of(' ') + 1);
  return {name.data(), name.size()};
}

} // namespace

PtxFacts readPtx(std::string_view text) {
  Lines lines = absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  PtxFacts facts;
  for (absl::string_view &line : lines) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::StartsWith(line, ".reqntid ") || absl::StartsWith(line, ".maxntid ")) {
      const absl::string_view number = line.substr(line.find(' ') + 1);
      constexpr std::int64_t kMaxThreads = 1024; // of a block of any GPU
      if (!absl::SimpleAtoi(number.substr(0, number.find(',')), &facts.threads) ||
          facts.threads < 0 || facts.threads > kMaxThreads)
        facts.threads = 0;
    }
  }
  facts.innerLoop = innerLoopMix(listingOf(lines));
  return facts;
}

std::string extractKernel(std::string_view module, std::string_view name) {
  const std::size_t entry = module.find(absl::StrCat(".entry ", std::string(name), "("));
  if (entry == module.npos)
    return "";
  const std::size_t begin = module.rfind('\n', entry) + 1; // 0 on the first line
  const std::string_view kernel =
      module.substr(begin, blockEnd(module, module.find('{', entry)) - begin);
  std::string found;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(module.data(), begin), '\n')) {
    for (const absl::string_view directive : {".version", ".target", ".address_size"})
      if (absl::StartsWith(line, directive))
        absl::StrAppend(&found, line, "\n");
    if (const std::string_view name = declaredName(line);
        !name.empty() && kernel.find(name) != kernel.npos)
      absl::StrAppend(&found, line, "\n");
  }
  return absl::StrCat(found, std::string(kernel), "\n");
}

} // namespace qvlinspect
