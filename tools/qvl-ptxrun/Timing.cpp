#include "Timing.h"

#include "absl/strings/str_format.h"
#include "lib/Runtime/Device/Cuda/CudaGraph.h"
#include "qvlrt/status.h"

#include <algorithm>
#include <chrono>

namespace qvlptxrun {
namespace {

constexpr int kWarmUps = 3;
constexpr int kGraphLaunches = 20;

/// Two events of a stream, and the time between them.
class Stopwatch {
public:
  explicit Stopwatch(const Gpu &gpu) : gpu(gpu) {}
  ~Stopwatch() {
    for (CUevent event : {begin, end})
      if (event)
        gpu.driver().cuEventDestroy_v2(event).IgnoreError();
  }
  Stopwatch(const Stopwatch &) = delete;
  Stopwatch &operator=(const Stopwatch &) = delete;

  absl::Status create() {
    elapsed = reinterpret_cast<Elapsed>(gpu.function("cuEventElapsedTime"));
    if (!elapsed)
      return absl::FailedPreconditionError("the driver has no cuEventElapsedTime");
    QVLRT_RETURN_IF_ERROR(gpu.driver().cuEventCreate(&begin, 0));
    return gpu.driver().cuEventCreate(&end, 0);
  }

  /// Microseconds that the GPU takes for what `enqueue` puts on the stream.
  absl::StatusOr<double> time(const std::function<absl::Status()> &enqueue) {
    QVLRT_RETURN_IF_ERROR(gpu.driver().cuEventRecord(begin, gpu.stream()));
    QVLRT_RETURN_IF_ERROR(enqueue());
    QVLRT_RETURN_IF_ERROR(gpu.driver().cuEventRecord(end, gpu.stream()));
    QVLRT_RETURN_IF_ERROR(gpu.driver().cuEventSynchronize(end));
    float milliseconds = 0;
    if (elapsed(&milliseconds, begin, end) != CUDA_SUCCESS)
      return absl::InternalError("cuEventElapsedTime failed");
    return milliseconds * 1e3;
  }

private:
  using Elapsed = CUresult (*)(float *, CUevent, CUevent);

  const Gpu &gpu;
  CUevent begin = nullptr, end = nullptr;
  Elapsed elapsed = nullptr;
};

absl::StatusOr<std::unique_ptr<qvlrt::CudaGraph>>
capture(const Gpu &gpu, int launches, const std::function<absl::Status()> &launch) {
  QVLRT_RETURN_IF_ERROR(qvlrt::CudaGraph::beginCapture(gpu.driver(), gpu.stream()));
  absl::Status status;
  for (int i = 0; i < launches && status.ok(); ++i)
    status = launch();
  auto graph = qvlrt::CudaGraph::endCapture(gpu.driver(), gpu.context(), gpu.stream());
  QVLRT_RETURN_IF_ERROR(status);
  return graph;
}

double medianOf(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

} // namespace

absl::StatusOr<LaunchTimes> timeLaunches(const Gpu &gpu, int runs,
                                         const std::function<absl::Status()> &launch) {
  Stopwatch watch(gpu);
  QVLRT_RETURN_IF_ERROR(watch.create());
  QVLRT_ASSIGN_OR_RETURN(auto many, capture(gpu, kGraphLaunches, launch));
  QVLRT_ASSIGN_OR_RETURN(auto one, capture(gpu, 1, launch));
  auto replay = [&](qvlrt::CudaGraph &graph) { return graph.launch(gpu.stream()); };
  std::vector<double> alone, inGraph, whole;
  for (int i = 0; i < kWarmUps + runs; ++i) {
    QVLRT_ASSIGN_OR_RETURN(const double single, watch.time(launch));
    QVLRT_ASSIGN_OR_RETURN(const double replayed, watch.time([&] { return replay(*many); }));
    const auto start = std::chrono::steady_clock::now();
    QVLRT_RETURN_IF_ERROR(replay(*one));
    QVLRT_RETURN_IF_ERROR(gpu.driver().cuStreamSynchronize(gpu.stream()));
    const std::chrono::duration<double, std::micro> host = std::chrono::steady_clock::now() - start;
    if (i < kWarmUps)
      continue;
    alone.push_back(single);
    inGraph.push_back(replayed / kGraphLaunches);
    whole.push_back(host.count());
  }
  return LaunchTimes{*std::min_element(alone.begin(), alone.end()), medianOf(alone),
                     medianOf(inGraph), medianOf(whole)};
}

std::string toJson(const LaunchTimes &times, bool isSimulator) {
  if (isSimulator)
    return R"({"simulated": true})";
  return absl::StrFormat(R"({"best_us": %.3f, "median_us": %.3f, "in_graph_us": %.3f, )"
                         R"("whole_graph_us": %.3f})",
                         times.best, times.median, times.inGraph, times.wholeGraph);
}

absl::StatusOr<std::string> describeCard(const Gpu &gpu) {
  // Those of the memory bus are none that the runtime knows.
  constexpr auto kMemoryClockRate = static_cast<CUdevice_attribute>(36);
  constexpr auto kMemoryBusWidth = static_cast<CUdevice_attribute>(37);
  QVLRT_ASSIGN_OR_RETURN(const int multiprocessors,
                         gpu.attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  QVLRT_ASSIGN_OR_RETURN(const int clock, gpu.attribute(CU_DEVICE_ATTRIBUTE_CLOCK_RATE));
  // A driver that does not know them leaves the peak of the memory open: zero.
  const int memoryClock = gpu.attribute(kMemoryClockRate).value_or(0);
  const int busBits = gpu.attribute(kMemoryBusWidth).value_or(0);
  return absl::StrFormat(R"({"name": "%s", "capability": %d, "simulated": %s, )"
                         R"("multiprocessors": %d, "clock_khz": %d, "memory_clock_khz": %d, )"
                         R"("bus_bits": %d})",
                         gpu.description(), gpu.capability(),
                         gpu.driver().isSimulator() ? "true" : "false", multiprocessors, clock,
                         memoryClock, busBits);
}

} // namespace qvlptxrun
