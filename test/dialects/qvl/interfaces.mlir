// RUN: qvl-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize --cse | FileCheck %s

/// Result sizes by ReifyRankedShapedTypeOpInterface: `tensor.dim` of a result becomes arithmetic on operand sizes, and
/// the op itself goes once nothing else reads it. Static sizes are constants of the type already.

/// Rows of the ids.
// CHECK-LABEL: func.func @embed
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi32>,
func.func @embed(%ids: tensor<?xi32>, %table: tensor<672x192xbf16>) -> index {
  %x = qvl.embed %ids, %table : tensor<?xi32>, tensor<672x192xbf16> -> tensor<?x192xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %x, %zero : tensor<?x192xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[IDS]], %{{.*}} : tensor<?xi32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// Rows of the index, not of the input.
// CHECK-LABEL: func.func @gather_rows
// CHECK-SAME: %[[INDEX:[a-z0-9]*]]: tensor<?xi32>)
func.func @gather_rows(%x: tensor<?x192xf32>, %index: tensor<?xi32>) -> index {
  %y = qvl.gather_rows %x, %index : tensor<?x192xf32>, tensor<?xi32> -> tensor<?x192xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %y, %zero : tensor<?x192xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[INDEX]], %{{.*}} : tensor<?xi32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// Rows of the embeddings, not of the features.
