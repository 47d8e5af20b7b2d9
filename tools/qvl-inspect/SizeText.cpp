// The size arithmetic of a program as expressions over the sizes of its arguments.
#include "SizeText.h"

#include "Names.h"
#include "lib/Runtime/Core/FlatbufferViews.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <span>

namespace qvlinspect {
namespace {

using qvlfmt::SizeOp;

/// Expressions share subexpressions, so that written out they may grow without bound. A longer one
/// gets a name.
constexpr std::size_t kLongestText = 80;

/// The letter of one dimension of an argument.
struct DimensionLetter {
  std::string_view argument;
  std::uint32_t dimension;
  const char *letter;
};
constexpr DimensionLetter kVisionLetters[] = {{"pixels", 0, "P"},
                                              {"positions", 1, "P"},
                                              {"window", 0, "M"},
                                              {"windows", 0, "Sw+1"},
                                              {"frames", 0, "Sf+1"}};
constexpr DimensionLetter kLanguageLetters[] = {
    {"ids", 0, "T"},           {"positions", 1, "T"},     {"features", 0, "F"},
    {"feature_rows", 0, "T"},  {"row_offsets", 0, "B+1"}, {"row_sequence", 0, "T"},
    {"cache_lengths", 0, "B"}, {"block_table", 0, "B"},   {"block_table", 1, "pages"},
    {"slots", 0, "T"},         {"kv_cache", 0, "pool"},   {"logit_rows", 0, "R"}};

std::string letterOf(std::string_view program, std::string_view argument, std::uint32_t dimension) {
  const std::span<const DimensionLetter> letters =
      program.starts_with("vision") ? std::span<const DimensionLetter>(kVisionLetters) : kLanguageLetters;
  for (const DimensionLetter &entry : letters)
    if (entry.argument == argument && entry.dimension == dimension)
      return entry.letter;
  return absl::StrCat(printable(argument), ".", dimension);
}

} // namespace

SizeText::SizeText(const qvlfmt::Program &program) {
  for (const qvlfmt::SizeNode &node : qvlrt::spanOf(program.sizes()))
    add(program, node);
}

void SizeText::add(const qvlfmt::Program &program, const qvlfmt::SizeNode &node) {
  const auto call = [&](const char *name) {
    addText(absl::StrCat(name, "(", texts[node.lhs()], ",", texts[node.rhs()], ")"), Binding::Atom);
  };
  switch (node.op()) {
  case SizeOp::Constant:
    return addText(absl::StrCat(node.value()), node.value() < 0 ? Binding::Sum : Binding::Atom);
  case SizeOp::Dim:
    return addDimension(program, node);
  case SizeOp::Add:
    return addText(absl::StrCat(texts[node.lhs()], "+", operand(node.rhs(), Binding::Product)),
                   Binding::Sum);
  case SizeOp::Sub:
    return addText(absl::StrCat(texts[node.lhs()], "-", operand(node.rhs(), Binding::Product)),
                   Binding::Sum);
  case SizeOp::Mul:
    return addText(absl::StrCat(operand(node.lhs(), Binding::Product), "*",
                                operand(node.rhs(), Binding::Product)),
                   Binding::Product);
  case SizeOp::FloorDiv:
    return call("floordiv");
  case SizeOp::CeilDiv:
    return call("ceildiv");
  case SizeOp::Min:
    return call("min");
  case SizeOp::Max:
    return call("max");
  }
}

void SizeText::addDimension(const qvlfmt::Program &program, const qvlfmt::SizeNode &node) {
  const qvlfmt::Buffer &argument = *program.buffers()->Get(program.arguments()->Get(node.lhs()));
  const std::string_view name = qvlrt::viewOf(argument.name());
  const std::string letter = letterOf(qvlrt::viewOf(program.name()), name, node.rhs());
  const auto known = [&](const auto &definition) { return definition.first == letter; };
  if (std::none_of(named.begin(), named.end(), known))
    named.emplace_back(letter, absl::StrCat(printable(name), "[", node.rhs(), "]"));
  texts.push_back(letter);
  bindings.push_back(letter.find('+') == std::string::npos ? Binding::Atom : Binding::Sum);
}

void SizeText::addText(std::string text, Binding binding) {
  if (text.size() > kLongestText) {
    std::string name = absl::StrCat("s", texts.size());
    named.emplace_back(name, std::move(text));
    text = std::move(name);
    binding = Binding::Atom;
  }
  texts.push_back(std::move(text));
  bindings.push_back(binding);
}

std::string SizeText::operand(std::uint32_t node, Binding least) const {
  return bindings[node] < least ? absl::StrCat("(", texts[node], ")") : texts[node];
}

std::string SizeText::type(const qvlfmt::Buffer &buffer) const {
  std::vector<std::string> dims;
  for (std::uint32_t dim : qvlrt::spanOf(buffer.dims()))
    dims.push_back(texts[dim]);
  return absl::StrCat(elementText(buffer.element()), "[", absl::StrJoin(dims, ","), "]");
}

} // namespace qvlinspect
