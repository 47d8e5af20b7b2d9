// What NVIDIA's assembler makes of a PTX kernel.
#include "Assembler.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace qvlinspect {
namespace {

/// The output of a command of ours, which holds no text of an artifact; nothing when it fails.
std::optional<std::string> outputOf(const std::string &command) {
  std::FILE *pipe = popen((command + " 2>&1").c_str(), "r");
  if (!pipe)
    return std::nullopt;
  std::string output;
  char part[4096];
  while (const std::size_t bytes = std::fread(part, 1, sizeof part, pipe))
    output.append(part, bytes);
  return pclose(pipe) == 0 ? std::optional(output) : std::nullopt;
}

/// A folder that is removed with its contents.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::error_code none;
    std::string name = (std::filesystem::temp_directory_path(none) / "qvl-inspect-XXXXXX").string();
    if (mkdtemp(name.data()))
      folder = name;
  }
  ~TemporaryFolder() {
    std::error_code none;
    if (!folder.empty())
      std::filesystem::remove_all(folder, none);
  }
  const std::string &path() const { return folder; } // empty when there is none

private:
  std::string folder;
};

/// "sm_80" of the line ".target sm_80"; empty for a name that is not of this form, which no command
/// line gets.
std::string architectureOf(const std::string &ptx) {
  const std::size_t begin = ptx.find(".target ");
  if (begin == ptx.npos)
    return "";
  const std::string name = ptx.substr(begin + 8, ptx.find_first_of(", \n", begin + 8) - begin - 8);
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  return plain && name.starts_with("sm_") ? name : "";
}

/// The number in front of `word`: 207 in "Used 207 registers".
int numberBefore(std::string_view text, std::string_view word) {
  const std::size_t end = text.find(word);
  if (end == text.npos || end == 0)
    return 0;
  const std::size_t last = text.find_last_not_of(' ', end - 1);
  const std::size_t begin = text.find_last_not_of("0123456789", last) + 1;
  int number = 0;
  const std::string_view digits = text.substr(begin, last + 1 - begin);
  return absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &number) ? number : 0;
}

} // namespace

AssembledKernel parseAssemblerReport(std::string_view report) {
  return {.registers = numberBefore(report, "registers"),
          .spillBytes = numberBefore(report, "bytes spill stores") +
                        numberBefore(report, "bytes spill loads"),
          .instructions = {}};
}

std::vector<std::pair<std::string, int>> parseDisassembly(std::string_view listing) {
  std::map<std::string, int> counts;
  for (absl::string_view line :
       absl::StrSplit(absl::string_view(listing.data(), listing.size()), '\n')) {
    // "        /*0010*/    @!P0 HMMA.16816.F32.BF16 R4, ... ;"
    const std::size_t open = line.find("/*"), close = line.find("*/");
    if (open == line.npos || close == line.npos || line.find(';') == line.npos)
      continue;
    line = absl::StripAsciiWhitespace(line.substr(close + 2));
    if (absl::StartsWith(line, "@"))
      line = absl::StripLeadingAsciiWhitespace(line.substr(std::min(line.find(' '), line.size())));
    const absl::string_view name = line.substr(0, line.find_first_of(" ;"));
    if (!name.empty() && absl::ascii_isupper(name[0]))
      ++counts[std::string(name.substr(0, name.find('.')))];
  }
  std::vector<std::pair<std::string, int>> mix(counts.begin(), counts.end());
  std::stable_sort(mix.begin(), mix.end(),
                   [](const auto &a, const auto &b) { return a.second > b.second; });
  return mix;
}

std::optional<AssembledKernel> assemble(const std::string &ptx) {
  const std::string architecture = architectureOf(ptx);
  const TemporaryFolder folder;
  if (architecture.empty() || folder.path().empty())
    return std::nullopt;
  const std::string text = folder.path() + "/kernel.ptx", code = folder.path() + "/kernel.cubin";
  std::ofstream(text) << ptx;
  const std::optional<std::string> report =
      outputOf(absl::StrCat("ptxas -v -arch=", architecture, " -o '", code, "' '", text, "'"));
  if (!report)
    return std::nullopt;
  AssembledKernel kernel = parseAssemblerReport(*report);
  for (const char *disassembler : {"nvdisasm -c", "cuobjdump -sass"})
    if (const auto listing = outputOf(absl::StrCat(disassembler, " '", code, "'")))
      if (kernel.instructions = parseDisassembly(*listing); !kernel.instructions.empty())
        break;
  return kernel;
}

} // namespace qvlinspect
