// The instructions of a loop in a listing.
#include "InnerLoop.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace qvlinspect {
namespace {

/// A backward branch: the lines from its label to itself.
struct Loop {
  std::size_t first, last;
};

bool holdsInstruction(std::span<const ListingLine> lines) {
  return std::any_of(lines.begin(), lines.end(),
                     [](const ListingLine &line) { return !line.instruction.empty(); });
}

std::vector<Loop> loopsOf(std::span<const ListingLine> lines) {
  std::map<std::string, std::size_t> labels;
  std::vector<Loop> loops;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].label.empty())
      labels[lines[i].label] = i;
    // Machine code ends with a branch to itself, which is no loop: nothing stands inside.
    const auto found = labels.find(lines[i].target);
    if (found != labels.end() && holdsInstruction(lines.subspan(found->second, i - found->second)))
      loops.push_back({found->second, i});
  }
  return loops;
}

bool holdsAnother(const Loop &loop, const std::vector<Loop> &loops) {
  return std::any_of(loops.begin(), loops.end(), [&](const Loop &other) {
    return other.first >= loop.first && other.last <= loop.last &&
           other.last - other.first < loop.last - loop.first;
  });
}

int sizeOf(const InstructionMix &mix) {
  return std::accumulate(mix.begin(), mix.end(), 0,
                         [](int sum, const auto &entry) { return sum + entry.second; });
}

} // namespace

InstructionMix mixOf(std::span<const ListingLine> lines) {
  std::map<std::string, int> counts;
  for (const ListingLine &line : lines)
    if (!line.instruction.empty())
      ++counts[line.instruction];
  InstructionMix mix(counts.begin(), counts.end());
  std::sort(mix.begin(), mix.end(), [](const auto &a, const auto &b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return mix;
}

InstructionMix innerLoopMix(std::span<const ListingLine> lines) {
  const std::vector<Loop> loops = loopsOf(lines);
  InstructionMix largest;
  for (const Loop &loop : loops) {
    if (holdsAnother(loop, loops))
      continue;
    InstructionMix mix = mixOf(lines.subspan(loop.first, loop.last - loop.first + 1));
    if (sizeOf(mix) > sizeOf(largest))
      largest = std::move(mix);
  }
  return largest;
}

} // namespace qvlinspect
