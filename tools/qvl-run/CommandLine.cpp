// The options of qvl-run: names, help, ranges.
#include "Options.h"

#include "ErrorLine.h"
#include "OutputFile.h"
#include "TensorNames.h"
#include "qvlfmt/Version.h"
#include "qvlrt/exit_code.h"
#include "qvlrt/streaming.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <limits>
#include <unistd.h>

namespace qvlrun {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

constexpr const char *kFooter =
    "Examples:\n"
    "  qvl-run model.qvl --image=photo.jpg --prompt=\"What is in the picture?\"\n"
    "  qvl-run model.qvl --messages=chat.json --json --max-new-tokens=64\n"
    "  qvl-run model.qvl                      (a chat, on a terminal)\n"
    "  qvl-run plan model.qvl --image=photo.jpg --max-pixels=500000,250000      (what it costs)\n"
    "\n"
    "Results go to stdout, everything else to stderr. Exit codes: 0 done; 1 bad input or a limit\n"
    "reached; 2 usage; 3 internal error; 4 the system failed; 130 interrupted.\n"
    "An artifact contains machine code: running one is running a program.";

constexpr const char *kPlanFooter =
    "Takes the options of a run and says what it would cost: sizes, tokens, pages and memory. No\n"
    "weight is read and no picture decoded. Several --max-pixels show what smaller pictures save.\n"
    "\n"
    "Example:\n"
    "  qvl-run plan model.qvl --image=photo.jpg --prompt=\"What is this?\" "
    "--max-pixels=500000,250000";

/// "512", "64K", "512M", "2G": bytes, or nothing for anything else.
std::optional<std::uint64_t> parseBytes(std::string_view text) {
  constexpr std::string_view kSuffixes = "KMG";
  int shift = 0;
  if (!text.empty())
    if (const std::size_t unit = kSuffixes.find(text.back()); unit != std::string_view::npos) {
      shift = 10 * static_cast<int>(unit + 1);
      text.remove_suffix(1);
    }
  std::uint64_t number;
  if (!absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number) ||
      number > std::numeric_limits<std::uint64_t>::max() >> shift)
    return std::nullopt;
  return number << shift;
}

/// Declares options; every value is checked while it is parsed. The parser keeps references to this
/// table, which must live until it is done.
class OptionTable {
public:
  OptionTable(CLI::App &app, Options &options) : app(app), options(options) {}

  void declareAll() {
    declareInput();
    declareAnswer();
    declareMachine();
    if (!options.plan)
      declareOutput();
    else
      flag("--json", options.json, "Print one JSON object instead of the text");
  }

private:
  /// An option that may occur once and hands its text to `use`.
  template <typename Use> CLI::Option *text(const char *name, const char *help, Use use) {
    return app.add_option_function<std::string>(name, use, help)->group(group);
  }

  /// A switch that says which way.
  void onOff(const char *name, bool &option, const char *help) {
    text(name, help, [name, &option](const std::string &value) {
      if (value != "on" && value != "off")
        throw CLI::ValidationError(name, "'" + value + "' is neither on nor off");
      option = value == "on";
    })->type_name("on|off");
  }

  /// An option that may occur many times; `use` sees the values in the order of the line.
  template <typename Use> CLI::Option *repeated(const char *name, const char *help, Use use) {
    const auto last = [use](const std::vector<std::string> &values) { use(values.back()); };
    return app.add_option_function<std::vector<std::string>>(name, last, help)
        ->group(group)
        ->type_size(1)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->trigger_on_parse();
  }

  /// A decimal integer in [low, high].
  template <typename Target>
  CLI::Option *integer(const char *name, Target &target, const char *help, std::int64_t low,
                       std::int64_t high = kNoLimit) {
    return text(name, help,
                [=, &target](const std::string &value) {
                  std::int64_t number;
                  if (!absl::SimpleAtoi(value, &number) || number < low || number > high)
                    throw CLI::ValidationError(
                        name, "'" + value + "' is not a whole number of " + std::to_string(low) +
                                  (high == kNoLimit ? " or more" : " to " + std::to_string(high)));
                  target = number;
                })
        ->type_name("N");
  }

  /// A number in [low, high].
  template <typename Target>
  CLI::Option *real(const char *name, Target &target, const char *help, double low, double high) {
    return text(name, help,
                [=, &target](const std::string &value) {
                  double number;
                  // The comparison is written so that a NaN fails it.
                  if (!absl::SimpleAtod(value, &number) || !(number >= low && number <= high))
                    throw CLI::ValidationError(
                        name,
                        absl::StrFormat("'%s' is not a number from %g to %g", value, low, high));
                  target = number;
                })
        ->type_name("X");
  }

  CLI::Option *flag(const char *name, bool &target, const char *help) {
    return app.add_flag(name, target, help)->group(group);
  }

