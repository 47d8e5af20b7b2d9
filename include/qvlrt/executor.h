// Runs the programs of an artifact's target on a device.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlrt/device.h"
#include "qvlrt/module.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qvlrt {

using Shape = std::vector<std::int64_t>;

/// Name, type and shape of a program argument, without data: what planMemory() needs.
struct ArgumentShape {
  std::string_view name;
  qvlfmt::ElementType element = qvlfmt::ElementType::F32;
  Shape dims;
};

/// A row-major tensor in device memory. `data` holds at least the bytes of its dims and is
/// kBufferAlignment aligned.
struct DeviceTensor {
  std::string_view name;
  qvlfmt::ElementType element = qvlfmt::ElementType::F32;
  Shape dims;
  DeviceRange data;
};

/// One command of a run, for profiles. The views point into the module.
struct CommandRecord {
  std::string_view label;  // module path of the op
  std::string_view kernel; // symbol; "fill" or "copy" for those commands
  double startMicros = 0;  // from the start of the run
  double durationMicros = 0;
};

struct ExecutorOptions {
  /// Target of a device that runs no kernels, which has none of its own; empty: the first one.
  std::string target;
  /// Record the work of calls that repeat and replay it, on devices that can.
  bool replay = true;
};

/// The programs of one target bound to one device: kernels loaded, weights in reach, one arena for
/// the transient buffers of all programs, memory plans cached per shape. Not thread-safe. Module
/// and device outlive it.
class Executor {
public:
  /// Loads the target that carries the device's name; the null device takes that of the options.
  /// Errors: NotFound (no such target), FailedPrecondition (no code for this machine),
  /// ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<Executor>> create(const Module &module, Device &device,
                                                          const ExecutorOptions &options = {});
  virtual ~Executor() = default;

  virtual const Module &module() const = 0;
  virtual Device &device() const = 0;
  virtual const qvlfmt::Target &target() const = 0;

  /// Number of the program called `name` ("vision", "prefill", "decode"). Error: NotFound.
  virtual absl::StatusOr<std::uint32_t> program(std::string_view name) const = 0;

  /// Runs a program. Arguments are matched by name, in any order, each exactly once; element types,
  /// ranks, static dims and sizes are checked. The results are in the program's order and named;
  /// their data lie in the arena and are valid until the next run. With `records`, one entry a
  /// command is appended, and the device is waited for after each; else a call returns when its
  /// work is enqueued, and errors of kernels come with the next wait. Errors: InvalidArgument
  /// (arguments), ResourceExhausted (the arena; names its bytes).
  virtual absl::StatusOr<std::vector<DeviceTensor>>
  run(std::uint32_t program, std::span<const DeviceTensor> arguments,
      std::vector<CommandRecord> *records = nullptr) = 0;

  /// Bytes of arena that a run with these shapes needs, without running or allocating.
  virtual absl::StatusOr<std::uint64_t> planMemory(std::uint32_t program,
                                                   std::span<const ArgumentShape> arguments) = 0;

  /// Bytes the arena holds now: the largest that a run has needed.
  virtual std::uint64_t arenaBytes() const = 0;
};

} // namespace qvlrt
