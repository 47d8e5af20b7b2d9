// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-x86='feature-sets=v3 dump-kernels-to=%t' -o /dev/null
// RUN: FileCheck %s --input-file=%t/add.v3.mlir --check-prefix=ADD
// RUN: FileCheck %s --input-file=%t/norm.v3.mlir --check-prefix=NORM
// RUN: FileCheck %s --input-file=%t/cast.v3.mlir --check-prefix=CAST
// RUN: FileCheck %s --input-file=%t/append.v3.mlir --check-prefix=APPEND

/// 80 columns are a loop of two vectors of 32 and one vector of 16. linalg and its tensors are gone, and with them every
/// buffer but the rows themselves.
// ADD-LABEL: func.func @add(
// ADD-NOT:     {{tensor|linalg|bufferization|memref.alloc|memref.copy}}
// ADD:         scf.for %[[ROW:.*]] =
// ADD:           scf.for %{{.*}} = %c0 to %c64 step %c32
// ADD:             arith.addf %{{.*}}, %{{.*}} : vector<32xf32>
// ADD:           llvm.getelementptr %{{.*}}[64] : (!llvm.ptr) -> !llvm.ptr, f32
// ADD:           vector.load %{{.*}}[%c0] : memref<16xf32>, vector<16xf32>
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
    %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x68xf32>, tensor<68xf32> -> tensor<?x68xf32>
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

/// Keys go from the registers of the rotation to the transposed lines of the page, values are copied: no other memory.
// APPEND-LABEL: func.func @append(
// APPEND:         %[[KEY:.*]] = math.fma {{.*}} : vector<16xf32>
// APPEND:         %[[E0:.*]] = vector.extract %{{.*}}[0] : f32 from vector<16xf32>
// APPEND-NEXT:    llvm.store %[[E0]]
// APPEND-NEXT:    %[[E1:.*]] = vector.extract %{{.*}}[1] : f32 from vector<16xf32>
// APPEND-NEXT:    %[[LINE:.*]] = llvm.getelementptr %{{.*}}[64]
// APPEND-NEXT:    llvm.store %[[E1]], %[[LINE]]
qvlx.kernel @append buffers(5) scalars(5) scratch(0) {
  func.func @append(%x: tensor<?x320xf32>, %t: tensor<?x16x2xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index,
      %slots: tensor<?xi64>) -> (tensor<?x6x32xf32>, !qvl.cache<5, 2, 32, 64, f32>) {
    %q, %n = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {q_heads = 6 : i64}
        : tensor<?x320xf32>, tensor<?x16x2xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi64> -> tensor<?x6x32xf32>
    return %q, %n : tensor<?x6x32xf32>, !qvl.cache<5, 2, 32, 64, f32>
  }
}
