// An artifact opened, bound to a device and ready to answer.
#pragma once

#include "Options.h"
#include "Report.h"

#include "absl/status/statusor.h"
#include "qvlrt/device.h"
#include "qvlrt/module.h"
#include "qvlrt/processor.h"
#include "qvlrt/session.h"

#include <memory>

namespace qvlrun {

/// Members die in reverse order: each needs those before it.
struct Model {
  std::unique_ptr<qvlrt::Module> module;
  std::unique_ptr<qvlrt::Device> device;
  qvlrt::Processor processor;
  std::unique_ptr<qvlrt::Session> session;
  double loadMillis = 0;

  /// The report's facts as they are now.
  RunFacts facts() const;
};

/// Opens the artifact, checks its weights if `--verify` asks for it, and loads it on the device.
absl::StatusOr<Model> loadModel(const Options &options);

} // namespace qvlrun
