// qvl-inspect: prints what a `.qvl` artifact contains (contract C6). Runs none of its code.
#include "CostReport.h"
#include "JsonDescription.h"
#include "KernelFacts.h"
#include "Names.h"
#include "ProgramListing.h"
#include "Summary.h"
#include "lib/Runtime/Core/FlatbufferViews.h"
#include "qvlfmt/Version.h"
#include "qvlrt/exit_code.h"
#include "qvlrt/module.h"
#include "qvlrt/status.h"
#include "tools/ProcessSetup.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <variant>

namespace qvlinspect {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char *kFooter =
    "Without a choice it prints versions, model, targets, programs, kernels and weights.\n"
    "\n"
    "Exit codes: 0 done; 1 bad input or a weight that differs from its checksum; 2 usage; 3 "
    "internal\n"
    "error; 4 the system failed; 130 interrupted.";

struct Options {
  std::string artifact;
  std::string target;
  std::string program;
  std::string kernel;
  bool verify = false;
  bool json = false;
  bool cost = false;
  std::string assembler;
  Workload workload;
};

int reportError(const absl::Status &status) {
  const int code = qvlrt::exitCodeOf(status);
  const char *form = code == qvlrt::kExitInternal
                         ? "qvl-inspect: error: internal error: %s (please report this)\n"
                         : "qvl-inspect: error: %s\n";
  std::fprintf(stderr, form, printable(std::string(status.message())).c_str());
  return code;
}

/// Prints the text behind what was printed before.
absl::Status print(const std::string &text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 &&
      std::ferror(stdout) == 0)
    return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot write to standard output: ", std::strerror(errno)));
}

/// The options, or the exit code when there is nothing left to do.
std::variant<Options, int> parseOptions(int argc, char **argv) {
  Options options;
  CLI::App app("Prints what a .qvl artifact contains.", "qvl-inspect");
  app.footer(kFooter);
  app.set_version_flag("--version", absl::StrFormat("qvl-inspect %s, artifacts %d.%d", QVL_VERSION,
                                                    qvlfmt::kVersionMajor, qvlfmt::kVersionMinor));
  app.add_option("FILE.qvl", options.artifact, "Artifact made by qvl-compile")
      ->required()
      ->type_name("");
  CLI::Option *program =
      app.add_option("--program", options.program, "List the commands of a program (vision, ...)");
  CLI::Option *kernel = app.add_option("--kernel", options.kernel,
                                       "Facts of one kernel: operands, launches, and its PTX");
  CLI::Option *verify = app.add_flag("--verify", options.verify,
                                     "Check the checksum of every weight; names the first bad one");
  CLI::Option *cost = app.add_flag(
      "--cost", options.cost, "Predicted times on GPUs of the target cuda, or of one kernel of it");
  cost->excludes(program)->excludes(verify);
  const auto size = [&](const char *name, std::int64_t &value, const char *help) {
    app.add_option(name, value, help)
        ->type_name("N")
        ->needs(cost)
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
  };
  size("--prompt-tokens", options.workload.promptTokens,
       "Prompt of the costs, media included [1024]");
  size("--context-tokens", options.workload.contextTokens,
       "Tokens before the one that is decoded [2048]");
  size("--picture-height", options.workload.pictureHeight, "Pixels of its picture [1092]");
  size("--picture-width", options.workload.pictureWidth, "Pixels of its picture [1092]");
  app.add_option("--target", options.target,
                 "Of several targets the one whose program or kernel is meant (cpu, cuda)")
      ->type_name("NAME");
  program->type_name("NAME")->excludes(kernel)->excludes(verify);
  kernel->type_name("NAME")->excludes(verify);
  app.add_option("--assembler", options.assembler,
                 "Folder of ptxas and nvdisasm for the cost of a kernel [those of PATH]")
      ->type_name("DIR")
      ->needs(cost)
      ->needs(kernel);
  app.add_flag("--json", options.json, "Print one JSON object instead of the text");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &help) {
    app.exit(help);
    const absl::Status written = print("");
    return written.ok() ? qvlrt::kExitDone : reportError(written);
  } catch (const CLI::ParseError &error) {
    std::fprintf(stderr, "qvl-inspect: error: %s (see qvl-inspect --help)\n",
                 printable(std::string_view(error.what())).c_str());
    return qvlrt::kExitUsage;
  }
  return options;
}

