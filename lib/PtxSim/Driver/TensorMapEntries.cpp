// Tensor maps.
#include "Entry.h"

namespace qvlsim::driver {

CUresult cuTensorMapEncodeTiled(CUtensorMap *, int, cuuint32_t, void *, const cuuint64_t *,
                                const cuuint64_t *, const cuuint32_t *, const cuuint32_t *, int,
                                int, int, int) {
  return CUDA_ERROR_NOT_SUPPORTED;
}

} // namespace qvlsim::driver
