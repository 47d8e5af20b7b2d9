#include "Exec/Deadlock.h"

#include "Exec/Cluster.h"
#include "Exec/LaunchState.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <bit>

namespace qvlsim {
namespace {

constexpr std::size_t kMaxGroups = 6; // that a report lists

/// Warps of one CTA that wait at one instruction for the same object.
struct WaitingGroup {
  Warp *first = nullptr;
  std::string object;
  std::vector<unsigned> warps;

  bool holds(const Warp &warp, const std::string &what) const {
    return &first->cta() == &warp.cta() && first->wait.at == warp.wait.at && object == what;
  }
  std::string toString() const {
    const Dim3 &b = first->cta().block;
    std::string text = absl::StrFormat("warp%s %s of block (%d,%d,%d)", warps.size() > 1 ? "s" : "",
                                       absl::StrJoin(warps, ","), b.x, b.y, b.z);
    if (first->wait.at != nullptr)
      text += absl::StrFormat(" at line %d", first->wait.at->line);
    return object.empty() ? text : text + " for " + object;
  }
};

std::vector<WaitingGroup> waitingGroups(Cluster &cluster) {
  std::vector<WaitingGroup> groups;
  for (const auto &cta : cluster.ctas)
    for (const auto &warp : cta->warps) {
      if (warp->state == Warp::State::Done)
        continue;
      std::string what = warp->wait.describe ? warp->wait.describe(*warp) : "";
      if (groups.empty() || !groups.back().holds(*warp, what))
        groups.push_back({.first = warp.get(), .object = std::move(what)});
      groups.back().warps.push_back(warp->index());
    }
  return groups;
}

} // namespace

void reportDeadlock(Cluster &cluster) {
  const std::vector<WaitingGroup> groups = waitingGroups(cluster);
  std::size_t warps = 0;
  std::string list;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    warps += groups[g].warps.size();
    if (g < kMaxGroups)
      list += (g ? "; " : "") + groups[g].toString();
  }
  if (groups.size() > kMaxGroups)
    list += "; and others";
  Warp &first = *groups.front().first;
  const Instruction *at = first.wait.at;
  if (at == nullptr) // it sleeps in a loop
    at = &first.frames[first.stack.back().frame].function->code[first.stack.back().pc];
  first.fail(*at, FaultKind::Deadlock, static_cast<unsigned>(std::countr_zero(first.active())),
             absl::StrFormat("%d warp%s and nothing can wake %s: %s", warps,
                             warps == 1 ? " waits" : "s wait", warps == 1 ? "it" : "them", list));
}

} // namespace qvlsim
