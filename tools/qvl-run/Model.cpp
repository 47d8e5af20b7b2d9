// An artifact opened, bound to a device and ready to answer.
#include "Model.h"

#include "qvlrt/cpu_device.h"
#include "qvlrt/status.h"

#include "absl/strings/str_format.h"

#include <chrono>

namespace qvlrun {
namespace {

absl::StatusOr<std::unique_ptr<qvlrt::Device>> createDevice(const Options &options) {
  if (options.device.starts_with("cuda") || !options.cudaDriver.empty())
    return absl::FailedPreconditionError(
        "this build has no support for CUDA devices: use --device=cpu");
  return qvlrt::createCpuDevice({.threads = options.threads, .features = std::nullopt});
}

} // namespace

RunFacts Model::facts() const {
  return {.device = device->description(),
          .loadMillis = loadMillis,
          .preprocessMillis = 0,
          .weightBytes = module->totalWeightBytes(),
          .arenaBytes = session->arenaBytes(),
          .kvBytes = session->kvBytes()};
}

absl::StatusOr<Model> loadModel(const Options &options) {
  const auto start = std::chrono::steady_clock::now();
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<qvlrt::Module> module,
                         qvlrt::Module::open(options.artifact));
  if (options.verify)
    QVLRT_RETURN_IF_ERROR(module->verifyWeights());
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<qvlrt::Device> device, createDevice(options));
  QVLRT_ASSIGN_OR_RETURN(qvlrt::Processor processor,
                         qvlrt::Processor::create(module->facts(), module->tokenizer()));
  const qvlrt::SessionOptions sessionOptions{.prefillChunk = options.prefillChunk,
                                             .kvMemory = options.kvMemory,
                                             .maxContext = options.maxContext};
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<qvlrt::Session> session,
                         qvlrt::Session::create(*module, *device, sessionOptions));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return Model{std::move(module), std::move(device), std::move(processor), std::move(session),
               took.count()};
}

} // namespace qvlrun
