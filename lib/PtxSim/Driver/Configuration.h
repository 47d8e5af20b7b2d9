// What the environment says about the simulated device. Read by each cuInit:
//
//   QVL_PTXSIM_ASYNC=late|early  when asynchronous copies and matrix operations take effect [late]
//   QVL_PTXSIM_SEED=N            order of warps; 0 is ascending [0]
//   QVL_PTXSIM_THREADS=N         host threads of one launch; 0 is all, 1 is deterministic [0]
//   QVL_PTXSIM_RACES=on|off      reports of races and missing fences [on]
//   QVL_PTXSIM_MEMORY=BYTES      memory of the device [8589934592]
//   QVL_PTXSIM_FAIL=N:E          call N after cuInit, which is call 1, returns the CUresult E;
//   calls that give something back
//                                do so first; an E that loses a context loses it
//
// A value that is not of its form is refused by cuInit with a line on stderr.
#pragma once

#include "qvlfmt/CudaDriver.h"
#include "qvlsim/Launch.h"

#include <cstdint>
#include <optional>

namespace qvlsim::driver {

struct Configuration {
  AsyncMode async = AsyncMode::Late;
  std::uint64_t seed = 0;
  std::uint32_t threads = 0;
  bool races = true; // LaunchOptions::races
  std::uint64_t memory = std::uint64_t{8} << 30;
  std::uint64_t failingCall = 0; // 0: none
  qvlcuda::CUresult failure = qvlcuda::CUDA_SUCCESS;

  /// Nothing when a variable is malformed, which is said on stderr.
  static std::optional<Configuration> fromEnvironment();
};

} // namespace qvlsim::driver
