// Artifacts: what verification accepts can be tokenized with, planned and run, on a device that
// drops the launches. Nothing of an artifact is executed.
#include "ArtifactInput.h"
#include "lib/Runtime/Device/HostDevice.h"
#include "lib/Runtime/Device/LaunchChecks.h"
#include "qvlrt/generator.h"
#include "qvlrt/module.h"
#include "qvlrt/plan.h"
#include "qvlrt/processor.h"
#include "qvlrt/session.h"

#include <algorithm>
#include <numeric>

using namespace qvlrt;

namespace {

struct NoKernels final : LoadedKernels {
  explicit NoKernels(const qvlfmt::Target &target) : target(target) {}
  std::uint32_t size() const override { return target.kernels() ? target.kernels()->size() : 0; }
  const qvlfmt::Target &target;
};

/// The null device with little memory, which stands for the target that it is named after.
class SmallDevice final : public HostDevice {
public:
  explicit SmallDevice(std::string target) : target(std::move(target)) {}
  std::string_view name() const override { return target; }
  std::string description() const override { return "drops launches"; }
  DeviceLimits limits() const override {
    return {.runsKernels = true, .hostAddressable = true, .maxAllocation = 64 << 20};
  }
  bool runs(const qvlfmt::Target &) const override { return true; }
  absl::StatusOr<std::unique_ptr<LoadedKernels>> loadKernels(const qvlfmt::Target &code,
                                                             std::string_view) override {
    return std::make_unique<NoKernels>(code);
  }
  absl::Status launch(const LoadedKernels &kernels, const Launch &launch) override {
    return checkLaunch(static_cast<const NoKernels &>(kernels).target, launch);
  }

private:
  std::string target;
};

constexpr std::int64_t kLongestAnswer = 4;

void planRequest(const Module &module, const std::string &target, const ProcessedRequest &request) {
  const absl::StatusOr<Planner> planner = Planner::create(module, target);
  if (planner.ok())
    (void)planner->plan(request, {.session = {}, .maxNewTokens = kLongestAnswer});
}

/// Sixteen tokens, one of them a picture of one group.
ProcessedRequest pictureRequest(const qvlfmt::ModelFacts &facts) {
  constexpr std::int64_t kTokens = 16;
  ProcessedRequest request;
  request.ids.resize(kTokens);
  std::iota(request.ids.begin(), request.ids.end(), 1);
  request.positions.assign(3 * kTokens, 0);
  request.featureRows.assign(kTokens, -1);
  request.featureRows[1] = 0;
  request.mediaTokens = 1;
  request.images.grids = {{1, 2, 2}};
  request.images.pixelValues.assign(4 * std::min(facts.patch_row(), 1 << 12), 0.5f);
  request.images.positions = {0, 0, 1, 1, 0, 1, 0, 1};
  request.images.windows = {.windowIndex = {0}, .cuWindowSeqlens = {0, 4}, .cuSeqlens = {0, 4}};
  return request;
}

/// The logits are what the memory held before; so are the ids that a program chooses.
void answer(const Module &module, const std::string &target, const Tokenizer &tokenizer,
            const ProcessedRequest &request) {
  SmallDevice device(target);
  const absl::StatusOr<std::unique_ptr<Session>> session =
      Session::create(module, device, {.prefillChunk = 6});
  if (!session.ok())
    return;
  GenerationOptions options = defaultGeneration(**session);
  options.stop.maxNewTokens = kLongestAnswer;
  options.keepFeatures = true;
  (void)generate(**session, tokenizer, request, options);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const absl::StatusOr<std::unique_ptr<Module>> module = test::openSealed({data, size});
  if (!module.ok())
    return 0;
  (void)(*module)->verifyWeights();
  const absl::StatusOr<Processor> processor =
      Processor::create((*module)->facts(), (*module)->tokenizer());
  if (!processor.ok())
    return 0;
  const absl::StatusOr<ProcessedRequest> question =
      processor->plan({{.role = "user", .content = {{.text = "What is 1 + 1?", .media = {}}}}});
  const ProcessedRequest picture = pictureRequest((*module)->facts());
  for (const qvlfmt::Target *target : *(*module)->artifact().targets()) {
    const std::string name = target->name()->str();
    if (question.ok())
      planRequest(**module, name, *question);
    planRequest(**module, name, picture);
    answer(**module, name, processor->tokenizer(), picture);
  }
  return 0;
}
