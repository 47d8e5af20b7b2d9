#include "Driver.h"

#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <dlfcn.h>

namespace qvlrt {

/// The loader's words about its last failure, without the name of the file in front.
static std::string loaderMessage(const std::string &path) {
  const char *message = dlerror();
  std::string text = message ? message : "the loader failed";
  const std::string prefix = path + ": ";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

absl::StatusOr<std::unique_ptr<Driver>> Driver::load(const std::string &path) {
  std::unique_ptr<Driver> driver(new Driver);
  driver->path = path.empty() ? "libcuda.so.1" : path;
  driver->library = dlopen(driver->path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!driver->library)
    return absl::FailedPreconditionError(absl::StrCat("no CUDA driver found (", driver->path,
                                                      "): ", loaderMessage(driver->path),
                                                      "; use --device=cpu"));
  driver->simulator = dlsym(driver->library, "qvlPtxSimCalls") != nullptr;
  QVLRT_RETURN_IF_ERROR(driver->resolve());
  absl::Status status = driver->cuInit(0);
  if (!status.ok())
    return absl::Status(status.code(),
                        absl::StrCat("the CUDA driver (", driver->path,
                                     ") does not start: ", status.message(), "; use --device=cpu"));
  return driver;
}

Driver::~Driver() {
  if (library)
    dlclose(library);
}

absl::Status Driver::resolve() {
  // The version first: it belongs to the message that a function is missing.
  if (void *address = dlsym(library, "cuDriverGetVersion"))
    if (reinterpret_cast<CUresult (*)(int *)>(address)(&versionNumber) != CUDA_SUCCESS)
      versionNumber = 0;
  std::string missing;
#define QVL_CUDA_RUNTIME_FUNCTION(symbol, parameters, arguments)                                   \
  if (void *address = dlsym(library, #symbol))                                                     \
    functions.symbol = reinterpret_cast<CUresult(*) parameters>(address);                          \
  else if (missing.empty())                                                                        \
    missing = #symbol;
#include "qvlfmt/CudaDriverFunctions.inc"
  if (missing.empty())
    return absl::OkStatus();
  if (versionNumber == 0)
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is no usable CUDA driver: it lacks ", missing, "; use --device=cpu"));
  return absl::FailedPreconditionError(
      absl::StrCat("the CUDA driver (", path, ") is of version ", versionNumber / 1000, ".",
                   versionNumber % 1000 / 10, " and lacks ", missing,
                   "; install a newer driver or use --device=cpu"));
}

static absl::StatusCode codeOf(CUresult result) {
  if (losesContext(result))
    return absl::StatusCode::kUnavailable;
  switch (result) {
  case CUDA_ERROR_OUT_OF_MEMORY:
    return absl::StatusCode::kResourceExhausted;
  case CUDA_ERROR_DEINITIALIZED:
  case CUDA_ERROR_DEVICE_UNAVAILABLE:
  case CUDA_ERROR_OPERATING_SYSTEM:
  case CUDA_ERROR_UNKNOWN:
    return absl::StatusCode::kUnavailable;
  case CUDA_ERROR_NO_DEVICE:
  case CUDA_ERROR_INVALID_DEVICE:
  case CUDA_ERROR_NO_BINARY_FOR_GPU:
  case CUDA_ERROR_JIT_COMPILER_NOT_FOUND:
  case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
  case CUDA_ERROR_NOT_SUPPORTED:
    return absl::StatusCode::kFailedPrecondition;
  case CUDA_ERROR_INVALID_IMAGE:
  case CUDA_ERROR_INVALID_PTX:
  case CUDA_ERROR_NOT_FOUND:
    return absl::StatusCode::kInvalidArgument;
  default:
    return absl::StatusCode::kInternal;
  }
}

absl::Status Driver::failure(std::string_view call, CUresult result) const {
  const char *name = nullptr, *meaning = nullptr;
  if (functions.cuGetErrorName(result, &name) != CUDA_SUCCESS || !name)
    name = "unnamed error";
  if (functions.cuGetErrorString(result, &meaning) != CUDA_SUCCESS || !meaning)
    meaning = "no description";
  return absl::Status(codeOf(result), absl::StrCat(std::string(call), " failed: ", name, " (",
                                                   static_cast<int>(result), "): ", meaning));
}

} // namespace qvlrt
