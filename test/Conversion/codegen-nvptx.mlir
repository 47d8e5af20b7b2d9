// RUN: qvl-opt %s --qvl-codegen-nvptx | FileCheck %s
// RUN: qvl-opt %s --qvl-codegen-nvptx=chips=sm_90a,sm_80 | FileCheck %s --check-prefix=BOTH
// RUN: qvl-opt %s --qvl-codegen-nvptx --qvl-codegen-nvptx | FileCheck %s
// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-nvptx="chips=sm_80 dump-kernels-to=%t" -o /dev/null && ls %t | FileCheck %s --check-prefix=DUMP
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t/silu_nx24.sm_80.ptx
// RUN: not qvl-opt %s --qvl-codegen-nvptx=chips=sm_70 2>&1 | FileCheck %s --check-prefix=UNKNOWN

/// One object per chip holds every kernel, as text; the kernels keep their signature and lose their body.

// CHECK: qvlx.kernel @add_nx20 buffers(3) scalars(3) scratch(0) {
// CHECK-NEXT: }
// CHECK: qvlx.kernel @silu_nx24 buffers(2) scalars(2) scratch(0) {
// CHECK-NEXT: }
// CHECK: qvlx.object @cuda.sm_80 feature_set("sm_80") kernels([@add_nx20, @silu_nx24]) bytes(dense<"0x2F2F
// CHECK-NOT: qvlx.object

// The weakest chip is first, whatever the order of the option.
// BOTH: qvlx.object @cuda.sm_80 feature_set("sm_80")
// BOTH: qvlx.object @cuda.sm_90a feature_set("sm_90a")
// BOTH-NOT: qvlx.object

// DUMP-DAG: add_nx20.sm_80.ll
// DUMP-DAG: add_nx20.sm_80.mlir
// DUMP-DAG: add_nx20.sm_80.ptx
// DUMP-DAG: silu_nx24.sm_80.ptx

/// Two buffers and two scalars, whole warps, and accesses of 16 bytes.
// PTX: .version 8.0
// PTX: .target sm_80
// PTX: .visible .entry silu_nx24(
// PTX-COUNT-2: .param .u64 .ptr .global
// PTX-COUNT-2: .param .u64 silu_nx24_param_
// PTX: .reqntid 128
// PTX: ld.global.v4.b32
// PTX: fma.rn.f32
// PTX: div.rn.f32
// PTX: st.global.v4.b32

// UNKNOWN: 'sm_70' is not a GPU architecture that code is generated for: sm_80, sm_90a

qvlx.kernel @add_nx20 buffers(3) scalars(3) scratch(0) {
  func.func @add_nx20(%a: tensor<?x20xf32>, %b: tensor<?x20xf32>) -> tensor<?x20xf32> {
    %0 = qvl.add %a, %b : tensor<?x20xf32>
    return %0 : tensor<?x20xf32>
  }
}
qvlx.kernel @silu_nx24 buffers(2) scalars(2) scratch(0) {
  func.func @silu_nx24(%a: tensor<?x24xbf16>) -> tensor<?x24xbf16> {
    %0 = qvl.silu %a : tensor<?x24xbf16>
    return %0 : tensor<?x24xbf16>
  }
}
