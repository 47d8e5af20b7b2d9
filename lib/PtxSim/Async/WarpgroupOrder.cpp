#include "Async/WarpgroupOrder.h"

#include "Exec/Cluster.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <array>
#include <deque>

namespace qvlsim {
namespace {

constexpr unsigned kGroupWarps = 4;

/// The sequence of one warpgroup from the instruction on that some warp has not reached yet.
struct Sequence {
  std::deque<const Instruction *> instructions;
  std::uint64_t first = 0;                       // place of instructions.front()
  std::array<std::uint64_t, kGroupWarps> done{}; // instructions that each warp has executed

  void forgetWhatAllHaveDone() {
    for (; first < *std::min_element(done.begin(), done.end()); ++first)
      instructions.pop_front();
  }
};

struct WarpgroupOrder : Extension {
  std::vector<Sequence> groups;

  bool end(Cta &cta) override {
    for (std::size_t g = 0; g < groups.size(); ++g)
      if (const Sequence &sequence = groups[g]; !sequence.instructions.empty())
        return reportMissing(cta, g, sequence);
    return true;
  }

private:
  static bool reportMissing(Cta &cta, std::size_t group, const Sequence &sequence) {
    const auto least = std::min_element(sequence.done.begin(), sequence.done.end());
    Warp &missing =
        *cta.warps[group * kGroupWarps + static_cast<std::size_t>(least - sequence.done.begin())];
    missing.fail(*sequence.instructions.front(), FaultKind::IllegalInstructionUse, 0,
                 absl::StrFormat("warp %d has ended without this instruction, which other warps of "
                                 "its warpgroup have executed",
                                 missing.index()));
    return false;
  }
};

} // namespace

bool joinWarpgroup(Warp &warp, const Instruction &i) {
  Cta &cta = warp.cta();
  const unsigned group = warp.index() / kGroupWarps, member = warp.index() % kGroupWarps;
  if (cta.warps.size() < std::size_t{kGroupWarps} * (group + 1)) {
    warp.fail(i, FaultKind::IllegalInstructionUse, 0,
              absl::StrFormat("four warps execute this instruction together; the block has %d "
                              "warps, so that the warpgroup of warp %d is not whole",
                              cta.warps.size(), warp.index()));
    return false;
  }
  auto &groups = cta.extension<WarpgroupOrder>(ExtensionSlot::Matrix).groups;
  groups.resize(cta.warps.size() / kGroupWarps);
  Sequence &sequence = groups[group];
  const std::uint64_t place = sequence.done[member]++ - sequence.first;
  if (place == sequence.instructions.size()) {
    sequence.instructions.push_back(&i);
  } else if (sequence.instructions[place] != &i) {
    warp.fail(i, FaultKind::IllegalInstructionUse, 0,
              absl::StrFormat("the warps of a warpgroup execute different instructions: another "
                              "one has executed line %d in this place",
                              sequence.instructions[place]->line));
    return false;
  }
  sequence.forgetWhatAllHaveDone();
  return true;
}

} // namespace qvlsim
