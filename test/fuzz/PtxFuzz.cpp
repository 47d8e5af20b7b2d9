// PTX text, as the simulator and its driver library take it from a program.
#include "qvlsim/Module.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  const absl::StatusOr<std::shared_ptr<const qvlsim::Module>> module =
      qvlsim::Module::parse(text, "fuzz.ptx");
  if (module.ok())
    for (const qvlsim::KernelInfo &kernel : (*module)->kernels())
      (void)(*module)->find(kernel.name);
  return 0;
}
