#include "LaunchChecks.h"

#include "absl/strings/str_cat.h"

namespace qvlrt {

absl::Status checkLaunch(const qvlfmt::Target &target, const Launch &launch) {
  if (!target.kernels() || launch.kernel >= target.kernels()->size())
    return absl::InvalidArgumentError(absl::StrCat("launch of kernel ", launch.kernel));
  const qvlfmt::Kernel &kernel = *target.kernels()->Get(launch.kernel);
  if (launch.grid < 0)
    return absl::InvalidArgumentError(
        absl::StrCat(kernel.name()->c_str(), ": a grid of ", launch.grid, " tiles"));
  if (launch.buffers.size() != kernel.buffer_count() ||
      launch.scalars.size() != kernel.scalar_count())
    return absl::InvalidArgumentError(absl::StrCat(
        kernel.name()->c_str(), ": ", launch.buffers.size(), " buffers and ", launch.scalars.size(),
        " scalars, not ", kernel.buffer_count(), " and ", kernel.scalar_count()));
  for (std::size_t i = 0; i < launch.buffers.size(); ++i)
    if (reinterpret_cast<std::uintptr_t>(launch.buffers[i]) % kBufferAlignment != 0)
      return absl::InvalidArgumentError(absl::StrCat(kernel.name()->c_str(), ": buffer ", i,
                                                     " is not aligned to ", kBufferAlignment,
                                                     " bytes"));
  return absl::OkStatus();
}

absl::Status checkCopy(std::uint64_t to, std::uint64_t from) {
  if (to == from)
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("copy of ", from, " bytes into ", to));
}

} // namespace qvlrt
