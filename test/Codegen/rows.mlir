// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-x86='feature-sets=v3 dump-kernels-to=%t' -o /dev/null
// RUN: FileCheck %s --input-file=%t/add.v3.mlir --check-prefix=ADD
// RUN: FileCheck %s --input-file=%t/norm.v3.mlir --check-prefix=NORM
// RUN: FileCheck %s --input-file=%t/cast.v3.mlir --check-prefix=CAST

/// 80 columns are a loop of two vectors of 32 and one vector of 16. linalg and its tensors are gone, and with them every
/// buffer but the rows themselves.
// ADD-LABEL: func.func @add(
// ADD-NOT:     {{tensor|linalg|bufferization|memref.alloc|memref.copy}}
// ADD:         scf.for %[[ROW:.*]] =
// ADD:           scf.for %{{.*}} = %c0 to %c64 step %c32
// ADD:             arith.addf %{{.*}}, %{{.*}} : vector<32xf32>
// ADD:           vector.load %{{.*}}[%c64] : memref<80xf32>, vector<16xf32>
// ADD:           arith.addf %{{.*}}, %{{.*}} : vector<16xf32>
// ADD-NOT:     {{tensor|linalg|bufferization|memref.alloc|memref.copy}}
// ADD:         return
qvlx.kernel @add buffers(3) scalars(3) scratch(0) {
  func.func @add(%x: tensor<?x80xf32>, %y: tensor<?x80xf32>) -> tensor<?x80xf32> {
    %z = qvl.add %x, %y : tensor<?x80xf32>
    return %z : tensor<?x80xf32>
  }
}

/// The order of the sum is written out: 32 lanes in a chain, then halves. The last 4 columns join at 4 lanes.
// NORM-LABEL: func.func @norm(
// NORM:         scf.for {{.*}} iter_args({{.*}}) -> (vector<32xf32>)
// NORM:           math.fma {{.*}} : vector<32xf32>
// NORM-NOT:     vector.reduction
// NORM:         arith.addf {{.*}} : vector<16xf32>
// NORM:         arith.addf {{.*}} : vector<8xf32>
// NORM:         arith.addf {{.*}} : vector<4xf32>
// NORM:         math.fma {{.*}} : vector<4xf32>
// NORM:         arith.addf {{.*}} : vector<2xf32>
// NORM:         arith.addf {{.*}} : vector<1xf32>
// NORM:         math.rsqrt {{.*}} : f32
qvlx.kernel @norm buffers(3) scalars(2) scratch(0) {
  func.func @norm(%x: tensor<?x68xf32>, %w: tensor<68xf32> {qvl.encoding = #qvl.flat<f32>}) -> tensor<?x68xf32> {
    %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x68xf32>, tensor<68xf32>
    return %y : tensor<?x68xf32>
  }
}

/// Rounding to bf16 is integer arithmetic: without an instruction LLVM would call a library.
// CAST-LABEL: func.func @cast(
// CAST-NOT:     arith.truncf
// CAST:         arith.trunci %{{.*}} : vector<16xi32> to vector<16xi16>
// CAST-NOT:     arith.truncf
// CAST:         return
qvlx.kernel @cast buffers(2) scalars(2) scratch(0) {
  func.func @cast(%x: tensor<?x16xf32>) -> tensor<?x16xbf16> {
    %y = qvl.cast %x : tensor<?x16xf32> -> tensor<?x16xbf16>
    return %y : tensor<?x16xbf16>
  }
}
