// Tensor maps.
#include "Entry.h"
#include "qvlsim/TensorMap.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace qvlsim::driver {

CUresult cuTensorMapEncodeTiled(CUtensorMap *map, int type, cuuint32_t rank, void *address,
                                const cuuint64_t *dims, const cuuint64_t *strides,
                                const cuuint32_t *box, const cuuint32_t *elementStrides,
                                int interleave, int swizzle, int promotion, int fill) {
  static_assert(sizeof(CUtensorMap) == kTensorMapBytes);
  if (!map || !dims || !box || !elementStrides || rank < 1 || rank > kMaxTensorRank ||
      (rank > 1 && !strides))
    return CUDA_ERROR_INVALID_VALUE;
  TensorMapArguments arguments;
  arguments.dataType = type;
  arguments.rank = rank;
  arguments.globalAddress = reinterpret_cast<std::uint64_t>(address);
  std::copy_n(dims, rank, arguments.dims.begin());
  std::copy_n(strides, rank - 1, arguments.strides.begin());
  std::copy_n(box, rank, arguments.box.begin());
  std::copy_n(elementStrides, rank, arguments.elementStrides.begin());
  arguments.interleave = interleave;
  arguments.swizzle = swizzle;
  arguments.promotion = promotion;
  arguments.fill = fill;
  absl::Status status = encodeTensorMap(
      arguments,
      std::span<std::byte, kTensorMapBytes>(reinterpret_cast<std::byte *>(map), kTensorMapBytes));
  if (status.ok())
    return CUDA_SUCCESS;
  // The interface has no words for the rule that is broken.
  std::fprintf(stderr, "PTX simulator: cuTensorMapEncodeTiled: %s\n",
               std::string(status.message()).c_str());
  return absl::IsUnimplemented(status) ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
}

} // namespace qvlsim::driver
