// bra, brx.idx, call, ret, exit, trap and hints (PTX ISA 9.0, sections 9.7.12 and 9.7.19).
#include "Exec/LaunchState.h"
#include "Isa/Dispatch.h"
#include "Memory/AddressSpaces.h"
#include "Module/FunctionBuilder.h"
#include "Module/Reconvergence.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <bit>

namespace qvlsim {
namespace {

unsigned firstLane(LaneMask mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

/// Sends `mask` of the running lanes to `target`, the rest to the next instruction; all meet at the
/// reconvergence point.
void diverge(Warp &warp, const Instruction &i, LaneMask mask, std::uint32_t target) {
  StackEntry &top = warp.stack.back();
  const LaneMask rest = top.mask & ~mask;
  const std::uint32_t next = top.pc + 1, meet = i.reconvergence, frame = top.frame;
  if (rest == 0) {
    top.pc = target;
    return;
  }
  LaneMask all = top.mask;
  if (meet == kNoReconvergence) { // the two parts never meet: no entry waits for them
    std::uint32_t outer = top.reconvergence;
    top = {next, outer, rest, frame};
    warp.stack.push_back({target, outer, mask, frame});
    return;
  }
  top.pc = meet;
  top.mask = all;
  if (next != meet)
    warp.stack.push_back({next, meet, rest, frame});
  if (target != meet)
    warp.stack.push_back({target, meet, mask, frame});
}

Step branchHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  diverge(warp, i, mask, i.target);
  return Step::Jump;
}

absl::Status decodeBra(Decoder &d) {
  d.out.instructionClass = InstructionClass::Control;
  d.accept("uni");
  d.expectOperands(1);
  if (d.parsed(0).kind != ParsedOperand::Kind::Name)
    d.fail("label expected");
  d.builder().labelTarget(d.parsed(0).text);
  d.out.handler = branchHandler;
  return absl::OkStatus();
}

Step indexedBranchHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  StackEntry top = warp.stack.back();
  const auto &targets = warp.frames[top.frame].function->branchTables[i.table];
  struct Group {
    std::uint32_t target;
    LaneMask mask;
  };
  std::vector<Group> groups;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    auto index = readLane<std::uint32_t>(warp, i.operands[0], lane);
    if (index >= targets.size())
      return warp.fail(
          i, FaultKind::InvalidCall, lane,
          absl::StrFormat("index %d of a branch table with %d targets", index, targets.size()));
    auto same = std::find_if(groups.begin(), groups.end(),
                             [&](const Group &g) { return g.target == targets[index]; });
    if (same == groups.end())
      groups.push_back({targets[index], 1U << lane});
    else
      same->mask |= 1U << lane;
  }
  if (LaneMask rest = top.mask & ~mask; rest)
    groups.push_back({top.pc + 1, rest});
  if (groups.size() == 1) {
    warp.stack.back().pc = groups[0].target;
    return Step::Jump;
  }
  std::uint32_t meet = i.reconvergence;
  if (meet == kNoReconvergence) {
    meet = top.reconvergence;
    warp.stack.pop_back();
  } else {
    warp.stack.back().pc = meet;
  }
  for (const Group &group : groups)
    if (group.target != meet)
      warp.stack.push_back({group.target, meet, group.mask, top.frame});
  return Step::Jump;
}

absl::Status decodeBrx(Decoder &d) {
  d.out.instructionClass = InstructionClass::Control;
  d.oneOf({"idx"});
  d.accept("uni");
  d.expectOperands(2);
  d.source(0, Type::U32);
  d.builder().branchTable(d.parsed(1).text);
  d.out.handler = indexedBranchHandler;
  return absl::OkStatus();
}

// --- leaving
// ------------------------------------------------------------------------------------------------

Step exitHandler(Warp &warp, const Instruction &, LaneMask mask) {
  LaneMask all = warp.active();
  warp.exitLanes(mask);
  if (mask != all)
    ++warp.stack.back().pc;
  else
    warp.settle();
  return Step::Jump;
}

/// Copies a parameter object between the local memory of two frames, for some lanes.
void copyLocal(Frame &to, std::uint32_t toOffset, const Frame &from, std::uint32_t fromOffset,
               std::uint32_t bytes, LaneMask mask) {
  forLanes(mask, [&](unsigned lane) {
    std::size_t t = std::size_t{lane} * to.localBytes + toOffset,
                f = std::size_t{lane} * from.localBytes + fromOffset;
    std::memcpy(to.local.get() + t, from.local.get() + f, bytes);
    std::memcpy(to.localInitialised.get() + t, from.localInitialised.get() + f, bytes);
  });
}

