// Tells the happens-before model what the interpreter does, and faults what the model finds.
#pragma once

#include "Memory/AccessObserver.h"
#include "Races/GlobalShadow.h"

#include <bit>

namespace qvlsim {

namespace races {
class ClusterModel;
struct Race;
struct RegisterFault;
struct Site;

/// The observer of one launch.
class RaceObserver : public AccessObserver {
public:
  bool access(Warp &, const Instruction &, const WarpAccess &) override;
  bool bulkAccess(Warp &, const Instruction &, const BulkAccess &) override;

  bool barrierArrive(Warp &, const Instruction &, LaneMask, unsigned id) override;
  bool barrierLeave(Warp &, const Instruction &, LaneMask, unsigned id) override;
  bool warpSync(Warp &, const Instruction &, LaneMask) override;
  bool clusterArrive(Warp &, const Instruction &, LaneMask, Ordering,
                     std::uint64_t generation) override;
  bool clusterWait(Warp &, const Instruction &, LaneMask, std::uint64_t generation) override;

  bool fence(Warp &, const Instruction &, LaneMask, Ordering, Scope) override;
  bool proxyFence(Warp &, const Instruction &, LaneMask, Proxy from, Proxy to, Scope) override;
  bool mbarrierInitFence(Warp &, const Instruction &, LaneMask) override;
  bool matrixFence(Warp &, const Instruction &, LaneMask) override;
  bool matrixIssue(Warp &, const Instruction &, std::uint64_t operation) override;
  bool matrixRegisterAccess(Warp &, const Instruction &, LaneMask) override;

  bool mbarrierInit(Warp &, const Instruction &, LaneMask, std::uint64_t address) override;
  bool mbarrierInvalidate(Warp &, const Instruction &, LaneMask, std::uint64_t address) override;
  bool mbarrierArrive(Warp &, const Instruction &, LaneMask, std::uint64_t address, Ordering,
                      Scope) override;
  bool mbarrierWait(Warp &, const Instruction &, LaneMask, std::uint64_t address, Ordering,
                    Scope) override;
  void mbarrierPhaseEnd(Cluster &, std::uint64_t address) override;

  std::uint64_t asyncIssue(Warp &, const Instruction &, LaneMask, AsyncGroup) override;
  bool asyncWait(Warp &, const Instruction &, LaneMask, AsyncGroup, std::uint64_t operation,
                 bool onlyReads) override;
  bool asyncArrive(Warp &, const Instruction &, LaneMask, std::uint64_t mbarrier,
                   std::uint64_t operation) override;
  bool asyncIssueTowards(Warp &, const Instruction &, LaneMask, std::uint64_t mbarrier) override;
  void asyncCompleteTowards(Cluster &, std::uint64_t mbarrier) override;

  bool ctaEnd(Cta &) override;
  void clusterBegin(Cluster &) override;

private:
  /// Reports the model's race() when `ok` is false.
  bool checked(Warp &, const Instruction &, bool ok);
  static void synchronise(ClusterModel &, const WarpAccess &, Site);

  GlobalShadow global_;
};

/// Faults a broken rule of wgmma. Returns false.
bool reportRegisters(Warp &, const Instruction &, const RegisterFault &);
/// Faults `race`, which the instruction of the warp has run into. Returns false.
bool reportRace(Warp &, const Instruction &, const ClusterModel &, const Race &);
/// The same for an access of the CTA's shared memory that may come after the CTA's end.
bool reportOutliving(Cta &, const ClusterModel &, const Access &);

} // namespace races
} // namespace qvlsim
