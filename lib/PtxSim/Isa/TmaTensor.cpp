// cp.async.bulk.tensor and its relatives in tile mode (PTX ISA 9.0, section 9.7.9.25.5).
#include "Async/BulkTransfer.h"
#include "Async/Reduction.h"
#include "Async/TensorBox.h"
#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Memory/AddressSpaces.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"
#include "absl/strings/str_format.h"

#include <cstring>

namespace qvlsim {
namespace {

/// Everything one lane's copy needs; operands: see kFixedOperands.
struct TensorCopy {
  Warp *warp = nullptr;
  const Instruction *instruction = nullptr;
  unsigned lane = 0;
  TensorMap map = {};
  std::array<std::int32_t, kMaxTensorRank> coordinates{};
  Completion completion = {}; // by which others hear of its end

  bool fail(FaultKind kind, std::string_view detail) const {
    warp->fail(*instruction, kind, lane, detail);
    return false;
  }
  /// The place of 16 bytes of a row in the box's shared memory: the swizzle works on the offset in
  /// the CTA, and stays inside the aligned 128 bytes that the box covers.
  std::byte *chunk(const RangeAccess &shared, std::uint64_t offset) const {
    const std::uint64_t address = shared.address + offset;
    const std::uint64_t place = swizzled(address, static_cast<Swizzle>(map.swizzle));
    return shared.data + offset + static_cast<std::int64_t>(place - address);
  }
  std::uint64_t rowBytes() const { return std::uint64_t{map.box[0]} * map.elementBytes; }
};

bool readMap(TensorCopy &copy, std::uint64_t address) {
  RangeAccess range;
  if (!accessRange(*copy.warp, *copy.instruction, copy.lane, address, kTensorMapBytes, 64,
                   AccessKind::Read, StateSpace::Generic, range))
    return false;
  if (range.space == StateSpace::Shared || range.space == StateSpace::Local)
    return copy.fail(FaultKind::IllegalInstructionUse,
                     "a tensor map lies in global, constant or parameter memory");
  if (!requireInitialised(*copy.warp, *copy.instruction, copy.lane, range, kTensorMapBytes) ||
      !observeBulk(*copy.warp, *copy.instruction, copy.lane, AccessKind::Read, range,
                   kTensorMapBytes, nullptr, Proxy::TensorMap))
    return false;
  const auto map =
      decodeTensorMap(std::span<const std::byte, kTensorMapBytes>(range.data, kTensorMapBytes));
  if (!map.ok())
    return copy.fail(FaultKind::IllegalInstructionUse, std::string(map.status().message()));
  copy.map = *map;
  if (map->rank != copy.instruction->elements)
    return copy.fail(FaultKind::IllegalInstructionUse,
                     absl::StrFormat("the tensor map has rank %d, the instruction %d", map->rank,
                                     copy.instruction->elements));
  return true;
}

/// Fills a row's bytes outside the tensor: zero, or the NaN of the element type.
void fillRow(const TensorMap &map, std::byte *row, std::uint64_t bytes) {
  std::memset(row, 0, bytes);
  if (!map.fillNan)
    return;
  // The canonical NaN of each format, little-endian; f64 has all bits below the sign set as well.
  const std::uint64_t pattern = map.elementBytes == 8   ? 0x7FFFFFFFFFFFFFFFu
                                : map.elementBytes == 4 ? 0x7FFFFFFFu
                                                        : 0x7FFFu;
  for (std::uint64_t b = 0; b < bytes; b += map.elementBytes)
    std::memcpy(row + b, &pattern, map.elementBytes);
}

constexpr std::uint64_t kMaxRowBytes = 256 * 8;

bool loadBox(const TensorCopy &copy, std::span<const RangeAccess> targets) {
  const std::uint64_t bytes = copy.rowBytes();
  return forTensorRows(copy.map, copy.coordinates, [&](const TensorRow &row) {
    alignas(16) std::byte buffer[kMaxRowBytes];
    fillRow(copy.map, buffer, bytes);
    if (row.first < row.last) {
      const std::uint64_t inside = std::uint64_t{row.last - row.first} * copy.map.elementBytes;
      RangeAccess source;
      if (!accessRange(*copy.warp, *copy.instruction, copy.lane, row.address, inside, 1,
                       AccessKind::Read, StateSpace::Global, source) ||
          !requireInitialised(*copy.warp, *copy.instruction, copy.lane, source, inside))
        return false;
      std::memcpy(buffer + std::uint64_t{row.first} * copy.map.elementBytes, source.data, inside);
    }
    for (const RangeAccess &target : targets)
      for (std::uint64_t b = 0; b < bytes; b += 16)
        std::memcpy(copy.chunk(target, row.sharedOffset + b), buffer + b, 16);
    return true;
  });
}

/// Checks the rows in global memory and tells the observer of them, when the copy is issued.
bool observeRows(const TensorCopy &copy, AccessKind kind) {
  return forTensorRows(copy.map, copy.coordinates, [&](const TensorRow &row) {
    if (row.first >= row.last)
      return true;
    const std::uint64_t inside = std::uint64_t{row.last - row.first} * copy.map.elementBytes;
    RangeAccess range;
    return accessRange(*copy.warp, *copy.instruction, copy.lane, row.address, inside, 1, kind,
                       StateSpace::Global, range) &&
           observeBulk(*copy.warp, *copy.instruction, copy.lane, kind, range, inside,
                       &copy.completion);
  });
}

bool resolveShared(const TensorCopy &copy, std::uint64_t address, StateSpace space, AccessKind kind,
                   RangeAccess &range) {
  if (!accessRange(*copy.warp, *copy.instruction, copy.lane, address, copy.map.boxBytes(), 128,
                   kind, space, range))
    return false;
  return range.space == StateSpace::Shared ||
         copy.fail(FaultKind::IllegalInstructionUse, "the address does not lie in shared memory");
}

/// The CTAs of a multicast: the mask's, or only the one that the destination names.
bool multicastRanks(const TensorCopy &copy, const Operand &mask, std::vector<unsigned> &ranks) {
  const auto bits = readLane<std::uint32_t>(*copy.warp, mask, copy.lane) & 0xFFFFu;
  const std::size_t ctas = copy.warp->cluster().ctas.size();
  if (bits == 0 || bits >> ctas)
    return copy.fail(FaultKind::IllegalInstructionUse,
                     absl::StrFormat("multicast mask %#x in a cluster of %d CTAs", bits, ctas));
  for (unsigned rank = 0; rank < ctas; ++rank)
    if (bits >> rank & 1)
      ranks.push_back(rank);
  return true;
}

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
                         if (!loadBox(copy, {&target, 1}))
                           return false;
                         target.markWritten(bytes);
                         return true;
                       });
}

