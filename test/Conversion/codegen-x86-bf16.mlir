// RUN: qvl-opt %s --qvl-codegen-x86 | FileCheck %s
// RUN: qvl-opt %s --qvl-codegen-x86="feature-sets=v4+bf16,v4+vnni" | FileCheck %s --check-prefix=ALONE
// RUN: qvl-opt %s --qvl-codegen-x86=feature-sets=v4 | FileCheck %s --check-prefix=LEVEL

/// An extension holds the kernels whose code differs from that of its level: projections of bf16 by bf16, and attention where
/// a head is whole pairs. Without its level it holds all.

// CHECK: qvlx.object @cpu.v3 feature_set("v3") kernels([@silu_nx32, @narrow, @wide, @attend, @attend_odd]) bytes(dense<"0x7F454C46
// CHECK: qvlx.object @cpu.v4 feature_set("v4") kernels([@silu_nx32, @narrow, @wide, @attend, @attend_odd]) bytes(dense<"0x7F454C46
// CHECK: qvlx.object @"cpu.v4+bf16" feature_set("v4+bf16") kernels([@narrow, @attend]) bytes(dense<"0x7F454C46
// CHECK-NOT: qvlx.object

// ALONE: qvlx.object @"cpu.v4+vnni" feature_set("v4+vnni") kernels([@silu_nx32, @narrow, @wide, @attend, @attend_odd])
// ALONE: qvlx.object @"cpu.v4+bf16" feature_set("v4+bf16") kernels([@silu_nx32, @narrow, @wide, @attend, @attend_odd])

// LEVEL: qvlx.object @cpu.v4
// LEVEL-NOT: qvlx.object

qvlx.kernel @silu_nx32 buffers(2) scalars(2) scratch(0) {
  func.func @silu_nx32(%a: tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    %0 = qvl.silu %a : tensor<?x32xbf16>
    return %0 : tensor<?x32xbf16>
  }
}
qvlx.kernel @narrow buffers(3) scalars(2) scratch(0) {
  func.func @narrow(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16>
      {qvl.encoding = #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 32, pad_k = 64>}) -> tensor<?x32xbf16> {
    %y = qvl.linear %x, %w : tensor<?x64xbf16>, tensor<32x64xbf16> -> tensor<?x32xbf16>
    return %y : tensor<?x32xbf16>
  }
}
qvlx.kernel @wide buffers(3) scalars(2) scratch(0) {
  func.func @wide(%x: tensor<?x64xbf16>, %w: tensor<32x64xf32>
      {qvl.encoding = #qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 32, pad_k = 64>}) -> tensor<?x32xbf16> {
    %y = qvl.linear %x, %w : tensor<?x64xbf16>, tensor<32x64xf32> -> tensor<?x32xbf16>
    return %y : tensor<?x32xbf16>
  }
}
qvlx.kernel @attend buffers(5) scalars(5) scratch(50000) {
  func.func @attend(%q: tensor<?x2x16xbf16>, %k: tensor<?x2x16xbf16>, %v: tensor<?x2x16xbf16>, %s: tensor<?xi32>) -> tensor<?x32xbf16> {
    %r = qvl.attention %q, %k, %v segments(%s) {scale = 0.25 : f64} : tensor<?x2x16xbf16>, tensor<?xi32> -> tensor<?x32xbf16>
    return %r : tensor<?x32xbf16>
  }
}
qvlx.kernel @attend_odd buffers(5) scalars(5) scratch(50000) {
  func.func @attend_odd(%q: tensor<?x2x15xbf16>, %k: tensor<?x2x15xbf16>, %v: tensor<?x2x15xbf16>, %s: tensor<?xi32>) -> tensor<?x30xbf16> {
    %r = qvl.attention %q, %k, %v segments(%s) {scale = 0.25 : f64} : tensor<?x2x15xbf16>, tensor<?xi32> -> tensor<?x30xbf16>
    return %r : tensor<?x30xbf16>
  }
}
