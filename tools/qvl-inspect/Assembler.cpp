// What NVIDIA's assembler makes of a PTX kernel.
#include "Assembler.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

namespace qvlinspect {
namespace {

/// A word of a command line that the shell takes as it is.
std::string shellQuoted(const std::string &word) {
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

/// The output of a command; nothing when it fails.
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

/// "HMMA.16816" of "HMMA.16816.F32.BF16": the name, and parts that begin with a digit.
std::string sizedName(absl::string_view opcode) {
  const std::vector<absl::string_view> parts = absl::StrSplit(opcode, '.');
  std::string name(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i)
    if (!parts[i].empty() && absl::ascii_isdigit(parts[i][0]))
      absl::StrAppend(&name, ".", parts[i]);
  return name;
}

/// A line without white space around it: ".L_x_1:" or
/// "/*0010*/    @!P0 BRA `(.L_x_1) ;".
ListingLine parseListingLine(absl::string_view line) {
  ListingLine parsed;
  if (absl::StartsWith(line, ".L") && absl::EndsWith(line, ":"))
    parsed.label = std::string(absl::StripSuffix(line, ":"));
  const std::size_t close = line.find("*/");
  if (!absl::StartsWith(line, "/*") || close == line.npos || line.find(';') == line.npos)
    return parsed;
  line = absl::StripAsciiWhitespace(line.substr(close + 2));
  if (absl::StartsWith(line, "@"))
    line = absl::StripLeadingAsciiWhitespace(line.substr(std::min(line.find(' '), line.size())));
  const absl::string_view opcode = line.substr(0, line.find_first_of(" ;"));
  if (opcode.empty() || !absl::ascii_isupper(opcode[0]))
    return parsed;
  parsed.instruction = sizedName(opcode);
  if (const std::size_t target = line.find("`("); target != line.npos)
    if (absl::StartsWith(opcode, "BRA"))
      parsed.target = std::string(line.substr(target + 2, line.find(')', target) - target - 2));
  return parsed;
}

} // namespace

AssembledKernel parseAssemblerReport(std::string_view report) {
  return {.registers = numberBefore(report, "registers"),
          .spillBytes = numberBefore(report, "bytes spill stores") +
                        numberBefore(report, "bytes spill loads"),
          .code = {}};
}

std::string architectureOf(std::string_view ptx) {
  const std::size_t begin = ptx.find(".target ");
  if (begin == ptx.npos)
    return "";
  const std::string name(ptx.substr(begin + 8, ptx.find_first_of(", \n", begin + 8) - begin - 8));
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  return plain && name.starts_with("sm_") ? name : "";
}

MachineCode parseDisassembly(std::string_view listing) {
  std::vector<ListingLine> lines;
  for (absl::string_view line :
       absl::StrSplit(absl::string_view(listing.data(), listing.size()), '\n'))
    lines.push_back(parseListingLine(absl::StripAsciiWhitespace(line)));
  return {.all = mixOf(lines), .innerLoop = innerLoopMix(lines)};
}

std::string Assembler::command(const char *program) const {
  return folder.empty() ? program : shellQuoted(folder + "/" + program);
}

std::optional<AssembledKernel> Assembler::assemble(const std::string &ptx,
                                                   const std::string &architecture) const {
  const TemporaryFolder scratch;
  if (scratch.path().empty())
    return std::nullopt;
  const std::string text = scratch.path() + "/kernel.ptx", code = scratch.path() + "/kernel.cubin";
  std::ofstream(text) << ptx;
  const std::optional<std::string> report =
      outputOf(absl::StrCat(command("ptxas"), " -v -arch=", shellQuoted(architecture), " -o ",
                            shellQuoted(code), " ", shellQuoted(text)));
  if (!report)
    return std::nullopt;
  AssembledKernel kernel = parseAssemblerReport(*report);
  for (const auto &[program, option] : {std::pair("nvdisasm", " -c "), {"cuobjdump", " -sass "}})
    if (const auto listing = outputOf(absl::StrCat(command(program), option, shellQuoted(code))))
      if (kernel.code = parseDisassembly(*listing); !kernel.code.all.empty())
        break;
  return kernel;
}

} // namespace qvlinspect
