// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-x86='feature-sets=v4 dump-kernels-to=%t' -o /dev/null
// RUN: FileCheck %s --input-file=%t/attention.v4.mlir --check-prefix=SEGMENTS
// RUN: FileCheck %s --input-file=%t/cached_attention.v4.mlir --check-prefix=CACHED
// RUN: FileCheck %s --input-file=%t/attention.v4.s --check-prefix=ASM
// RUN: FileCheck %s --input-file=%t/cached_attention.v4.s --check-prefix=ASM

/// The segments of a tile are found by bisection; keys come in blocks of 64 from the segment's start.
// SEGMENTS: func.func @attention(
// SEGMENTS-DAG: %[[BLOCK:.*]] = arith.constant 64 : index
// SEGMENTS: scf.while
// SEGMENTS: scf.for
// SEGMENTS: vector.shuffle
// SEGMENTS: math.exp
// SEGMENTS: arith.divf
qvlx.kernel @attention buffers(5) scalars(5) scratch(65536) {
  func.func @attention(%q: tensor<?x2x40xf32>, %k: tensor<?x2x40xf32>, %v: tensor<?x2x40xf32>, %s: tensor<?xi32>)
      -> tensor<?x80xf32> {
    %r = qvl.attention %q, %k, %v segments(%s) {scale = 0.15 : f64} : tensor<?x2x40xf32>, tensor<?xi32> -> tensor<?x80xf32>
    return %r : tensor<?x80xf32>
  }
}

/// Rows go one by one, and their keys are read where they lie: nothing is transposed.
// CACHED: func.func @cached_attention(
// CACHED-NOT: vector.shuffle
// CACHED: math.exp
// CACHED: arith.divf
qvlx.kernel @cached_attention buffers(7) scalars(8) scratch(4096) {
  func.func @cached_attention(%q: tensor<?x6x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %o: tensor<?xi32>,
      %s: tensor<?xi32>, %l: tensor<?xi32>, %t: tensor<?x?xi32>) -> tensor<?x192xf32> {
    %r = qvl.cached_attention %q, %c layer(%layer) sequences(%o, %s, %l, %t) {scale = 0.17 : f64}
        : tensor<?x6x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
        -> tensor<?x192xf32>
    return %r : tensor<?x192xf32>
  }
}

/// exp is a polynomial, not a call.
// ASM-NOT: call
// ASM: vfmadd
// ASM-NOT: call
