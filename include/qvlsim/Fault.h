// What the simulator reports about a program that breaks the rules of PTX.
#pragma once

#include "qvlsim/Dim3.h"

#include <string>
#include <string_view>

namespace qvlsim {

enum class FaultKind {
  OutOfBounds,           // an access outside every object of its state space
  Misaligned,            // an address that is no multiple of the access size
  UninitialisedRead,     // a register, shared, local or global byte that nothing has written
  ReadOnlyWrite,         // a store to constant memory or to kernel parameters
  SharedRace,            // two unordered accesses of shared memory, one of them a write
  GlobalRace,            // the same in global memory
  DivergentBarrier,      // a barrier that part of a warp executes
  BarrierMisuse,         // a barrier with a wrong number or thread count
  PartialWarpCollective, // a warp-wide instruction without all the lanes that it names
  Deadlock,              // every thread waits and nothing can wake one
  AsyncProxyOrder,       // generic and async proxy accesses without a proxy fence between
  MissingFence,          // a fence that the PTX ISA demands is not there
  MbarrierMisuse,        // an mbarrier that is not initialised, overflows, or is used as data
  AsyncGroupMisuse,      // reading or leaving behind what an asynchronous group still owns
  IllegalInstructionUse, // operands outside the range that the instruction allows
  InvalidCall,           // an indirect call or branch to no target
  CallDepth,             // recursion deeper than the simulator's limit
  LocalMemory,           // more local memory than a thread can have
  Trap,                  // the trap instruction
  InstructionLimit,      // LaunchOptions::instructionLimit
  LaunchBounds,          // a launch that the kernel's directives or the device exclude
};

/// The name in fault lines, as "uninitialised-read".
std::string_view name(FaultKind kind);

/// One broken rule. A launch stops at its first fault.
struct Fault {
  FaultKind kind = FaultKind::Trap;
  std::string file;        // name given to Module::parse
  int line = 0;            // line of the instruction in the file; 0: the launch itself
  std::string instruction; // its text
  Dim3 block{0, 0, 0};     // %ctaid of the thread
  Dim3 thread{0, 0, 0};    // %tid of the thread, the first one where several are concerned
  std::string detail;      // what exactly is wrong, with the way out where one is known

  /// One line: "kind: file:line: instruction: block (x,y,z) thread (x,y,z): detail".
  std::string toString() const;
};

} // namespace qvlsim
