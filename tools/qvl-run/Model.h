// The model that the command line names.
#pragma once

#include "Options.h"

#include "absl/status/statusor.h"
#include "qvlrt/loaded_model.h"

namespace qvlrun {

/// Error: FailedPrecondition for a device that this build does not support.
absl::Status checkDevice(const Options &options);

qvlrt::SessionOptions sessionOf(const Options &options);

/// Opens the artifact on the device that the options name. Errors: those of checkDevice and
/// LoadedModel::open.
absl::StatusOr<qvlrt::LoadedModel> loadModel(const Options &options);

} // namespace qvlrun
