// Decoded instructions.
//
// How to add a family of instructions (Isa/NAME.cpp):
//
// 1. Write `void qvlsim::addNAMEInstructions(InstructionTable &table)`, add the line
//    QVL_INSTRUCTION_FAMILY(NAME) to Isa/Families.inc and the file to Isa/CMakeLists.txt.
//    It calls `table.add("cp.async", decodeCpAsync)`: the longest dotted prefix of opcode and
//    modifiers wins, so that "cp.async.bulk" may be added elsewhere.
// 2. Decode: `absl::Status decodeX(Decoder &d)` reads modifiers strictly in the order of the PTX
//    syntax (d.accept("ftz"), d.oneOf({"ca", "cg"}), d.type({Type::F16})), resolves operands
//    (d.destination(i, Type), d.source(i, Type), d.address(i), ...), and sets d.out.handler.
//    Modifiers that are left over, and operands beyond those counted, are refused for you, with
//    file and line.
// 3. Execute: `Step handler(Warp &warp, const Instruction &i, LaneMask mask)`. `mask` is never 0:
//    lanes that the guard switches off or that are inactive are not in it and must not be written.
//    Register access: Exec/Lanes.h. The interpreter has checked that all source registers hold
//    values, and marks destinations as written afterwards.
// 4. Memory: only through Memory/Access.h, which checks bounds, alignment and initialisation, and
//    tells the race observer.
// 5. Blocking, asynchronous operations, faults: see `Step` below, Exec/Warp.h (`Warp::fail`) and
//    Exec/PendingOperations.h. Anything that may let another warp go on calls Cluster::notify().
// 6. Happens-before edges (a barrier passed, a fence, an arrival, a completed copy) are told to
//    Memory/AccessObserver.h where they happen.
#pragma once

#include "Parse/Types.h"
#include "qvlsim/Launch.h"

#include <cstdint>
#include <string_view>

namespace qvlsim {

class Warp;
struct Function;
using LaneMask = std::uint32_t;
inline constexpr LaneMask kAllLanes = 0xFFFFFFFFu;
inline constexpr unsigned kWarpSize = 32;

/// What a handler tells the interpreter.
enum class Step : std::uint8_t {
  Next,  // done: go to the next instruction
  Yield, // done, but the result says "not yet" (a failed test_wait): let other warps run first
  Retry, // nothing done: the warp waits, and runs this instruction again after Cluster::notify()
  Jump,  // done, and the handler has set the program counter (control flow)
  Fault, // Warp::fail has been called
};

struct Instruction;
using Handler = Step (*)(Warp &, const Instruction &, LaneMask);

/// Where an operand's lanes lie. Banks of a warp: registers of the current call frame; values that
/// are equal for the whole launch (literals, addresses of variables); values of this warp (special
/// registers, addresses of shared variables).
enum class Bank : std::uint8_t { Frame, Launch, Warp };

/// A resolved operand. A 32-bit register is 32 lanes of 4 bytes; registers below 32 bits use the
/// low bits of such a lane with zeros above; a 64-bit register is 32 lanes of 8 bytes; a 128-bit
/// one 32 lanes of 16 bytes; a predicate is one 32-bit mask, bit L for lane L.
struct Operand {
  enum class Kind : std::uint8_t { None, Sink, Predicate, Value32, Value64, Value128 };
  Kind kind = Kind::None;
  Bank bank = Bank::Frame;
  std::uint8_t bits = 0;    // declared width of the register: 1, 16 (also of .b8), 32, 64, 128
  bool negated = false;     // !p
  bool address = false;     // the lanes are a base address; displacement is added
  std::uint32_t offset = 0; // bytes from the start of the bank, a multiple of kLaneUnit
  std::int64_t displacement = 0;

  bool exists() const { return kind != Kind::None && kind != Kind::Sink; }
};
/// Bytes of one 32-bit register; operands start at multiples, and offset / kLaneUnit indexes the
/// masks of written lanes.
inline constexpr std::uint32_t kLaneUnit = 128;

/// Memory ordering of an access or fence.
enum class Ordering : std::uint8_t {
  Weak,
  Volatile,
  Relaxed,
  Acquire,
  Release,
  AcquireRelease,
  SequentiallyConsistent
};
enum class Scope : std::uint8_t { None, Cta, Cluster, Gpu, System };

struct Instruction {
  Handler handler = nullptr;
  // Operands, destinations first: operands[0 .. destinations) are written, the rest is read.
  const Operand *operands = nullptr;
  std::uint16_t operandCount = 0;
  std::uint16_t destinations = 0;
  // Guard: a predicate of the frame.
  bool guarded = false;
  bool guardNegated = false;
  // Copies of registers (mov, selp, pack) hand on "not written" instead of reporting it.
  bool propagatesUnwritten = false;
  // The handler marks its destinations as written itself (asynchronous results, partial writes).
  bool marksDestinations = false;
  // Of wgmma.mma_async: how many of the first operands it uses after its issue. Other instructions
  // that touch one of these registers tell the observer.
  bool touchesMatrix = false;
  std::uint8_t matrixRegisters = 0;
  std::uint32_t guardOffset = 0;
  std::uint32_t line = 0;
  std::string_view text;
  InstructionClass instructionClass = InstructionClass::Integer;

  // Fields whose meaning belongs to the family.
  Type type = Type::B32;
  Type sourceType = Type::B32;
  StateSpace space = StateSpace::Generic;
  Ordering ordering = Ordering::Weak;
  Scope scope = Scope::None;
  std::uint8_t elementBytes = 0; // of one element of a load or store
  std::uint8_t elements = 1;     // vector length of a load or store
  std::uint8_t rounding = 0;     // Rounding of Isa/Rounding.h
  bool flushSubnormals = false;
  bool saturate = false;
  std::uint32_t variant = 0; // shape, mode, comparison, ...
  std::uint32_t variant2 = 0;
  std::int64_t immediate = 0;
  // Control flow, in instruction indices of the function.
  std::uint32_t target = 0;
  std::uint32_t reconvergence = 0;
  std::uint32_t table = 0; // index into Function::branchTables or callSites
};

} // namespace qvlsim
