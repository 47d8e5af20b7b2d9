// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-x86='dump-kernels-to=%t' -o /dev/null
// RUN: FileCheck %s --input-file=%t/linear.v4.mlir --check-prefixes=CHECK,V4
// RUN: FileCheck %s --input-file=%t/linear.v3.mlir --check-prefixes=CHECK,V3
// RUN: FileCheck %s --input-file=%t/linear.v4.ll --check-prefix=LL
// RUN: FileCheck %s --input-file=%t/linear.v3.ll --check-prefix=LL
// RUN: FileCheck %s --input-file=%t/linear.v4.s --check-prefix=ASM

/// The ABI function replaces the kernel function. Forms of the tile follow each other from many rows to
/// one; each carries one accumulator per row and vector and starts from the same zero.
// CHECK: func.func @linear(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64) {
// V4-COUNT-16: vector<16xf32>
// V4: llvm.load %{{.*}} : !llvm.ptr -> vector<16xi32>
// V3-COUNT-8: vector<8xf32>
// V3: llvm.load %{{.*}} : !llvm.ptr -> vector<8xi32>
// CHECK: arith.shli
// CHECK: arith.andi
// CHECK: math.fma

/// No fast-math flag and no fusion but the emitted one: contract C10.
// LL-NOT: {{fmul|fadd}} {{.*(fast|contract|reassoc|nnan|nsz|arcp|afn)}}
// LL: define void @linear(
// LL-NOT: {{fast|contract|reassoc|fmuladd}}
// LL: call <{{8|16}} x float> @llvm.fma.v{{8|16}}f32(
// LL-NOT: {{fast|contract|reassoc|fmuladd}}

// ASM-LABEL: linear:
// ASM-NOT: call
// ASM: vfmadd231ps
// ASM-NOT: call
qvlx.kernel @linear buffers(3) scalars(2) scratch(0) {
  func.func @linear(%x: tensor<?x64xf32>, %w: tensor<128x64xbf16>
      {qvl.encoding = #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 128, pad_k = 64>}) -> tensor<?x128xf32> {
    %y = qvl.linear %x, %w : tensor<?x64xf32>, tensor<128x64xbf16> -> tensor<?x128xf32>
    return %y : tensor<?x128xf32>
  }
}
