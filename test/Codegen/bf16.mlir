// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-x86='dump-kernels-to=%t' -o /dev/null
// RUN: FileCheck %s --input-file=%t/linear_bf16.v4.mlir
// RUN: FileCheck %s --input-file=%t/linear_bf16.v3.mlir
// RUN: FileCheck %s --input-file=%t/linear_bf16.v3.s --check-prefix=ASM

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
qvlx.kernel @linear_bf16 buffers(3) scalars(2) scratch(16384) {
  func.func @linear_bf16(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>
      {qvl.encoding = #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 128, pad_k = 64>}) -> tensor<?x128xbf16> {
    %y = qvl.linear %x, %w : tensor<?x64xbf16>, tensor<128x64xbf16> -> tensor<?x128xbf16>
    return %y : tensor<?x128xbf16>
  }
}
