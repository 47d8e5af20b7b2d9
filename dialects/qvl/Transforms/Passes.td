// Passes of the qvl dialect. A pass, its file, its test and its flag have one name.
#ifndef QVL_TRANSFORMS_PASSES_TD
#define QVL_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseSpatialMergePass : Pass<"qvl-fuse-spatial-merge", "::mlir::ModuleOp"> {
  let summary = "Normalised rows written side by side";
  let description = [{
    ```mlir
    // before
    %n = qvl.rms_norm %x, %w {eps = 1.0e-6} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
    %m = qvl.merge_rows %n {rows = 4} : tensor<?x128xf32> -> tensor<?x512xf32>
    // after
    %m = qvl.rms_norm %x, %w {eps = 1.0e-6, merge = 4} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x512xf32>
    ```
  }];
  let statistics = [
    Statistic<"fused", "fused", "merges joined with a norm">,
    Statistic<"missed", "missed", "opportunities not taken, each with a remark">
  ];
}

def AssignEncodingsPass : Pass<"qvl-assign-encodings", "::mlir::ModuleOp"> {
  let summary = "Choose the stored form of every parameter";
  let description = [{
    Gives each `qvl.parameter` without an encoding the one that the artifact stores once for all targets: a matrix becomes panels of 32 output
    rows, bf16 in pairs of input columns and everything else in f32 (F16 is widened, exactly); a vector becomes flat f32. Logical types
    do not change, so no other op is touched. Parameters that have an encoding keep it, which makes the pass idempotent.

    ```mlir
    // before
    qvl.parameter @w : tensor<40x33xbf16>
    qvl.parameter @b : tensor<40xbf16>
    // after
    qvl.parameter @w : tensor<40x33xbf16> encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 64, pad_k = 34>)
    qvl.parameter @b : tensor<40xbf16> encoding(#qvl.flat<f32>)
    ```
  }];
  let statistics = [
    Statistic<"panels", "panels", "matrices stored as panels">,
    Statistic<"flats", "flats", "vectors stored flat">
  ];
}

#endif // QVL_TRANSFORMS_PASSES_TD
