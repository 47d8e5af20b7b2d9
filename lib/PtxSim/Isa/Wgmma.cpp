// wgmma (PTX ISA 9.0, section 9.7.15).
//
// A warp computes its own 16 rows; the four warps of a warpgroup need not run in step for that. In
// late mode a multiplication happens at wgmma.wait_group: until then its accumulators count as
// unwritten, and operands are read only then.
#include "Async/WarpgroupMultiply.h"
#include "Async/WarpgroupOrder.h"
#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Isa/FullWarp.h"
#include "Isa/MatrixElements.h"
#include "Memory/AccessObserver.h"
#include "Memory/AddressSpaces.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"
#include "Module/Program.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <deque>

namespace qvlsim {
namespace {

struct MatrixQueue : Extension {
  std::vector<PendingMultiply> open;
  std::deque<std::vector<PendingMultiply>> committed;

  /// Whether a multiplication in flight accumulates into this register.
  bool owns(const Operand &o) const {
    const auto uses = [&](const PendingMultiply &p) {
      const Operand *d = p.instruction->operands;
      return std::any_of(d, d + p.instruction->destinations,
                         [&](const Operand &held) { return held.offset == o.offset; });
    };
    return std::any_of(open.begin(), open.end(), uses) ||
           std::any_of(committed.begin(), committed.end(), [&](const auto &group) {
             return std::any_of(group.begin(), group.end(), uses);
           });
  }
};

MatrixQueue &queueOf(Warp &warp) { return warp.extension<MatrixQueue>(ExtensionSlot::Matrix); }

bool requireWarpgroup(Warp &warp, const Instruction &i, LaneMask mask) {
  return requireFullWarp(warp, i, mask) && joinWarpgroup(warp, i);
}

// Instruction::variant of wgmma.mma_async.
enum Flags : std::uint32_t {
  kARegisters = 1,
  kNegateA = 2,
  kNegateB = 4,
  kAMnMajor = 8,
  kBMnMajor = 16
};

WarpgroupForm formOf(const Instruction &i) {
  return {.result = i.type,
          .a = i.sourceType,
          .b = static_cast<Type>(i.variant2),
          .n = static_cast<unsigned>(i.immediate),
          .k = i.elements,
          .aInRegisters = (i.variant & kARegisters) != 0,
          .negateA = (i.variant & kNegateA) != 0,
          .negateB = (i.variant & kNegateB) != 0,
          .aMnMajor = (i.variant & kAMnMajor) != 0,
          .bMnMajor = (i.variant & kBMnMajor) != 0,
          .saturate = i.saturate};
}

/// A descriptor is one value for the whole warp.
bool readDescriptor(Warp &warp, const Instruction &i, const Operand &o, std::uint64_t &descriptor) {
  descriptor = readLane<std::uint64_t>(warp, o, 0);
  for (unsigned lane = 1; lane < kWarpSize; ++lane)
    if (readLane<std::uint64_t>(warp, o, lane) != descriptor) {
      warp.fail(i, FaultKind::IllegalInstructionUse, lane,
                "the matrix descriptor differs between the threads of the warp");
      return false;
    }
  const std::string_view problem = descriptorProblem(descriptor);
  if (problem.empty())
    return true;
  warp.fail(i, FaultKind::IllegalInstructionUse, 0,
            absl::StrFormat("%s: %#x", problem, descriptor));
  return false;
}

/// Tells the observer of the operands in shared memory, neighbouring chunks together.
bool observeOperands(Warp &warp, const Instruction &i, PendingMultiply &pending) {
  AccessObserver *observer = warp.observer();
  if (observer == nullptr)
    return true;
  pending.operation = observer->asyncIssue(warp, i, kAllLanes, AsyncGroup::Matrix);
  if (!observer->matrixIssue(warp, i, pending.operation))
    return false;
  const Completion completion{.group = AsyncGroup::Matrix};
  const auto chunks = operandChunks(formOf(i), pending, warp.index() % 4);
  for (std::size_t c = 0; c < chunks.size();) {
    std::size_t end = c + 1;
    while (end < chunks.size() && chunks[end] == chunks[end - 1] + 16)
      ++end;
    if (chunks[end - 1] + 16 > warp.cta().sharedBytes) {
      warp.fail(i, FaultKind::OutOfBounds, 0,
                absl::StrFormat("a matrix descriptor leads to shared offset %#x; the CTA has %d "
                                "bytes",
                                chunks[end - 1], warp.cta().sharedBytes));
      return false;
    }
    const BulkAccess access{.kind = AccessKind::Read,
                            .proxy = Proxy::Async,
                            .space = StateSpace::Shared,
                            .lanes = kAllLanes,
                            .address =
                                std::uint64_t{warp.cta().rank} << kSharedRankShift | chunks[c],
                            .bytes = (end - c) * 16,
                            .completion = &completion};
    if (!observer->bulkAccess(warp, i, access))
      return false;
    c = end;
  }
  return true;
}

/// Accumulators hold values, or are being computed by a wgmma before this one.
bool checkAccumulators(Warp &warp, const Instruction &i, const MatrixQueue &queue) {
  for (unsigned q = 0; q < i.destinations; ++q)
    if (warp.written(i.operands[q]) != kAllLanes && !queue.owns(i.operands[q])) {
      warp.fail(i, FaultKind::UninitialisedRead,
                static_cast<unsigned>(std::countr_zero(~warp.written(i.operands[q]))),
                absl::StrFormat("accumulator %d is a register that nothing has written", q));
      return false;
    }
  return true;
}

Step multiplyAsync(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireWarpgroup(warp, i, mask))
    return Step::Fault;
  MatrixQueue &queue = queueOf(warp);
  const Operand *sources = i.operands + i.destinations;
  const unsigned aCount = i.variant & kARegisters ? 4 : 1;
  PendingMultiply pending{.instruction = &i,
                          .function = warp.frames[warp.stack.back().frame].function,
                          .registers = warp.banks[0].data};
  if (!(i.variant & kARegisters) && !readDescriptor(warp, i, sources[0], pending.descriptorA))
    return Step::Fault;
  if (!readDescriptor(warp, i, sources[aCount], pending.descriptorB))
    return Step::Fault;
  const LaneMask scale = warp.predicate(sources[aCount + 1]);
  if (scale != 0 && scale != kAllLanes)
    return warp.fail(i, FaultKind::IllegalInstructionUse, 0,
                     "scale-d differs between the threads of the warp");
  pending.accumulate = scale != 0;
  if ((pending.accumulate && !checkAccumulators(warp, i, queue)) ||
      !observeOperands(warp, i, pending))
    return Step::Fault;
  if (!warp.cluster().lateAsync()) {
    if (!performMultiply(warp, formOf(i), pending))
      return Step::Fault;
    pending.registers = nullptr; // done: only the observer still waits for it
  } else {
    for (unsigned q = 0; q < i.destinations; ++q)
      warp.written(i.operands[q]) = 0;
  }
  queue.open.push_back(pending);
  return Step::Next;
}

bool complete(Warp &warp, const Instruction &i, const PendingMultiply &pending) {
  if (pending.registers != nullptr) {
    const Function *function = warp.frames[warp.stack.back().frame].function;
    if (pending.function != function || pending.registers != warp.banks[0].data) {
      warp.fail(i, FaultKind::AsyncGroupMisuse, 0,
                absl::StrFormat("the wgmma of line %d was issued in another function: its "
                                "registers are gone",
                                pending.instruction->line));
      return false;
    }
    if (!performMultiply(warp, formOf(*pending.instruction), pending))
      return false;
  }
  return !warp.observer() || warp.observer()->asyncWait(warp, i, kAllLanes, AsyncGroup::Matrix,
                                                        pending.operation, false);
}

Step commitGroup(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireWarpgroup(warp, i, mask))
    return Step::Fault;
  MatrixQueue &queue = queueOf(warp);
  queue.committed.push_back(std::move(queue.open));
  queue.open.clear();
  return Step::Next;
}

