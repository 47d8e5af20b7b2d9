// RUN: qvl-opt %s --qvl-fuse-rotary --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-rotary --qvl-fuse-rotary --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-rotary --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-fuse-rotary -o /dev/null

/// shareTable, readersFollow: the vision form.
// CHECK-LABEL: func.func @vision
// CHECK-SAME: (%[[Y:.*]]: tensor<?x48xf32>, %[[T:.*]]: tensor<?x4x2xf32>)
// CHECK-NEXT: %[[Q:.*]], %[[K:.*]], %[[V:.*]] = qvl.rope_qk %[[Y]], %[[T]] {head_dim = 8 : i64, heads = array<i64: 2, 2, 2>}
// CHECK-NEXT: return %[[Q]], %[[K]], %[[V]]
func.func @vision(%y: tensor<?x48xf32>, %t: tensor<?x4x2xf32>) -> (tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>) {
  // expected-remark@+1 {{rotations into 'qvl.split_heads'}}
  %h:3 = qvl.split_heads %y {heads = array<i64: 2, 2, 2>, head_dim = 8 : i64}
      : tensor<?x48xf32> -> tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  %k = qvl.rotate %h#1, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %q = qvl.rotate %h#0, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  return %q, %k, %h#2 : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
}

// -----

/// appendsTheseHeads, areOnlyAppended: the text form, at the append.
// CHECK-LABEL: func.func @text
// CHECK-SAME: (%[[Y:.*]]: tensor<?x32xf32>, %[[T:.*]]: tensor<?x4x2xf32>, %[[C0:.*]]: !qvl.cache<1, 1, 8, 64, f32>, %[[SLOTS:.*]]: tensor<?xi64>)
// CHECK: %[[L:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[Q:.*]], %[[C1:.*]] = qvl.rope_append %[[Y]], %[[T]], %[[C0]] layer(%[[L]]) slots(%[[SLOTS]]) {q_heads = 2 : i64}
// CHECK-NEXT: return %[[Q]], %[[C1]]
func.func @text(%y: tensor<?x32xf32>, %t: tensor<?x4x2xf32>, %c0: !qvl.cache<1, 1, 8, 64, f32>, %slots: tensor<?xi64>)
    -> (tensor<?x2x8xf32>, !qvl.cache<1, 1, 8, 64, f32>) {
  // expected-remark@+1 {{rotations and 'qvl.cache_append' into 'qvl.split_heads'}}
  %h:3 = qvl.split_heads %y {heads = array<i64: 2, 1, 1>, head_dim = 8 : i64}
      : tensor<?x32xf32> -> tensor<?x2x8xf32>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
  %q = qvl.rotate %h#0, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %k = qvl.rotate %h#1, %t : tensor<?x1x8xf32>, tensor<?x4x2xf32>
  %layer = arith.constant 0 : index
  %c1 = qvl.cache_append %k, %h#2, %c0 layer(%layer) slots(%slots) : tensor<?x1x8xf32>, tensor<?xi64>, !qvl.cache<1, 1, 8, 64, f32>
  return %q, %c1 : tensor<?x2x8xf32>, !qvl.cache<1, 1, 8, 64, f32>
}

// -----

/// shareTable
// CHECK-LABEL: func.func @negative_two_tables
// CHECK: qvl.split_heads
// CHECK-COUNT-2: qvl.rotate
func.func @negative_two_tables(%y: tensor<?x48xf32>, %t: tensor<?x4x2xf32>, %u: tensor<?x4x2xf32>)
    -> (tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>) {
  // expected-remark@+1 {{'qvl.rotate' and 'qvl.rotate' read different tables}}
  %h:3 = qvl.split_heads %y {heads = array<i64: 2, 2, 2>, head_dim = 8 : i64}
      : tensor<?x48xf32> -> tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  %q = qvl.rotate %h#0, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %k = qvl.rotate %h#1, %u : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  return %q, %k, %h#2 : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
}

// -----

/// readersFollow: the joined op would stand behind a reader of its value heads.
// CHECK-LABEL: func.func @negative_read_before
// CHECK: qvl.split_heads
// CHECK-COUNT-3: qvl.rotate
func.func @negative_read_before(%y: tensor<?x48xf32>, %t: tensor<?x4x2xf32>)
    -> (tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>) {
  // expected-remark@+1 {{heads are read before 'qvl.rotate'}}
  %h:3 = qvl.split_heads %y {heads = array<i64: 2, 2, 2>, head_dim = 8 : i64}
      : tensor<?x48xf32> -> tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  %q = qvl.rotate %h#0, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %v = qvl.rotate %h#2, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %k = qvl.rotate %h#1, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  return %q, %k, %v : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
}

// -----

