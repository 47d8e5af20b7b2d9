// The model that the command line names.
#pragma once

#include "Options.h"

#include "absl/status/statusor.h"
#include "qvlrt/loaded_model.h"

namespace qvlrun {

qvlrt::SessionOptions sessionOf(const Options &options);

/// The device that the options name.
qvlrt::DeviceSelection selectionOf(const Options &options);

/// Opens the artifact on the device that the options name. Errors: those of
/// LoadedModel::open.
absl::StatusOr<qvlrt::LoadedModel> loadModel(const Options &options);

} // namespace qvlrun
