// Modules, functions and launches of the driver.
#pragma once

#include "qvlfmt/CudaDriver.h"
#include "qvlsim/Launch.h"
#include "qvlsim/Module.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace qvlsim::driver {

struct Function {
  class LoadedModule *module = nullptr;
  const KernelInfo *info = nullptr;
  std::uint32_t maxDynamicShared = 49152; // without opt-in
  bool nonPortableCluster = false;
};

/// A module in a context, also behind a library handle.
class LoadedModule {
public:
  std::unique_ptr<ModuleInstance> instance;
  std::map<std::string, Function, std::less<>>
      functions; // nodes do not move: handles point at them
};

/// A launch with its parameters copied, as it waits in a stream or a graph.
struct KernelLaunch {
  Function *function = nullptr;
  std::shared_ptr<LoadedModule> module; // keeps the code until it has run
  LaunchOptions options;
  std::vector<std::byte> parameters;
  std::vector<void *> pointers; // into `parameters`, one each

  /// Runs it; prints the fault line to stderr and returns the error that hardware reports for it.
  qvlcuda::CUresult run(DeviceMemory &memory) const;
};

/// Copies the parameters of a launch. INVALID_VALUE without `kernelParams` where there are some.
qvlcuda::CUresult packParameters(KernelLaunch &launch, void **kernelParams, void **extra);

/// Checks extents, shared memory and clusters against device and kernel.
qvlcuda::CUresult checkLaunch(const KernelLaunch &launch);

} // namespace qvlsim::driver
