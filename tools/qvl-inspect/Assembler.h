// What NVIDIA's assembler makes of a PTX kernel, where it is installed.
#pragma once

#include "InnerLoop.h"

#include <optional>
#include <string>
#include <string_view>

namespace qvlinspect {

/// The machine instructions of a kernel, by name with sizes ("HMMA.16816", "LDG.128"); empty where
/// there is no disassembler.
struct MachineCode {
  InstructionMix all;
  InstructionMix innerLoop;
};

struct AssembledKernel {
  int registers = 0;  // of a thread
  int spillBytes = 0; // stores and loads
  MachineCode code;
};

/// The architecture that a PTX text names ("sm_80"); empty for a name that is not of this form.
std::string architectureOf(std::string_view ptx);

/// NVIDIA's programs: ptxas, and nvdisasm or cuobjdump.
class Assembler {
public:
  /// The programs of a folder; those of PATH without one.
  explicit Assembler(std::string folder = "") : folder(std::move(folder)) {}

  /// Runs `ptxas -v` on the text of one kernel for an architecture, and a disassembler on the
  /// result. Nothing where there is no ptxas or it refuses the text.
  std::optional<AssembledKernel> assemble(const std::string &ptx,
                                          const std::string &architecture) const;

private:
  std::string command(const char *program) const;

  std::string folder;
};

/// Registers and spills from what `ptxas -v` prints.
AssembledKernel parseAssemblerReport(std::string_view report);
/// What a disassembler's listing holds.
MachineCode parseDisassembly(std::string_view listing);

} // namespace qvlinspect