  CLI::Option *path(const char *name, std::string &target, const char *help, const char *type) {
    return text(name, help,
                [=, &target](const std::string &value) {
                  if (value.empty())
                    throw CLI::ValidationError(name, "the path is empty");
                  target = value;
                })
        ->type_name(type);
  }

  /// `--max-pixels=N[,N...]`, repeatable.
  void declareComparedMaxPixels();
  void declareInput();
  void declareAnswer();
  void declareMachine();
  void declareOutput();

  CLI::App &app;
  Options &options;
  const char *group = "";
};

void OptionTable::declareInput() {
  group = "Input";
  app.add_option("FILE.qvl", options.artifact, "Artifact made by qvl-compile")
      ->required()
      ->type_name("");
  const auto medium = [this](qvlrt::MediaKind kind) {
    return [this, kind](const std::string &value) { options.media.push_back({kind, value}); };
  };
  repeated("--image", "Picture (JPEG, PNG, WebP); repeatable, order kept",
           medium(qvlrt::MediaKind::Image))
      ->type_name("PATH");
  repeated("--video", "Folder of video frames; repeatable, order kept",
           medium(qvlrt::MediaKind::Video))
      ->type_name("PATH");
  real("--fps", options.fps, "Frames a second of the frames given [2]", 1e-3, 1e6);
  text("--prompt", "The question; the pictures come before it",
       [this](const std::string &value) { options.prompt = value; });
  text("--system", "System message", [this](const std::string &value) { options.system = value; });
  text("--messages", "Conversation in OpenAI chat form, instead of the options above",
       [this](const std::string &value) { options.messages = value; })
      ->type_name("FILE.json");
  flag("--allow-special", options.allowSpecial,
       "Accept the text of special tokens (<|image_pad|> ...) in the input");
  integer("--min-pixels", options.minPixels, "Enlarge pictures to at least this many pixels", 1);
  if (options.plan)
    declareComparedMaxPixels();
  else
    integer("--max-pixels", options.maxPixels, "Shrink pictures to at most this many pixels", 1);
}

void OptionTable::declareComparedMaxPixels() {
  const auto add = [this](const std::string &value) {
    for (const absl::string_view text : absl::StrSplit(value, ',')) {
      std::int64_t number;
      if (!absl::SimpleAtoi(text, &number) || number < 1)
        throw CLI::ValidationError("--max-pixels", "'" + std::string(text) +
                                                       "' is not a whole number of 1 or more");
      options.comparedMaxPixels.push_back(number);
    }
    options.maxPixels = options.comparedMaxPixels.front();
  };
  repeated("--max-pixels",
           "Shrink pictures to at most this many pixels; shows what each limit saves, the first "
           "one counts",
           add)
      ->type_name("N[,N...]");
}

void OptionTable::declareAnswer() {
  group = "Answer";
  integer("--max-new-tokens", options.maxNewTokens, "Longest answer in tokens [256]", 1);
  repeated("--stop", "End the answer before this text; repeatable",
           [this](const std::string &value) {
             if (const absl::Status status = qvlrt::validateStopStrings({value}); !status.ok())
               throw CLI::ValidationError("--stop", std::string(status.message()));
             options.stops.push_back(value);
           })
      ->type_name("STRING");
  flag("--greedy", options.greedy,
       "Always take the most likely token (a repetition penalty still holds)");
  real("--temperature", options.temperature, "Sample at this temperature; at most 1e-5 is greedy",
       0, 1e6);
  integer("--top-k", options.topK, "Sample from the k most likely tokens; 0 is off, 1 is greedy", 0,
          std::numeric_limits<int>::max());
  real("--top-p", options.topP, "Sample from the likely tokens with this share together", 1e-9, 1);
  real("--min-p", options.minP, "Drop tokens below this share of the most likely one", 0, 1);
  real("--repetition-penalty", options.repetitionPenalty, "Damp tokens seen before; 1 is off", 1e-3,
       1e3);
  integer("--seed", options.seed, "Start of the random numbers: same seed, same answer [0]", 0);
}

