#include "Exec/Warp.h"

#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Exec/LaunchState.h"
#include "Memory/AddressSpaces.h"
#include "Module/SpecialRegisters.h"
#include "Parse/Limits.h"
#include "absl/strings/str_format.h"

#include <algorithm>

namespace qvlsim {
namespace {

constexpr std::size_t kAlign = 64;
constexpr int kPoison = 0xFF; // NaN in every floating format

std::byte *aligned(std::byte *p) {
  return reinterpret_cast<std::byte *>((reinterpret_cast<std::uintptr_t>(p) + kAlign - 1) &
                                       ~(kAlign - 1));
}

std::string oneLine(std::string_view text) {
  std::string result;
  for (char c : text)
    if (c == '\n' || c == '\r' || c == '\t' || c == ' ') {
      if (!result.empty() && result.back() != ' ')
        result += ' ';
    } else {
      result += c;
    }
  if (result.size() > 200)
    result = result.substr(0, 197) + "...";
  return result;
}

} // namespace

Cluster &Warp::cluster() const { return *cta_->cluster; }
const LaunchState &Warp::launch() const { return cta_->cluster->launch(); }
AccessObserver *Warp::observer() const { return cta_->cluster->launch().observer.get(); }

LaneMask Warp::predicate(const Operand &o) const {
  LaneMask value;
  std::memcpy(&value, lanes(o), sizeof(value));
  return o.negated ? ~value : value;
}

void Warp::setPredicate(const Operand &o, LaneMask mask, LaneMask value) const {
  if (!o.exists())
    return;
  LaneMask old;
  std::memcpy(&old, lanes(o), sizeof(old));
  old = (old & ~mask) | (value & mask);
  std::memcpy(lanes(o), &old, sizeof(old));
}

Dim3 Warp::threadIndex(unsigned lane) const {
  const Dim3 &block = launch().options.block;
  std::uint32_t t = index_ * kWarpSize + lane;
  return {t % block.x, t / block.x % block.y, t / block.x / block.y};
}

Step Warp::fail(const Instruction &i, FaultKind kind, unsigned lane, std::string_view detail) {
  Fault fault;
  fault.kind = kind;
  fault.file = launch().program->fileName;
  fault.line = static_cast<int>(i.line);
  fault.instruction = oneLine(i.text);
  fault.block = cta_->block;
  fault.thread = threadIndex(lane);
  fault.detail = std::string(detail);
  cta_->cluster->launch().report(std::move(fault));
  return Step::Fault;
}

void Warp::start(Cta &cta, unsigned index, LaneMask threads) {
  cta_ = &cta;
  index_ = index;
  threads_ = live_ = threads;
  banks[static_cast<unsigned>(Bank::Launch)] = launch().bank;
  fillWarpBank();
  makeFrame(*launch().kernel, 0, 0);
  stack.push_back({0, kNoReconvergence, threads, 0});
  selectFrame();
}

void Warp::fillWarpBank() {
  const detail::Program &program = *launch().program;
  warpStorage_ = std::make_unique<std::byte[]>(program.warpPoolBytes + kAlign);
  std::size_t units = program.warpPoolBytes / kLaneUnit + 1;
  warpWritten_ = std::make_unique<LaneMask[]>(units);
  std::fill_n(warpWritten_.get(), units, kAllLanes);
  LaneBank &bank = banks[static_cast<unsigned>(Bank::Warp)];
  bank = {aligned(warpStorage_.get()), warpWritten_.get()};
  const auto &offsets = launch().kernel->sharedOffsets;
  for (const PoolValue &value : program.warpPool) {
    LaneMask predicate = 0;
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      std::uint64_t v = value.kind == PoolValue::Kind::WarpSpecial
                            ? laneSpecial(*this, lane, value.special)
                            : (std::uint64_t{cta_->rank} << kSharedRankShift) +
                                  offsets[value.index] + value.value;
      if (value.wide)
        reinterpret_cast<std::uint64_t *>(bank.data + value.offset)[lane] = v;
      else
        reinterpret_cast<std::uint32_t *>(bank.data + value.offset)[lane] =
            static_cast<std::uint32_t>(v);
      predicate |= static_cast<LaneMask>(v & 1) << lane;
    }
    if (value.predicate)
      std::memcpy(bank.data + value.offset, &predicate, sizeof(predicate));
  }
}

