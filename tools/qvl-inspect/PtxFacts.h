// What the text of a PTX kernel says.
#pragma once

#include "InnerLoop.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace qvlinspect {

struct PtxFacts {
  std::int64_t threads = 0; // of a block: .reqntid or .maxntid; 0 when it does not say
  /// Instructions of the innermost loop that has most of them, by opcode with the parts that matter
  /// ("mma.sync", "ld.shared.v4"). Empty without a loop.
  InstructionMix innerLoop;
};

/// Reads the text of one kernel, as ptxText() gives it.
PtxFacts readPtx(std::string_view text);

/// The text of kernel `name` inside a module: version, target, the declarations it uses, the
/// kernel. Empty when the module has no such kernel.
std::string extractKernel(std::string_view module, std::string_view name);

} // namespace qvlinspect
