// The command line of qvl-run.
#pragma once

#include "qvlrt/device_selection.h"
#include "qvlrt/generator.h"
#include "qvlrt/messages.h"
#include "qvlrt/processor.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace qvlrun {

/// `--expected-output=NAME=FILE.npy`.
struct ExpectedOutput {
  std::string tensor;
  std::string path;
};

/// Everything the user said; what is not set comes from the artifact.
struct Options {
  /// `qvl-run plan`: say what the request would cost instead of running it.
  bool plan = false;
  std::string artifact;

  // Input.
  std::optional<std::string> prompt;
  std::optional<std::string> system;
  std::optional<std::string> messages;
  std::vector<qvlrt::PromptArguments::Media> media;
  std::optional<double> fps;
  bool allowSpecial = false;
  std::optional<std::int64_t> minPixels, maxPixels;
  std::vector<std::int64_t> comparedMaxPixels; // of a plan; the first one is maxPixels

  // Answer.
  std::int64_t maxNewTokens = 256;
  std::vector<std::string> stops;
  bool greedy = false;
  std::optional<double> temperature, topP, minP, repetitionPenalty;
  std::optional<std::int64_t> topK;
  std::optional<std::uint64_t> seed;

  // Machine.
  qvlrt::DeviceSelection device;
  std::string cudaDriver;
  bool cudaGraphs = true;
  bool cudaSampling = true;
  int threads = 0;
  std::int64_t prefillChunk = 512;
  std::optional<std::uint64_t> kvMemory;
  std::optional<std::int64_t> maxContext;
  bool verify = false;

  // Output.
  bool json = false;
  std::string dumpDirectory;
  bool allLogits = false;
  std::string profile;
  std::vector<ExpectedOutput> expected;
  double rtol = 1e-5;
  double atol = 1e-6;

  /// Neither prompt nor messages nor media: a chat.
  bool hasRequest() const { return prompt || messages || !media.empty(); }
  bool wantsTensor(const std::string &name) const;
};

/// Parses the command line. The exit code instead when there is nothing left to do: 0 after
/// `--help` or `--version` (on stdout), 2 after a usage error (on stderr).
std::variant<Options, int> parseOptions(int argc, char **argv);

/// The conversation that the options describe. Errors: those of the parsers; InvalidArgument when
/// it is empty.
absl::StatusOr<std::vector<qvlrt::Message>> messagesOf(const Options &options);

/// The artifact's defaults with the command line's choices on top. Naming a temperature, top-k,
/// top-p or min-p asks for sampling; `--greedy` overrides do_sample and the temperature only.
qvlrt::GenerationOptions generationOf(const Options &options, const qvlrt::Session &session);

qvlrt::ProcessorOptions processingOf(const Options &options);

} // namespace qvlrun
