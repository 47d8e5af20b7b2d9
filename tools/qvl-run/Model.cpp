// The model that the command line names.
#include "Model.h"

#include "qvlrt/status.h"

namespace qvlrun {

absl::Status checkDevice(const Options &options) {
  if (options.device.starts_with("cuda") || !options.cudaDriver.empty())
    return absl::FailedPreconditionError(
        "this build has no support for CUDA devices: use --device=cpu");
  return absl::OkStatus();
}

qvlrt::SessionOptions sessionOf(const Options &options) {
  qvlrt::SessionOptions session;
  session.prefillChunk = options.prefillChunk;
  session.kvMemory = options.kvMemory;
  session.maxContext = options.maxContext;
  return session;
}

absl::StatusOr<qvlrt::LoadedModel> loadModel(const Options &options) {
  QVLRT_RETURN_IF_ERROR(checkDevice(options));
  qvlrt::ModelOptions model;
  model.threads = options.threads;
  model.verifyWeights = options.verify;
  model.session = sessionOf(options);
  return qvlrt::LoadedModel::open(options.artifact, model);
}

} // namespace qvlrun
