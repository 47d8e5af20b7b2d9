// Running a kernel.
#pragma once

#include "absl/status/statusor.h"
#include "qvlsim/DeviceMemory.h"
#include "qvlsim/Dim3.h"
#include "qvlsim/Fault.h"
#include "qvlsim/Module.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string_view>

namespace qvlsim {

/// When asynchronous operations take effect: both are legal, and a correct program cannot tell.
enum class AsyncMode {
  Late,  // when the program waits for them
  Early, // when they are issued
};

/// What --count reports instructions by.
enum class InstructionClass {
  Integer,
  Float,
  Convert,
  Move,
  Control,
  GlobalMemory, // loads and stores of global, constant, parameter and generic addresses
  SharedMemory,
  LocalMemory,
  Atomic,
  Warp,    // shuffles, votes, matches, redux
  Barrier, // barriers, mbarriers, fences
  Async,   // cp.async, TMA
  Matrix,  // mma, wgmma, ldmatrix, stmatrix
};
inline constexpr std::size_t kInstructionClasses = 13;
std::string_view name(InstructionClass c);

/// Counts of one launch, with LaunchOptions::count.
struct Counts {
  std::uint64_t warpInstructions = 0; // always counted
  std::uint64_t threadInstructions = 0;
  std::array<std::uint64_t, kInstructionClasses> byClass{}; // warp instructions
  std::uint64_t sharedRequests = 0;                         // warp-wide shared-memory accesses
  std::uint64_t sharedBankConflicts = 0; // wavefronts beyond the minimum for the bytes moved
  std::uint64_t globalRequests = 0;      // warp-wide global accesses
  std::uint64_t globalSectors = 0;       // distinct 32-byte sectors, summed over requests
  std::uint64_t matrixFlops = 0;         // multiplications and additions of mma and wgmma

  void add(const Counts &other);
};

struct LaunchOptions {
  Dim3 grid, block;
  Dim3 cluster{0, 0, 0}; // zero: what the kernel declares, else (1,1,1)
  std::uint32_t dynamicSharedBytes = 0;
  AsyncMode async = AsyncMode::Late;
  std::uint64_t seed = 0; // permutes the order in which warps run; 0: ascending
  unsigned threads = 0;   // host threads; 0: all of the machine; 1: deterministic
  bool races = true;      // faults for races and missing fences; costs time and memory
  bool count = false;
  std::FILE *trace = nullptr;         // one line per executed warp instruction
  std::uint64_t instructionLimit = 0; // warp instructions of one cluster; 0: no limit
};

struct LaunchResult {
  std::optional<Fault> fault;
  Counts counts;
};

/// Limits of the simulated device, those of compute capability 9.0.
inline constexpr std::uint32_t kMaxThreadsPerBlock = 1024;
inline constexpr std::uint32_t kMaxSharedBytes = 232448; // per block, with opt-in
inline constexpr std::uint32_t kMaxClusterSize = 16;     // non-portable
inline constexpr std::uint32_t kMaxParameterBytes = 32764;

/// Runs one kernel to its end or to the first fault. `parameters` is the parameter buffer of
/// KernelInfo::parameterBytes bytes. `instance` was made in `memory`. Never throws, never crashes
/// on what the kernel does.
LaunchResult launch(const ModuleInstance &instance, std::string_view kernel,
                    std::span<const std::byte> parameters, DeviceMemory &memory,
                    const LaunchOptions &options);

} // namespace qvlsim
