#include "Entry.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>
#include <string_view>

namespace qvlsim::driver {

namespace {

std::mutex gate;                         // calls run one at a time; kernels are parallel inside
thread_local Context *current = nullptr; // compared with the living context before use

/// Calls that need neither initialisation nor a context.
constexpr std::string_view kFree[] = {"cuInit", "cuDriverGetVersion", "cuGetErrorName",
                                      "cuGetErrorString", "cuGetProcAddress_v2"};

/// Calls that give something back: they do so even on a lost context, and before they report an
/// error of earlier work.
constexpr std::string_view kReleasing[] = {"Free",   "Destroy", "Release",
                                           "Unload", "Unmap",   "Unregister"};

bool needsNothing(std::string_view symbol) {
  return std::find(std::begin(kFree), std::end(kFree), symbol) != std::end(kFree);
}

bool needsNoContext(std::string_view symbol) {
  return needsNothing(symbol) || symbol.starts_with("cuDevice") ||
         symbol.starts_with("cuCtxSetCurrent") || symbol.starts_with("cuCtxGetCurrent");
}

bool releases(std::string_view symbol) {
  return std::any_of(std::begin(kReleasing), std::end(kReleasing),
                     [&](std::string_view word) { return symbol.find(word) != symbol.npos; });
}

/// The error that QVL_PTXSIM_FAIL asks of this call.
CUresult injected() {
  const Configuration &configuration = state().configuration;
  return state().calls == configuration.failingCall ? configuration.failure : CUDA_SUCCESS;
}

template <typename Body> CUresult perform(std::string_view symbol, Body body) {
  const CUresult failure = injected();
  if (failure != CUDA_SUCCESS) {
    if (releases(symbol))
      (void)body();
    if (Context *context = state().primary.get(); context && losesContext(failure))
      context->lose(failure);
    return failure;
  }
  if (needsNoContext(symbol))
    return body();
  Context *context = currentContext();
  if (!context)
    return CUDA_ERROR_INVALID_CONTEXT;
  if (context->lost != CUDA_SUCCESS && !releases(symbol))
    return context->lost;
  CUresult result = body();
  if (losesContext(result))
    context->lose(result);
  return context->lost != CUDA_SUCCESS ? context->lost : result;
}

template <typename Body> CUresult enter(std::string_view symbol, Body body) {
  std::lock_guard lock(gate);
  try {
    if (!state().initialised && !needsNothing(symbol))
      return CUDA_ERROR_NOT_INITIALIZED;
    if (symbol == "cuInit") // reads the configuration, so it cannot wait for it
      return body() == CUDA_SUCCESS ? injected() : CUDA_ERROR_INVALID_VALUE;
    ++state().calls;
    ++state().callsOf[symbol];
    return perform(symbol, body);
  } catch (const std::bad_alloc &) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  } catch (const std::exception &exception) {
    std::fprintf(stderr, "PTX simulator: %s\n", exception.what());
    return CUDA_ERROR_UNKNOWN;
  }
}

struct Symbol {
  std::string_view name;
  void *address;
};

} // namespace

DriverState &state() {
  // Never destroyed: a program may call the driver from destructors of its own statics.
  static DriverState *const driver = new DriverState;
  return *driver;
}

Context *currentContext() {
  return current && current == state().primary.get() ? current : nullptr;
}

void setCurrentContext(Context *context) { current = context; }

Context &context() { return *state().primary; }

void destroyPrimaryContext() {
  DriverState &driver = state();
  if (!driver.primary)
    return;
  driver.leaks += driver.primary->liveObjects();
  driver.primary.reset();
  driver.primaryUses = 0;
}

} // namespace qvlsim::driver

using namespace qvlcuda;

#define QVL_CUDA_FUNCTION(symbol, parameters, arguments)                                           \
  extern "C" __attribute__((visibility("default"))) CUresult symbol parameters {                   \
    return qvlsim::driver::enter(#symbol, [&] { return qvlsim::driver::symbol arguments; });       \
  }
#include "qvlfmt/CudaDriverFunctions.inc"

/// Only this driver exports it: by it the runtime knows that the device is simulated.
extern "C" __attribute__((visibility("default"))) std::uint64_t qvlPtxSimCalls() {
  std::lock_guard lock(qvlsim::driver::gate);
  return qvlsim::driver::state().calls;
}

/// Calls of one entry point since cuInit.
extern "C" __attribute__((visibility("default"))) std::uint64_t
qvlPtxSimCallsOf(const char *symbol) {
  std::lock_guard lock(qvlsim::driver::gate);
  const auto &calls = qvlsim::driver::state().callsOf;
  const auto found = calls.find(symbol);
  return found == calls.end() ? 0 : found->second;
}

/// Bytes of copies from the device to the host since cuInit.
extern "C" __attribute__((visibility("default"))) std::uint64_t qvlPtxSimBytesToHost() {
  std::lock_guard lock(qvlsim::driver::gate);
  return qvlsim::driver::state().bytesToHost;
}

extern "C" __attribute__((visibility("default"))) std::uint64_t qvlPtxSimLeaks() {
  std::lock_guard lock(qvlsim::driver::gate);
  return qvlsim::driver::state().leaks;
}

namespace qvlsim::driver {

/// "cuMemAlloc_v2" is asked for as "cuMemAlloc".
static std::string_view baseName(std::string_view symbol) {
  std::size_t size = symbol.size();
  return size > 3 && symbol.substr(size - 3, 2) == "_v" ? symbol.substr(0, size - 3) : symbol;
}

CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, cuuint64_t,
                             CUdriverProcAddressQueryResult *found) {
  static const Symbol symbols[] = {
#define QVL_CUDA_FUNCTION(symbol, parameters, arguments)                                           \
  {#symbol, reinterpret_cast<void *>(&::symbol)},
#include "qvlfmt/CudaDriverFunctions.inc"
  };
  if (!symbol || !function)
    return CUDA_ERROR_INVALID_VALUE;
  *function = nullptr;
  for (const Symbol &known : symbols)
    if (baseName(known.name) == symbol)
      *function = known.address;
  if (found)
    *found = *function ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  return *function || found ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

} // namespace qvlsim::driver
