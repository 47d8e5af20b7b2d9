// What an artifact says about its kernels, and which of its code this machine would run.
#pragma once

#include "lib/Runtime/Device/Cpu/CpuFeatures.h"
#include "qvlfmt/artifact_generated.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qvlinspect {

/// Launches of a kernel by one program.
struct KernelUse {
  std::string_view program;
  std::uint32_t launches = 0;
  std::vector<std::string> labels; // module paths, in order
};
std::vector<KernelUse> usesOf(const qvlfmt::Target &target, std::uint32_t kernel);

/// The feature set of a target's code object, with what it is where that is not the usual: "v4",
/// "sm_80", "sm_80 cubin".
std::string objectText(const qvlfmt::Target &target, std::uint32_t number);

/// objectText() of a kernel's variants, best first.
std::vector<std::string> featureSets(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel);

/// The feature set that `features` would run the kernel with; empty when there is none.
std::string chosenSet(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel,
                      qvlrt::CpuFeatures features);

/// The feature sets that `features` would use, in the order of the target's objects; empty when
/// some kernel has no variant for them, so that the target does not run.
std::vector<std::string> chosenSets(const qvlfmt::Target &target, qvlrt::CpuFeatures features);

/// The text of a variant of a kernel of target cuda that is there as PTX: the header of its module
/// and the kernel itself. Empty for other kernels and variants.
std::string ptxText(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel,
                    std::uint32_t variant);
/// That of the best variant which has one.
std::string ptxText(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel);

/// The same of a function of an object.
std::string ptxOf(const qvlfmt::Target &target, std::uint32_t object, std::string_view symbol);

/// Facts of one kernel, as lines and as an object; with its PTX where it has some.
std::string kernelText(const qvlfmt::Target &target, std::uint32_t kernel,
                       qvlrt::CpuFeatures features);
nlohmann::ordered_json describeKernel(const qvlfmt::Target &target, std::uint32_t kernel,
                                      qvlrt::CpuFeatures features);

} // namespace qvlinspect
