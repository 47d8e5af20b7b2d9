// Code for NVIDIA GPUs: kernel functions in, one PTX module out.
#pragma once

#include "qvl/Codegen/KernelDump.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Support/LLVM.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mlir::qvl {

/// A GPU architecture that PTX is generated for. Drivers translate it for every GPU of that
/// architecture or a later one; a name that ends in "a" is for one architecture alone.
struct NVPTXChip {
  StringRef name;     // as in the artifact and for LLVM: "sm_80", "sm_90a"
  StringRef features; // LLVM's name of the PTX version
  bool hasWarpgroups; // matrix instructions of four warps (wgmma)

  /// Every chip, weakest first.
  static ArrayRef<NVPTXChip> all();
  static std::optional<NVPTXChip> named(StringRef name);
};

/// A buffer of a launch as a dense tensor, and the box of it that one copy of a block moves.
struct TensorMapShape {
  int64_t buffer; // of the launch
  Type element;
  /// Innermost first. The outermost is kDynamic where scalar `scalar` of the launch is its size.
  SmallVector<int64_t> sizes;
  int64_t scalar = 0;
  SmallVector<int64_t> box;
  int64_t swizzleBytes; // in which 16-byte quads are exchanged: the innermost size of the box
};

/// A second function for a kernel, with another name: it computes the same grid in fewer, larger
/// tiles, so that it is the better one where there are many. Its parameters are those of the kernel
/// and then the tensor maps by value. A launch has as many blocks as one of the kernel, of the
/// function's own number of threads; those too many end at once.
struct WideForm {
  std::string symbol;
  int64_t leastTiles;  // of the grid, from which on it is to be launched
  int64_t sharedBytes; // dynamic, of a block
  SmallVector<TensorMapShape> maps;
};

/// The second function that compileNVPTX() adds for a kernel.
std::optional<WideForm> wideForm(func::FuncOp kernel, const NVPTXChip &chip);

/// The dialects and translations that compileNVPTX() creates ops of: the dependent dialects of a
/// pass that calls it.
void registerNVPTXCodegenDialects(DialectRegistry &registry);

/// Compiles kernel functions (one qvl op each, weights with `qvl.encoding`; see TileGrid.h) to the
/// text of one PTX module with one entry per kernel, of the function's name, and one for each of
/// their wide forms. A launch has one block
/// of `.reqntid` threads for each tile of tileGrid(kernel, TargetKind::Cuda) and scratchBytes() of
/// dynamic shared memory; parameters are one 64-bit global address per buffer and then one 64-bit
/// number per scalar, in the order of include/qvlfmt/KernelAbi.h. Nothing outside the text is
/// called. The functions are not changed. The text is reproducible. Fails with an error at the
/// kernel function.
FailureOr<std::string> compileNVPTX(ArrayRef<func::FuncOp> kernels, const NVPTXChip &chip,
                                    const KernelDumpOptions &dump = {});

/// Whether PTX for a chip runs on an architecture ("sm_86"): that for "sm_80" does there and later,
/// one whose name ends in "a" only on its own.
bool runsOn(const NVPTXChip &chip, StringRef architecture);

/// Machine code of a PTX module for an architecture, by the program `assembler` (NVIDIA's ptxas, a
/// path or a name on PATH). Errors at `location`: there is no such program, or it refuses the text.
FailureOr<std::string> assembleCubin(StringRef ptx, StringRef architecture, StringRef assembler,
                                     Location location);

} // namespace mlir::qvl
