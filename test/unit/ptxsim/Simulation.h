// Runs PTX text in the simulator for tests.
#pragma once

#include "qvlsim/Launch.h"

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qvlsim::test {

/// A module in a device memory of its own.
class Simulation {
public:
  /// Parses `text`; a failed parse is kept in status().
  explicit Simulation(std::string_view text, std::string_view fileName = "test.ptx");

  const absl::Status &status() const { return status_; }
  const Module &module() const { return *module_; }
  const ModuleInstance &instance() const { return *instance_; }
  DeviceMemory &memory() { return memory_; }

  /// Device addresses of buffers.
  template <typename T> std::uint64_t upload(const std::vector<T> &values) {
    std::uint64_t address = memory_.allocate(values.size() * sizeof(T)).value();
    memory_.write(address, std::as_bytes(std::span(values))).IgnoreError();
    return address;
  }
  std::uint64_t fresh(std::size_t bytes) { return memory_.allocate(bytes).value(); }
  template <typename T> std::vector<T> download(std::uint64_t address, std::size_t count) {
    std::vector<T> values(count);
    memory_.read(address, std::as_writable_bytes(std::span(values))).IgnoreError();
    return values;
  }

  /// Options of later launches; grid and block are set by run().
  LaunchOptions options;

  /// Packs arguments by the kernel's parameter layout and launches.
  template <typename... Arguments>
  LaunchResult run(std::string_view kernel, Dim3 grid, Dim3 block, Arguments... arguments) {
    const KernelInfo *info = module_->find(kernel);
    std::vector<std::byte> parameters(info == nullptr ? 0 : info->parameterBytes);
    std::size_t index = 0;
    auto put = [&](auto value) {
      std::memcpy(parameters.data() + info->parameters[index].offset, &value,
                  std::min<std::size_t>(sizeof(value), info->parameters[index].size));
      ++index;
    };
    (put(arguments), ...);
    options.grid = grid;
    options.block = block;
    return launch(*instance_, kernel, parameters, memory_, options);
  }

private:
  DeviceMemory memory_;
  absl::Status status_;
  std::shared_ptr<const Module> module_;
  std::unique_ptr<ModuleInstance> instance_;
};

/// A module of one kernel "k" with `parameters` 64-bit parameters p0, p1, ..., registers of every
/// kind
/// (%p %h %r %w %f %d), loaded parameters %w90 + n, %r90 = %tid.x, and `body`.
std::string kernelText(std::string_view body, int parameters = 1);

/// Runs `body` on 32 threads: %r0 is in[tid], what it leaves in %r1 is the result.
std::vector<std::uint32_t> mapWords(std::string_view body, const std::vector<std::uint32_t> &in);
/// The same with three sources %r0, %r2, %r3, or 64-bit %w0, %w2, %w3 and result %w1.
std::vector<std::uint32_t> mapWords3(std::string_view body, const std::vector<std::uint32_t> &a,
                                     const std::vector<std::uint32_t> &b,
                                     const std::vector<std::uint32_t> &c);
std::vector<std::uint64_t> mapLongs3(std::string_view body, const std::vector<std::uint64_t> &a,
                                     const std::vector<std::uint64_t> &b,
                                     const std::vector<std::uint64_t> &c);

/// The fault of a launch as text, "" when there was none.
std::string faultOf(const LaunchResult &result);

} // namespace qvlsim::test