Step waitGroup(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireWarpgroup(warp, i, mask))
    return Step::Fault;
  auto &committed = queueOf(warp).committed;
  while (committed.size() > static_cast<std::size_t>(i.immediate)) {
    for (const PendingMultiply &pending : committed.front())
      if (!complete(warp, i, pending))
        return Step::Fault;
    committed.pop_front();
  }
  // A later wgmma in flight may use an accumulator that has just been completed.
  const auto withdraw = [&](const std::vector<PendingMultiply> &group) {
    for (const PendingMultiply &pending : group)
      for (unsigned q = 0; pending.registers && q < pending.instruction->destinations; ++q)
        warp.written(pending.instruction->operands[q]) = 0;
  };
  withdraw(queueOf(warp).open);
  std::for_each(committed.begin(), committed.end(), withdraw);
  return Step::Next;
}

Step fence(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireWarpgroup(warp, i, mask))
    return Step::Fault;
  if (warp.observer() && !warp.observer()->matrixFence(warp, i, mask))
    return Step::Fault;
  return Step::Next;
}

// --- decoding -----------------------------------------------------------------------------------

/// m64nNkK: N a multiple of 8 up to 256.
void shape(Decoder &d) {
  std::string_view text = d.peek();
  int n = 0, k = 0;
  const std::size_t middle = text.find('k');
  if (text.substr(0, 4) != "m64n" || middle == std::string_view::npos ||
      !absl::SimpleAtoi(absl::string_view(text.data() + 4, middle - 4), &n) ||
      !absl::SimpleAtoi(absl::string_view(text.data() + middle + 1, text.size() - middle - 1),
                        &k) ||
      n < 8 || n > 256 || n % 8 != 0 || (k != 8 && k != 16 && k != 32))
    d.fail("wgmma: a shape m64nNkK with N a multiple of 8 up to 256 expected");
  else
    d.oneOf({text});
  d.out.immediate = n;
  d.out.elements = static_cast<std::uint8_t>(k);
}

