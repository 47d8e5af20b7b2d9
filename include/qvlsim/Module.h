// PTX modules: parsed and decoded text, and its variables on a device.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlsim/DeviceMemory.h"
#include "qvlsim/Dim3.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qvlsim {

namespace detail {
struct Program; // lib/PtxSim/Module/Program.h
} // namespace detail

/// One parameter of a kernel in its parameter buffer.
struct ParameterInfo {
  std::string name;
  std::string type; // PTX type of the declaration without its dot: "u64", "b8" for aggregates
  std::uint32_t offset = 0;
  std::uint32_t size = 0; // bytes
  std::uint32_t align = 1;
};

/// A kernel (.entry) with its launch limits. Zero extents and counts mean "not declared".
struct KernelInfo {
  std::string name;
  std::vector<ParameterInfo> parameters;
  std::uint32_t parameterBytes = 0;    // of the whole buffer
  std::uint32_t staticSharedBytes = 0; // shared memory of the kernel and of what it calls
  std::uint32_t sharedAlign = 1;       // largest alignment of a shared variable
  std::uint32_t localBytes = 0;        // local memory of one thread in the kernel's own frame
  std::uint32_t registers = 0;         // 32-bit registers that the text declares
  std::uint32_t maxRegisters = 0;      // .maxnreg
  std::uint32_t minBlocks = 0;         // .minnctapersm
  Dim3 maxThreads{0, 0, 0};            // .maxntid; the product counts
  Dim3 requiredBlock{0, 0, 0};         // .reqntid
  Dim3 requiredCluster{0, 0, 0};       // .reqnctapercluster
  std::uint32_t maxClusterRank = 0;    // .maxclusterrank
  bool explicitCluster = false;        // .explicitcluster
};

/// A variable in global or constant memory.
struct GlobalInfo {
  std::string name;
  std::uint64_t size = 0; // bytes
  std::uint64_t align = 1;
  bool constant = false; // .const
  bool external = false; // .extern: has no storage here
};

/// An immutable module. Parsing checks everything that does not depend on a launch: unknown
/// opcodes, modifiers, types, registers and labels are refused with file and line.
class Module {
public:
  /// Errors: InvalidArgument "FILE:LINE: cause" for text that is not PTX or that this simulator
  /// does not execute; ResourceExhausted for text beyond the limits of lib/PtxSim/Parse/Limits.h.
  static absl::StatusOr<std::shared_ptr<const Module>> parse(std::string_view text,
                                                             std::string_view fileName);
  explicit Module(std::unique_ptr<const detail::Program> program);
  ~Module();
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  std::string_view fileName() const;
  /// Of `.target`, as "sm_90a".
  std::string_view target() const;
  std::span<const KernelInfo> kernels() const;
  /// Null when there is none of that name.
  const KernelInfo *find(std::string_view kernel) const;
  std::span<const GlobalInfo> globals() const;

  const detail::Program &program() const { return *program_; }

private:
  std::unique_ptr<const detail::Program> program_;
};

/// The variables of a module in one device memory; frees them when destroyed.
class ModuleInstance {
public:
  /// Allocates and initialises every variable. Errors: FailedPrecondition for an external variable;
  /// ResourceExhausted. `memory` outlives the instance.
  static absl::StatusOr<std::unique_ptr<ModuleInstance>>
  create(std::shared_ptr<const Module> module, DeviceMemory &memory);
  ~ModuleInstance();
  ModuleInstance(const ModuleInstance &) = delete;
  ModuleInstance &operator=(const ModuleInstance &) = delete;

  const Module &module() const { return *module_; }
  /// Device address of variable `index` of Module::globals().
  std::uint64_t address(std::size_t index) const { return addresses_[index]; }
  /// Device address of a variable; NotFound when there is none of that name.
  absl::StatusOr<std::uint64_t> address(std::string_view name) const;

private:
  ModuleInstance(std::shared_ptr<const Module> module, DeviceMemory &memory)
      : module_(std::move(module)), memory_(memory) {}
  absl::Status allocate();
  absl::Status initialise();

  std::shared_ptr<const Module> module_;
  DeviceMemory &memory_;
  std::vector<std::uint64_t> addresses_;
};

} // namespace qvlsim
