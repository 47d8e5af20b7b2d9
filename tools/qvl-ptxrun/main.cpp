// qvl-ptxrun: runs one kernel of a PTX file on a GPU. It takes the launch options of qvl-ptxsim
// (contract C9), so that the same cases run in the simulator and on a driver.
#include "KernelRun.h"
#include "tools/qvl-ptxsim/ErrorLine.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <variant>

namespace qvlptxrun {
namespace {

using namespace qvlptxsim;

constexpr const char *kTool = "qvl-ptxrun";
constexpr std::uint64_t kMaxBufferBytes = std::uint64_t{16} << 30;

constexpr const char *kFooter =
    "qvl-ptxrun probe [PATH] says which GPU the driver library at PATH has, qvl-ptxrun card [PATH] "
    "what\n"
    "its peaks follow from.\n"
    "\n"
    "VALUE and INDEX:FILE.npy are those of qvl-ptxsim (qvl-ptxsim --help).\n"
    "\n"
    "Exit codes: 0 done; 1 bad input, no usable driver or a kernel that failed; 2 usage; 3 "
    "internal\n"
    "error; 4 the system or the GPU failed; 130 interrupted.";

struct Options {
  LaunchFlags launch;
  std::string driver;
  int timedRuns = 0;
  bool timeSimulator = false;
};

std::variant<Options, int> usageError(std::string_view what) {
  printError(kTool, std::string(what) + " (see qvl-ptxrun --help)");
  return kUsage;
}

std::variant<Options, int> parseOptions(int argc, char **argv) {
  Options options;
  CLI::App app("Runs one kernel of a PTX file on a GPU through the CUDA driver.", kTool);
  app.footer(kFooter);
  app.get_formatter()->column_width(34);
  app.set_version_flag("--version", std::string("qvl-ptxrun ") + QVL_VERSION);
  declareLaunchFlags(app, options.launch);
  app.add_option("--cuda-driver", options.driver, "The CUDA driver library [libcuda.so.1]")
      ->type_name("PATH");
  app.add_option("--time", options.timedRuns,
                 "Launch RUNS more times and print the times of a launch as JSON")
      ->type_name("RUNS")
      ->check(CLI::Range(1, 1000000));
  app.add_flag("--time-simulator", options.timeSimulator,
               "Let --time run on a simulator, which prints no figures: tests of --time");
  try {
    app.parse(argumentsOf(argc, argv));
  } catch (const CLI::Success &help) {
    app.exit(help);
    const absl::Status written = flushOutput();
    return written.ok() ? kDone : reportError(kTool, written);
  } catch (const CLI::ParseError &error) {
    return usageError(error.what());
  }
  return options;
}

absl::Status run(const Options &options) {
  absl::StatusOr<std::vector<Argument>> arguments =
      parseArguments(options.launch.arguments, kMaxBufferBytes);
  if (!arguments.ok())
    return arguments.status();
  if (absl::Status status = checkOutputs(options.launch.outputs, *arguments); !status.ok())
    return status;
  absl::StatusOr<std::unique_ptr<Gpu>> gpu = Gpu::open(options.driver);
  if (!gpu.ok())
    return gpu.status();
  const bool isSimulator = (*gpu)->driver().isSimulator();
  if (options.timedRuns > 0 && isSimulator && !options.timeSimulator)
    return absl::FailedPreconditionError(
        (*gpu)->description() + " is a simulator: how long it takes says nothing about a GPU");
  absl::StatusOr<std::optional<LaunchTimes>> times =
      runKernel(**gpu, options.launch, *arguments, options.timedRuns);
  if (!times.ok())
    return times.status();
  if (times->has_value())
    std::printf("%s\n", toJson(**times, isSimulator).c_str());
  if (absl::Status status = flushOutput(); !status.ok())
    return status;
  return writeOutputs(options.launch.outputs, *arguments);
}

/// `qvl-ptxrun probe [PATH]`: one line about the GPU, "NUMBER DESCRIPTION", where the number is 80
/// for sm_80.
int probe(const std::string &path) {
  absl::StatusOr<std::unique_ptr<Gpu>> gpu = Gpu::open(path);
  if (!gpu.ok())
    return reportError(kTool, gpu.status());
  std::printf("%d %s\n", (*gpu)->capability(), (*gpu)->description().c_str());
  const absl::Status status = flushOutput();
  return status.ok() ? kDone : reportError(kTool, status);
}

/// `qvl-ptxrun card [PATH]`: describeCard().
int card(const std::string &path) {
  absl::StatusOr<std::unique_ptr<Gpu>> gpu = Gpu::open(path);
  if (!gpu.ok())
    return reportError(kTool, gpu.status());
  absl::StatusOr<std::string> text = describeCard(**gpu);
  if (!text.ok())
    return reportError(kTool, text.status());
  std::printf("%s\n", text->c_str());
  const absl::Status status = flushOutput();
  return status.ok() ? kDone : reportError(kTool, status);
}

int runTool(int argc, char **argv) {
  if (argc >= 2 && std::string_view(argv[1]) == "probe")
    return probe(argc >= 3 ? argv[2] : "");
  if (argc >= 2 && std::string_view(argv[1]) == "card")
    return card(argc >= 3 ? argv[2] : "");
  const std::variant<Options, int> parsed = parseOptions(argc, argv);
  if (const int *code = std::get_if<int>(&parsed))
    return *code;
  const absl::Status status = run(std::get<Options>(parsed));
  return status.ok() ? kDone : reportError(kTool, status);
}

} // namespace
} // namespace qvlptxrun

int main(int argc, char **argv) {
  using namespace qvlptxrun;
  return runGuarded(kTool, [&] { return runTool(argc, argv); });
}
