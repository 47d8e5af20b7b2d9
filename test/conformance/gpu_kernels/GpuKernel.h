// Compiles one kernel function to PTX and runs it in the simulator.
#pragma once

#include "qvl/Codegen/NVPTX.h"
#include "qvl/Codegen/TileGrid.h"
#include "qvlsim/Launch.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace qvl::test {

/// One buffer of a launch: what a kernel finds, and behind a launch what it left. Bytes of a result
/// that the kernel does not write read as 0xFF.
struct GpuBuffer {
  std::vector<std::byte> bytes;
  bool isResult = false; // holds nothing before the launch: reading it is a fault

  template <typename T> static GpuBuffer of(std::span<const T> values) {
    auto bytes = std::as_bytes(values);
    return {{bytes.begin(), bytes.end()}};
  }
  static GpuBuffer result(size_t bytes) { return {std::vector<std::byte>(bytes), true}; }
  template <typename T> std::span<T> as() {
    return {reinterpret_cast<T *>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

/// How the simulator runs a launch: results must not depend on it.
struct GpuSchedule {
  qvlsim::AsyncMode async = qvlsim::AsyncMode::Late;
  uint64_t seed = 0;
};
/// Both asynchronous modes, with two orders of warps.
inline constexpr GpuSchedule kGpuSchedules[] = {{qvlsim::AsyncMode::Late, 0},
                                                {qvlsim::AsyncMode::Early, 7}};

/// A kernel function as PTX that the simulator has parsed.
class GpuKernel {
public:
  /// Compiles the function of `text`, which must be the only one; test failures on error.
  static std::unique_ptr<GpuKernel> create(const std::string &text,
                                           const std::string &chip = "sm_80");

  /// Launches the grid for `rows` rows of its row dimension: buffers in the order arguments,
  /// results; scalars as in include/qvlfmt/KernelAbi.h. Faults are test failures. Nothing is
  /// launched for an empty grid.
  qvlsim::Counts launch(std::span<GpuBuffer> buffers, std::span<const int64_t> scalars,
                        int64_t rows, const GpuSchedule &schedule = {}) const;
  /// The same of the kernel's wide form.
  qvlsim::Counts launchWide(std::span<GpuBuffer> buffers, std::span<const int64_t> scalars,
                            int64_t rows, const GpuSchedule &schedule = {}) const;
  /// launchWide() of another text in place of the kernel's, which may be wrong.
  qvlsim::LaunchResult launchWideMutant(const std::string &text, std::span<GpuBuffer> buffers,
                                        std::span<const int64_t> scalars, int64_t rows,
                                        const GpuSchedule &schedule) const;
  /// launch() under every schedule of kGpuSchedules, and launchWide() where there is a wide form;
  /// the bytes of all runs must be equal.
  void run(std::span<GpuBuffer> buffers, std::span<const int64_t> scalars, int64_t rows) const;

  const mlir::qvl::TileGrid &tileGrid() const { return grid; }
  /// The PTX text.
  const std::string &text() const { return ptx; }
  const std::optional<mlir::qvl::WideForm> &wideForm() const { return wide; }

private:
  /// A function of a module, and what a launch of it needs.
  struct Form {
    std::shared_ptr<const qvlsim::Module> module;
    std::string name;
    int64_t sharedBytes;
    mlir::ArrayRef<mlir::qvl::TensorMapShape> maps;
  };
  qvlsim::Counts launchSound(const Form &form, std::span<GpuBuffer> buffers,
                             std::span<const int64_t> scalars, int64_t rows,
                             const GpuSchedule &schedule) const;
  qvlsim::LaunchResult launchForm(const Form &form, std::span<GpuBuffer> buffers,
                                  std::span<const int64_t> scalars, int64_t rows,
                                  const GpuSchedule &schedule) const;
  Form narrowForm() const { return {module, name, sharedBytes, {}}; }
  Form formOf(const mlir::qvl::WideForm &form) const {
    return {module, form.symbol, form.sharedBytes, form.maps};
  }

  std::string ptx;
  mlir::qvl::TileGrid grid{};
  std::string name;
  int64_t sharedBytes = 0;
  std::unique_ptr<mlir::MLIRContext> context; // of the types of the wide form
  std::optional<mlir::qvl::WideForm> wide;
  std::shared_ptr<const qvlsim::Module> module;
};

} // namespace qvl::test
