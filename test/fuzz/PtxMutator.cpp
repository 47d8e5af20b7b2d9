#include "PtxMutator.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace qvlsim::test {

namespace {

/// What may take the place of what: registers and special registers, modifiers, numbers, names.
enum class WordKind { Register, Modifier, Number, Name };

struct Word {
  WordKind kind;
  std::string_view text;
};

bool isWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == ':';
}

WordKind kindOf(char first) {
  if (first == '%')
    return WordKind::Register;
  if (first == '.')
    return WordKind::Modifier;
  return std::isdigit(static_cast<unsigned char>(first)) ? WordKind::Number : WordKind::Name;
}

std::vector<Word> wordsOf(std::string_view text) {
  std::vector<Word> words;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin + 1;
    if (!isWordCharacter(text[begin]) && text[begin] != '%' && text[begin] != '.') {
      begin = end;
      continue;
    }
    while (end < text.size() && isWordCharacter(text[end]))
      ++end;
    words.push_back({kindOf(text[begin]), text.substr(begin, end - begin)});
    begin = end;
  }
  return words;
}

std::vector<std::string_view> linesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

} // namespace

std::string PtxMutator::number() {
  static constexpr const char *kNumbers[] = {"0",
                                             "1",
                                             "2",
                                             "3",
                                             "4",
                                             "7",
                                             "8",
                                             "15",
                                             "16",
                                             "31",
                                             "32",
                                             "33",
                                             "63",
                                             "64",
                                             "-1",
                                             "127",
                                             "128",
                                             "255",
                                             "256",
                                             "1023",
                                             "1024",
                                             "-8",
                                             "-16",
                                             "4096",
                                             "65536",
                                             "0x7fffffff",
                                             "0x80000000",
                                             "0xffffffff",
                                             "0x7fffffffffffffff",
                                             "0x8000000000000000",
                                             "0xffffffffffffffff"};
  return kNumbers[below(std::size(kNumbers))];
}

std::string PtxMutator::changeWord(std::string_view text) {
  const std::vector<Word> words = wordsOf(text);
  if (words.empty())
    return std::string(text);
  const Word &old = words[below(words.size())];
  std::vector<std::string_view> others;
  for (const Word &word : words)
    if (word.kind == old.kind)
      others.push_back(word.text);
  const bool fresh = old.kind == WordKind::Number && below(2) == 0;
  const std::string word = fresh ? number() : std::string(others[below(others.size())]);
  const std::size_t place = static_cast<std::size_t>(old.text.data() - text.data());
  return std::string(text).replace(place, old.text.size(), word);
}

std::string PtxMutator::changeLines(std::string_view text) {
  std::vector<std::string_view> lines = linesOf(text);
  if (lines.empty())
    return std::string(text);
  const std::size_t place = below(lines.size());
  switch (below(3)) {
  case 0:
    lines.erase(lines.begin() + place);
    break;
  case 1:
    lines.insert(lines.begin() + place, lines[below(lines.size())]);
    break;
  default:
    std::swap(lines[place], lines[below(lines.size())]);
  }
  std::string changed;
  for (std::string_view line : lines)
    changed += line;
  return changed;
}

std::string PtxMutator::change(std::string_view text) {
  return below(4) == 0 ? changeLines(text) : changeWord(text);
}

} // namespace qvlsim::test
