// qvl-run: executes a `.qvl` artifact (contract C2). Options.h says what it understands.
#include "Chat.h"
#include "ErrorLine.h"
#include "OutputFile.h"
#include "PlanCommand.h"
#include "SingleRun.h"
#include "qvlrt/exit_code.h"
#include "qvlrt/status.h"
#include "tools/ProcessSetup.h"

#include "absl/strings/str_format.h"

#include <cstdio>
#include <exception>
#include <new>

namespace qvlrun {
namespace {

/// `--verify` without a request: checks the whole file and says so.
absl::Status verifyOnly(const Options &options) {
  QVLRT_ASSIGN_OR_RETURN(const std::unique_ptr<qvlrt::Module> module,
                         qvlrt::Module::open(options.artifact));
  QVLRT_RETURN_IF_ERROR(module->verifyWeights());
  std::printf("%s: %u weights are intact\n", options.artifact.c_str(), module->weightCount());
  return flushOutput();
}

int runTool(int argc, char **argv) {
  const std::variant<Options, int> parsed = parseOptions(argc, argv);
  if (const int *code = std::get_if<int>(&parsed))
    return *code;
  const Options &options = std::get<Options>(parsed);
  absl::Status status;
  if (options.plan)
    status = planRequest(options);
  else if (options.hasRequest())
    status = runOnce(options);
  else if (options.verify)
    status = verifyOnly(options);
  else
    status = chat(options);
  return status.ok() ? qvlrt::kExitDone : reportError(status);
}

} // namespace
} // namespace qvlrun

int main(int argc, char **argv) {
  qvltool::occupyStandardDescriptors();
  // Until an answer begins there is nothing to bring to an end.
  qvltool::exitOnInterrupt("qvl-run: error: interrupted\n");
  try {
    return qvlrun::runTool(argc, argv);
  } catch (const std::bad_alloc &) {
    return qvlrun::reportError(absl::ResourceExhaustedError(
        "out of memory: fewer or smaller pictures (--max-pixels) need less"));
  } catch (const std::exception &exception) {
    return qvlrun::reportError(absl::InternalError(exception.what()));
  }
}
