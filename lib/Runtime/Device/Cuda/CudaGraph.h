// Work of a stream as a graph that the driver launches as a whole.
#pragma once

#include "Driver.h"
#include "qvlrt/device.h"

#include <memory>

namespace qvlrt {

/// An executable graph. Its context is current when it is made, launched and destroyed.
class CudaGraph final : public RecordedWork {
public:
  /// From here on the stream keeps what is put into it instead of running it.
  static absl::Status beginCapture(const Driver &driver, CUstream stream);
  /// Ends the capture, also one that failed, and makes its work executable.
  static absl::StatusOr<std::unique_ptr<CudaGraph>> endCapture(const Driver &driver,
                                                               CUcontext context, CUstream stream);
  ~CudaGraph() override;

  absl::Status launch(CUstream stream) const { return driver.cuGraphLaunch(executable, stream); }

private:
  CudaGraph(const Driver &driver, CUcontext context) : driver(driver), context(context) {}

  const Driver &driver;
  CUcontext context;                // borrowed from the device
  CUgraphExec executable = nullptr; // owned
};

} // namespace qvlrt
