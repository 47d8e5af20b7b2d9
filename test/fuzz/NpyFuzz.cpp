// .npy files.
#include "qvlrt/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  (void)qvlrt::parseNpy({reinterpret_cast<const char *>(data), size}, "fuzz");
  return 0;
}
