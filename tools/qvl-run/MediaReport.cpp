// The media of a request in reports.
#include "MediaReport.h"

namespace qvlrun {

nlohmann::ordered_json mediaReport(std::span<const qvlrt::MediaItem> media) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const qvlrt::MediaItem &item : media)
    list.push_back({{"source", item.source},
                    {"original", {item.original.height, item.original.width}},
                    {"resized", {item.resized.height, item.resized.width}},
                    {"grid", {item.grid.t, item.grid.h, item.grid.w}},
                    {"tokens", item.tokens}});
  return list;
}

} // namespace qvlrun