bool loadLane(Warp &warp, const Instruction &i, unsigned lane) {
  TensorCopy copy = beginCopy(warp, i, lane);
  std::uint64_t mbarrier = 0;
  if (!readMap(copy, laneAddress(warp, i.operands[1], lane)) ||
      !resolveMbarrier(warp, i, lane, laneAddress(warp, i.operands[2], lane), i.space, mbarrier))
    return false;
  const std::uint64_t shared = laneAddress(warp, i.operands[0], lane);
  if (i.variant2 == 0)
    return loadTo(copy, shared, mbarrier, i.space);
  RangeAccess own; // normalises the address: the offset is the same in every CTA
  std::vector<unsigned> ranks;
  if (!resolveShared(copy, shared, i.space, AccessKind::Write, own) ||
      !multicastRanks(copy, i.operands[kFixedOperands + i.elements], ranks))
    return false;
  constexpr std::uint64_t kOffset = (std::uint64_t{1} << kSharedRankShift) - 1;
  for (const unsigned rank : ranks) {
    const std::uint64_t base = std::uint64_t{rank} << kSharedRankShift;
    if (!loadTo(copy, base | (own.address & kOffset), base | (mbarrier & kOffset),
                StateSpace::SharedCluster))
      return false;
  }
  return true;
}

Step load(Warp &warp, const Instruction &i, LaneMask mask) {
  for (LaneMask rest = mask; rest; rest &= rest - 1)
    if (!loadLane(warp, i, static_cast<unsigned>(std::countr_zero(rest))))
      return Step::Fault;
  return Step::Next;
}

// --- stores and reductions ----------------------------------------------------------------------

Type reductionType(const TensorMap &map) {
  const bool wide = map.elementBytes == 8;
  switch (map.element) {
  case TensorElement::Half:
    return Type::F16;
  case TensorElement::Bfloat16:
    return Type::BF16;
  case TensorElement::Float:
    return wide ? Type::F64 : Type::F32;
  case TensorElement::Signed:
    return wide ? Type::S64 : Type::S32;
  default:
    return wide ? Type::U64 : Type::U32;
  }
}

void readBox(const TensorCopy &copy, const RangeAccess &source, std::vector<std::byte> &box) {
  box.resize(copy.map.boxBytes());
  for (std::uint64_t b = 0; b < box.size(); b += 16)
    std::memcpy(box.data() + b, copy.chunk(source, b), 16);
}

/// Elements outside the tensor are not written.
bool writeBox(const TensorCopy &copy, const std::vector<std::byte> &box) {
  const auto reduction = static_cast<Reduction>(copy.instruction->variant);
  return forTensorRows(copy.map, copy.coordinates, [&](const TensorRow &row) {
    if (row.first >= row.last)
      return true;
    const std::uint32_t count = row.last - row.first;
    const std::uint64_t inside = std::uint64_t{count} * copy.map.elementBytes;
    const std::byte *source =
        box.data() + row.sharedOffset + std::uint64_t{row.first} * copy.map.elementBytes;
    RangeAccess target;
    if (!accessRange(*copy.warp, *copy.instruction, copy.lane, row.address, inside, 1,
                     reduction == Reduction::None ? AccessKind::Write : AccessKind::Atomic,
                     StateSpace::Global, target))
      return false;
    if (reduction == Reduction::None)
      std::memcpy(target.data, source, inside);
    else if (!requireInitialised(*copy.warp, *copy.instruction, copy.lane, target, inside))
      return false;
    else
      reduceElements(reduction, reductionType(copy.map), target.data, source, count);
    target.markWritten(inside);
    return true;
  });
}

bool storeLane(Warp &warp, const Instruction &i, unsigned lane) {
  TensorCopy copy = beginCopy(warp, i, lane);
  copy.completion.group = AsyncGroup::Bulk;
  auto store = std::make_shared<BulkStore>();
  if (warp.observer())
    store->operation = warp.observer()->asyncIssue(warp, i, 1u << lane, AsyncGroup::Bulk);
  const auto reduction = static_cast<Reduction>(i.variant);
  RangeAccess source;
  if (!readMap(copy, laneAddress(warp, i.operands[1], lane)) ||
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
    if (!readMap(copy, laneAddress(warp, i.operands[1], lane)))
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
