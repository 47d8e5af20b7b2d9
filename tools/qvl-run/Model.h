// The model that the command line names.
#pragma once

#include "Options.h"

#include "absl/status/statusor.h"
#include "qvlrt/loaded_model.h"

namespace qvlrun {

/// Opens the artifact on the device that the options name. Errors: FailedPrecondition for a device
/// that this build does not support; those of LoadedModel::open.
absl::StatusOr<qvlrt::LoadedModel> loadModel(const Options &options);

} // namespace qvlrun
