// cp.async.bulk.tensor and its relatives in tile mode (PTX ISA 9.0, section 9.7.9.25.5).
#include "Async/BulkTransfer.h"
#include "Async/Reduction.h"
#include "Async/TensorCopy.h"
#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"

namespace qvlsim {
namespace {

/// Operands: shared address, tensor map, mbarrier (or absent), then coordinates, then the multicast
/// mask of loads with variant2 = 1. variant of stores: the Reduction.
constexpr unsigned kFixedOperands = 3;

TensorCopy beginCopy(Warp &warp, const Instruction &i, unsigned lane) {
  TensorCopy copy{.warp = &warp, .instruction = &i, .lane = lane};
  for (unsigned r = 0; r < i.elements; ++r)
    copy.coordinates[r] = readLane<std::int32_t>(warp, i.operands[kFixedOperands + r], lane);
  return copy;
}

/// One destination CTA of a load: its box, its mbarrier.
bool loadTo(TensorCopy copy, std::uint64_t shared, std::uint64_t mbarrier, StateSpace space) {
  RangeAccess target;
  if (!resolveShared(copy, shared, space, AccessKind::Write, target))
    return false;
  const std::uint64_t bytes = copy.map.boxBytes();
  copy.completion.mbarrier = mbarrier;
  if (!observeBulkLoad(*copy.warp, *copy.instruction, copy.lane, mbarrier) ||
      !observeRows(copy, AccessKind::Read) ||
      !observeBulk(*copy.warp, *copy.instruction, copy.lane, AccessKind::Write, target, bytes,
                   &copy.completion))
    return false;
  if (copy.warp->cluster().lateAsync())
    poisonRange(target, bytes);
  return issueBulkLoad(*copy.warp, *copy.instruction, copy.lane, mbarrier, bytes,
                       [copy, target, bytes] {
                         if (!loadBox(copy, target))
                           return false;
                         target.markWritten(bytes);
                         return true;
                       });
}

bool loadLane(Warp &warp, const Instruction &i, unsigned lane) {
  TensorCopy copy = beginCopy(warp, i, lane);
  std::uint64_t mbarrier = 0;
  if (!readTensorMap(copy, laneAddress(warp, i.operands[1], lane)) ||
      !resolveMbarrier(warp, i, lane, laneAddress(warp, i.operands[2], lane), i.space, mbarrier))
    return false;
  const std::uint64_t shared = laneAddress(warp, i.operands[0], lane);
  if (i.variant2 == 0)
    return loadTo(copy, shared, mbarrier, i.space);
  return forMulticastTargets(warp, i, lane, i.operands[kFixedOperands + i.elements], shared,
                             mbarrier, [&](std::uint64_t itsShared, std::uint64_t itsMbarrier) {
                               return loadTo(copy, itsShared, itsMbarrier,
                                             StateSpace::SharedCluster);
                             });
}

Step load(Warp &warp, const Instruction &i, LaneMask mask) {
  for (LaneMask rest = mask; rest; rest &= rest - 1)
    if (!loadLane(warp, i, static_cast<unsigned>(std::countr_zero(rest))))
      return Step::Fault;
  return Step::Next;
}

// --- stores and reductions ----------------------------------------------------------------------

bool storeLane(Warp &warp, const Instruction &i, unsigned lane) {
  TensorCopy copy = beginCopy(warp, i, lane);
  copy.completion.group = AsyncGroup::Bulk;
  auto store = std::make_shared<BulkStore>();
  if (warp.observer())
    store->operation = warp.observer()->asyncIssue(warp, i, 1u << lane, AsyncGroup::Bulk);
  const auto reduction = static_cast<Reduction>(i.variant);
  RangeAccess source;
  if (!readTensorMap(copy, laneAddress(warp, i.operands[1], lane)) ||
      !resolveShared(copy, laneAddress(warp, i.operands[0], lane), StateSpace::Shared,
                     AccessKind::Read, source))
    return false;
  const bool bitwise = reduction >= Reduction::And && reduction != Reduction::None;
  if (reduction != Reduction::None && copy.map.elementBytes < 4 &&
      copy.map.element < TensorElement::Half)
    return copy.fail(FaultKind::IllegalInstructionUse,
                     "reductions need elements of 32 or 64 bits, or a 16-bit float type");
  if (reduction != Reduction::None && !bitwise &&
      !reductionExists(reduction, reductionType(copy.map)))
    return copy.fail(FaultKind::IllegalInstructionUse,
                     "the reduction does not exist for the tensor map's element type");
  const std::uint64_t bytes = copy.map.boxBytes();
  const AccessKind kind = reduction == Reduction::None ? AccessKind::Write : AccessKind::Atomic;
  if (!observeBulk(warp, i, lane, AccessKind::Read, source, bytes, &copy.completion) ||
      !observeRows(copy, kind))
    return false;
  store->warp = &warp;
  store->instruction = &i;
  store->lane = lane;
  auto box = std::make_shared<std::vector<std::byte>>();
  store->read = [copy, source, bytes, box] {
    if (!requireInitialised(*copy.warp, *copy.instruction, copy.lane, source, bytes))
      return false;
    readBox(copy, source, *box);
    return true;
  };
  store->write = [copy, box] { return writeBox(copy, *box); };
  return issueBulkStore(std::move(store));
}

Step store(Warp &warp, const Instruction &i, LaneMask mask) {
  for (LaneMask rest = mask; rest; rest &= rest - 1)
    if (!storeLane(warp, i, static_cast<unsigned>(std::countr_zero(rest))))
      return Step::Fault;
  return Step::Next;
}

Step prefetch(Warp &warp, const Instruction &i, LaneMask mask) {
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    TensorCopy copy{.warp = &warp, .instruction = &i, .lane = lane};
    if (!readTensorMap(copy, laneAddress(warp, i.operands[1], lane)))
      return Step::Fault;
  }
  return Step::Next;
}

// --- decoding -----------------------------------------------------------------------------------

void dimensions(Decoder &d) {
  d.out.elements = static_cast<std::uint8_t>(1 + d.oneOf({"1d", "2d", "3d", "4d", "5d"}));
}

void tileMode(Decoder &d) {
  if (d.peek().substr(0, 6) == "im2col")
    d.fail("im2col mode is not supported, only .tile");
  if (d.peek().substr(0, 4) == "tile" && d.peek() != "tile")
    d.fail("gather and scatter modes are not supported, only .tile");
  d.accept("tile");
}

/// [map, {coordinates}]: the map is appended, the coordinates are appended by coordinates().
const ParsedOperand &tensorOperand(Decoder &d, std::size_t index) {
  const ParsedOperand &operand = d.parsed(index);
  if (operand.kind != ParsedOperand::Kind::Address || operand.children.size() != 2 ||
      operand.children[1].kind != ParsedOperand::Kind::Vector)
    d.fail("[tensorMap, {coordinates}] expected");
  d.addressOf(operand, StateSpace::Generic);
  return operand;
}

void coordinates(Decoder &d, const ParsedOperand &operand) {
  if (!d.ok())
    return;
  const auto &vector = operand.children[1].children;
  if (vector.size() != d.out.elements)
    d.fail("as many coordinates as dimensions expected");
  for (const ParsedOperand &coordinate : vector)
    d.sourceOf(coordinate, Type::S32);
}

absl::Status decodeLoad(Decoder &d) {
  d.out.space = d.oneOf({"shared::cluster", "shared::cta"}) == 0 ? StateSpace::SharedCluster
                                                                 : StateSpace::Shared;
  d.oneOf({"global"});
  tileMode(d);
  d.oneOf({"mbarrier::complete_tx::bytes"});
  d.out.variant2 = d.accept("multicast::cluster");
  if (d.peek().substr(0, 9) == "cta_group")
    d.fail(".cta_group is not supported: it belongs to sm_100");
  const bool policy = d.accept("L2::cache_hint");
  d.expectOperands(3 + d.out.variant2 + (policy ? 1 : 0));
  d.address(0, d.out.space);
  const ParsedOperand &tensor = tensorOperand(d, 1);
  d.address(2, d.out.space);
  coordinates(d, tensor);
  if (d.out.variant2)
    d.source(3, Type::B16);
  if (policy)
    d.source(3 + d.out.variant2, Type::B64);
  d.out.handler = load;
  return absl::OkStatus();
}

absl::Status decodeStore(Decoder &d, Reduction reduction) {
  d.oneOf({"global"});
  d.oneOf({"shared::cta"});
  if (reduction != Reduction::None)
    reduction =
        static_cast<Reduction>(d.oneOf({"add", "min", "max", "inc", "dec", "and", "or", "xor"}));
  tileMode(d);
  d.oneOf({"bulk_group"});
  const bool policy = d.accept("L2::cache_hint");
  d.out.variant = static_cast<std::uint32_t>(reduction);
  d.expectOperands(policy ? 3 : 2);
  d.address(1, StateSpace::Shared);
  const ParsedOperand &tensor = tensorOperand(d, 0);
  d.appendAbsent();
  coordinates(d, tensor);
  if (policy)
    d.source(2, Type::B64);
  d.out.handler = store;
  return absl::OkStatus();
}

absl::Status decodeTensor(Decoder &d) {
  dimensions(d);
  d.out.instructionClass = InstructionClass::Async;
  return d.peek() == "global" ? decodeStore(d, Reduction::None) : decodeLoad(d);
}

absl::Status decodeReduce(Decoder &d) {
  dimensions(d);
  d.out.instructionClass = InstructionClass::Async;
  return decodeStore(d, Reduction::Add);
}

absl::Status decodePrefetch(Decoder &d) {
  dimensions(d);
  d.oneOf({"L2"});
  d.oneOf({"global"});
  tileMode(d);
  const bool policy = d.accept("L2::cache_hint");
  d.expectOperands(policy ? 2 : 1);
  d.appendAbsent();
  const ParsedOperand &tensor = tensorOperand(d, 0);
  coordinates(d, tensor);
  if (policy)
    d.source(1, Type::B64);
  d.out.instructionClass = InstructionClass::Async;
  d.out.handler = prefetch;
  return absl::OkStatus();
}

} // namespace

void addTmaTensorInstructions(InstructionTable &table) {
  table.add("cp.async.bulk.tensor", decodeTensor);
  table.add("cp.reduce.async.bulk.tensor", decodeReduce);
  table.add("cp.async.bulk.prefetch.tensor", decodePrefetch);
}

} // namespace qvlsim
