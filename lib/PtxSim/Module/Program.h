// A decoded module.
#pragma once

#include "Module/Instruction.h"
#include "Parse/Names.h"
#include "qvlsim/Module.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace qvlsim {

/// A formal parameter or return value of a function, in the frame's local memory (offset from
/// Frame::localBase), or a register.
struct FormalParameter {
  std::uint32_t bytes = 0;
  std::uint32_t offset = 0;
  Operand reg; // exists(): passed in a register
};

/// One call: which parameter objects (or registers) of the caller go where.
struct CallSite {
  std::uint32_t line = 0;
  std::uint32_t function = 0;                      // direct: index into Program::functions
  bool indirect = false;                           // target in operand 0 of the instruction
  std::vector<std::uint32_t> candidates;           // .calltargets; empty: any function that fits
  std::vector<FormalParameter> arguments, results; // of the caller: what the prototype must match
};

struct Function {
  std::string name;
  std::uint32_t index = 0;
  bool entry = false;
  bool defined = false;            // has a body
  int kernel = -1;                 // index into Program::kernels
  std::uint32_t registerBytes = 0; // of a frame
  std::uint32_t localBytes =
      0; // of one lane's frame: .local variables, parameters, call parameters
  std::vector<FormalParameter> parameters, results;
  std::vector<Instruction> code;
  std::vector<CallSite> callSites;
  std::vector<std::vector<std::uint32_t>> branchTables;
  std::deque<std::vector<Operand>> operandStorage;
  /// Hidden registers that a new frame fills with addresses of its local memory.
  struct LocalAddress {
    Operand reg;
    std::uint32_t offset;
  };
  std::vector<LocalAddress> localAddresses;
  std::vector<std::uint32_t> sharedUses;    // variables that the body names
  std::vector<std::uint32_t> sharedOffsets; // of a kernel: by Program::shared index
  std::uint32_t dynamicSharedStart = 0;     // of a kernel
  bool callsIndirectly = false;
  std::vector<std::uint32_t> callees; // direct, for static shared memory
};

/// A module-wide variable in shared memory.
struct SharedVariable {
  std::string name;
  std::uint64_t size = 0; // 0 for the dynamic part (.extern, no extent)
  std::uint32_t align = 1, offset = 0;
  bool dynamic = false;
};

/// A value of Bank::Launch or Bank::Warp.
struct PoolValue {
  enum class Kind : std::uint8_t {
    Literal,          // value
    GlobalAddress,    // of globals[index], plus value
    FunctionAddress,  // of functions[index]
    GridSpecial,      // a special register that is the same for the whole launch
    SharedAddress,    // of shared[index], plus value: depends on the CTA's rank
    WarpSpecial,      // a special register
    ParameterAddress, // offset `value` in the kernel's parameters
  };
  Kind kind = Kind::Literal;
  bool wide = false;    // 64-bit lanes
  bool generic = false; // SharedAddress, ParameterAddress: with the window's base
  bool predicate = false;
  std::uint16_t special = 0; // index into the table of special registers
  std::uint32_t index = 0;
  std::uint64_t value = 0;
  std::uint32_t offset = 0; // in its bank
};

struct Initialiser {
  std::uint64_t offset = 0;
  enum class Kind : std::uint8_t { Global, GenericGlobal, Function } kind = Kind::Global;
  std::uint32_t index = 0; // of globals or functions
  std::int64_t addend = 0;
  std::uint8_t bytes = 8; // of the element that receives the address
  std::uint8_t shift = 0; // mask(address): bits to shift down, for byte-wise initialisers
};

struct GlobalVariable {
  std::vector<std::byte> bytes; // the initial value; shorter than the size: the rest is zero
  std::vector<Initialiser> addresses;
};

namespace detail {
struct Program {
  std::string text; // instruction texts view it
  std::string fileName, target, version;
  std::vector<KernelInfo> kernels;
  std::vector<GlobalInfo> globals;
  std::vector<GlobalVariable> globalValues; // beside globals
  std::vector<std::unique_ptr<Function>> functions;
  std::vector<SharedVariable> shared;
  std::vector<PoolValue> launchPool, warpPool;
  std::uint32_t launchPoolBytes = 0, warpPoolBytes = 0;
};
} // namespace detail

} // namespace qvlsim