/// readersFollow: the query is read before the append.
// CHECK-LABEL: func.func @negative_query_read_before
// CHECK-NOT: rope_append
func.func @negative_query_read_before(%y: tensor<?x32xf32>, %t: tensor<?x4x2xf32>, %c0: !qvl.cache<1, 1, 8, 64, f32>,
                                      %slots: tensor<?xi64>, %s: tensor<?xi32>) -> (tensor<?x16xf32>, !qvl.cache<1, 1, 8, 64, f32>) {
  %layer = arith.constant 0 : index
  // expected-remark@+1 {{the query is read before 'qvl.cache_append'}}
  %h:3 = qvl.split_heads %y {heads = array<i64: 2, 1, 1>, head_dim = 8 : i64}
      : tensor<?x32xf32> -> tensor<?x2x8xf32>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
  %q = qvl.rotate %h#0, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %k = qvl.rotate %h#1, %t : tensor<?x1x8xf32>, tensor<?x4x2xf32>
  %a = qvl.attention %q, %q, %q segments(%s) {scale = 0.5 : f64} : tensor<?x2x8xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %c1 = qvl.cache_append %k, %h#2, %c0 layer(%layer) slots(%slots) : tensor<?x1x8xf32>, tensor<?xi64>, !qvl.cache<1, 1, 8, 64, f32>
  return %a, %c1 : tensor<?x16xf32>, !qvl.cache<1, 1, 8, 64, f32>
}

// -----

/// appendsTheseHeads: the values come from elsewhere.
// CHECK-LABEL: func.func @negative_other_values
// CHECK-NOT: rope_append
func.func @negative_other_values(%y: tensor<?x32xf32>, %v: tensor<?x1x8xf32>, %t: tensor<?x4x2xf32>,
                                 %c0: !qvl.cache<1, 1, 8, 64, f32>, %slots: tensor<?xi64>)
    -> (tensor<?x2x8xf32>, !qvl.cache<1, 1, 8, 64, f32>) {
  %layer = arith.constant 0 : index
  // expected-remark@+1 {{'qvl.cache_append' stores other heads}}
  %h:3 = qvl.split_heads %y {heads = array<i64: 2, 1, 1>, head_dim = 8 : i64}
      : tensor<?x32xf32> -> tensor<?x2x8xf32>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
  %q = qvl.rotate %h#0, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %k = qvl.rotate %h#1, %t : tensor<?x1x8xf32>, tensor<?x4x2xf32>
  %c1 = qvl.cache_append %k, %v, %c0 layer(%layer) slots(%slots) : tensor<?x1x8xf32>, tensor<?xi64>, !qvl.cache<1, 1, 8, 64, f32>
  return %q, %c1 : tensor<?x2x8xf32>, !qvl.cache<1, 1, 8, 64, f32>
}

// -----

/// areOnlyAppended: the keys are read beside the cache.
// CHECK-LABEL: func.func @negative_keys_are_read
// CHECK-NOT: rope_append
func.func @negative_keys_are_read(%y: tensor<?x32xf32>, %t: tensor<?x4x2xf32>, %c0: !qvl.cache<1, 1, 8, 64, f32>,
                                  %slots: tensor<?xi64>) -> (tensor<?x2x8xf32>, tensor<?x1x8xf32>, !qvl.cache<1, 1, 8, 64, f32>) {
  %layer = arith.constant 0 : index
  // expected-remark@+1 {{keys or values have readers beside 'qvl.cache_append'}}
  %h:3 = qvl.split_heads %y {heads = array<i64: 2, 1, 1>, head_dim = 8 : i64}
      : tensor<?x32xf32> -> tensor<?x2x8xf32>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
  %q = qvl.rotate %h#0, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %k = qvl.rotate %h#1, %t : tensor<?x1x8xf32>, tensor<?x4x2xf32>
  %c1 = qvl.cache_append %k, %h#2, %c0 layer(%layer) slots(%slots) : tensor<?x1x8xf32>, tensor<?xi64>, !qvl.cache<1, 1, 8, 64, f32>
  return %q, %k, %c1 : tensor<?x2x8xf32>, tensor<?x1x8xf32>, !qvl.cache<1, 1, 8, 64, f32>
}

// -----

/// rotationOf: query heads that are read unrotated too are no opportunity.
// CHECK-LABEL: func.func @negative_unrotated_query
// CHECK-COUNT-2: qvl.rotate
func.func @negative_unrotated_query(%y: tensor<?x48xf32>, %t: tensor<?x4x2xf32>)
    -> (tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>) {
  %h:3 = qvl.split_heads %y {heads = array<i64: 2, 2, 2>, head_dim = 8 : i64}
      : tensor<?x48xf32> -> tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  %q = qvl.rotate %h#0, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %k = qvl.rotate %h#1, %t : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  return %q, %k, %h#0 : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
}
