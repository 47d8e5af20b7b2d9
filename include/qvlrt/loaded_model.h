// An artifact opened, bound to a device and ready to answer.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/device_selection.h"
#include "qvlrt/module.h"
#include "qvlrt/processor.h"
#include "qvlrt/session.h"

#include <memory>
#include <string>

namespace qvlrt {

struct ModelOptions {
  DeviceSelection device;
  /// Check the checksums of all weights, which reads the whole file.
  bool verifyWeights = false;
  SessionOptions session;
};

/// Members die in reverse order: each needs those before it.
struct LoadedModel {
  std::unique_ptr<Module> module;
  std::unique_ptr<Device> device;
  Processor processor;
  std::unique_ptr<Session> session;
  double loadMillis = 0; // wall clock of open()

  /// Errors: those of Module::open, createDevice, Processor::create and Session::create;
  /// DataLoss when a weight differs from its checksum.
  static absl::StatusOr<LoadedModel> open(const std::string &path, const ModelOptions &options);
};

} // namespace qvlrt
