#include "DeviceWeights.h"

#include "FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

namespace qvlrt {

DeviceWeights::~DeviceWeights() {
  for (DeviceRange range : ranges)
    if (range.address != 0)
      device.dropHostBytes(range);
}

/// Which weights the programs of a target read, by weight number.
static std::vector<bool> usedWeights(const qvlfmt::Target &target, std::uint32_t count) {
  std::vector<bool> used(count, false);
  for (std::uint32_t i = 0; i < countOf(target.programs()); ++i) {
    const qvlfmt::Program &program = *target.programs()->Get(i);
    for (std::uint32_t j = 0; j < countOf(program.buffers()); ++j)
      if (const qvlfmt::Buffer &buffer = *program.buffers()->Get(j);
          buffer.kind() == qvlfmt::BufferKind::Weight)
        used[buffer.index()] = true;
  }
  return used;
}

absl::Status DeviceWeights::checkRoom(std::uint64_t bytes) const {
  const std::optional<std::uint64_t> available = device.memory().available;
  if (device.limits().hostAddressable || bytes <= available.value_or(bytes))
    return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "out of memory: the weights need ", bytes, " bytes on ", device.description(), ", ",
      *available, " are free, ", bytes - *available, " are missing; use --device=cpu"));
}

absl::Status DeviceWeights::load(const Module &module, const qvlfmt::Target &target) {
  const std::vector<bool> used = usedWeights(target, module.weightCount());
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < used.size(); ++i)
    if (used[i])
      bytes += module.weightBytes(i).size();
  QVLRT_RETURN_IF_ERROR(checkRoom(bytes));
  ranges.resize(used.size());
  for (std::uint32_t i = 0; i < used.size(); ++i) {
    if (!used[i])
      continue;
    absl::StatusOr<DeviceRange> range = device.useHostBytes(module.weightBytes(i));
    if (absl::IsResourceExhausted(range.status()))
      return absl::ResourceExhaustedError(absl::StrCat(
          "the weights need ", bytes, " bytes: ", range.status().message(), "; use --device=cpu"));
    QVLRT_RETURN_IF_ERROR(range.status());
    ranges[i] = *range;
  }
  return absl::OkStatus();
}

} // namespace qvlrt
