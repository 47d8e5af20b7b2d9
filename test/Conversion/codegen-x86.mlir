// RUN: qvl-opt %s --qvl-codegen-x86 | FileCheck %s
// RUN: qvl-opt %s --qvl-codegen-x86=feature-sets=v3 | FileCheck %s --check-prefix=ONE
// RUN: qvl-opt %s --qvl-codegen-x86 --qvl-codegen-x86 | FileCheck %s
// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-x86="feature-sets=v3 dump-kernels-to=%t" -o /dev/null && ls %t | FileCheck %s --check-prefix=DUMP
// RUN: not qvl-opt %s --qvl-codegen-x86=feature-sets=v9 2>&1 | FileCheck %s --check-prefix=UNKNOWN

/// One object per feature set holds every kernel; the kernels keep their signature and lose their body.

// CHECK: qvlx.kernel @add_nx20 buffers(3) scalars(3) scratch(0) {
// CHECK-NEXT: }
// CHECK: qvlx.kernel @silu_nx20 buffers(2) scalars(2) scratch(0) {
// CHECK-NEXT: }
// CHECK: qvlx.object @cpu.v3 feature_set("v3") kernels([@add_nx20, @silu_nx20]) bytes(dense<"0x7F454C46
// CHECK: qvlx.object @cpu.v4 feature_set("v4") kernels([@add_nx20, @silu_nx20]) bytes(dense<"0x7F454C46
// CHECK-NOT: qvlx.object

// ONE: qvlx.object @cpu.v3
// ONE-NOT: qvlx.object

// DUMP-DAG: add_nx20{{.*}}.ll
// DUMP-DAG: add_nx20{{.*}}.mlir
// DUMP-DAG: add_nx20{{.*}}.s

// UNKNOWN: 'v9' is not a feature set of x86

qvlx.kernel @add_nx20 buffers(3) scalars(3) scratch(0) {
  func.func @add_nx20(%a: tensor<?x20xf32>, %b: tensor<?x20xf32>) -> tensor<?x20xf32> {
    %0 = qvl.add %a, %b : tensor<?x20xf32>
    return %0 : tensor<?x20xf32>
  }
}
qvlx.kernel @silu_nx20 buffers(2) scalars(2) scratch(0) {
  func.func @silu_nx20(%a: tensor<?x20xf32>) -> tensor<?x20xf32> {
    %0 = qvl.silu %a : tensor<?x20xf32>
    return %0 : tensor<?x20xf32>
  }
}
