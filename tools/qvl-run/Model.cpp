// The model that the command line names.
#include "Model.h"

namespace qvlrun {

absl::StatusOr<qvlrt::LoadedModel> loadModel(const Options &options) {
  if (options.device.starts_with("cuda") || !options.cudaDriver.empty())
    return absl::FailedPreconditionError(
        "this build has no support for CUDA devices: use --device=cpu");
  qvlrt::ModelOptions model;
  model.threads = options.threads;
  model.verifyWeights = options.verify;
  model.session.prefillChunk = options.prefillChunk;
  model.session.kvMemory = options.kvMemory;
  model.session.maxContext = options.maxContext;
  return qvlrt::LoadedModel::open(options.artifact, model);
}

} // namespace qvlrun
