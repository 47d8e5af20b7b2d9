// RUN: qvl-opt %s --canonicalize --cse | FileCheck %s

/// No op of the dialect folds or has canonicalization patterns: what is equal to what (a permutation undone by its
/// inverse, a cast of a cast) is for the fusion passes to decide, which know the cost. All ops are pure, so equal ones
/// become one, and those without a use go.

// CHECK-LABEL: func.func @equal_ops_become_one
func.func @equal_ops_become_one(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK-COUNT-1: qvl.silu
  // CHECK-NOT: qvl.silu
  %a = qvl.silu %x : tensor<?x4xf32>
  %b = qvl.silu %x : tensor<?x4xf32>
  // CHECK: qvl.mul %[[S:.*]], %[[S]]
  %y = qvl.mul %a, %b : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

qvl.parameter @weight : tensor<4xf32>

/// Loads are pure too: parameters do not change.
// CHECK-LABEL: func.func @equal_loads_become_one
func.func @equal_loads_become_one(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK-COUNT-1: qvl.load
  // CHECK-NOT: qvl.load
  %w0 = qvl.load @weight : tensor<4xf32>
  %w1 = qvl.load @weight : tensor<4xf32>
  %y = qvl.rms_norm %x, %w0 {eps = 1.0e-6 : f64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %z = qvl.rms_norm %y, %w1 {eps = 1.0e-6 : f64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @other_attributes_stay_apart
func.func @other_attributes_stay_apart(%x: tensor<?x4xf32>, %w: tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK-COUNT-2: qvl.rms_norm
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %z = qvl.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
}

/// An append whose cache nobody reads is dead: the cache is a value.
// CHECK-LABEL: func.func @unused_ops_go
// CHECK-NEXT: return
func.func @unused_ops_go(%k: tensor<?x2x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %slots: tensor<?xi64>,
                         %x: tensor<?x4xf32>, %i: tensor<?xi32>) {
  %c1 = qvl.cache_append %k, %k, %c layer(%layer) slots(%slots) : tensor<?x2x32xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
  %y = qvl.regroup %x, %i preserving(%i) {group = 4 : i64} : tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return
}

/// Splits that nobody joins are dead as well.
// CHECK-LABEL: func.func @unused_splits_go
// CHECK-NEXT: return
func.func @unused_splits_go(%q: tensor<?x4x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                            %blocks: tensor<?x?xi32>) {
  %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
      -> tensor<?x8x4x2xf32>, tensor<?x8x4x32xf32>
  %a = qvl.merge_splits %w, %o : tensor<?x8x4x2xf32>, tensor<?x8x4x32xf32> -> tensor<?x128xf32>
  return
}

/// A regroup and its inverse stay: cancelling them is a fusion pass's work.
// CHECK-LABEL: func.func @inverse_regroups_stay
func.func @inverse_regroups_stay(%x: tensor<?x4xf32>, %i: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x4xf32> {
  // CHECK-COUNT-2: qvl.regroup
  %y = qvl.regroup %x, %i preserving(%s) {group = 4 : i64} : tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %z = qvl.regroup %y, %i preserving(%s) {group = 4 : i64, inverse} : tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return %z : tensor<?x4xf32>
}

/// Equal epilogues make equal ops. Constants of an epilogue stay inside: the op is isolated.
// CHECK-LABEL: func.func @equal_epilogues_become_one
func.func @equal_epilogues_become_one(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) -> tensor<?x4xf32> {
  // CHECK-NEXT: %[[Y:.*]] = qvl.fused_linear
  // CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32):
  // CHECK-NEXT: %[[TWO:.*]] = arith.constant 2.000000e+00 : f32
  // CHECK-NEXT: arith.mulf %[[ACC]], %[[TWO]] : f32
  // CHECK-NOT: qvl.fused_linear
  // CHECK: qvl.add %[[Y]], %[[Y]]
  %y = qvl.fused_linear %x, (%w) : tensor<?x8xf32>, (tensor<4x8xf32>) -> tensor<?x4xf32> {
  ^bb0(%acc: f32):
    %two = arith.constant 2.0 : f32
    %0 = arith.mulf %acc, %two : f32
    qvl.yield %0 : f32
  }
  %z = qvl.fused_linear %x, (%w) : tensor<?x8xf32>, (tensor<4x8xf32>) -> tensor<?x4xf32> {
  ^bb0(%acc: f32):
    %two = arith.constant 2.0 : f32
    %0 = arith.mulf %acc, %two : f32
    qvl.yield %0 : f32
  }
  %sum = qvl.add %y, %z : tensor<?x4xf32>
  return %sum : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @other_epilogues_stay_apart
func.func @other_epilogues_stay_apart(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) -> tensor<?x4xf32> {
  // CHECK-COUNT-2: qvl.fused_linear
  %y = qvl.fused_linear %x, (%w) : tensor<?x8xf32>, (tensor<4x8xf32>) -> tensor<?x4xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  %z = qvl.fused_linear %x, (%w) : tensor<?x8xf32>, (tensor<4x8xf32>) -> tensor<?x4xf32> {
  ^bb0(%acc: f32):
    %0 = arith.negf %acc : f32
    qvl.yield %0 : f32
  }
  %sum = qvl.add %y, %z : tensor<?x4xf32>
  return %sum : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @unused_fused_ops_go
// CHECK-NEXT: return
func.func @unused_fused_ops_go(%x: tensor<?x16xf32>, %w: tensor<4x16xf32>, %t: tensor<?x2x2xf32>, %c: !qvl.cache<5, 1, 4, 64, f32>,
                               %layer: index, %slots: tensor<?xi64>) {
  %y = qvl.fused_linear %x, (%w) : tensor<?x16xf32>, (tensor<4x16xf32>) -> tensor<?x4xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  %q:3 = qvl.rope_qk %x, %t {heads = array<i64: 2, 1, 1>, head_dim = 4 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32> -> tensor<?x2x4xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32>
  %r, %c1 = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {q_heads = 2 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32>, !qvl.cache<5, 1, 4, 64, f32>, tensor<?xi64> -> tensor<?x2x4xf32>
  return
}

/// Drawing is pure: the uniform number is an operand.
// CHECK-LABEL: func.func @equal_samples_become_one
func.func @equal_samples_become_one(%l: tensor<?x40xf32>, %s: tensor<?x2xi32>, %p: tensor<?x5xf32>, %d: tensor<?xi64>, %e: tensor<?xi64>)
    -> (tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) {
  // CHECK-COUNT-1: qvl.argmax
  // CHECK-NOT: qvl.argmax
  %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 32 : i64}
      : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  %w, %j = qvl.argmax %l seen(%s) settings(%p) {columns = 32 : i64}
      : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  // CHECK: %[[A:.*]] = qvl.sample {{.*}} draws(%arg3)
  // CHECK: %[[B:.*]] = qvl.sample {{.*}} draws(%arg4)
  // CHECK-NEXT: return %[[A]], %[[A]], %[[B]]
  %a = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%v, %i)
      : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?xi32>
  %b = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%w, %j)
      : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?xi32>
  %c = qvl.sample %l seen(%s) settings(%p) draws(%e) best(%v, %i)
      : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?xi32>
  return %a, %b, %c : tensor<?xi32>, tensor<?xi32>, tensor<?xi32>
}
