// `--profile`: program calls and their commands as a Chrome trace.
#include "Profile.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace qvlrun {
namespace {

using Json = nlohmann::ordered_json;

Json event(std::string_view name, std::string_view category, double start, double duration) {
  return {{"name", name},    {"cat", category}, {"ph", "X"}, {"ts", start},
          {"dur", duration}, {"pid", 1},        {"tid", 1}};
}

} // namespace

std::string chromeTrace(std::span<const qvlrt::ProgramRun> runs) {
  Json events = Json::array();
  for (const qvlrt::ProgramRun &run : runs) {
    events.push_back(event(run.program, "program", run.startMicros, run.durationMicros));
    // Commands count from the start of their run, which follows the binding of arguments.
    for (const qvlrt::CommandRecord &command : run.commands) {
      Json record = event(command.label, "command", run.startMicros + command.startMicros,
                          command.durationMicros);
      record["args"] = {{"kernel", command.kernel}};
      events.push_back(std::move(record));
    }
  }
  const Json trace = {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
  return trace.dump() + "\n";
}

} // namespace qvlrun
