#include "Module/SpecialRegisters.h"

#include "Exec/Cluster.h"
#include "Exec/LaunchState.h"

namespace qvlsim {
namespace {

enum Id : std::uint16_t {
  TidX,
  TidY,
  TidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  Laneid,
  Warpid,
  LaneEq,
  LaneLe,
  LaneLt,
  LaneGe,
  LaneGt,
  ClusteridX,
  ClusteridY,
  ClusteridZ,
  ClusterCtaidX,
  ClusterCtaidY,
  ClusterCtaidZ,
  ClusterCtarank,
  Smid,
  NtidX,
  NtidY,
  NtidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  Nwarpid,
  Nsmid,
  Gridid,
  NclusteridX,
  NclusteridY,
  NclusteridZ,
  ClusterNctaidX,
  ClusterNctaidY,
  ClusterNctaidZ,
  ClusterNctarank,
  IsExplicitCluster,
  TotalSmem,
  AggrSmem,
  DynamicSmem,
  WarpSize,
  Zero,
  Clock,
  ClockHi,
  Clock64,
  GlobalTimer,
  GlobalTimerLo,
  GlobalTimerHi,
};

struct Row {
  std::string_view name;
  Id id;
};
constexpr Row kRows[] = {
    {"%tid.x", TidX},
    {"%tid.y", TidY},
    {"%tid.z", TidZ},
    {"%ctaid.x", CtaidX},
    {"%ctaid.y", CtaidY},
    {"%ctaid.z", CtaidZ},
    {"%laneid", Laneid},
    {"%warpid", Warpid},
    {"%lanemask_eq", LaneEq},
    {"%lanemask_le", LaneLe},
    {"%lanemask_lt", LaneLt},
    {"%lanemask_ge", LaneGe},
    {"%lanemask_gt", LaneGt},
    {"%clusterid.x", ClusteridX},
    {"%clusterid.y", ClusteridY},
    {"%clusterid.z", ClusteridZ},
    {"%cluster_ctaid.x", ClusterCtaidX},
    {"%cluster_ctaid.y", ClusterCtaidY},
    {"%cluster_ctaid.z", ClusterCtaidZ},
    {"%cluster_ctarank", ClusterCtarank},
    {"%smid", Smid},
    {"%ntid.x", NtidX},
    {"%ntid.y", NtidY},
    {"%ntid.z", NtidZ},
    {"%nctaid.x", NctaidX},
    {"%nctaid.y", NctaidY},
    {"%nctaid.z", NctaidZ},
    {"%nwarpid", Nwarpid},
    {"%nsmid", Nsmid},
    {"%gridid", Gridid},
    {"%nclusterid.x", NclusteridX},
    {"%nclusterid.y", NclusteridY},
    {"%nclusterid.z", NclusteridZ},
    {"%cluster_nctaid.x", ClusterNctaidX},
    {"%cluster_nctaid.y", ClusterNctaidY},
    {"%cluster_nctaid.z", ClusterNctaidZ},
    {"%cluster_nctarank", ClusterNctarank},
    {"%is_explicit_cluster", IsExplicitCluster},
    {"%total_smem_size", TotalSmem},
    {"%aggr_smem_size", AggrSmem},
    {"%dynamic_smem_size", DynamicSmem},
    {"WARP_SZ", WarpSize},
    {"%clock", Clock},
    {"%clock_hi", ClockHi},
    {"%clock64", Clock64},
    {"%globaltimer", GlobalTimer},
    {"%globaltimer_lo", GlobalTimerLo},
    {"%globaltimer_hi", GlobalTimerHi},
};

std::uint32_t component(const Dim3 &d, unsigned which) {
  return which == 0 ? d.x : which == 1 ? d.y : d.z;
}

} // namespace

std::optional<SpecialRegister> findSpecialRegister(std::string_view name) {
  for (const Row &row : kRows)
    if (row.name == name)
      return SpecialRegister{.id = row.id,
                             .perWarp = row.id <= Smid,
                             .wide = row.id == Gridid || row.id == Clock64 || row.id == GlobalTimer,
                             .predicate = row.id == IsExplicitCluster,
                             .changes = row.id >= Clock};
  if (name.substr(0, 7) == "%envreg")
    return SpecialRegister{.id = Zero};
  return std::nullopt;
}

std::uint64_t gridSpecial(const LaunchState &launch, std::uint16_t id) {
  const LaunchOptions &o = launch.options;
  const Dim3 c = launch.cluster;
  const Dim3 clusters{o.grid.x / c.x, o.grid.y / c.y, o.grid.z / c.z};
  if (id >= NtidX && id <= NtidZ)
    return component(o.block, id - NtidX);
  if (id >= NctaidX && id <= NctaidZ)
    return component(o.grid, id - NctaidX);
  if (id >= NclusteridX && id <= NclusteridZ)
    return component(clusters, id - NclusteridX);
  if (id >= ClusterNctaidX && id <= ClusterNctaidZ)
    return component(c, id - ClusterNctaidX);
  switch (id) {
  case Nwarpid:
    return 64;
  case Nsmid:
    return 132;
  case Gridid:
    return 1;
  case ClusterNctarank:
    return c.volume();
  case IsExplicitCluster:
    return c.volume() > 1 || launch.options.cluster.volume() > 0;
  case TotalSmem:
  case AggrSmem:
    return launch.sharedBytes;
  case DynamicSmem:
    return o.dynamicSharedBytes;
  case WarpSize:
    return kWarpSize;
  default:
    return 0;
  }
}

std::uint64_t laneSpecial(const Warp &warp, unsigned lane, std::uint16_t id) {
  const Cta &cta = warp.cta();
  const Dim3 c = warp.launch().cluster;
  const std::uint32_t bit = 1U << lane;
  if (id <= TidZ)
    return component(warp.threadIndex(lane), id - TidX);
  if (id <= CtaidZ)
    return component(cta.block, id - CtaidX);
  if (id >= ClusteridX && id <= ClusteridZ)
    return component({cta.block.x / c.x, cta.block.y / c.y, cta.block.z / c.z}, id - ClusteridX);
  if (id >= ClusterCtaidX && id <= ClusterCtaidZ)
    return component({cta.block.x % c.x, cta.block.y % c.y, cta.block.z % c.z}, id - ClusterCtaidX);
  switch (id) {
  case Laneid:
    return lane;
  case Warpid:
    return warp.index();
  case LaneEq:
    return bit;
  case LaneLe:
    return bit | (bit - 1);
  case LaneLt:
    return bit - 1;
  case LaneGe:
    return ~(bit - 1);
  case LaneGt:
    return ~(bit | (bit - 1));
  case ClusterCtarank:
    return cta.rank;
  case Smid:
    return warp.cluster().index() % 132;
  default:
    return 0;
  }
}

std::uint64_t changingSpecial(const Warp &warp, std::uint16_t id) {
  std::uint64_t clock = warp.cluster().counts.warpInstructions;
  switch (id) {
  case Clock:
    return static_cast<std::uint32_t>(clock);
  case ClockHi:
  case GlobalTimerHi:
    return clock >> 32;
  case GlobalTimerLo:
    return static_cast<std::uint32_t>(clock);
  default:
    return clock;
  }
}

} // namespace qvlsim
