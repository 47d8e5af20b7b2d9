// Native code for x86: kernel functions in, one shared object out.
#pragma once

#include "qvl/Codegen/KernelDump.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Support/LLVM.h"

#include <optional>
#include <string>

namespace mlir::qvl {

/// A feature set of x86 CPUs (architecture, section 2.5): a level, or a level and extensions.
struct X86FeatureSet {
  StringRef name;     // as in the artifact: "v3", "v4", "v3+avxvnni", "v4+vnni", "v4+bf16"
  StringRef cpu;      // LLVM's name of the CPU level
  StringRef features; // further LLVM features, comma separated
  bool avx512;        // 512-bit vectors, 32 registers, masks
  bool bf16Products;  // a dot product of pairs of bf16

  /// Whether this is a level of its own, which has code for every kernel.
  bool isLevel() const { return features.empty(); }
  /// Every feature set, weakest first.
  static ArrayRef<X86FeatureSet> all();
  static std::optional<X86FeatureSet> named(StringRef name);
  /// Whether the CPU of this process runs code of this feature set.
  bool supportedByHost() const;
};

/// Whether a kernel function's code for the feature set differs from that for its level. Of the
/// extensions only BF16 has such kernels: projections of bf16 rows by bf16 weights, and attention
/// of bf16 heads.
bool hasOwnCode(func::FuncOp kernel, const X86FeatureSet &features);

/// The dialects and translations that compileX86() creates ops of: the dependent dialects of a pass
/// that calls it.
void registerX86CodegenDialects(DialectRegistry &registry);

/// Compiles kernel functions (one qvl op each, weights with `qvl.encoding`; see TileGrid.h) to one
/// position-independent shared object that exports one symbol per kernel, of the function's name,
/// in the convention of include/qvlfmt/KernelAbi.h, and needs nothing but memcpy, memmove and
/// memset. The functions are not changed. The code is reproducible: equal input gives equal bytes.
/// Fails with an error at the kernel function.
FailureOr<std::string> compileX86(ArrayRef<func::FuncOp> kernels, const X86FeatureSet &features,
                                  const KernelDumpOptions &dump = {});

} // namespace mlir::qvl
