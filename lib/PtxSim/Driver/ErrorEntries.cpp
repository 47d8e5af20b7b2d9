// Names and meanings of errors.
#include "Entry.h"

namespace qvlsim::driver {

namespace {

struct ErrorText {
  CUresult error;
  const char *name, *text;
};

constexpr ErrorText kErrors[] = {
#define QVL_CUDA_ERROR(name, number, text) {name, #name, text},
#include "qvlfmt/CudaDriverErrors.inc"
#undef QVL_CUDA_ERROR
};

CUresult lookUp(CUresult error, const char *ErrorText::*member, const char **text) {
  if (!text)
    return CUDA_ERROR_INVALID_VALUE;
  *text = nullptr;
  for (const ErrorText &known : kErrors)
    if (known.error == error)
      *text = known.*member;
  return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

} // namespace

CUresult cuGetErrorName(CUresult error, const char **text) {
  return lookUp(error, &ErrorText::name, text);
}

CUresult cuGetErrorString(CUresult error, const char **text) {
  return lookUp(error, &ErrorText::text, text);
}

} // namespace qvlsim::driver
