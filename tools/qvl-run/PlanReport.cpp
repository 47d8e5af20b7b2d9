// The two forms in which `qvl-run plan` answers.
#include "PlanReport.h"

#include "MediaReport.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include <algorithm>

namespace qvlrun {
namespace {

using Json = nlohmann::ordered_json;

std::string mebibytes(std::uint64_t bytes) {
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20));
}

/// The name of a file as one printable line: it may hold anything.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return text;
}

std::string memoryLine(const char *what, std::uint64_t bytes) {
  return absl::StrFormat("  %-8s %15u  %s\n", what, bytes, mebibytes(bytes));
}

std::string mediaLines(const std::vector<qvlrt::MediaItem> &media) {
  std::string lines;
  for (const qvlrt::MediaItem &item : media)
    absl::StrAppendFormat(&lines, "%s %s: %d x %d becomes %d x %d, grid %d x %d x %d, %d tokens\n",
                          item.kind == qvlrt::MediaKind::Image ? "image" : "video",
                          printable(item.source), item.original.height, item.original.width,
                          item.resized.height, item.resized.width, item.grid.t, item.grid.h,
                          item.grid.w, item.tokens);
  return lines;
}

std::string limitName(const PlannedRequest &variant, std::int64_t modelMaxPixels) {
  return variant.maxPixels ? absl::StrCat(*variant.maxPixels)
                           : absl::StrCat(modelMaxPixels, " (the model's)");
}

/// What a variant needs less than the first one; negative when it needs more.
std::int64_t savedBytes(const PlanReport &report, const PlannedRequest &variant) {
  return static_cast<std::int64_t>(report.variants.front().plan.totalBytes()) -
         static_cast<std::int64_t>(variant.plan.totalBytes());
}
std::int64_t savedTokens(const PlanReport &report, const PlannedRequest &variant) {
  return report.variants.front().plan.promptTokens - variant.plan.promptTokens;
}

std::string variantLines(const PlanReport &report) {
  if (report.variants.empty())
    return "";
  std::string lines =
      absl::StrFormat("\n%-26s %13s %14s %15s %13s %15s\n", "--max-pixels", "media tokens",
                      "prompt tokens", "memory", "saved tokens", "saved memory");
  for (const PlannedRequest &variant : report.variants)
    absl::StrAppendFormat(&lines, "%-26s %13d %14d %15u %13d %15d\n",
                          limitName(variant, report.modelMaxPixels), variant.plan.mediaTokens,
                          variant.plan.promptTokens, variant.plan.totalBytes(),
                          savedTokens(report, variant), savedBytes(report, variant));
  return lines;
}

Json memoryJson(const qvlrt::RunPlan &plan) {
  return {{"weights", plan.weightBytes},
          {"arena_peak", plan.arena.peak()},
          {"kv", plan.kvBytes},
          {"total", plan.totalBytes()}};
}

Json usageJson(const qvlrt::RunPlan &plan) {
  return {{"prompt_tokens", plan.promptTokens},
          {"media_tokens", plan.mediaTokens},
          {"max_new_tokens", plan.newTokens}};
}

Json variantsJson(const PlanReport &report) {
  Json list = Json::array();
  for (const PlannedRequest &variant : report.variants)
    list.push_back(
        {{"max_pixels", variant.maxPixels.value_or(report.modelMaxPixels)},
         {"media", mediaReport(variant.media)},
         {"usage", usageJson(variant.plan)},
         {"memory_bytes", memoryJson(variant.plan)},
         {"saved",
          {{"tokens", savedTokens(report, variant)}, {"bytes", savedBytes(report, variant)}}}});
  return list;
}

} // namespace

std::string textPlan(const PlanReport &report) {
  const qvlrt::RunPlan &plan = report.request.plan;
  std::string text = mediaLines(report.request.media);
  absl::StrAppend(&text, "target: ", printable(report.target), "\n");
  absl::StrAppendFormat(
      &text, "prompt: %d tokens, %d of them media; prefill calls: %d (--prefill-chunk=%d)\n",
      plan.promptTokens, plan.mediaTokens, plan.chunks, report.prefillChunk);
  absl::StrAppendFormat(&text, "answer: at most %d tokens\n", plan.newTokens);
  absl::StrAppendFormat(&text,
                        "KV cache: %d pages of %d tokens for the prompt, %d with the answer\n",
                        plan.promptPages, plan.pageTokens, plan.pages);
  absl::StrAppend(&text, "memory in bytes:\n", memoryLine("weights", plan.weightBytes),
                  memoryLine("arena", plan.arena.peak()));
  absl::StrAppendFormat(&text, "           (vision %u, prefill %u, decode %u)\n", plan.arena.vision,
                        plan.arena.prefill, plan.arena.decode);
  absl::StrAppend(&text, memoryLine("KV", plan.kvBytes), memoryLine("total", plan.totalBytes()));
  if (!plan.obstacle.empty())
    absl::StrAppend(&text, "this request would be refused: ", plan.obstacle, "\n");
  return text + variantLines(report);
}

std::string jsonPlan(const PlanReport &report) {
  const qvlrt::RunPlan &plan = report.request.plan;
  const Json json = {
      {"device", report.target},
      {"media", mediaReport(report.request.media)},
      {"usage", usageJson(plan)},
      {"prefill", {{"chunk", report.prefillChunk}, {"chunks", plan.chunks}}},
      {"kv_pages",
       {{"page_tokens", plan.pageTokens}, {"prompt", plan.promptPages}, {"total", plan.pages}}},
      {"arena_bytes",
       {{"vision", plan.arena.vision},
        {"prefill", plan.arena.prefill},
        {"decode", plan.arena.decode}}},
      {"memory_bytes", memoryJson(plan)},
      {"fits", plan.obstacle.empty()},
      {"obstacle", plan.obstacle},
      {"variants", variantsJson(report)},
  };
  // A file name need not be UTF-8; the report always is.
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

} // namespace qvlrun
