// qvl-ptxsim: runs one kernel of a PTX file in the simulator (contract C9).
#include "CountReport.h"
#include "ErrorLine.h"
#include "LaunchFlags.h"
#include "Simulation.h"

#include "absl/strings/numbers.h"

#include <CLI/CLI.hpp>

#include <optional>
#include <variant>

namespace qvlptxsim {
namespace {

constexpr const char *kTool = "qvl-ptxsim";

constexpr const char *kFooter =
    "A VALUE, one for each parameter of the kernel in their order:\n"
    "  @FILE.npy           a device buffer with that content, any rank (bf16 data as u16)\n"
    "  zeros:DTYPE:COUNT   a device buffer of zeros: u8 i8 u16 i16 f16 u32 i32 f32 i64 f64\n"
    "  i32:N u32:N i64:N u64:N f32:X f64:X   a number by value\n"
    "  bytes:HEX           any by-value parameter, lowest address first\n"
    "  tensormap:data=BUFFER;type=T;dims=N,...;strides=BYTES,...;box=N,...[;steps=N,...]\n"
    "      [;swizzle=none|32|64|128][;fill=zero|nan]   a tensor map of a buffer (@FILE.npy or\n"
    "      zeros:DTYPE:COUNT) by value, innermost dimension first; types u8 u16 u32 i32 u64 i64\n"
    "      f16 f32 f64 bf16 tf32. &tensormap:... passes its address.\n"
    "\n"
    "A program that breaks a rule of PTX (a missing wait, an access out of bounds, an\n"
    "uninitialised read ...) stops with one line: kind, file, line, instruction, block, thread.\n"
    "\n"
    "Example:\n"
    "  qvl-ptxsim add.ptx --kernel=add --grid=4 --block=256 --arg=@x.npy --arg=@y.npy\n"
    "      --arg=zeros:f32:1024 --arg=u32:1024 --out=2:sum.npy --count\n"
    "\n"
    "Exit codes: 0 done; 1 bad input or a detected fault; 2 usage; 3 internal error; 4 the system\n"
    "failed; 130 interrupted.";

struct Options {
  LaunchFlags launch;
  qvlsim::LaunchOptions simulation;
  std::uint64_t memoryBytes = std::uint64_t{4} << 30;
  bool json = false, trace = false;
};

template <typename T>
CLI::Option *number(CLI::App &app, const char *name, const char *help, T &target, T low, T high) {
  return app
      .add_option_function<std::string>(
          name,
          [=, &target](const std::string &value) {
            T read;
            if (!absl::SimpleAtoi(value, &read) || read < low || read > high)
              throw CLI::ValidationError(name, "'" + value + "' is not a whole number from " +
                                                   std::to_string(low) + " to " +
                                                   std::to_string(high));
            target = read;
          },
          help)
      ->type_name("N")
      ->group("Simulation");
}

/// An option with two values; `use` learns whether it is the first.
template <typename Use>
void choice(CLI::App &app, const char *name, const char *first, const char *second,
            const char *help, Use use) {
  app.add_option_function<std::string>(
         name,
         [=](const std::string &value) {
           if (value != first && value != second)
             throw CLI::ValidationError(name,
                                        "'" + value + "' is neither " + first + " nor " + second);
           use(value == first);
         },
         help)
      ->type_name(std::string(first) + "|" + second)
      ->group("Simulation");
}

void declareSimulationFlags(CLI::App &app, Options &options) {
  constexpr std::uint64_t kMax = ~std::uint64_t{0};
  qvlsim::LaunchOptions &simulation = options.simulation;
  choice(app, "--async", "late", "early",
         "When asynchronous operations take effect; a correct kernel cannot tell [late]",
         [&](bool late) {
           simulation.async = late ? qvlsim::AsyncMode::Late : qvlsim::AsyncMode::Early;
         });
  choice(app, "--races", "on", "off", "Report races and missing fences [on]",
         [&](bool on) { simulation.races = on; });
  number<std::uint64_t>(app, "--seed", "Order in which warps run; 0 is ascending [0]",
                        simulation.seed, 0, kMax);
  number<unsigned>(app, "--threads", "Host threads; 1 is deterministic [all of the machine]",
                   simulation.threads, 1, 1024);
  number<std::uint64_t>(app, "--instruction-limit",
                        "Stop a cluster after this many warp instructions [none]",
                        simulation.instructionLimit, 1, kMax);
  number<std::uint64_t>(app, "--memory", "Bytes of device memory [4294967296]", options.memoryBytes,
                        1, std::uint64_t{1} << 40);
  app.add_flag("--trace", options.trace, "Print every executed warp instruction to stderr")
      ->group("Simulation");
  app.add_flag("--count", simulation.count,
               "Report instructions by class, bank conflicts and global sectors a request")
      ->group("Simulation");
  app.add_flag("--json", options.json, "The counts as one JSON object")->group("Simulation");
}

std::variant<Options, int> usageError(std::string_view what) {
  printError(kTool, std::string(what) + " (see qvl-ptxsim --help)");
  return kUsage;
}

std::variant<Options, int> parseOptions(int argc, char **argv) {
  Options options;
  CLI::App app("Runs one kernel of a PTX file in a simulator of a GPU, and checks it.", kTool);
  app.footer(kFooter);
  app.get_formatter()->column_width(34);
  app.set_version_flag("--version", std::string("qvl-ptxsim ") + QVL_VERSION);
  declareLaunchFlags(app, options.launch);
  declareSimulationFlags(app, options);
  try {
    app.parse(argumentsOf(argc, argv));
  } catch (const CLI::Success &help) {
    app.exit(help);
    const absl::Status written = flushOutput();
    return written.ok() ? kDone : reportError(kTool, written);
  } catch (const CLI::ParseError &error) {
    return usageError(error.what());
  }
  if (options.json && !options.simulation.count)
    return usageError("--json prints counts: give --count as well");
  options.simulation.trace = options.trace ? stderr : nullptr;
  return options;
}

/// Runs and prints; a fault is an error like others.
absl::Status runKernel(const Options &options) {
  absl::StatusOr<std::vector<Argument>> arguments =
      parseArguments(options.launch.arguments, options.memoryBytes);
  if (!arguments.ok())
    return arguments.status();
  if (absl::Status status = checkOutputs(options.launch.outputs, *arguments); !status.ok())
    return status;
  absl::StatusOr<qvlsim::LaunchResult> result =
      simulate(options.launch, *arguments, options.simulation, options.memoryBytes);
  if (!result.ok())
    return result.status();
  if (result->fault)
    return absl::InvalidArgumentError(result->fault->toString());
  if (absl::Status status = writeOutputs(options.launch.outputs, *arguments); !status.ok())
    return status;
  if (options.simulation.count) {
    const std::string text = options.json ? countJson(result->counts) : countText(result->counts);
    std::fputs(text.c_str(), stdout);
  }
  return flushOutput();
}

int runTool(int argc, char **argv) {
  const std::variant<Options, int> parsed = parseOptions(argc, argv);
  if (const int *code = std::get_if<int>(&parsed))
    return *code;
  const absl::Status status = runKernel(std::get<Options>(parsed));
  return status.ok() ? kDone : reportError(kTool, status);
}

} // namespace
} // namespace qvlptxsim

int main(int argc, char **argv) {
  using namespace qvlptxsim;
  return runGuarded(kTool, [&] { return runTool(argc, argv); });
}