bool isFp8(Type t) { return t == Type::E4M3 || t == Type::E5M2; }
bool isInteger8(Type t) { return t == Type::S8 || t == Type::U8; }

void types(Decoder &d) {
  d.out.saturate = d.accept("satfinite");
  const Type result = d.out.type = d.type({Type::F16, Type::F32, Type::S32});
  const auto element = [&] {
    return d.type({Type::F16, Type::BF16, Type::TF32, Type::E4M3, Type::E5M2, Type::S8, Type::U8});
  };
  const Type a = d.out.sourceType = element();
  const Type b = element();
  d.out.variant2 = static_cast<std::uint32_t>(b);
  const bool integer = isInteger8(a) && isInteger8(b) && result == Type::S32;
  const bool fp8 = isFp8(a) && isFp8(b) && result != Type::S32;
  const bool same =
      a == b && (result == Type::F32 || (result == Type::F16 && a == Type::F16)) && !isInteger8(a);
  if (!integer && !fp8 && !same)
    d.fail("wgmma: no such combination of types");
  if (d.out.elements != 32 / std::max<std::uint32_t>(1, matrixElementBits(a) / 8))
    d.fail("wgmma: K of the shape does not fit the element type");
  if (integer && d.out.immediate > 32 && d.out.immediate % 16 != 0)
    d.fail("wgmma: for integers N beyond 32 is a multiple of 16");
  if (d.out.saturate && !integer)
    d.fail("wgmma: .satfinite needs integers");
}

/// imm-scale-a/b (-1 or 1) and imm-trans-a/b (0 or 1) behind scale-d.
void immediates(Decoder &d) {
  const Type a = d.out.sourceType;
  if (isInteger8(a))
    return d.expectOperands(4);
  const bool half = a == Type::F16 || a == Type::BF16;
  const std::size_t transposes = !half ? 0 : d.out.variant & kARegisters ? 1 : 2;
  // PTX ISA: scales and transposes are mandatory for these types.
  d.expectOperands(6 + transposes);
  const auto scale = [&](std::size_t index, std::uint32_t flag) {
    const std::int64_t value = d.constant(index, -1, 1);
    if (value == 0)
      d.fail("wgmma: imm-scale is -1 or 1");
    d.out.variant |= value < 0 ? flag : 0u;
  };
  scale(4, kNegateA);
  scale(5, kNegateB);
  if (transposes == 2)
    d.out.variant |= d.constant(6, 0, 1) ? kAMnMajor : 0u;
  if (transposes != 0)
    d.out.variant |= d.constant(5 + transposes, 0, 1) ? kBMnMajor : 0u;
}

absl::Status decodeMultiply(Decoder &d) {
  d.oneOf({"sync"});
  d.oneOf({"aligned"});
  shape(d);
  types(d);
  d.out.instructionClass = InstructionClass::Matrix;
  d.out.marksDestinations = true;
  d.out.handler = multiplyAsync;
  if (d.isVector(1))
    d.out.variant |= kARegisters;
  const std::size_t perBlock = d.out.type == Type::F16 ? 2 : 4;
  const std::size_t sums = static_cast<std::size_t>(d.out.immediate) / 8 * perBlock;
  if (d.destinationVector(0, Type::B32) != sums)
    d.fail("wgmma: wrong number of accumulator registers");
  if (!(d.out.variant & kARegisters))
    d.source(1, Type::B64);
  else if (d.sourceVector(1, Type::B32) != 4)
    d.fail("wgmma: the fragment of A has 4 registers");
  d.out.matrixRegisters = static_cast<std::uint8_t>(sums + (d.out.variant & kARegisters ? 4 : 0));
  d.source(2, Type::B64);
  d.predicateSource(3);
  immediates(d);
  return absl::OkStatus();
}

absl::Status decodeAligned(Decoder &d, Handler handler, bool counted) {
  d.oneOf({"sync"});
  d.oneOf({"aligned"});
  d.expectOperands(counted ? 1 : 0);
  if (counted)
    d.out.immediate = d.constant(0, 0, 7);
  d.out.instructionClass = InstructionClass::Matrix;
  d.out.handler = handler;
  return absl::OkStatus();
}

} // namespace

void addWgmmaInstructions(InstructionTable &table) {
  table.add("wgmma.mma_async", decodeMultiply);
  table.add("wgmma.fence", [](Decoder &d) { return decodeAligned(d, fence, false); });
  table.add("wgmma.commit_group", [](Decoder &d) { return decodeAligned(d, commitGroup, false); });
  table.add("wgmma.wait_group", [](Decoder &d) { return decodeAligned(d, waitGroup, true); });
}

} // namespace qvlsim