void copyRegister(Frame &to, const Operand &d, const Frame &from, const Operand &s, LaneMask mask) {
  std::size_t width = d.kind == Operand::Kind::Value64 ? 8 : 4;
  forLanes(mask, [&](unsigned lane) {
    std::memcpy(to.bank.data + d.offset + width * lane, from.bank.data + s.offset + width * lane,
                width);
  });
  LaneMask &written = to.bank.written[d.offset / kLaneUnit];
  written = (written & ~mask) | (from.bank.written[s.offset / kLaneUnit] & mask);
}

void copyParameter(Frame &to, const FormalParameter &d, const Frame &from, const FormalParameter &s,
                   LaneMask mask) {
  if (d.reg.exists())
    copyRegister(to, d.reg, from, s.reg, mask);
  else
    copyLocal(to, d.offset, from, s.offset, d.bytes, mask);
}

Step returnHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const std::uint32_t index = warp.stack.back().frame;
  Frame &frame = warp.frames[index];
  if (index == 0)
    return exitHandler(warp, i, mask);
  Frame &caller = warp.frames[frame.caller];
  const CallSite &site = caller.function->callSites[frame.callSite];
  for (std::size_t r = 0; r < site.results.size(); ++r)
    copyParameter(caller, site.results[r], frame, frame.function->results[r], mask);
  LaneMask all = warp.active();
  for (StackEntry &entry : warp.stack)
    if (entry.frame == index)
      entry.mask &= ~mask;
  if (mask != all)
    ++warp.stack.back().pc;
  else
    warp.settle();
  return Step::Jump;
}

template <Handler kHandler> absl::Status decodeLeave(Decoder &d) {
  d.out.instructionClass = InstructionClass::Control;
  d.accept("uni");
  d.expectOperands(0);
  d.out.handler = kHandler;
  return absl::OkStatus();
}

Step trapHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  return warp.fail(i, FaultKind::Trap, firstLane(mask), "the program trapped");
}

Step nothing(Warp &, const Instruction &, LaneMask) { return Step::Next; }
Step napHandler(Warp &, const Instruction &, LaneMask) { return Step::Yield; }

// --- calls
// ----------------------------------------------------------------------------------------------------

bool matches(const std::vector<FormalParameter> &caller,
             const std::vector<FormalParameter> &callee) {
  if (caller.size() != callee.size())
    return false;
  for (std::size_t k = 0; k < caller.size(); ++k)
    if (caller[k].bytes != callee[k].bytes || caller[k].reg.exists() != callee[k].reg.exists())
      return false;
  return true;
}

bool enter(Warp &warp, const Instruction &i, const Function &function, LaneMask mask,
           std::uint32_t caller) {
  if (!warp.pushFrame(i, function, caller, i.table))
    return false;
  const auto frame = static_cast<std::uint32_t>(warp.frames.size() - 1);
  const CallSite &site = warp.frames[caller].function->callSites[i.table];
  for (std::size_t a = 0; a < site.arguments.size(); ++a)
    copyParameter(warp.frames[frame], function.parameters[a], warp.frames[caller],
                  site.arguments[a], mask);
  warp.stack.push_back({0, kNoReconvergence, mask, frame});
  return true;
}

Step callHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const std::uint32_t caller = warp.stack.back().frame;
  const CallSite &site = warp.frames[caller].function->callSites[i.table];
  const auto &functions = warp.launch().program->functions;
  ++warp.stack.back().pc;
  if (!site.indirect) {
    if (!enter(warp, i, *functions[site.function], mask, caller))
      return Step::Fault;
    warp.selectFrame();
    return Step::Jump;
  }
  // Lanes with different targets call one after the other.
  std::vector<std::pair<std::uint32_t, LaneMask>> groups;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    std::uint64_t address = readLane<std::uint64_t>(warp, i.operands[0], lane);
    std::uint64_t index = (address - kCodeWindow) / 16;
    bool candidate =
        site.candidates.empty() ||
        std::find(site.candidates.begin(), site.candidates.end(), index) != site.candidates.end();
    if (address < kCodeWindow || address % 16 != 0 || index >= functions.size() ||
        !functions[index]->defined || functions[index]->entry || !candidate)
      return warp.fail(i, FaultKind::InvalidCall, lane,
                       absl::StrFormat("%#x is no address of a function to call", address));
    if (!matches(site.arguments, functions[index]->parameters) ||
        !matches(site.results, functions[index]->results))
      return warp.fail(i, FaultKind::InvalidCall, lane,
                       absl::StrFormat("function '%s' has other parameters than the call",
                                       functions[index]->name));
    auto same =
        std::find_if(groups.begin(), groups.end(), [&](const auto &g) { return g.first == index; });
    if (same == groups.end())
      groups.emplace_back(static_cast<std::uint32_t>(index), 1U << lane);
    else
      same->second |= 1U << lane;
  }
  for (const auto &[function, lanes] : groups)
    if (!enter(warp, i, *functions[function], lanes, caller))
      return Step::Fault;
  warp.selectFrame();
  return Step::Jump;
}