/// The object as text; names of files need not be UTF-8, the text always is.
std::string jsonText(const Json &json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

/// An element by name and the target it belongs to.
struct Found {
  const qvlfmt::Target *target;
  std::uint32_t number;
};

/// Finds `name` in `list(target)` of the target that the options name, or of the first that has it.
/// Error: NotFound, with the names there are.
template <typename List>
absl::StatusOr<Found> find(const qvlrt::Module &module, const Options &options, const char *what,
                           const std::string &name, List list) {
  if (!options.target.empty())
    QVLRT_RETURN_IF_ERROR(module.target(options.target).status());
  std::vector<std::string> names;
  for (const qvlfmt::Target *target : *module.artifact().targets()) {
    if (!options.target.empty() && qvlrt::viewOf(target->name()) != options.target)
      continue;
    for (std::uint32_t i = 0; i < qvlrt::countOf(list(*target)); ++i) {
      if (qvlrt::viewOf(list(*target)->Get(i)->name()) == name)
        return Found{target, i};
      names.push_back(printable(list(*target)->Get(i)->name()));
    }
  }
  return absl::NotFoundError(absl::StrCat(module.path(), ": has no ", what, " ", name, ", only ",
                                          absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::string> showProgram(const qvlrt::Module &module, const Options &options) {
  QVLRT_ASSIGN_OR_RETURN(const Found found,
                         find(module, options, "program", options.program,
                              [](const qvlfmt::Target &target) { return target.programs(); }));
  const qvlfmt::Program &program = *found.target->programs()->Get(found.number);
  return options.json ? jsonText(describeProgram(module.artifact(), *found.target, program))
                      : listProgram(module.artifact(), *found.target, program);
}

absl::StatusOr<std::string> showKernel(const qvlrt::Module &module, const Options &options,
                                       qvlrt::CpuFeatures features) {
  QVLRT_ASSIGN_OR_RETURN(const Found found,
                         find(module, options, "kernel", options.kernel,
                              [](const qvlfmt::Target &target) { return target.kernels(); }));
  return options.json ? jsonText(describeKernel(*found.target, found.number, features))
                      : kernelText(*found.target, found.number, features);
}

absl::StatusOr<std::string> showCost(const qvlrt::Module &module, const Options &options) {
  QVLRT_ASSIGN_OR_RETURN(
      const CostReport report,
      predictCosts(module, options.workload, options.kernel, Assembler(options.assembler)));
  return options.json ? jsonText(jsonOf(report)) : textOf(report);
}

absl::StatusOr<std::string> verifyWeights(const qvlrt::Module &module, const Options &options) {
  QVLRT_RETURN_IF_ERROR(module.verifyWeights());
  if (options.json)
    return jsonText({{"file", module.path()},
                     {"weights", module.weightCount()},
                     {"bytes", module.totalWeightBytes()},
                     {"intact", true}});
  return absl::StrFormat("%s: %u weights (%u bytes) are intact\n", printable(module.path()),
                         module.weightCount(), module.totalWeightBytes());
}

absl::StatusOr<std::string> inspect(const Options &options) {
  QVLRT_ASSIGN_OR_RETURN(const std::unique_ptr<qvlrt::Module> module,
                         qvlrt::Module::open(options.artifact));
  QVLRT_ASSIGN_OR_RETURN(const qvlrt::CpuFeatures features, qvlrt::processFeatures());
  if (options.cost)
    return showCost(*module, options);
  if (!options.program.empty())
    return showProgram(*module, options);
  if (!options.kernel.empty())
    return showKernel(*module, options, features);
  if (options.verify)
    return verifyWeights(*module, options);
  return options.json ? jsonText(describeArtifact(*module, features))
                      : summarize(*module, features);
}

int runTool(int argc, char **argv) {
  const std::variant<Options, int> parsed = parseOptions(argc, argv);
  if (const int *code = std::get_if<int>(&parsed))
    return *code;
  const absl::StatusOr<std::string> text = inspect(std::get<Options>(parsed));
  const absl::Status status = text.ok() ? print(*text) : text.status();
  return status.ok() ? qvlrt::kExitDone : reportError(status);
}

} // namespace
} // namespace qvlinspect

int main(int argc, char **argv) {
  qvltool::occupyStandardDescriptors();
  qvltool::exitOnInterrupt("qvl-inspect: error: interrupted\n");
  try {
    return qvlinspect::runTool(argc, argv);
  } catch (const std::bad_alloc &) {
    return qvlinspect::reportError(absl::ResourceExhaustedError("out of memory"));
  } catch (const std::exception &exception) {
    return qvlinspect::reportError(absl::InternalError(exception.what()));
  }
}
