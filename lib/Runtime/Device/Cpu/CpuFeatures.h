// Which feature sets of an artifact this machine runs.
#pragma once

#include "absl/status/statusor.h"
#include "qvlfmt/artifact_generated.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace qvlrt {

/// A set of instruction set extensions, one bit each.
using CpuFeatures = std::uint32_t;

/// The extensions that a feature set's name stands for: a base level ("v3" = x86-64-v3, "v4" =
/// x86-64-v4) and additions
/// ("v4+vnni", "v4+bf16", "v3+avxvnni"). Nothing for a name that this version does not know.
std::optional<CpuFeatures> parseFeatureSet(std::string_view name);

/// What CPUID reports and the operating system saves on a context switch (XCR0).
CpuFeatures machineFeatures();

/// The features to use of a machine that has `machine`: all, or those of `requested`, a comma
/// separated list of feature sets. Error: InvalidArgument for an unknown name or a set that the
/// machine lacks.
absl::StatusOr<CpuFeatures> chooseFeatures(const std::optional<std::string> &requested,
                                           CpuFeatures machine);

/// Names of the feature sets inside `features`, best last: "v3, v4, v4+bf16"; "none" when it is
/// below v3.
std::string describeFeatures(CpuFeatures features);

/// The features that this process uses: those of the machine, or those that the environment
/// variable QVL_CPU_FEATURES names. Errors: those of chooseFeatures.
absl::StatusOr<CpuFeatures> processFeatures();

/// The object of `target` that `features` run `kernel` from: its best variant, or nothing.
std::optional<std::uint32_t> chooseObject(const qvlfmt::Target &target,
                                          const qvlfmt::Kernel &kernel, CpuFeatures features);

} // namespace qvlrt
