// The CUDA driver library, opened at run time.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlfmt/CudaDriver.h"

#include <memory>
#include <string>
#include <string_view>

namespace qvlrt {

using namespace qvlcuda;

/// Every function of the driver that the runtime calls, each as a member that has its exported name
/// and turns its result into a status: ResourceExhausted for lack of memory, Unavailable for a lost
/// device or a failed driver, FailedPrecondition for what the machine lacks, InvalidArgument for
/// code that does not load, Internal for a wrong call. Closes the library when it dies.
class Driver {
public:
  /// Loads the library at `path`, or the system's when that is empty, and initialises it. Errors:
  /// FailedPrecondition when there is none, when it lacks a function, or when it finds no GPU.
  static absl::StatusOr<std::unique_ptr<Driver>> load(const std::string &path);
  ~Driver();
  Driver(const Driver &) = delete;
  Driver &operator=(const Driver &) = delete;

  /// Whether the library is the simulator of this project.
  bool isSimulator() const { return simulator; }
  /// As cuDriverGetVersion counts: 1000 * major + 10 * minor; 0 when it does not say.
  int version() const { return versionNumber; }

#define QVL_CUDA_RUNTIME_FUNCTION(symbol, parameters, arguments)                                   \
  absl::Status symbol parameters const { return check(#symbol, functions.symbol arguments); }
#include "qvlfmt/CudaDriverFunctions.inc"

private:
  Driver() = default;
  /// Fills the symbol table.
  absl::Status resolve();
  absl::Status check(std::string_view call, CUresult result) const {
    return result == CUDA_SUCCESS ? absl::OkStatus() : failure(call, result);
  }
  /// "CALL failed: NAME (meaning)".
  absl::Status failure(std::string_view call, CUresult result) const;

  struct Functions {
#define QVL_CUDA_RUNTIME_FUNCTION(symbol, parameters, arguments)                                   \
  CUresult(*symbol) parameters = nullptr;
#include "qvlfmt/CudaDriverFunctions.inc"
  };

  void *library = nullptr; // owned
  std::string path;        // as it was asked for
  int versionNumber = 0;
  bool simulator = false;
  Functions functions;
};

} // namespace qvlrt
