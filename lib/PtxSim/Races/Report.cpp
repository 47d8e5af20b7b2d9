// The text of a race: both accesses, with their instructions and threads.
#include "Exec/Cluster.h"
#include "Exec/LaunchState.h"
#include "Memory/AddressSpaces.h"
#include "Races/ClusterModel.h"
#include "Races/MatrixRegisters.h"
#include "Races/RaceObserver.h"
#include "absl/strings/str_format.h"

#include <bit>

namespace qvlsim::races {
namespace {

FaultKind faultKind(const ClusterModel &model, const Race &race) {
  switch (race.kind) {
  case Race::Kind::UnorderedInit: // inside a CTA any barrier would do
    return model.sameCta(race.mine.actor, race.other.actor) ? FaultKind::SharedRace
                                                            : FaultKind::MissingFence;
  case Race::Kind::MissingProxyFence:
    return FaultKind::AsyncProxyOrder;
  case Race::Kind::UnpublishedInit:
    return FaultKind::MissingFence;
  default:
    return race.global ? FaultKind::GlobalRace : FaultKind::SharedRace;
  }
}

const char *explanation(const Race &race) {
  switch (race.kind) {
  case Race::Kind::MissingProxyFence:
    return "fence.proxy.async has to stand between a generic access and one of the async proxy";
  case Race::Kind::UnorderedInit:
    return "a barrier, or fence.mbarrier_init and a relaxed cluster barrier, has to order the init "
           "of the mbarrier before this use of it";
  case Race::Kind::UnpublishedInit:
    return "fence.mbarrier_init or fence.proxy.async has to make the init visible to the async "
           "proxy";
  default:
    return "nothing orders the two";
  }
}

const char *verb(Deed deed) {
  return deed == Deed::Read ? "read" : deed == Deed::Write ? "write" : "atomic access";
}

/// The first instruction of a line.
const Instruction *instructionOf(const LaunchState &launch, std::uint32_t line) {
  for (const auto &function : launch.program->functions)
    for (const Instruction &i : function->code)
      if (i.line == line)
        return &i;
  return nullptr;
}
std::string textOf(const LaunchState &launch, std::uint32_t line) {
  const Instruction *i = instructionOf(launch, line);
  return i != nullptr ? std::string(i->text) : "";
}

Dim3 unflatten(std::uint64_t index, const Dim3 &extent) {
  return {static_cast<std::uint32_t>(index % extent.x),
          static_cast<std::uint32_t>(index / extent.x % extent.y),
          static_cast<std::uint32_t>(index / extent.x / extent.y)};
}

std::string triple(const Dim3 &d) { return absl::StrFormat("(%d,%d,%d)", d.x, d.y, d.z); }

/// "block (0,0,0) thread (3,0,0)", as far as the access tells; of several threads, one that is not
/// among `reported` of the same warp.
std::string whose(const LaunchState &launch, const ClusterModel &model, const Access &access,
                  LaneMask reported = 0) {
  const std::uint64_t cluster = access.tag - 1;
  const Dim3 &shape = launch.cluster, &grid = launch.options.grid, &block = launch.options.block;
  const Dim3 clusters{grid.x / shape.x, grid.y / shape.y, grid.z / shape.z};
  const Dim3 at = unflatten(cluster, clusters);
  const std::optional<unsigned> warp = model.warpOf(access.actor);
  const auto warps = static_cast<unsigned>((block.volume() + kWarpSize - 1) / kWarpSize);
  const Dim3 inside = unflatten(warp ? *warp / warps : 0, shape);
  const Dim3 cta{at.x * shape.x + inside.x, at.y * shape.y + inside.y, at.z * shape.z + inside.z};
  if (!warp)
    return absl::StrFormat("a copy of %s %s",
                           shape.volume() == 1 ? "block" : "the cluster of block", triple(cta));
  const LaneMask lanes = access.lanes & ~reported ? access.lanes & ~reported : access.lanes;
  const std::uint64_t thread =
      *warp % warps * kWarpSize + static_cast<unsigned>(std::countr_zero(lanes));
  return absl::StrFormat("%sblock %s thread %s%s",
                         access.actor == *warp ? "" : "an asynchronous operation of ", triple(cta),
                         triple(unflatten(thread, block)),
                         std::has_single_bit(access.lanes) ? "" : " and others of its warp");
}

} // namespace

bool reportRegisters(Warp &warp, const Instruction &i, const RegisterFault &fault) {
  const LaunchState &launch = warp.launch();
  std::string detail = fault.rule;
  if (fault.otherLine != 0)
    detail += absl::StrFormat("; the other instruction is at %s:%d (%s)", launch.program->fileName,
                              fault.otherLine, textOf(launch, fault.otherLine));
  warp.fail(i, fault.kind, 0, detail);
  return false;
}

bool reportRace(Warp &warp, const Instruction &i, const ClusterModel &model, const Race &race) {
  constexpr std::uint64_t kOffset = (std::uint64_t{1} << kSharedRankShift) - 1;
  const LaunchState &launch = warp.launch();
  std::string place = absl::StrFormat("%#x", race.global ? race.address : race.address & kOffset);
  if (!race.global && warp.cluster().ctas.size() > 1)
    place += absl::StrFormat(" of CTA rank %d", race.address >> kSharedRankShift);
  warp.fail(i, faultKind(model, race), static_cast<unsigned>(std::countr_zero(race.mine.lanes)),
            absl::StrFormat("%s at .%s address %s after the %s at %s:%d (%s) by %s: %s",
                            verb(race.mine.deed), race.global ? "global" : "shared", place,
                            verb(race.other.deed), launch.program->fileName, race.other.line,
                            textOf(launch, race.other.line),
                            whose(launch, model, race.other,
                                  race.other.actor == race.mine.actor ? race.mine.lanes : 0),
                            explanation(race)));
  return false;
}

bool reportOutliving(Cta &cta, const ClusterModel &model, const Access &access) {
  Cluster &cluster = *cta.cluster;
  const LaunchState &launch = cluster.launch();
  const Instruction *i = instructionOf(launch, access.line);
  const auto warps = static_cast<unsigned>(cta.warps.size());
  const unsigned actor = model.warpOf(access.actor).value_or(cta.rank * warps);
  cluster.ctas[actor / warps]->warps[actor % warps]->fail(
      i != nullptr ? *i : launch.kernel->code.back(), FaultKind::SharedRace,
      static_cast<unsigned>(std::countr_zero(access.lanes)),
      absl::StrFormat("%s of shared memory of block %s by %s: nothing orders it before the end of "
                      "that block; barrier.cluster behind it would",
                      verb(access.deed), triple(cta.block), whose(launch, model, access)));
  return false;
}

} // namespace qvlsim::races
