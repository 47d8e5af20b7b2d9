// What the text of a PTX kernel says.
#include "PtxFacts.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <map>

namespace qvlinspect {
namespace {

using Lines = std::vector<absl::string_view>;

/// A backward branch: the lines from its label to itself.
struct Loop {
  std::size_t first, last;
};

/// "$L__BB0_3" of "$L__BB0_3:"; empty for other lines.
absl::string_view labelOf(absl::string_view line) {
  const std::size_t colon = line.find(':');
  return absl::StartsWith(line, "$") && colon != line.npos ? line.substr(0, colon) : "";
}

/// The target of a branch; empty for other lines.
absl::string_view branchTarget(absl::string_view line) {
  const std::size_t bra = line.find("bra");
  if (bra == line.npos || absl::StartsWith(line, "//"))
    return "";
  const std::size_t begin = line.find('$', bra), end = line.find(';', bra);
  return begin < end && end != line.npos ? line.substr(begin, end - begin) : "";
}

/// The opcode of an instruction with its state space, vector and kind; empty for other lines.
std::string opcodeOf(absl::string_view line) {
  if (absl::StartsWith(line, "@")) // a guard
    line = absl::StripLeadingAsciiWhitespace(line.substr(std::min(line.find(' '), line.size())));
  if (line.empty() || !absl::ascii_isalpha(line[0])) // operands may have lines of their own
    return "";
  const Lines parts = absl::StrSplit(line.substr(0, line.find_first_of(" \t;")), '.');
  static constexpr absl::string_view kKept[] = {"global", "shared", "param", "local", "v2",
                                                "v4",     "sync",   "async", "approx"};
  std::string opcode(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i)
    if (std::find(std::begin(kKept), std::end(kKept), parts[i]) != std::end(kKept))
      absl::StrAppend(&opcode, ".", parts[i]);
  return opcode;
}

std::vector<Loop> loopsOf(const Lines &lines) {
  std::map<absl::string_view, std::size_t> labels;
  std::vector<Loop> loops;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (const absl::string_view label = labelOf(lines[i]); !label.empty())
      labels[label] = i;
    if (const auto found = labels.find(branchTarget(lines[i])); found != labels.end())
      loops.push_back({found->second, i});
  }
  return loops;
}

bool holdsAnother(const Loop &loop, const std::vector<Loop> &loops) {
  return std::any_of(loops.begin(), loops.end(), [&](const Loop &other) {
    return other.first >= loop.first && other.last <= loop.last &&
           other.last - other.first < loop.last - loop.first;
  });
}

std::vector<std::pair<std::string, int>> mixOf(const Lines &lines, const Loop &loop) {
  std::map<std::string, int> counts;
  for (std::size_t i = loop.first; i <= loop.last; ++i)
    if (std::string opcode = opcodeOf(lines[i]); !opcode.empty())
      ++counts[std::move(opcode)];
  std::vector<std::pair<std::string, int>> mix(counts.begin(), counts.end());
  std::stable_sort(mix.begin(), mix.end(),
                   [](const auto &a, const auto &b) { return a.second > b.second; });
  return mix;
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

/// "dyn" of ".extern .shared .align 1024 .b8 dyn[];".
std::string_view declaredName(absl::string_view line) {
  const absl::string_view front = line.substr(0, line.find_first_of("[;"));
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
      if (!absl::SimpleAtoi(number.substr(0, number.find(',')), &facts.threads))
        facts.threads = 0;
    }
  }
  const std::vector<Loop> loops = loopsOf(lines);
  for (const Loop &loop : loops) {
    if (holdsAnother(loop, loops))
      continue;
    const auto total = [](const auto &mix) {
      int sum = 0;
      for (const auto &[opcode, count] : mix)
        sum += count;
      return sum;
    };
    if (auto mix = mixOf(lines, loop); total(mix) > total(facts.innerLoop))
      facts.innerLoop = std::move(mix);
  }
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
    if (absl::StartsWith(line, ".extern") && kernel.find(declaredName(line)) != kernel.npos)
      absl::StrAppend(&found, line, "\n");
  }
  return absl::StrCat(found, std::string(kernel), "\n");
}

} // namespace qvlinspect
