// An artifact as lines for people.
#pragma once

#include "lib/Runtime/Device/Cpu/CpuFeatures.h"
#include "qvlrt/module.h"

#include <string>

namespace qvlinspect {

/// Versions, model, tokenizer, targets with programs and kernels, weights.
std::string summarize(const qvlrt::Module &module, qvlrt::CpuFeatures features);

} // namespace qvlinspect