void OptionTable::declareMachine() {
  group = "Machine";
  text("--device", "auto, cpu or cuda[:N] [auto]", [this](const std::string &value) {
    const std::optional<qvlrt::DeviceSelection> device = qvlrt::parseDevice(value);
    if (!device)
      throw CLI::ValidationError("--device", "'" + value + "' is not auto, cpu, cuda or cuda:N");
    options.device = *device;
  })->type_name("NAME");
  path("--cuda-driver", options.cudaDriver, "CUDA driver library to load", "PATH");
  onOff("--cuda-graphs", options.cudaGraphs,
        "Launch the work of a token on a GPU as one graph; answers are the same [on]");
  onOff("--cuda-sampling", options.cudaSampling,
        "Choose tokens on a GPU, which then sends ids instead of logits [on]");
  integer("--threads", options.threads, "Threads that compute [the CPUs this process may use]", 1,
          1024);
  integer("--prefill-chunk", options.prefillChunk, "Prompt tokens of one call [512]", 1, 1 << 20);
  text("--kv-memory", "Bytes the KV cache may take, also as 512M or 2G [what the request needs]",
       [this](const std::string &value) {
         options.kvMemory = parseBytes(value);
         if (!options.kvMemory)
           throw CLI::ValidationError("--kv-memory",
                                      "'" + value + "' is not a number of bytes such as 512M");
       })
      ->type_name("BYTES");
  integer("--max-context", options.maxContext, "Longest prompt and answer in tokens [the model's]",
          1);
  if (!options.plan)
    flag("--verify", options.verify, "Check the checksums of the weights first (alone: only that)");
}

void OptionTable::declareOutput() {
  group = "Output";
  flag("--json", options.json, "Print one JSON object instead of the text");
  path("--dump-dir", options.dumpDirectory, "Write inputs, features, logits and ids as .npy",
       "DIR");
  text("--logits", "Rows of logits to dump: last (one a generated token) or all [last]",
       [this](const std::string &value) {
         if (value != "last" && value != "all")
           throw CLI::ValidationError("--logits", "'" + value + "' is neither last nor all");
         options.allLogits = value == "all";
       })
      ->type_name("last|all");
  path("--profile", options.profile, "Write the time of every command as a Chrome trace",
       "FILE.json");
  repeated("--expected-output", "Compare a dumped tensor; exit code 1 when it differs; repeatable",
           [this](const std::string &value) {
             const std::size_t equals = value.find('=');
             if (equals == std::string::npos || !isTensorName(value.substr(0, equals)))
               throw CLI::ValidationError("--expected-output",
                                          "'" + value +
                                              "' does not begin with a tensor name and "
                                              "'=', the names are " +
                                              tensorNameList());
             if (equals + 1 == value.size())
               throw CLI::ValidationError("--expected-output", "'" + value + "' names no file");
             options.expected.push_back({value.substr(0, equals), value.substr(equals + 1)});
           })
      ->type_name("NAME=FILE.npy");
  real("--rtol", options.rtol, "Allowed difference relative to the expected value [1e-5]", 0, 1e9);
  real("--atol", options.atol, "Allowed absolute difference [1e-6]", 0, 1e9);
}

/// `--name=` with nothing behind it becomes two arguments, since the parser would take the next
/// argument as the value.
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
  std::reverse(arguments.begin(), arguments.end()); // the order the parser asks for
  return arguments;
}

/// What single options cannot see: how they fit together.
std::optional<std::string> contradiction(const Options &options) {
  if (options.messages && (options.prompt || options.system || !options.media.empty()))
    return "--messages holds the whole conversation: leave out --prompt, --system, --image and "
           "--video";
  if (options.hasRequest() || options.verify)
    return std::nullopt;
  if (options.plan)
    return "give --prompt, --image or --messages: a plan needs a request";
  if (options.json || !options.dumpDirectory.empty() || !options.profile.empty() ||
      !options.expected.empty())
    return "give --prompt, --image or --messages: a chat has no --json, --dump-dir, --profile or "
           "--expected-output";
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
    return "give --prompt, --image or --messages: a chat needs a terminal";
  return std::nullopt;
}

int usageError(std::string_view what) {
  printError(absl::StrFormat("%s (see qvl-run --help)", what));
  return qvlrt::kExitUsage;
}

} // namespace

std::variant<Options, int> parseOptions(int argc, char **argv) {
  Options options;
  options.plan = argc > 1 && argv[1] == std::string_view("plan");
  CLI::App app(options.plan ? "Says what a request to a Qwen2.5-VL artifact would cost."
                            : "Runs a Qwen2.5-VL artifact: pictures, videos and text in, text out.",
               options.plan ? "qvl-run plan" : "qvl-run");
  app.footer(options.plan ? kPlanFooter : kFooter);
  app.get_formatter()->column_width(34);
  app.set_version_flag("--version", absl::StrFormat("qvl-run %s, artifacts %d.%d", QVL_VERSION,
                                                    qvlfmt::kVersionMajor, qvlfmt::kVersionMinor));
  OptionTable table(app, options);
  table.declareAll();
  try {
    app.parse(options.plan ? argumentsOf(argc - 1, argv + 1) : argumentsOf(argc, argv));
  } catch (const CLI::Success &help) {
    app.exit(help);
    const absl::Status written = flushOutput();
    return written.ok() ? qvlrt::kExitDone : reportError(written);
  } catch (const CLI::ParseError &error) {
    return usageError(error.what());
  }
  if (const std::optional<std::string> wrong = contradiction(options))
    return usageError(*wrong);
  return options;
}

} // namespace qvlrun
