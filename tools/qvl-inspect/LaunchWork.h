// What the launches of a program move and compute for given sizes.
#pragma once

#include "absl/status/statusor.h"
#include "qvlfmt/artifact_generated.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qvlinspect {

/// One request, as the programs see it: a prompt with at most one picture, then one token more.
struct Workload {
  std::int64_t promptTokens = 1024;                       // the picture's included
  std::int64_t pictureHeight = 1092, pictureWidth = 1092; // pixels
  std::int64_t contextTokens = 2048;                      // in the cache when the token is decoded
};

/// The cost of one launch.
struct LaunchWork {
  std::uint32_t kernel = 0;
  std::int64_t blocks = 0;
  double bytes = 0; // read and written once each; what a block reads again is taken to be cached
  double flops = 0; // of projections and attention; the rest is bound by its bytes
};

/// The launches of a program in order. An argument that this function does not know counts with
/// size
/// 1. Errors: those of the size arithmetic.
absl::StatusOr<std::vector<LaunchWork>> launchWork(const qvlfmt::Artifact &artifact,
                                                   const qvlfmt::Target &target,
                                                   const qvlfmt::Program &program,
                                                   const Workload &workload);

/// "fused_linear" of "fused_linear_384x128_1": kernels of one kind.
std::string familyOf(std::string_view kernel);

} // namespace qvlinspect
