#include "CpuFeatures.h"

#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include <cpuid.h>
#include <cstdlib>
#include <vector>

namespace qvlrt {

namespace {

enum Feature : CpuFeatures {
  kV3 = 1u << 0, // AVX2, FMA, BMI1, BMI2, F16C, LZCNT, MOVBE, POPCNT
  kV4 = 1u << 1, // AVX-512 F, BW, CD, DQ, VL
  kAvxVnni = 1u << 2,
  kAvx512Vnni = 1u << 3,
  kAvx512Bf16 = 1u << 4,
};

/// One name of a feature set and the extensions it needs, from the smallest to the largest.
struct FeatureSet {
  const char *name;
  CpuFeatures features;
};
constexpr FeatureSet kFeatureSets[] = {
    {"v3", kV3},
    {"v3+avxvnni", kV3 | kAvxVnni},
    {"v4", kV3 | kV4},
    {"v4+vnni", kV3 | kV4 | kAvx512Vnni},
    {"v4+bf16", kV3 | kV4 | kAvx512Bf16},
};

/// Registers of one CPUID leaf; zero for a leaf that the processor lacks.
struct Leaf {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;

  Leaf(unsigned leaf, unsigned subleaf) {
    __get_cpuid_count(leaf, subleaf, &eax, &ebx, &ecx, &edx);
  }
};

bool hasAll(unsigned value, unsigned bits) { return (value & bits) == bits; }

/// State components that the operating system saves.
std::uint64_t savedState() {
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

} // namespace

std::optional<CpuFeatures> parseFeatureSet(std::string_view name) {
  for (const FeatureSet &set : kFeatureSets)
    if (name == set.name)
      return set.features;
  return std::nullopt;
}

CpuFeatures machineFeatures() {
  constexpr std::uint64_t kAvxState = 0x6;     // XMM and upper YMM
  constexpr std::uint64_t kAvx512State = 0xe6; // and opmasks, upper ZMM, ZMM 16 to 31
  Leaf basic(1, 0), extended(7, 0), more(7, 1), amd(0x80000001, 0);
  if (!hasAll(basic.ecx, bit_OSXSAVE))
    return 0;
  std::uint64_t state = savedState();

  CpuFeatures features = 0;
  if ((state & kAvxState) != kAvxState ||
      !hasAll(basic.ecx, bit_AVX | bit_FMA | bit_F16C | bit_MOVBE | bit_POPCNT) ||
      !hasAll(extended.ebx, bit_AVX2 | bit_BMI | bit_BMI2) || !hasAll(amd.ecx, bit_LZCNT))
    return 0;
  features |= kV3;
  constexpr unsigned kAvxVnniBit = 1u << 4, kAvx512Bf16Bit = 1u << 5; // leaf 7.1 EAX
  if (hasAll(more.eax, kAvxVnniBit))
    features |= kAvxVnni;

  if ((state & kAvx512State) != kAvx512State ||
      !hasAll(extended.ebx,
              bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL))
    return features;
  features |= kV4;
  if (hasAll(extended.ecx, bit_AVX512VNNI))
    features |= kAvx512Vnni;
  if (hasAll(more.eax, kAvx512Bf16Bit))
    features |= kAvx512Bf16;
  return features;
}

absl::StatusOr<CpuFeatures> chooseFeatures(const std::optional<std::string> &requested,
                                           CpuFeatures machine) {
  if (!requested)
    return machine;
  CpuFeatures chosen = 0;
  for (absl::string_view name : absl::StrSplit(*requested, ',')) {
    std::optional<CpuFeatures> features = parseFeatureSet({name.data(), name.size()});
    if (!features)
      return absl::InvalidArgumentError(absl::StrCat("QVL_CPU_FEATURES: unknown feature set \"",
                                                     name, "\"; this version knows ",
                                                     describeFeatures(~CpuFeatures{0})));
    if ((*features & machine) != *features)
      return absl::InvalidArgumentError(absl::StrCat("QVL_CPU_FEATURES: this machine does not run ",
                                                     name, ", only ", describeFeatures(machine)));
    chosen |= *features;
  }
  return chosen;
}

std::string describeFeatures(CpuFeatures features) {
  std::vector<absl::string_view> names;
  for (const FeatureSet &set : kFeatureSets)
    if ((set.features & features) == set.features)
      names.push_back(set.name);
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

absl::StatusOr<CpuFeatures> processFeatures() {
  std::optional<std::string> requested;
  if (const char *variable = std::getenv("QVL_CPU_FEATURES"); variable && *variable)
    requested = variable;
  return chooseFeatures(requested, machineFeatures());
}

std::optional<std::uint32_t> chooseObject(const qvlfmt::Target &target,
                                          const qvlfmt::Kernel &kernel, CpuFeatures features) {
  for (const qvlfmt::KernelVariant *variant : *kernel.variants()) {
    const qvlfmt::CodeObject &object = *target.objects()->Get(variant->object());
    const std::optional<CpuFeatures> needed = parseFeatureSet(object.feature_set()->str());
    if (needed && (*needed & features) == *needed)
      return variant->object();
  }
  return std::nullopt;
}

} // namespace qvlrt