/// What stands in the parentheses of a call: parameter objects or registers of the caller.
void callParameters(Decoder &d, const ParsedOperand &list, std::vector<FormalParameter> &out) {
  for (const ParsedOperand &operand : list.children) {
    if (operand.kind != ParsedOperand::Kind::Name) {
      d.fail("arguments of calls are .param variables or registers");
      return;
    }
    if (const FormalParameter *parameter = d.builder().findParameter(operand.text)) {
      out.push_back(*parameter);
    } else if (auto reg = d.builder().findRegister(operand.text);
               reg && reg->kind != Operand::Kind::Predicate) {
      out.push_back({static_cast<std::uint32_t>(reg->bits / 8), 0, *reg});
    } else {
      d.fail(concat("unknown argument '", operand.text, "'"));
      return;
    }
  }
}

absl::Status decodeCall(Decoder &d) {
  using Kind = ParsedOperand::Kind;
  d.out.instructionClass = InstructionClass::Control;
  d.accept("uni");
  CallSite site;
  site.line = d.statement().line;
  std::size_t at = 0;
  if (d.operandCount() > 0 && d.parsed(0).kind == Kind::List)
    callParameters(d, d.parsed(at++), site.results);
  const std::size_t targetIndex = at++;
  const ParsedOperand &target = d.parsed(targetIndex);
  if (at < d.operandCount() && d.parsed(at).kind == Kind::List)
    callParameters(d, d.parsed(at++), site.arguments);
  if (target.kind != Kind::Name) {
    d.fail("function expected");
    return absl::OkStatus();
  }
  if (auto function = d.builder().findFunction(target.text)) {
    site.function = *function;
    const Function &callee = *d.builder().program().functions[*function];
    if (callee.entry)
      d.fail("kernels cannot be called");
    if (!matches(site.arguments, callee.parameters) || !matches(site.results, callee.results))
      d.fail(concat("function '", target.text, "' has other parameters than the call"));
    d.builder().function().callees.push_back(*function);
  } else {
    site.indirect = true;
    d.builder().function().callsIndirectly = true;
    d.source(targetIndex, Type::U64);
    if (at < d.operandCount()) {
      const ParsedOperand &list = d.parsed(at++);
      if (d.builder().findTargetList(list.text, site.candidates) ==
          FunctionBuilder::TargetList::None)
        d.fail(concat("unknown prototype '", list.text, "'"));
    } else {
      d.fail("an indirect call needs a prototype or a list of targets");
    }
  }
  if (at != d.operandCount())
    d.fail("unexpected operands");
  d.out.table = static_cast<std::uint32_t>(d.builder().function().callSites.size());
  d.builder().function().callSites.push_back(std::move(site));
  d.out.handler = callHandler;
  return absl::OkStatus();
}

absl::Status decodeNanosleep(Decoder &d) {
  d.out.instructionClass = InstructionClass::Control;
  d.type({Type::U32});
  d.expectOperands(1);
  d.source(0, Type::U32);
  d.out.handler = napHandler;
  return absl::OkStatus();
}

absl::Status decodePmevent(Decoder &d) {
  d.accept("mask");
  d.expectOperands(1);
  d.constant(0, 0, 0xFFFF);
  d.out.handler = nothing;
  return absl::OkStatus();
}

} // namespace

ControlKind controlKind(const Instruction &i) {
  if (i.handler == branchHandler)
    return ControlKind::Branch;
  if (i.handler == indexedBranchHandler)
    return ControlKind::IndexedBranch;
  if (i.handler == returnHandler)
    return ControlKind::Return;
  if (i.handler == exitHandler)
    return ControlKind::Exit;
  return i.handler == trapHandler ? ControlKind::Trap : ControlKind::None;
}

void addControlInstructions(InstructionTable &table) {
  table.add("bra", decodeBra);
  table.add("brx", decodeBrx);
  table.add("call", decodeCall);
  table.add("ret", decodeLeave<returnHandler>);
  table.add("exit", decodeLeave<exitHandler>);
  table.add("trap", decodeLeave<trapHandler>);
  table.add("brkpt", decodeLeave<nothing>);
  table.add("nanosleep", decodeNanosleep);
  table.add("pmevent", decodePmevent);
}

} // namespace qvlsim
