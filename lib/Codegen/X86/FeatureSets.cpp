#include "qvl/Codegen/X86.h"

#include "llvm/TargetParser/Host.h"

namespace mlir::qvl {
namespace {

/// LLVM's names of the CPUID bits behind x86-64-v3 and x86-64-v4.
constexpr StringLiteral kLevel3[] = {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"};
constexpr StringLiteral kLevel4[] = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"};

} // namespace

ArrayRef<X86FeatureSet> X86FeatureSet::all() {
  static constexpr X86FeatureSet sets[] = {{"v3", "x86-64-v3", "", false, false},
                                           {"v3+avxvnni", "x86-64-v3", "+avxvnni", false, false},
                                           {"v4", "x86-64-v4", "", true, false},
                                           {"v4+vnni", "x86-64-v4", "+avx512vnni", true, false},
                                           {"v4+bf16", "x86-64-v4", "+avx512bf16", true, true}};
  return sets;
}

std::optional<X86FeatureSet> X86FeatureSet::named(StringRef name) {
  for (const X86FeatureSet &set : all())
    if (set.name == name)
      return set;
  return std::nullopt;
}

bool X86FeatureSet::supportedByHost() const {
  static const llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  auto has = [](StringRef feature) { return host.lookup(feature); };
  if (!llvm::all_of(kLevel3, has) || (avx512 && !llvm::all_of(kLevel4, has)))
    return false;
  SmallVector<StringRef> further;
  features.split(further, ',', -1, /*KeepEmpty=*/false);
  return llvm::all_of(further, [&](StringRef feature) { return has(feature.drop_front()); });
}

} // namespace mlir::qvl