void Warp::makeFrame(const Function &function, std::uint32_t caller, std::uint32_t callSite) {
  Frame frame;
  frame.function = &function;
  frame.caller = caller;
  frame.callSite = callSite;
  frame.storage = std::make_unique_for_overwrite<std::byte[]>(function.registerBytes + kAlign);
  std::memset(frame.storage.get(), kPoison, function.registerBytes + kAlign);
  frame.written = std::make_unique<LaneMask[]>(function.registerBytes / kLaneUnit + 1);
  frame.bank = {aligned(frame.storage.get()), frame.written.get()};
  if (!frames.empty()) {
    const Frame &below = frames.back();
    frame.localBase = (below.localBase + below.localBytes + 31) / 16 * 16; // a gap between frames
  } else {
    frame.localBase = kLocalStart;
  }
  frame.localBase = (frame.localBase + 15) / 16 * 16;
  frame.localBytes = function.localBytes;
  std::size_t local = std::size_t{function.localBytes} * kWarpSize;
  if (local > 0) {
    frame.local = std::make_unique_for_overwrite<std::byte[]>(local);
    std::memset(frame.local.get(), kPoison, local);
    frame.localInitialised = std::make_unique<std::uint8_t[]>(local);
  }
  for (const Function::LocalAddress &address : function.localAddresses) {
    std::uint32_t value = frame.localBase + address.offset;
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      if (address.reg.kind == Operand::Kind::Value64)
        reinterpret_cast<std::uint64_t *>(frame.bank.data + address.reg.offset)[lane] = value;
      else
        reinterpret_cast<std::uint32_t *>(frame.bank.data + address.reg.offset)[lane] = value;
    frame.written[address.reg.offset / kLaneUnit] = kAllLanes;
  }
  frames.push_back(std::move(frame));
}

bool Warp::pushFrame(const Instruction &i, const Function &function, std::uint32_t caller,
                     std::uint32_t callSite) {
  unsigned lane = static_cast<unsigned>(std::countr_zero(active()));
  if (frames.size() >= kMaxCallDepth) {
    fail(i, FaultKind::CallDepth, lane,
         absl::StrFormat("calls nested deeper than %d", kMaxCallDepth));
    return false;
  }
  if (frames.back().localBase + std::uint64_t{frames.back().localBytes} + function.localBytes >
      kMaxLocalBytes) {
    fail(i, FaultKind::LocalMemory, lane,
         absl::StrFormat("the call needs more than %d bytes of local memory", kMaxLocalBytes));
    return false;
  }
  makeFrame(function, caller, callSite);
  return true;
}

void Warp::selectFrame() {
  if (!stack.empty())
    banks[static_cast<unsigned>(Bank::Frame)] = frames[stack.back().frame].bank;
}

void Warp::exitLanes(LaneMask mask) {
  live_ &= ~mask;
  for (StackEntry &entry : stack)
    entry.mask &= ~mask;
}

void Warp::settle() {
  while (!stack.empty() &&
         (stack.back().mask == 0 || stack.back().pc == stack.back().reconvergence)) {
    std::uint32_t frame = stack.back().frame;
    stack.pop_back();
    // Frames above that of the new top have returned.
    std::uint32_t keep = 0;
    for (const StackEntry &entry : stack)
      keep = std::max(keep, entry.frame + 1);
    if (frame + 1 > keep)
      frames.resize(std::max<std::size_t>(keep, 1));
  }
  if (stack.empty())
    state = State::Done;
  else
    selectFrame();
}

Frame *Warp::localFrame(std::uint64_t address, std::uint64_t bytes, std::uint32_t &offset) {
  for (Frame &frame : frames)
    if (address >= frame.localBase && address - frame.localBase < frame.localBytes) {
      offset = static_cast<std::uint32_t>(address - frame.localBase);
      return offset + bytes <= frame.localBytes ? &frame : nullptr;
    }
  return nullptr;
}

} // namespace qvlsim
