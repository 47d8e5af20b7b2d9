// An artifact as one JSON object.
#pragma once

#include "lib/Runtime/Device/Cpu/CpuFeatures.h"
#include "qvlrt/module.h"

#include <nlohmann/json.hpp>

namespace qvlinspect {

/// Everything but the bytes of weights, code and tokenizer: file, version, producer, model,
/// tokenizer, targets (objects, kernels, programs with their commands), weights. All keys are
/// always there.
nlohmann::ordered_json describeArtifact(const qvlrt::Module &module, qvlrt::CpuFeatures features);

} // namespace qvlinspect
