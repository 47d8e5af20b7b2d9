// A warp: registers, SIMT stack, call frames.
#pragma once

#include "Exec/PendingOperations.h"
#include "Module/Instruction.h"
#include "qvlsim/Fault.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qvlsim {

class Cta;
class Warp;
class Cluster;
class AccessObserver;
struct LaunchState;
struct Function;

/// Aligned storage of lanes and, for each kLaneUnit bytes, the mask of lanes that hold a value.
struct LaneBank {
  std::byte *data = nullptr;
  LaneMask *written = nullptr;
};

/// Memory of one call frame: its registers, and per-lane local memory (local variables, parameters
/// of calls).
struct Frame {
  const Function *function = nullptr;
  std::unique_ptr<std::byte[]> storage; // registers; aligned start in bank.data
  std::unique_ptr<LaneMask[]> written;
  LaneBank bank;
  std::uint32_t localBase = 0;        // .local address of the frame's first byte
  std::uint32_t localBytes = 0;       // of one lane
  std::unique_ptr<std::byte[]> local; // [lane][localBytes]
  std::unique_ptr<std::uint8_t[]> localInitialised;
  std::uint32_t caller = 0;   // frame index of the caller
  std::uint32_t callSite = 0; // index into the caller's Function::callSites
};

/// A set of lanes with a common program counter. The top of the stack runs; entries below wait for
/// it to reach its reconvergence point, which is then their program counter.
struct StackEntry {
  std::uint32_t pc = 0;
  std::uint32_t reconvergence = 0; // the entry ends when pc gets there; kNoReconvergence: by ret
  LaneMask mask = 0;
  std::uint32_t frame = 0; // index into Warp::frames
};
inline constexpr std::uint32_t kNoReconvergence = 0xFFFFFFFFu;

/// What a warp waits for, as the report of a deadlock tells it.
struct WarpWait {
  const Instruction *at = nullptr;
  /// Names the object and what it lacks; null: only the instruction is known.
  std::string (*describe)(const Warp &) = nullptr;
  std::uint64_t object = 0; // of `describe`: number of a barrier, address of an mbarrier
};

class Warp {
public:
  Cta &cta() const { return *cta_; }
  Cluster &cluster() const;
  const LaunchState &launch() const;
  /// Null with races off.
  AccessObserver *observer() const;
  /// Number of the warp in its CTA: threads 32 * index() ... + 31.
  unsigned index() const { return index_; }
  /// Lanes with a thread.
  LaneMask threads() const { return threads_; }
  /// Lanes that have not exited.
  LaneMask live() const { return live_; }
  /// Lanes that the top of the stack runs: those that a collective may name.
  LaneMask active() const { return stack.empty() ? 0 : stack.back().mask; }

  // --- operands; Exec/Lanes.h has typed access
  // ----------------------------------------------------
  std::byte *lanes(const Operand &o) const {
    return banks[static_cast<unsigned>(o.bank)].data + o.offset;
  }
  LaneMask &written(const Operand &o) const {
    return banks[static_cast<unsigned>(o.bank)].written[o.offset / kLaneUnit];
  }
  /// Bit L: predicate operand of lane L, its negation applied.
  LaneMask predicate(const Operand &o) const;
  void setPredicate(const Operand &o, LaneMask mask, LaneMask value) const;

  // --- faults
  // -------------------------------------------------------------------------------------
  /// Records the launch's fault at instruction `i` for `lane`; the launch stops. Returns
  /// Step::Fault.
  Step fail(const Instruction &i, FaultKind kind, unsigned lane, std::string_view detail);
  /// %tid of a lane.
  Dim3 threadIndex(unsigned lane) const;

  /// State of a family, or null; `extension<T>(slot)` makes it when it is not there.
  Extension *find(ExtensionSlot slot) const {
    return extensions[static_cast<unsigned>(slot)].get();
  }
  template <typename T> T &extension(ExtensionSlot slot) {
    auto &held = extensions[static_cast<unsigned>(slot)];
    if (!held)
      held = std::make_unique<T>();
    return static_cast<T &>(*held);
  }

  // --- for the interpreter and control flow
  // --------------------------------------------------------
  enum class State : std::uint8_t { Ready, Waiting, Yielded, Done };
  State state = State::Ready;
  std::uint64_t waitEpoch = 0; // Cluster::epoch() when it began to wait
  LaneBank banks[3];           // current frame, launch, warp
  std::vector<StackEntry> stack;
  std::vector<Frame> frames;
  std::array<std::unique_ptr<Extension>, static_cast<unsigned>(ExtensionSlot::Count)> extensions;
  LaneMask carry = 0; // the condition code of add.cc and its relatives
  WarpWait wait;

  void start(Cta &cta, unsigned index, LaneMask threads);
  /// Makes the frame of the top of the stack current.
  void selectFrame();
  /// Lanes leave the kernel.
  void exitLanes(LaneMask mask);
  /// Pops entries that have reached their reconvergence point or have no lanes.
  void settle();
  /// A new frame for `function`, called by lanes of frame `caller`; false after fail().
  bool pushFrame(const Instruction &i, const Function &function, std::uint32_t caller,
                 std::uint32_t callSite);
  /// The frame and offset in it of a .local address; null when there is none of `bytes` bytes.
  Frame *localFrame(std::uint64_t address, std::uint64_t bytes, std::uint32_t &offset);

private:
  void makeFrame(const Function &function, std::uint32_t caller, std::uint32_t callSite);
  void fillWarpBank();

  Cta *cta_ = nullptr;
  unsigned index_ = 0;
  LaneMask threads_ = 0, live_ = 0;
  std::unique_ptr<std::byte[]> warpStorage_;
  std::unique_ptr<LaneMask[]> warpWritten_;
};

} // namespace qvlsim
