// The gate that every exported function passes: state of the driver, lost contexts, injected
// failures.
#pragma once

#include "Context.h"

#include <map>
#include <memory>
#include <mutex>
#include <string_view>

namespace qvlsim::driver {

struct DriverState {
  bool initialised = false;
  Configuration configuration;
  std::unique_ptr<Context> primary;
  int primaryUses = 0;
  std::uint64_t calls = 0;                           // since cuInit, this one included
  std::map<std::string_view, std::uint64_t> callsOf; // the same by symbol
  std::uint64_t bytesToHost = 0;                     // asked for by copies, since cuInit
  std::uint64_t leaks = 0; // objects that were alive when their context died
};
DriverState &state();

/// The context that is current in this thread.
Context *currentContext();
void setCurrentContext(Context *context);

/// Ends the primary context and counts what it still holds.
void destroyPrimaryContext();

/// One function for each exported symbol, with the symbol's name: what it does, without the gate.
using namespace qvlcuda;
#define QVL_CUDA_FUNCTION(symbol, parameters, arguments) CUresult symbol parameters;
#include "qvlfmt/CudaDriverFunctions.inc"

} // namespace qvlsim::driver
