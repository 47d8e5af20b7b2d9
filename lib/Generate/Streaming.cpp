// Stop strings and the text of a growing answer.
#include "qvlrt/streaming.h"

#include "qvlrt/utf8.h"

#include <algorithm>
#include <utility>

namespace qvlrt {

absl::Status validateStopStrings(const std::vector<std::string> &stops) {
  for (const std::string &stop : stops) {
    if (stop.empty())
      return absl::InvalidArgumentError("a stop string is empty: give at least one character");
    if (replaceInvalidUtf8(stop) != stop)
      return absl::InvalidArgumentError("a stop string is not valid UTF-8");
  }
  return absl::OkStatus();
}

StopStringMatcher::StopStringMatcher(std::vector<std::string> stops)
    : longestFirst(std::move(stops)) {
  std::sort(longestFirst.begin(), longestFirst.end(),
            [](const std::string &a, const std::string &b) { return a.size() > b.size(); });
}

bool StopStringMatcher::cutAtMatch(std::size_t end) {
  const std::string_view seen = std::string_view(held).substr(0, end);
  for (const std::string &stop : longestFirst) {
    if (!seen.ends_with(stop))
      continue;
    held.resize(end - stop.size());
    hasStopped = true;
    return true;
  }
  return false;
}

std::string StopStringMatcher::push(std::string_view text) {
  if (hasStopped)
    return {};
  std::size_t end = held.size();
  held += text;
  while (end < held.size())
    if (cutAtMatch(++end))
      return std::exchange(held, std::string());

  std::size_t keep = 0; // bytes at the end that could begin a stop string
  for (const std::string &stop : longestFirst)
    for (std::size_t n = std::min(stop.size() - 1, held.size()); n > keep; --n)
      if (std::string_view(held).ends_with(std::string_view(stop).substr(0, n)))
        keep = n;
  std::string released = held.substr(0, held.size() - keep);
  held.erase(0, released.size());
  return released;
}

std::string StopStringMatcher::finish() { return std::exchange(held, std::string()); }

std::string TextStream::release(std::string piece) {
  released += piece;
  return piece;
}

std::string TextStream::push(std::int64_t id) { return release(matcher.push(decoder.push(id))); }

std::string TextStream::finish() {
  std::string rest = matcher.push(decoder.finish());
  rest += matcher.finish();
  return release(std::move(rest));
}

} // namespace qvlrt
