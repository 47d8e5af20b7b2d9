// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-x86='dump-kernels-to=%t' -o /dev/null
// RUN: FileCheck %s --input-file=%t/gated.v4.mlir --check-prefixes=GATED,GATED-V4
// RUN: FileCheck %s --input-file=%t/gated.v3.mlir --check-prefixes=GATED,GATED-V3
// RUN: FileCheck %s --input-file=%t/mapped.v4.mlir --check-prefix=MAPPED
// RUN: FileCheck %s --input-file=%t/mapped.v4.s --check-prefix=ASM
// RUN: FileCheck %s --input-file=%t/residual.v4.mlir --check-prefix=RESIDUAL
// RUN: FileCheck %s --input-file=%t/residual.v4.s --check-prefix=FETCH

/// The region is cloned once for each vector of the tile: scalars become vectors, constants splats,
/// and ops keep their order. Both weights have accumulators, which come apart into columns of either in front of the
/// epilogue: eight lanes of one and eight of the other with 16, one vector each with 8.
// GATED-LABEL: func.func @gated(
// GATED: scf.for
// GATED-V4: %[[SUMS:[0-9]+]]:16 = scf.for
// GATED-V3: %[[SUMS:[0-9]+]]:12 = scf.for
/// Registers are too few for pairs of weights beside twelve accumulators: they are read again.
// GATED-V3: llvm.load volatile
// GATED-V4-NOT: llvm.load volatile
// GATED: %[[ACC0:.*]] = vector.shuffle %[[SUMS]]#0, %[[SUMS]]#1 [0, 1, 2, 3, 4, 5, 6, 7
// GATED-V4-SAME: , 16, 17, 18, 19, 20, 21, 22, 23]
// GATED-V3-SAME: ] : vector<8xf32>
// GATED: %[[ACC1:.*]] = vector.shuffle %[[SUMS]]#0, %[[SUMS]]#1 [8, 9, 10, 11, 12, 13, 14, 15
// GATED: %[[ACC2:.*]] = vector.shuffle %[[SUMS]]#2, %[[SUMS]]#3
// GATED: %[[ACC3:.*]] = vector.shuffle %[[SUMS]]#2, %[[SUMS]]#3
// GATED: %[[B0:.*]] = llvm.load %{{.*}} : !llvm.ptr -> vector<[[L:16|8]]xf32>
// GATED: %[[B1:.*]] = llvm.load %{{.*}} : !llvm.ptr -> vector<[[L]]xf32>
// GATED: %[[G:.*]] = arith.addf %[[ACC0]], %[[B0]] : vector<[[L]]xf32>
// GATED-NEXT: %[[U:.*]] = arith.addf %[[ACC1]], %[[B1]] : vector<[[L]]xf32>
// GATED-NEXT: %[[N:.*]] = arith.negf %[[G]]
// GATED-NEXT: %[[E:.*]] = math.exp %[[N]]
// GATED-NEXT: %[[C:.*]] = arith.constant dense<1.000000e+00> : vector<[[L]]xf32>
// GATED-NEXT: %[[D:.*]] = arith.addf %[[C]], %[[E]]
// GATED-NEXT: %[[S:.*]] = arith.divf %[[G]], %[[D]]
// GATED-NEXT: %[[R:.*]] = arith.mulf %[[S]], %[[U]]
// GATED: llvm.store %[[R]]
/// The operands per column serve all rows of the tile.
// GATED-NOT: llvm.load {{.*}} -> vector
// GATED: arith.addf %[[ACC2]], %[[B0]]
// GATED-NEXT: arith.addf %[[ACC3]], %[[B1]]
qvlx.kernel @gated buffers(5) scalars(2) scratch(0) {
  func.func @gated(%x: tensor<?x64xf32>,
      %w: tensor<256x64xbf16> {qvl.encoding = #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 256, pad_k = 64, interleave = 8>},
      %bg: tensor<128xbf16> {qvl.encoding = #qvl.flat<f32>},
      %bu: tensor<128xbf16> {qvl.encoding = #qvl.flat<f32>}) -> tensor<?x128xf32> {
    %y = qvl.fused_linear %x, (%w) with(%bg, %bu)
        : tensor<?x64xf32>, (tensor<256x64xbf16>) with(tensor<128xbf16>, tensor<128xbf16>) -> tensor<?x128xf32> {
    ^bb0(%a0: f32, %a1: f32, %b0: f32, %b1: f32):
      %g = arith.addf %a0, %b0 : f32
      %u = arith.addf %a1, %b1 : f32
      %0 = arith.negf %g : f32
      %1 = math.exp %0 : f32
      %one = arith.constant 1.0 : f32
      %2 = arith.addf %one, %1 : f32
      %3 = arith.divf %g, %2 : f32
      %4 = arith.mulf %3, %u : f32
      qvl.yield %4 : f32
    }
    return %y : tensor<?x128xf32>
  }
}

/// A row map is read once for each run of neighbouring rows of the tile and never inside the loop over k: eight
/// rows in groups of four are two runs, for the result and for the input.
// MAPPED-LABEL: func.func @mapped(
// MAPPED: scf.for
// MAPPED-COUNT-4: llvm.load %{{.*}} : !llvm.ptr -> i32
// MAPPED: %[[SUMS:[0-9]+]]:16 = scf.for
// MAPPED-NOT: -> i32
// MAPPED: scf.yield
// MAPPED-NOT: -> i32
// MAPPED: llvm.store %[[SUMS]]#0
// MAPPED-NOT: -> i32
// MAPPED: llvm.store %[[SUMS]]#15

// ASM-LABEL: mapped:
// ASM-NOT: call
// ASM: vfmadd231ps
// ASM-NOT: call
qvlx.kernel @mapped buffers(5) scalars(4) scratch(0) {
  func.func @mapped(%x: tensor<?x64xf32>,
      %w: tensor<128x64xf32> {qvl.encoding = #qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 128, pad_k = 64>},
      %from: tensor<?xi32>, %to: tensor<?xi32>) -> tensor<?x128xf32> {
    %y = qvl.fused_linear %x, (%w) load(%from group 4 : tensor<?xi32>) store(%to group 4 : tensor<?xi32>)
        : tensor<?x64xf32>, (tensor<128x64xf32>) -> tensor<?x128xf32> {
    ^bb0(%sum: f32):
      qvl.yield %sum : f32
    }
    return %y : tensor<?x128xf32>
  }
}

/// What the epilogue reads for each element is on its way while the sums are computed: two cache lines of 16 elements for each of
/// eight rows. Operands per column stay in the caches by themselves.
// RESIDUAL-LABEL: func.func @residual(
// RESIDUAL: scf.for
// RESIDUAL-COUNT-16: llvm.intr.prefetch
// RESIDUAL-NOT: llvm.intr.prefetch
// RESIDUAL: %[[SUMS:[0-9]+]]:16 = scf.for
// RESIDUAL-NOT: llvm.intr.prefetch
// RESIDUAL: arith.addf %[[SUMS]]#0, %{{.*}}

// FETCH-LABEL: residual:
// FETCH-COUNT-16: prefetcht0
// FETCH: vfmadd231ps
qvlx.kernel @residual buffers(5) scalars(3) scratch(0) {
  func.func @residual(%x: tensor<?x64xf32>,
      %w: tensor<128x64xf32> {qvl.encoding = #qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 128, pad_k = 64>},
      %b: tensor<128xf32> {qvl.encoding = #qvl.flat<f32>}, %r: tensor<?x128xf32>) -> tensor<?x128xf32> {
    %y = qvl.fused_linear %x, (%w) with(%b, %r)
        : tensor<?x64xf32>, (tensor<128x64xf32>) with(tensor<128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32> {
    ^bb0(%sum: f32, %bias: f32, %residual: f32):
      %0 = arith.addf %sum, %bias : f32
      %1 = arith.addf %0, %residual : f32
      qvl.yield %1 : f32
    }
    return %y : tensor<?x128xf32>
  }
}
