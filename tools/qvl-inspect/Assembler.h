// What NVIDIA's assembler makes of a PTX kernel, where it is installed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qvlinspect {

struct AssembledKernel {
  int registers = 0;  // of a thread
  int spillBytes = 0; // stores and loads
  /// Machine instructions of the whole kernel by name, most frequent first; empty without a
  /// disassembler.
  std::vector<std::pair<std::string, int>> instructions;
};

/// Runs `ptxas -v` on the text of one kernel, and nvdisasm or cuobjdump on the result, from PATH.
/// Nothing where there is no ptxas or it refuses the text.
std::optional<AssembledKernel> assemble(const std::string &ptx);

/// Registers and spills from what `ptxas -v` prints.
AssembledKernel parseAssemblerReport(std::string_view report);
/// Instructions by name, from the listing of a disassembler.
std::vector<std::pair<std::string, int>> parseDisassembly(std::string_view listing);

} // namespace qvlinspect
