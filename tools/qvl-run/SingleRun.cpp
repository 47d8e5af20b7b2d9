// One request: answer, report, dump, comparison, profile.
#include "SingleRun.h"

#include "Comparison.h"
#include "Dump.h"
#include "Interrupt.h"
#include "Model.h"
#include "OutputFile.h"
#include "Profile.h"
#include "Report.h"
#include "TensorNames.h"
#include "qvlrt/status.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <unistd.h>
#include <vector>

namespace qvlrun {
namespace {

/// The files that the command line names to be read.
std::vector<std::string> inputFiles(const Options &options) {
  std::vector<std::string> files = {options.artifact, options.messages.value_or("")};
  for (const qvlrt::PromptArguments::Media &media : options.media)
    files.push_back(media.path);
  for (const ExpectedOutput &output : options.expected)
    files.push_back(output.path);
  return files;
}

/// Refuses outputs that cannot be written before any work is done for them.
absl::Status checkOutputs(const Options &options) {
  if (!options.dumpDirectory.empty())
    QVLRT_RETURN_IF_ERROR(prepareDirectory(options.dumpDirectory));
  if (!options.profile.empty())
    QVLRT_RETURN_IF_ERROR(checkWritable(options.profile, inputFiles(options)));
  return absl::OkStatus();
}

void printPiece(std::string_view piece) {
  std::fwrite(piece.data(), 1, piece.size(), stdout);
  std::fflush(stdout);
}

/// Generates; on a terminal the text appears as it grows.
absl::StatusOr<qvlrt::GenerationResult> answer(const Options &options, qvlrt::LoadedModel &model,
                                               const qvlrt::ProcessedRequest &request,
                                               bool streaming) {
  qvlrt::GenerationOptions generation = generationOf(options, *model.session);
  catchInterrupts();
  generation.cancelled = interrupted;
  if (streaming)
    generation.onText = printPiece;
  absl::StatusOr<qvlrt::GenerationResult> result =
      qvlrt::generate(*model.session, model.processor.tokenizer(), request, generation);
  if (streaming)
    printPiece("\n");
  return result;
}

void printLine(const std::string &text) { std::fprintf(stdout, "%s\n", text.c_str()); }

/// What the run leaves behind besides its answer.
absl::Status writeOutputs(const Options &options, const qvlrt::LoadedModel &model,
                          const qvlrt::ProcessedRequest &request,
                          const qvlrt::GenerationResult &result,
                          std::span<const qvlrt::ProgramRun> runs,
                          std::span<const qvlrt::NpyArray> expected) {
  const std::vector<NamedTensor> tensors = namedTensors(model.module->facts(), request, result);
  if (!options.dumpDirectory.empty())
    QVLRT_RETURN_IF_ERROR(dumpTensors(tensors, options.dumpDirectory));
  if (!options.profile.empty())
    QVLRT_RETURN_IF_ERROR(writeWhole(options.profile, chromeTrace(runs)));
  return compareOutputs(options, expected, tensors);
}

} // namespace

absl::Status runOnce(const Options &options) {
  QVLRT_ASSIGN_OR_RETURN(const std::vector<qvlrt::Message> messages, messagesOf(options));
  QVLRT_ASSIGN_OR_RETURN(const std::vector<qvlrt::NpyArray> expected,
                         readExpected(options.expected));
  QVLRT_RETURN_IF_ERROR(checkOutputs(options));
  QVLRT_ASSIGN_OR_RETURN(qvlrt::LoadedModel model, loadModel(options));

  const auto start = std::chrono::steady_clock::now();
  QVLRT_ASSIGN_OR_RETURN(const qvlrt::ProcessedRequest request,
                         model.processor.process(messages, processingOf(options)));
  const std::chrono::duration<double, std::milli> preprocess =
      std::chrono::steady_clock::now() - start;

  std::vector<qvlrt::ProgramRun> runs;
  if (!options.profile.empty())
    model.session->profileInto(&runs);
  const bool streaming = !options.json && isatty(STDOUT_FILENO);
  QVLRT_ASSIGN_OR_RETURN(const qvlrt::GenerationResult result,
                         answer(options, model, request, streaming));
  QVLRT_RETURN_IF_ERROR(writeOutputs(options, model, request, result, runs, expected));

  if (!streaming)
    printLine(options.json ? jsonReport(model, request, result, preprocess.count()) : result.text);
  return flushOutput();
}

} // namespace qvlrun
