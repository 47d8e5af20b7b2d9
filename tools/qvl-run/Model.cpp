// The model that the command line names.
#include "Model.h"

#include "qvlrt/status.h"

namespace qvlrun {

qvlrt::SessionOptions sessionOf(const Options &options) {
  qvlrt::SessionOptions session;
  session.prefillChunk = options.prefillChunk;
  session.kvMemory = options.kvMemory;
  session.maxContext = options.maxContext;
  session.replay = options.cudaGraphs;
  session.sampleOnDevice = options.cudaSampling;
  return session;
}

qvlrt::DeviceSelection selectionOf(const Options &options) {
  qvlrt::DeviceSelection device = options.device;
  device.cudaDriver = options.cudaDriver;
  device.threads = options.threads;
  return device;
}

absl::StatusOr<qvlrt::LoadedModel> loadModel(const Options &options) {
  qvlrt::ModelOptions model;
  model.device = selectionOf(options);
  model.verifyWeights = options.verify;
  model.session = sessionOf(options);
  return qvlrt::LoadedModel::open(options.artifact, model);
}

} // namespace qvlrun
