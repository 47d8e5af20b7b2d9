#include "LaunchFlags.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sys/stat.h>

namespace qvlptxsim {
namespace {

constexpr std::uint64_t kMaxTextBytes = std::uint64_t{256} << 20;

Extents parseExtents(const std::string &name, const std::string &value) {
  Extents extents{1, 1, 1};
  std::size_t count = 0;
  for (const absl::string_view piece : absl::StrSplit(value, ',')) {
    std::uint32_t extent;
    if (count == 3 || !absl::SimpleAtoi(piece, &extent) || extent == 0)
      throw CLI::ValidationError(name, "'" + value + "' is not X, X,Y or X,Y,Z of 1 or more");
    extents[count++] = extent;
  }
  return extents;
}

OutputBuffer parseOutput(const std::string &value) {
  OutputBuffer output;
  const std::size_t colon = value.find(':');
  std::uint32_t index;
  if (colon == std::string::npos || !absl::SimpleAtoi(value.substr(0, colon), &index) ||
      colon + 1 == value.size())
    throw CLI::ValidationError("--out", "'" + value + "' is not INDEX:FILE.npy");
  output.argument = index;
  output.path = value.substr(colon + 1);
  return output;
}

/// An option that may occur many times; `use` sees the values in the order of the line.
template <typename Use>
CLI::Option *repeated(CLI::App &app, const char *name, const char *help, Use use) {
  const auto last = [use](const std::vector<std::string> &values) { use(values.back()); };
  return app.add_option_function<std::vector<std::string>>(name, last, help)
      ->type_size(1)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->trigger_on_parse();
}

CLI::Option *extents(CLI::App &app, const char *name, Extents &target, const char *help) {
  return app
      .add_option_function<std::string>(
          name, [name, &target](const std::string &v) { target = parseExtents(name, v); }, help)
      ->type_name("X[,Y[,Z]]")
      ->group("Launch");
}

} // namespace

void declareLaunchFlags(CLI::App &app, LaunchFlags &flags) {
  app.add_option("FILE.ptx", flags.file, "PTX text")->required()->type_name("");
  app.add_option("--kernel", flags.kernel, "Name of the .entry to run")
      ->required()
      ->type_name("NAME")
      ->group("Launch");
  extents(app, "--grid", flags.grid, "Blocks")->required();
  extents(app, "--block", flags.block, "Threads of a block")->required();
  extents(app, "--cluster", flags.cluster, "Blocks of a cluster [what the kernel declares]");
  app.add_option_function<std::string>(
         "--shared",
         [&flags](const std::string &value) {
           if (!absl::SimpleAtoi(value, &flags.sharedBytes))
             throw CLI::ValidationError("--shared", "'" + value + "' is not a number of bytes");
         },
         "Dynamic shared memory of a block [0]")
      ->type_name("BYTES")
      ->group("Launch");
  repeated(app, "--arg", "Next argument of the kernel; repeatable (values below)",
           [&flags](const std::string &value) { flags.arguments.push_back(value); })
      ->type_name("VALUE")
      ->group("Launch");
  repeated(app, "--out", "Write the buffer of argument INDEX (from 0) after the run; repeatable",
           [&flags](const std::string &value) { flags.outputs.push_back(parseOutput(value)); })
      ->type_name("INDEX:FILE.npy")
      ->group("Launch");
}

std::vector<std::string> argumentsOf(int argc, char **argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    const bool empty = argument.starts_with("--") && argument.find('=') == argument.size() - 1;
    if (empty)
      argument.pop_back();
    arguments.push_back(std::move(argument));
    if (empty)
      arguments.emplace_back();
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

absl::StatusOr<std::string> readText(const std::string &path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    return absl::NotFoundError(absl::StrFormat("%s: cannot open: %s", path, std::strerror(errno)));
  if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) > kMaxTextBytes)
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: no regular file of at most %u bytes", path, kMaxTextBytes));
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())))
    return absl::InvalidArgumentError(absl::StrFormat("%s: cannot be read", path));
  return text;
}

} // namespace qvlptxsim
