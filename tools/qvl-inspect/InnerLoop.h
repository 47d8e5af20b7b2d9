// The instructions of a loop in a listing, of PTX or of machine code.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace qvlinspect {

/// Instructions by name and how many of each, most frequent first.
using InstructionMix = std::vector<std::pair<std::string, int>>;

/// One line of a listing; what it does not have is empty.
struct ListingLine {
  std::string label;       // that stands here
  std::string target;      // the label that the line branches to
  std::string instruction; // the name to count it by
};

InstructionMix mixOf(std::span<const ListingLine> lines);

/// The mix of the innermost loop that has most instructions: from a label to the branch behind it
/// that goes there, without another such loop inside. Empty without a loop.
InstructionMix innerLoopMix(std::span<const ListingLine> lines);

} // namespace qvlinspect
