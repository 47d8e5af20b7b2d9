// The happens-before model of one cluster: shadow memory, clocks of its warps, what orders them.
#pragma once

#include "Memory/AccessObserver.h"
#include "Races/GlobalShadow.h"
#include "Races/LaneSegments.h"
#include "Races/WarpClocks.h"

#include "absl/container/flat_hash_map.h"

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace qvlsim::races {

/// Threads at an instruction: the warp (rank of its CTA times warps a CTA, plus its number), lanes,
/// those of the warp that have not exited, and the line of the instruction.
struct Site {
  unsigned warp;
  LaneMask lanes, live;
  std::uint32_t line;
};

/// How an instruction touches memory.
struct AccessMode {
  bool global = false;
  Deed deed = Deed::Read;
  Strength strength = Strength::Weak;
  bool asyncProxy = false;
  const Completion *completion = nullptr; // by an operation of site.lanes, told at its issue
};

/// What the model reports: two accesses that nothing orders, or a fence that is missing.
struct Race {
  enum class Kind {
    DataRace,          // two unordered accesses, at least one of them a write
    MissingProxyFence, // the async proxy touches what generic accesses wrote, without a proxy fence
    UnorderedInit,     // an mbarrier is used by a thread that need not see its init
    UnpublishedInit,   // the same of the async proxy
  };
  Kind kind = Kind::DataRace;
  bool global = false;
  std::uint64_t address = 0; // as in WarpAccess
  Access mine, other;
};

/// FastTrack with epochs (Flanagan and Freund, PLDI 2009) over warps, asynchronous engines and
/// mbarriers. Events come in the order in which the simulator executes them; asynchronous
/// operations are reported when they are issued, with the epoch of what will complete them, so that
/// the moment at which they take effect hides no race.
///
/// Members that return bool return false when the event is a race: race() then describes it.
class ClusterModel {
public:
  /// `tag`: the linear id of the cluster plus one. `sharedBytes` is the size of each CTA's shared
  /// memory. `global` outlives the model.
  ClusterModel(GlobalShadow &global, std::uint32_t tag, unsigned ctas, unsigned warpsPerCta,
               std::uint32_t sharedBytes);

  // --- memory ----------------------------------------------------------------------------------
  /// Lane L of site.lanes touches `bytes` bytes at addresses[L].
  bool access(const Site &site, const AccessMode &mode, const LaneSegments &segments);
  /// All of site.lanes touch the whole range.
  bool accessRange(const Site &site, const AccessMode &mode, std::uint64_t address,
                   std::uint64_t bytes);

  // --- asynchronous operations -----------------------------------------------------------------
  /// A new operation of a group; its number, from 1 on.
  Clock issue(unsigned warp, AsyncGroup group);
  /// The lanes have waited for operation `number` of the group, and for those before it.
  void waited(const Site &site, AsyncGroup group, Clock number, bool onlyReads);
  /// The mbarrier hears of the lanes' copies up to `number`.
  bool copiesArrive(const Site &site, std::uint64_t mbarrier, Clock number);
  /// A copy towards the mbarrier; false: the init of the mbarrier is not published.
  bool issueTowards(const Site &site, std::uint64_t mbarrier);
  /// The oldest copy towards the mbarrier that is in flight completes.
  void completeTowards(std::uint64_t mbarrier);

  // --- strong accesses that may synchronise, told before the simulator performs them -----------
  void release(const Site &site, bool global, std::uint64_t address, Strength scope,
               bool isRelease);
  void acquire(const Site &site, bool global, std::uint64_t address, Strength scope,
               bool isAcquire);
  /// Takes over what strong reads of the warp have read; before any other event of the warp.
  void settle(unsigned warp) {
    if (!warps_[warp].deferred.empty())
      settleReads(warp);
  }
  /// fence.acq_rel, fence.sc, membar.
  void fence(const Site &site, Strength scope);

  void fenceProxyAsync(const Site &s) { warps_[s.warp].clocks.fenceProxy(s.lanes, s.live); }
  void fenceMbarrierInit(const Site &s) { warps_[s.warp].clocks.fenceInits(s.lanes, s.live); }

  // --- barriers --------------------------------------------------------------------------------
  /// bar.warp.sync.
  void warpSync(const Site &s) { warps_[s.warp].clocks.synchronise(s.lanes, s.live); }
  /// A warp arrives at, or leaves, use `generation` of the CTA's barrier `id`.
  void barrierArrive(const Site &site, unsigned id, std::uint64_t generation);
  void barrierLeave(const Site &site, unsigned id);
  /// barrier.cluster, its use `generation`.
  void clusterArrive(const Site &site, bool release, std::uint64_t generation);
  void clusterWait(const Site &site, std::uint64_t generation);

  // --- mbarriers -------------------------------------------------------------------------------
  bool mbarrierInit(const Site &site, std::uint64_t address);
  void mbarrierInvalidate(std::uint64_t address) { mbarriers_.erase(address); }
  /// An arrival, or another operation that counts; `release` is false for relaxed ones.
  bool mbarrierArrive(const Site &site, std::uint64_t address, bool release);
  void mbarrierPhaseEnd(std::uint64_t address);
  /// A wait that found the phase ended.
  bool mbarrierWait(const Site &site, std::uint64_t address, bool acquire);

  /// The CTA's warps have exited. Gives an access of its shared memory from outside, by a warp of
  /// another CTA or a copy towards an mbarrier, that no thread of the CTA knows to have happened
  /// before its exit.
  std::optional<Access> outliving(unsigned cta);

  const Race &race() const { return found_; }
  std::uint32_t tag() const { return tag_; }
  /// The warp that an actor is or works for; nullopt: one that works towards an mbarrier.
  std::optional<unsigned> warpOf(Actor actor) const;
  /// Whether both are warps of one CTA.
  bool sameCta(Actor a, Actor b) const {
    return a < warps_.size() && b < warps_.size() && a / ctaWarps_ == b / ctaWarps_;
  }

private:
  struct DeferredRead {
    LaneMask lanes;
    bool global;
    std::uint64_t address;
    Strength scope;
    bool isAcquire;
  };
  struct Fence { // the last one of a warp: what later strong writes of its lanes release
    std::shared_ptr<const ForeignClocks> clock;
    LaneMask lanes = 0;
    Clock own = 0;
    Strength scope = Strength::Weak;
  };
  struct WarpState {
    WarpClocks clocks;
    Fence fence;
    /// What strong reads have read, and a later fence acquires.
    std::shared_ptr<const ForeignClocks> observed;
    LaneMask observers = 0;
    /// Strong reads whose value the simulator has not read yet when it tells of them: what they
    /// acquire is looked up at the warp's next event, so that it is not older than the value.
    std::vector<DeferredRead> deferred;
    LaneMask live = 0;                             // at the last of them
    std::array<std::uint64_t, 16> generation = {}; // of the barriers it has arrived at
  };
  /// What the arrivals of one use of a barrier hand on.
  struct Gathering {
    std::uint64_t generation = ~std::uint64_t{0};
    VectorClock clock;
    VectorClock &of(std::uint64_t use) {
      if (generation != use)
        clock = {};
      generation = use;
      return clock;
    }
  };
  struct Mbarrier {
    Access init;           // tag 0: none
    Actor engine = 0;      // of the copies that complete on it
    VectorClock gathering; // joined over the arrivals of this and earlier phases
    VectorClock released;  // what a wait on a phase that has ended acquires
  };
  struct Visit; // one event on its way through the cells
  enum class Outcome { Fine, Raced, TooCoarse };

  Actor engineOf(unsigned warp, AsyncGroup group, bool writes) const;
  Mbarrier &mbarrier(std::uint64_t address);
  bool initOrdered(const Site &site, std::uint64_t address, const Mbarrier &barrier);
  std::uint64_t instanceOf(unsigned warp, Strength scope) const;
  void settleReads(unsigned warp);

  Access recorded(const Site &site, const AccessMode &mode) const;
  ShadowPage &globalPage(std::uint64_t address);
  ShadowLine &sharedLine(std::uint64_t address);
  bool walk(Visit &visit, std::uint64_t address, std::uint64_t bytes);
  template <typename LineOf>
  bool visitLines(Visit &visit, std::uint64_t address, std::uint64_t bytes, LineOf lineOf);
  static void setLanes(Visit &visit, unsigned firstLane, unsigned shift);
  bool visitLine(Visit &visit, ShadowLine &line, std::uint64_t address, std::uint32_t bytes);
  Outcome visitCell(Visit &visit, ShadowCell &cell, unsigned shift);
  Outcome readCell(Visit &visit, ShadowCell &cell, unsigned shift);
  Outcome writeCell(Visit &visit, ShadowCell &cell, unsigned shift);
  static bool takesPlace(Access &earlier, const Access &mine);
  void rememberRead(const Visit &visit, ShadowCell &cell);
  static bool touchesPrivately(const Access &access);
  bool ordered(const Visit &visit, const Access &earlier) const;
  bool excused(const Visit &visit, const Access &earlier) const;
  Outcome checkOrder(Visit &visit, const Access &earlier, unsigned shift);
  Outcome checkWrite(Visit &visit, const Access &write, unsigned shift);
  bool fromOutside(unsigned cta, const Access &access) const;
  Outcome report(const Visit &visit, Race::Kind kind, const Access &other);

  GlobalShadow &global_;
  std::uint32_t tag_;
  unsigned ctaWarps_;
  std::uint64_t linesPerCta_;
  std::vector<WarpState> warps_;
  std::vector<Clock> issued_, completed_;          // operations of each engine, by actor
  std::vector<std::array<Gathering, 4>> barriers_; // by CTA and id, then by generation
  std::array<Gathering, 2> clusterBarrier_;        // by generation
  absl::flat_hash_map<std::uint64_t, Mbarrier> mbarriers_;
  absl::flat_hash_map<std::uint64_t, Actor> engines_; // of mbarriers, which keep them
  SyncLocations sharedLocations_;
  std::vector<std::unique_ptr<ShadowLine[]>> sharedLines_; // by CTA; made on first use
  CellPool sharedPool_{1024};
  ReaderLists readers_; // of shared memory
  struct CachedPage {
    std::uint64_t number = ~std::uint64_t{0};
    ShadowPage *page = nullptr;
  };
  std::array<CachedPage, 64> cachedPages_; // direct-mapped
  Race found_;
};

} // namespace qvlsim::races
