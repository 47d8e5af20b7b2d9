// Predicted costs, as lines and as an object.
#include "CostReport.h"
#include "Names.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace qvlinspect {
namespace {

using Json = nlohmann::ordered_json;

/// The part of the expected time that the card's peaks would need.
double rooflineShare(const Prediction &time) {
  return time.expected > 0 ? time.roofline / time.expected : 0;
}

std::string rowText(const std::string &name, const CostRow &row) {
  std::string line = absl::StrFormat("  %-28s %8d %10.2f %10.2f", name, row.launches,
                                     row.flops / 1e9, row.bytes / 1e6);
  for (const Prediction &time : row.times)
    absl::StrAppendFormat(&line, " %10.3f %7.0f%%", time.expected * 1e3, 100 * rooflineShare(time));
  return line + "\n";
}

std::string heading(const std::string &program) {
  std::string line = absl::StrFormat("\nprogram %s\n  %-28s %8s %10s %10s", program, "kernels",
                                     "launches", "GFLOP", "MB");
  for (const GpuCard &card : kCards)
    absl::StrAppendFormat(&line, " %7s ms %8s", card.name, "roofline");
  return line + "\n";
}

std::string assumptions() {
  std::string text = absl::StrFormat(
      "\nassumptions: each operand crosses the memory once, at %.0f%% of its bandwidth, or less in "
      "proportion where there are fewer\nblocks than multiprocessors; the fullest multiprocessor "
      "sets "
      "the time of arithmetic; f32 products reach %.0f%% of the\nFMA peak; %.1f us between "
      "kernels.\n",
      100 * kBandwidthShare, 100 * kFmaShare, 1e6 * kLaunchGap);
  for (const GpuCard &card : kCards)
    absl::StrAppendFormat(
        &text,
        "%s: %.0f TFLOP/s tensor (%.0f%% of it by mma.sync%s), %.1f FMA, "
        "%.0f GB/s, %d multiprocessors\n",
        card.name, card.tensorFlops / 1e12, 100 * card.tensorShare,
        card.wideShare > 0 ? absl::StrFormat(", %.0f%% by wide forms", 100 * card.wideShare) : "",
        card.fmaFlops / 1e12, card.bytesPerSecond / 1e9, card.multiprocessors);
  return text;
}

Json rowJson(const CostRow &row) {
  Json times = Json::object();
  for (std::size_t i = 0; i < std::size(kCards); ++i)
    times[kCards[i].name] = {{"seconds", row.times[i].expected},
                             {"roofline_share", rooflineShare(row.times[i])}};
  return {{"launches", row.launches},
          {"flops", row.flops},
          {"bytes", row.bytes},
          {"times", std::move(times)}};
}

Json programJson(const ProgramCost &program) {
  Json rows = Json::object();
  for (const auto &[name, row] : program.rows)
    rows[printable(name)] = rowJson(row);
  return {{"name", printable(program.name)},
          {"kernels", std::move(rows)},
          {"sum", rowJson(program.sum)}};
}

} // namespace

std::string textOf(const CostReport &report) {
  std::string text = absl::StrFormat(
      "%s: predicted, not measured. Target cuda, precision %s; a prompt of %d tokens, a picture of "
      "%d x %d pixels, a token decoded behind %d.\n",
      printable(report.file), printable(report.precision), report.workload.promptTokens,
      report.workload.pictureHeight, report.workload.pictureWidth, report.workload.contextTokens);
  for (const ProgramCost &program : report.programs) {
    text += heading(printable(program.name));
    for (const auto &[name, row] : program.rows)
      text += rowText(printable(name), row);
    if (!report.kernel)
      text += rowText("sum", program.sum);
  }
  if (report.kernel)
    text += textOf(*report.kernel);
  return text + assumptions();
}

Json jsonOf(const CostReport &report) {
  Json programs = Json::array();
  for (const ProgramCost &program : report.programs)
    programs.push_back(programJson(program));
  return {{"file", report.file},
          {"target", "cuda"},
          {"precision", printable(report.precision)},
          {"measured", false},
          {"workload",
           {{"prompt_tokens", report.workload.promptTokens},
            {"picture_height", report.workload.pictureHeight},
            {"picture_width", report.workload.pictureWidth},
            {"context_tokens", report.workload.contextTokens}}},
          {"programs", std::move(programs)},
          {"kernel", report.kernel ? jsonOf(*report.kernel) : Json()}};
}

} // namespace qvlinspect
