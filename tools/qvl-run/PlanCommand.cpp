// `qvl-run plan`: what a request would cost.
#include "PlanCommand.h"

#include "Model.h"
#include "OutputFile.h"
#include "PlanReport.h"
#include "qvlrt/plan.h"
#include "qvlrt/status.h"

#include <cstdio>

namespace qvlrun {
namespace {

/// What plans of one request under several pixel limits share.
struct PlanInput {
  const qvlrt::Processor &processor;
  const qvlrt::Planner &planner;
  const std::vector<qvlrt::Message> &messages;
  const Options &options;
};

absl::StatusOr<PlannedRequest> planWith(const PlanInput &input,
                                        std::optional<std::int64_t> maxPixels) {
  qvlrt::ProcessorOptions processing = processingOf(input.options);
  processing.maxPixels = maxPixels;
  qvlrt::PlanOptions options;
  options.session = sessionOf(input.options);
  options.maxNewTokens = input.options.maxNewTokens;
  PlannedRequest planned;
  planned.maxPixels = maxPixels;
  QVLRT_ASSIGN_OR_RETURN(qvlrt::ProcessedRequest request,
                         input.processor.plan(input.messages, processing));
  QVLRT_ASSIGN_OR_RETURN(planned.plan, input.planner.plan(request, options));
  planned.media = std::move(request.media);
  return planned;
}

/// The plans under the model's own limit and each limit of the command line; none without limits.
absl::StatusOr<std::vector<PlannedRequest>> planVariants(const PlanInput &input) {
  std::vector<PlannedRequest> variants;
  if (input.options.comparedMaxPixels.empty())
    return variants;
  std::vector<std::optional<std::int64_t>> limits{std::nullopt};
  limits.insert(limits.end(), input.options.comparedMaxPixels.begin(),
                input.options.comparedMaxPixels.end());
  for (std::optional<std::int64_t> limit : limits) {
    QVLRT_ASSIGN_OR_RETURN(PlannedRequest planned, planWith(input, limit));
    variants.push_back(std::move(planned));
  }
  return variants;
}

} // namespace

absl::Status planRequest(const Options &options) {
  QVLRT_ASSIGN_OR_RETURN(const std::vector<qvlrt::Message> messages, messagesOf(options));
  QVLRT_ASSIGN_OR_RETURN(const std::unique_ptr<qvlrt::Module> module,
                         qvlrt::Module::open(options.artifact));
  QVLRT_ASSIGN_OR_RETURN(const qvlrt::Processor processor,
                         qvlrt::Processor::create(module->facts(), module->tokenizer()));
  QVLRT_ASSIGN_OR_RETURN(const std::string target,
                         qvlrt::chosenTarget(selectionOf(options), *module));
  QVLRT_ASSIGN_OR_RETURN(const qvlrt::Planner planner, qvlrt::Planner::create(*module, target));
  const PlanInput input{processor, planner, messages, options};

  PlanReport report;
  report.target = target;
  report.modelMaxPixels = module->facts().processor()->max_pixels();
  report.prefillChunk = options.prefillChunk;
  QVLRT_ASSIGN_OR_RETURN(report.request, planWith(input, options.maxPixels));
  QVLRT_ASSIGN_OR_RETURN(report.variants, planVariants(input));
  std::fputs((options.json ? jsonPlan(report) : textPlan(report)).c_str(), stdout);
  return flushOutput();
}

} // namespace qvlrun