// CHECK-LABEL: func.func @merge_features
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<?x192xf32>,
func.func @merge_features(%x: tensor<?x192xf32>, %features: tensor<?x192xf32>, %index: tensor<?xi32>) -> index {
  %y = qvl.merge_features %x, %features, %index : tensor<?x192xf32>, tensor<?x192xf32>, tensor<?xi32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %y, %zero : tensor<?x192xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x192xf32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// Four rows become one.
// CHECK-LABEL: func.func @merge_rows
// CHECK-SAME: (%[[X:.*]]: tensor<?x128xf32>)
func.func @merge_rows(%x: tensor<?x128xf32>) -> index {
  %y = qvl.merge_rows %x {rows = 4 : i64} : tensor<?x128xf32> -> tensor<?x512xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %y, %zero : tensor<?x512xf32>
  // CHECK-DAG: %[[FOUR:.*]] = arith.constant 4 : index
  // CHECK-DAG: %[[ROWS:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x128xf32>
  // CHECK: %[[MERGED:.*]] = arith.divui %[[ROWS]], %[[FOUR]] : index
  // CHECK-NEXT: return %[[MERGED]]
  return %rows : index
}

/// A chain of row-wise ops asks the first operand.
// CHECK-LABEL: func.func @row_wise
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<?x64xf32>,
func.func @row_wise(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>, %n: tensor<64xf32>, %i: tensor<?xi32>) -> index {
  %0 = qvl.linear %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %1 = qvl.rms_norm %0, %n {eps = 1.0e-6 : f64} : tensor<?x64xf32>, tensor<64xf32> -> tensor<?x64xf32>
  %2 = qvl.silu %1 : tensor<?x64xf32>
  %3 = qvl.gelu %2 : tensor<?x64xf32>
  %4 = qvl.add %3, %x : tensor<?x64xf32>
  %5 = qvl.mul %4, %x : tensor<?x64xf32>
  %6 = qvl.regroup %5, %i preserving(%i) {group = 4 : i64} : tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>
  %7 = qvl.cast %6 : tensor<?x64xf32> -> tensor<?x64xbf16>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %7, %zero : tensor<?x64xbf16>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x64xf32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// Each part has the rows of the input.
// CHECK-LABEL: func.func @split_heads
// CHECK-SAME: (%[[X:.*]]: tensor<?x6xf32>)
func.func @split_heads(%x: tensor<?x6xf32>) -> (index, index) {
  %a, %b = qvl.split_heads %x {heads = array<i64: 2, 1>, head_dim = 2 : i64} : tensor<?x6xf32> -> tensor<?x2x2xf32>, tensor<?x1x2xf32>
  %zero = arith.constant 0 : index
  %first = tensor.dim %a, %zero : tensor<?x2x2xf32>
  %second = tensor.dim %b, %zero : tensor<?x1x2xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x6xf32>
  // CHECK-NEXT: return %[[ROWS]], %[[ROWS]]
  return %first, %second : index, index
}

/// Rows are the second dimension of the positions.
// CHECK-LABEL: func.func @rope_table
// CHECK-SAME: (%[[P:.*]]: tensor<2x?xi32>)
func.func @rope_table(%positions: tensor<2x?xi32>) -> index {
  %t = qvl.rope_table %positions {theta = 1.0e4 : f64, sections = array<i64: 20, 20>,
      frequencies = #qvl.frequencies<per_axis>} : tensor<2x?xi32> -> tensor<?x40x2xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %t, %zero : tensor<?x40x2xf32>
  // CHECK: %[[ONE:.*]] = arith.constant 1 : index
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[P]], %[[ONE]] : tensor<2x?xi32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// Rows of the input, not of the table.
// CHECK-LABEL: func.func @rotate
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<?x2x8xf32>,
func.func @rotate(%x: tensor<?x2x8xf32>, %t: tensor<?x4x2xf32>) -> index {
  %y = qvl.rotate %x, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %y, %zero : tensor<?x2x8xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x2x8xf32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// Rows of the query.
// CHECK-LABEL: func.func @attention
// CHECK-SAME: (%[[Q:[a-z0-9]*]]: tensor<?x2x4xf32>,
func.func @attention(%q: tensor<?x2x4xf32>, %k: tensor<?x2x4xf32>, %s: tensor<?xi32>) -> index {
  %a = qvl.attention %q, %k, %k segments(%s) {scale = 0.5 : f64} : tensor<?x2x4xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %a, %zero : tensor<?x8xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[Q]], %{{.*}} : tensor<?x2x4xf32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// Rows of the query; the cache between them has no sizes, and asking does not trip over it.
// CHECK-LABEL: func.func @cached_attention
// CHECK-SAME: (%[[Q:[a-z0-9]*]]: tensor<?x4x32xf32>,
func.func @cached_attention(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index,
                            %slots: tensor<?xi64>, %i: tensor<?xi32>, %blocks: tensor<?x?xi32>) -> index {
  %c1 = qvl.cache_append %k, %k, %c layer(%layer) slots(%slots) : tensor<?x2x32xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
  %a = qvl.cached_attention %q, %c1 layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x128xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %a, %zero : tensor<?x128xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[Q]], %{{.*}} : tensor<?x4x32xf32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// Rows of the query for both results, which are rows of what joins them.
// CHECK-LABEL: func.func @cached_attention_splits
// CHECK-SAME: (%[[Q:[a-z0-9]*]]: tensor<?x4x32xf32>,
func.func @cached_attention_splits(%q: tensor<?x4x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                                   %blocks: tensor<?x?xi32>) -> (index, index) {
  %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
      -> tensor<?x8x4x2xf32>, tensor<?x8x4x32xf32>
  %a = qvl.merge_splits %w, %o : tensor<?x8x4x2xf32>, tensor<?x8x4x32xf32> -> tensor<?x128xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %o, %zero : tensor<?x8x4x32xf32>
  %merged = tensor.dim %a, %zero : tensor<?x128xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[Q]], %{{.*}} : tensor<?x4x32xf32>
  // CHECK-NEXT: return %[[ROWS]], %[[ROWS]]
  return %rows, %merged : index, index
}

/// The same when a norm merges its rows.
// CHECK-LABEL: func.func @rms_norm_merge
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<?x64xf32>,
func.func @rms_norm_merge(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> index {
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64, merge = 4 : i64} : tensor<?x64xf32>, tensor<64xf32> -> tensor<?x256xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %y, %zero : tensor<?x256xf32>
  // CHECK-DAG: %[[FOUR:.*]] = arith.constant 4 : index
  // CHECK-DAG: %[[ROWS:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x64xf32>
  // CHECK: %[[MERGED:.*]] = arith.divui %[[ROWS]], %[[FOUR]] : index
  // CHECK-NEXT: return %[[MERGED]]
  return %rows : index
}

/// Rows of the input, not of the index, which counts groups.
// CHECK-LABEL: func.func @fused_linear
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<?x8xf32>,
func.func @fused_linear(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %i: tensor<?xi32>) -> index {
  %y = qvl.fused_linear %x, (%w) load(%i group 4 : tensor<?xi32>) : tensor<?x8xf32>, (tensor<4x8xf32>) -> tensor<?x4xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  %zero = arith.constant 0 : index
  %rows = tensor.dim %y, %zero : tensor<?x4xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x8xf32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// All three results have the rows of the input.
// CHECK-LABEL: func.func @rope_qk
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<?x16xf32>,
func.func @rope_qk(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>) -> (index, index, index) {
  %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 2, 1, 1>, head_dim = 4 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32> -> tensor<?x2x4xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32>
  %zero = arith.constant 0 : index
  %0 = tensor.dim %q, %zero : tensor<?x2x4xf32>
  %1 = tensor.dim %k, %zero : tensor<?x1x4xf32>
  %2 = tensor.dim %v, %zero : tensor<?x1x4xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x16xf32>
  // CHECK-NEXT: return %[[ROWS]], %[[ROWS]], %[[ROWS]]
  return %0, %1, %2 : index, index, index
}

/// The query has rows, the cache beside it no sizes.
// CHECK-LABEL: func.func @rope_append
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<?x16xf32>,
func.func @rope_append(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>, %c: !qvl.cache<5, 1, 4, 64, f32>, %layer: index,
                       %slots: tensor<?xi64>) -> index {
  %q, %c1 = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {q_heads = 2 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32>, !qvl.cache<5, 1, 4, 64, f32>, tensor<?xi64> -> tensor<?x2x4xf32>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %q, %zero : tensor<?x2x4xf32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x16xf32>
  // CHECK-NEXT: return %[[ROWS]]
  return %rows : index
}

/// Rows of the logits.
// CHECK-LABEL: func.func @sampling
// CHECK-SAME: (%[[L:[a-z0-9]*]]: tensor<?x40xf32>,
func.func @sampling(%logits: tensor<?x40xf32>, %seen: tensor<?x2xi32>, %settings: tensor<?x5xf32>, %draws: tensor<?xi64>) -> (index, index, index) {
  %zero = arith.constant 0 : index
  %v, %i = qvl.argmax %logits seen(%seen) settings(%settings) {columns = 32 : i64}
      : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  %id = qvl.sample %logits seen(%seen) settings(%settings) draws(%draws) best(%v, %i)
      : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?xi32>
  %a = tensor.dim %v, %zero : tensor<?x2xf32>
  %b = tensor.dim %i, %zero : tensor<?x2xi32>
  %c = tensor.dim %id, %zero : tensor<?xi32>
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[L]], %{{.*}} : tensor<?x40xf32>
  // CHECK-NEXT: return %[[ROWS]], %[[ROWS]], %[[ROWS]]
  return %a, %b, %c : index, index, index
}
