// The tensors of a run that can be dumped and compared.
#pragma once

#include "qvlrt/generator.h"
#include "qvlrt/npy.h"
#include "qvlrt/processor.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qvlrun {

/// A tensor of the run under its public name. `bytes` points into the request or the result, or
/// into `own` where the public type is not the stored one.
struct NamedTensor {
  std::string name;
  qvlrt::NpyType type;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> own;
  std::span<const std::uint8_t> bytes;
};

bool isTensorName(std::string_view name);

/// All names, separated by ", ".
std::string tensorNameList();

/// The names, in the order of a dump.
std::span<const std::string_view> tensorNames();

/// The tensors that this run has; those of absent media are left out, and so are features and
/// logits that the result did not keep.
std::vector<NamedTensor> namedTensors(const qvlfmt::ModelFacts &facts,
                                      const qvlrt::ProcessedRequest &request,
                                      const qvlrt::GenerationResult &result);

} // namespace qvlrun
