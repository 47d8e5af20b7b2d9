// `--json`: one object about the run.
#include "Report.h"

#include "MediaReport.h"
#include "qvlrt/boxes.h"

#include <sys/resource.h>

namespace qvlrun {
namespace {

using Json = nlohmann::ordered_json;

std::uint64_t peakResidentBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024; // Linux counts KiB
}

Json boxReport(std::string_view text, std::span<const qvlrt::MediaItem> media) {
  Json list = Json::array();
  for (const qvlrt::AnswerBox &box : qvlrt::findBoxes(text, media))
    list.push_back({{"label", box.label},
                    {"media", box.media ? Json(*box.media) : Json()},
                    {"bbox_model", box.model},
                    {"bbox", box.picture ? Json(*box.picture) : Json()}});
  return list;
}

} // namespace

std::string jsonReport(const qvlrt::LoadedModel &model, const qvlrt::ProcessedRequest &request,
                       const qvlrt::GenerationResult &result, double preprocessMillis) {
  const qvlrt::GenerationTimings &timings = result.timings;
  const Json report = {
      {"text", result.text},
      {"ids", result.ids},
      {"finish_reason", qvlrt::finishReasonName(result.finishReason)},
      {"device", std::string(model.device->name())},
      {"media", mediaReport(request.media)},
      {"usage",
       {{"prompt_tokens", result.promptTokens},
        {"media_tokens", request.mediaTokens},
        {"completion_tokens", result.ids.size()}}},
      {"boxes", boxReport(result.text, request.media)},
      {"timings_ms",
       {{"load", model.loadMillis},
        {"preprocess", preprocessMillis},
        {"vision", timings.vision},
        {"prefill", timings.prefill},
        {"decode", timings.decode},
        {"first_token", preprocessMillis + timings.firstToken}}},
      {"rates",
       {{"prefill_tokens_per_s", result.prefillRate()},
        {"decode_tokens_per_s", result.decodeRate()}}},
      {"memory_bytes",
       {{"weights", model.module->totalWeightBytes()},
        {"arena_peak", model.session->arenaBytes()},
        {"kv", model.session->kvBytes()},
        {"rss_peak", peakResidentBytes()}}},
  };
  // A file name need not be UTF-8; the report always is.
  return report.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

} // namespace qvlrun
