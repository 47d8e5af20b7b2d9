#include "CountReport.h"

#include "absl/strings/str_format.h"

#include <nlohmann/json.hpp>

namespace qvlptxsim {
namespace {

double ratio(std::uint64_t of, std::uint64_t by) {
  return by == 0 ? 0 : static_cast<double>(of) / static_cast<double>(by);
}

std::string className(std::size_t index) {
  return std::string(qvlsim::name(static_cast<qvlsim::InstructionClass>(index)));
}

} // namespace

std::string countText(const qvlsim::Counts &counts) {
  std::string text =
      absl::StrFormat("%-28s %u\n%-28s %u\n", "warp instructions", counts.warpInstructions,
                      "thread instructions", counts.threadInstructions);
  for (std::size_t i = 0; i < qvlsim::kInstructionClasses; ++i)
    if (counts.byClass[i] != 0)
      absl::StrAppendFormat(&text, "  %-26s %u\n", className(i), counts.byClass[i]);
  absl::StrAppendFormat(&text, "%-28s %u\n%-28s %u\n", "shared requests", counts.sharedRequests,
                        "shared bank conflicts", counts.sharedBankConflicts);
  absl::StrAppendFormat(&text, "%-28s %u\n%-28s %u (%.2f a request)\n", "global requests",
                        counts.globalRequests, "global sectors of 32 bytes", counts.globalSectors,
                        ratio(counts.globalSectors, counts.globalRequests));
  absl::StrAppendFormat(&text, "%-28s %u\n", "matrix flops", counts.matrixFlops);
  return text;
}

std::string countJson(const qvlsim::Counts &counts) {
  nlohmann::ordered_json classes;
  for (std::size_t i = 0; i < qvlsim::kInstructionClasses; ++i)
    classes[className(i)] = counts.byClass[i];
  const nlohmann::ordered_json json = {
      {"warp_instructions", counts.warpInstructions},
      {"thread_instructions", counts.threadInstructions},
      {"classes", classes},
      {"shared",
       {{"requests", counts.sharedRequests}, {"bank_conflicts", counts.sharedBankConflicts}}},
      {"global",
       {{"requests", counts.globalRequests},
        {"sectors", counts.globalSectors},
        {"sectors_per_request", ratio(counts.globalSectors, counts.globalRequests)}}},
      {"matrix_flops", counts.matrixFlops}};
  return json.dump() + "\n";
}

} // namespace qvlptxsim
