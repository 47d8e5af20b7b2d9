// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-x86='dump-kernels-to=%t' -o /dev/null
// RUN: FileCheck %s --input-file=%t/linear_bf16.v4.mlir
// RUN: FileCheck %s --input-file=%t/linear_bf16.v3.mlir
// RUN: FileCheck %s --input-file=%t/linear_bf16.v3.s --check-prefix=ASM
// RUN: FileCheck %s --input-file=%t/linear_bf16.v4+bf16.mlir --check-prefix=PAIRS
// RUN: FileCheck %s --input-file=%t/linear_bf16.v4+bf16.s --check-prefix=DOTS
// RUN: FileCheck %s --input-file=%t/rms_norm_bf16.v3.s --check-prefix=LANES
// RUN: FileCheck %s --input-file=%t/rms_norm_bf16.v4.s --check-prefix=LANES

/// Rows of bf16 are widened to scratch memory once per tile, and the result is rounded in integers: no
/// target needs an instruction or a library function for bf16.
// CHECK: func.func @linear_bf16(
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> vector<{{8|16}}xi16>
// CHECK: arith.extui
// CHECK: arith.shli
// CHECK: math.fma
// CHECK: arith.cmpf uno
// CHECK: arith.trunci
// CHECK: llvm.store %{{.*}}, %{{.*}} : vector<{{8|16}}xi16>, !llvm.ptr

// ASM-LABEL: linear_bf16:
// ASM-NOT: call
// ASM: vfmadd231ps
// ASM-NOT: call

/// With dot products of pairs of bf16, rows are read as they are: a pair is one word for all lanes, and nothing is
/// widened.
// PAIRS: func.func @linear_bf16(
// PAIRS-NOT: math.fma
// PAIRS: llvm.load %{{.*}} : !llvm.ptr -> vector<32xbf16>
// PAIRS: %[[PAIR:.*]] = llvm.load %{{.*}} {alignment = 2 : i64} : !llvm.ptr -> i32
// PAIRS: %[[WORDS:.*]] = vector.broadcast %[[PAIR]] : i32 to vector<16xi32>
// PAIRS: %[[PAIRS:.*]] = vector.bitcast %[[WORDS]] : vector<16xi32> to vector<32xbf16>
// PAIRS: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%{{.*}}, %[[PAIRS]], %{{.*}}) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>) -> vector<16xf32>

// DOTS-LABEL: linear_bf16:
// DOTS-COUNT-32: vdpbf16ps
qvlx.kernel @linear_bf16 buffers(3) scalars(2) scratch(16384) {
  func.func @linear_bf16(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>
      {qvl.encoding = #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 128, pad_k = 64>}) -> tensor<?x128xbf16> {
    %y = qvl.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xbf16>
    return %y : tensor<?x128xbf16>
  }
}

/// Rounding a row keeps to vectors: no lane is taken out and put back.
// LANES-LABEL: rms_norm_bf16:
// LANES-NOT: {{vpextr|vpinsr|cmovne}}
qvlx.kernel @rms_norm_bf16 buffers(3) scalars(2) scratch(0) {
  func.func @rms_norm_bf16(%x: tensor<?x128xbf16>, %w: tensor<128xf32> {qvl.encoding = #qvl.flat<f32>}) -> tensor<?x128xbf16> {
    %y = qvl.rms_norm %x, %w {eps = 1.0e-06 : f64} : tensor<?x128xbf16>, tensor<128xf32> -> tensor<?x128xbf16>
    return %y : tensor<?x128xbf16>
  }
}
