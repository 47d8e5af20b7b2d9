// RUN: qvl-opt %s --qvl-hoist-window-order --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-hoist-window-order --qvl-hoist-window-order --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-hoist-window-order --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-hoist-window-order -o /dev/null

/// isRowWise, ordersAgree: projections, rotations and the residual sum run in window order. Four permutations become three: pixels and
/// table into window order, the result back.
// CHECK-LABEL: func.func @windowed_block
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[TABLE:.*]]: tensor<?x4x2xf32>, %[[W:.*]]: tensor<16x16xf32>, %[[INDEX:.*]]: tensor<?xi32>, %[[WINDOWS:.*]]: tensor<?xi32>, %[[FRAMES:.*]]: tensor<?xi32>)
// CHECK-DAG: %[[XW:.*]] = qvl.regroup %[[X]], %[[INDEX]] preserving(%[[FRAMES]]) {group = 4 : i64} : tensor<?x16xf32>
// CHECK-DAG: %[[TW:.*]] = qvl.regroup %[[TABLE]], %[[INDEX]] preserving(%[[FRAMES]]) {group = 4 : i64} : tensor<?x4x2xf32>
// CHECK-NOT: regroup
// CHECK: %[[Y:.*]] = qvl.linear %[[XW]]
// CHECK: %[[H:.*]] = qvl.split_heads %[[Y]]
// CHECK: %[[R:.*]] = qvl.rotate %[[H]], %[[TW]]
// CHECK: %[[A:.*]] = qvl.attention %[[R]], %[[R]], %[[H]] segments(%[[WINDOWS]])
// CHECK: %[[Z:.*]] = qvl.add %[[Y]], %[[A]]
// CHECK: %[[BACK:.*]] = qvl.regroup %[[Z]], %[[INDEX]] preserving(%[[FRAMES]]) {group = 4 : i64, inverse}
// CHECK: return %[[BACK]]
// expected-remark@+1 {{4 permutations of rows became 3}}
func.func @windowed_block(%x: tensor<?x16xf32>, %table: tensor<?x4x2xf32>, %w: tensor<16x16xf32>, %index: tensor<?xi32>,
                          %windows: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<?x16xf32> {
  %y = qvl.linear %x, %w : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %h = qvl.split_heads %y {heads = array<i64: 2>, head_dim = 8 : i64} : tensor<?x16xf32> -> tensor<?x2x8xf32>
  %r = qvl.rotate %h, %table : tensor<?x2x8xf32>, tensor<?x4x2xf32>
  %q = qvl.regroup %r, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %k = qvl.regroup %r, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v = qvl.regroup %h, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %a = qvl.attention %q, %k, %v segments(%windows) {scale = 0.5 : f64} : tensor<?x2x8xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %b = qvl.regroup %a, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %z = qvl.add %y, %b : tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}

// -----

/// attentionCommutesWith: attention inside the frames that the order preserves runs in window order.
/// mergesInsideGroups: four rows that are moved together become one row, moved alone.
// CHECK-LABEL: func.func @full_attention_and_merge
// CHECK-SAME: (%[[X:.*]]: tensor<?x2x8xf32>,
// CHECK: %[[XW:.*]] = qvl.regroup %[[X]]
// CHECK: %[[A:.*]] = qvl.attention %[[XW]], %[[XW]], %[[XW]]
// CHECK: %[[H:.*]] = qvl.split_heads %[[A]]
// CHECK: %[[F:.*]] = qvl.attention %[[H]], %[[H]], %[[H]]
// CHECK: %[[M:.*]] = qvl.merge_rows %[[F]]
// CHECK: %[[B:.*]] = qvl.regroup %[[M]], %{{.*}} preserving(%{{.*}}) {group = 1 : i64, inverse, merged = 4 : i64} : tensor<?x64xf32>
// CHECK: return %[[B]]
// expected-remark@+1 {{4 permutations of rows became 2}}
func.func @full_attention_and_merge(%x: tensor<?x2x8xf32>, %index: tensor<?xi32>, %windows: tensor<?xi32>,
                                    %frames: tensor<?xi32>) -> tensor<?x64xf32> {
  %q = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %k = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %a = qvl.attention %q, %k, %v segments(%windows) {scale = 0.5 : f64} : tensor<?x2x8xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %b = qvl.regroup %a, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %h = qvl.split_heads %b {heads = array<i64: 2>, head_dim = 8 : i64} : tensor<?x16xf32> -> tensor<?x2x8xf32>
  %f = qvl.attention %h, %h, %h segments(%frames) {scale = 0.5 : f64} : tensor<?x2x8xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %m = qvl.merge_rows %f {rows = 4 : i64} : tensor<?x16xf32> -> tensor<?x64xf32>
  return %m : tensor<?x64xf32>
}

// -----

/// attentionCommutesWith: attention inside other segments than the order preserves stays in raster order.
// CHECK-LABEL: func.func @negative_other_segments
// CHECK: qvl.regroup %{{.*}} {group = 4 : i64}
// CHECK: qvl.attention
// CHECK: %[[H:.*]] = qvl.split_heads
// CHECK: %[[R:.*]] = qvl.regroup %[[H]], %{{.*}} {group = 4 : i64, inverse}
// CHECK: qvl.attention %[[R]], %[[R]], %[[R]]
// expected-remark@+1 {{4 permutations of rows became 2}}
func.func @negative_other_segments(%x: tensor<?x2x8xf32>, %index: tensor<?xi32>, %windows: tensor<?xi32>,
                                   %frames: tensor<?xi32>, %halves: tensor<?xi32>) -> tensor<?x16xf32> {
  %q = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %k = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %a = qvl.attention %q, %k, %v segments(%windows) {scale = 0.5 : f64} : tensor<?x2x8xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %b = qvl.regroup %a, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %h = qvl.split_heads %b {heads = array<i64: 2>, head_dim = 8 : i64} : tensor<?x16xf32> -> tensor<?x2x8xf32>
  // expected-remark@+1 {{'qvl.attention' attends inside segments that the order does not preserve, so its rows stay in raster order}}
  %f = qvl.attention %h, %h, %h segments(%halves) {scale = 0.5 : f64} : tensor<?x2x8xf32>, tensor<?xi32> -> tensor<?x16xf32>
  return %f : tensor<?x16xf32>
}

// -----

/// mergesInsideGroups: three rows that become one may come from two groups of four.
// CHECK-LABEL: func.func @negative_merge_across_groups
// CHECK: %[[R:.*]] = qvl.regroup %{{.*}} {group = 4 : i64, inverse}
// CHECK: qvl.merge_rows %[[R]]
func.func @negative_merge_across_groups(%x: tensor<?x2x8xf32>, %index: tensor<?xi32>, %windows: tensor<?xi32>,
                                        %frames: tensor<?xi32>) -> tensor<?x48xf32> {
  %q = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x2x8xf32>, tensor<?xi32>, tensor<?xi32>
  %a = qvl.attention %q, %q, %q segments(%windows) {scale = 0.5 : f64} : tensor<?x2x8xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %b = qvl.regroup %a, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  // expected-remark@+1 {{'qvl.merge_rows' merges rows of different groups, so its rows stay in raster order}}
  %m = qvl.merge_rows %b {rows = 3 : i64} : tensor<?x16xf32> -> tensor<?x48xf32>
  return %m : tensor<?x48xf32>
}

// -----

/// isRowWise: an op that picks rows by number reads them in raster order.
// CHECK-LABEL: func.func @negative_gather
// CHECK: %[[R:.*]] = qvl.regroup %{{.*}} {group = 4 : i64, inverse}
// CHECK: qvl.gather_rows %[[R]]
// expected-remark@+1 {{3 permutations of rows became 2}}
func.func @negative_gather(%x: tensor<?x16xf32>, %index: tensor<?xi32>, %frames: tensor<?xi32>, %rows: tensor<?xi32>)
    -> tensor<?x16xf32> {
  %p = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %q = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %s = qvl.mul %p, %q : tensor<?x16xf32>
  %b = qvl.regroup %s, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  // expected-remark@+1 {{'qvl.gather_rows' is not row-wise, so its rows stay in raster order}}
  %g = qvl.gather_rows %b, %rows : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  return %g : tensor<?x16xf32>
}

// -----

/// ordersAgree: a sum of rows in window order and rows in raster order mixes them as it was traced to.
// CHECK-LABEL: func.func @negative_orders_differ
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>,
// CHECK: %[[P:.*]] = qvl.regroup %[[X]]
// CHECK: qvl.add %[[P]], %[[X]]
func.func @negative_orders_differ(%x: tensor<?x16xf32>, %index: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<?x16xf32> {
  %p = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %s = qvl.add %p, %x : tensor<?x16xf32>
  return %s : tensor<?x16xf32>
}

// -----

/// isKnownOnEntry: a permutation cannot move before the index that it reads.
// CHECK-LABEL: func.func @negative_computed_index
// CHECK-COUNT-2: {group = 4 : i64} : tensor<?x16xf32>
// CHECK: {group = 4 : i64, inverse}
// expected-remark@+1 {{a window order is computed inside the function}}
func.func @negative_computed_index(%x: tensor<?x16xf32>, %indices: tensor<2x?xi32>, %size: index, %frames: tensor<?xi32>)
    -> tensor<?x16xf32> {
  %index = tensor.extract_slice %indices[0, 0] [1, %size] [1, 1] : tensor<2x?xi32> to tensor<?xi32>
  %p = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %q = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %s = qvl.mul %p, %q : tensor<?x16xf32>
  %b = qvl.regroup %s, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %b : tensor<?x16xf32>
}

// -----

/// Groups of one order that contradict each other: no assignment.
// CHECK-LABEL: func.func @negative_groups_differ
// CHECK: {group = 4 : i64}
// CHECK: {group = 2 : i64, merged = 2 : i64}
// expected-remark@+1 {{permutations by one index move groups of different sizes}}
func.func @negative_groups_differ(%x: tensor<?x16xf32>, %index: tensor<?xi32>, %frames: tensor<?xi32>)
    -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %p = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %q = qvl.regroup %x, %index preserving(%frames) {group = 2 : i64, merged = 2 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %p, %q : tensor<?x16xf32>, tensor<?x16xf32>
}

// -----

/// keepsGroups: segments are counted in the rows of the permutation, so attention of merged rows inside the same numbers is inside
/// others.
// CHECK-LABEL: func.func @negative_merged_attention
// CHECK: %[[M:.*]] = qvl.merge_rows
// CHECK: %[[H:.*]] = qvl.split_heads %[[M]]
// CHECK: %[[B:.*]] = qvl.regroup %[[H]], %{{.*}} {group = 2 : i64, inverse, merged = 2 : i64}
// CHECK: qvl.attention %[[B]], %[[B]], %[[B]]
// expected-remark@+1 {{3 permutations of rows became 2}}
func.func @negative_merged_attention(%x: tensor<?x16xf32>, %index: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<?x32xf32> {
  %p = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %q = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %s = qvl.mul %p, %q : tensor<?x16xf32>
  %b = qvl.regroup %s, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %m = qvl.merge_rows %b {rows = 2 : i64} : tensor<?x16xf32> -> tensor<?x32xf32>
  %h = qvl.split_heads %m {heads = array<i64: 4>, head_dim = 8 : i64} : tensor<?x32xf32> -> tensor<?x4x8xf32>
  // expected-remark@+1 {{'qvl.attention' attends inside segments that the order does not preserve, so its rows stay in raster order}}
  %f = qvl.attention %h, %h, %h segments(%frames) {scale = 0.5 : f64} : tensor<?x4x8xf32>, tensor<?xi32> -> tensor<?x32xf32>
  return %f : tensor<?x32xf32>
}

// -----

/// keepsGroups: a group of the order has two rows, whose halves no permutation of it moves.
// CHECK-LABEL: func.func @negative_finer_rows
// CHECK: %[[M:.*]] = qvl.merge_rows
// CHECK: qvl.regroup %[[M]], %{{.*}} {group = 2 : i64}
// expected-remark@+1 {{2 permutations of rows became 1}}
func.func @negative_finer_rows(%x: tensor<?x16xf32>, %index: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<?x32xf32> {
  %m = qvl.merge_rows %x {rows = 2 : i64} : tensor<?x16xf32> -> tensor<?x32xf32>
  %p = qvl.regroup %m, %index preserving(%frames) {group = 2 : i64} : tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %q = qvl.regroup %m, %index preserving(%frames) {group = 2 : i64} : tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %s = qvl.mul %p, %q : tensor<?x32xf32>
  return %s : tensor<?x32xf32>
}

// -----

/// Two orders in one function: each is hoisted on its own.
// CHECK-LABEL: func.func @two_orders
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[Y:.*]]: tensor<?x16xf32>, %[[I:.*]]: tensor<?xi32>, %[[J:.*]]: tensor<?xi32>,
// CHECK-DAG: qvl.regroup %[[X]], %[[I]]
// CHECK-DAG: qvl.regroup %[[Y]], %[[J]]
// CHECK: qvl.mul
// CHECK-NOT: regroup
// CHECK: %[[T:.*]] = qvl.add
// CHECK: qvl.regroup %[[T]], %[[J]]
// expected-remark@+2 {{2 permutations of rows became 1}}
// expected-remark@+1 {{3 permutations of rows became 2}}
func.func @two_orders(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>, %i: tensor<?xi32>, %j: tensor<?xi32>, %frames: tensor<?xi32>)
    -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %p = qvl.regroup %x, %i preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %q = qvl.regroup %x, %i preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %s = qvl.mul %p, %q : tensor<?x16xf32>
  %k = qvl.regroup %y, %j preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %l = qvl.regroup %y, %j preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %t = qvl.add %k, %l : tensor<?x16xf32>
  %b = qvl.regroup %t, %j preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %s, %b : tensor<?x16xf32>, tensor<?x16xf32>
}

// -----

/// isStraightLine: a region that reads rows from outside is no step of the function.
// CHECK-LABEL: func.func @negative_region
// CHECK-COUNT-2: qvl.regroup
// expected-remark@+1 {{the function is no straight line of steps}}
func.func @negative_region(%x: tensor<?x16xf32>, %index: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<?x16xf32> {
  %p = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %q = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %s = scf.execute_region -> tensor<?x16xf32> {
    %r = qvl.mul %p, %q : tensor<?x16xf32>
    scf.yield %r : tensor<?x16xf32>
  }
  return %s : tensor<?x16xf32>
}

// -----

/// A weight is no row operand, even when it is the same value.
// CHECK-LABEL: func.func @rows_as_weight
// CHECK-SAME: (%[[X:.*]]: tensor<16x16xf32>,
// CHECK: %[[XW:.*]] = qvl.regroup %[[X]]
// CHECK: qvl.linear %[[XW]], %[[X]]
// expected-remark@+1 {{3 permutations of rows became 2}}
func.func @rows_as_weight(%x: tensor<16x16xf32>, %index: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<16x16xf32> {
  %y = qvl.linear %x, %x : tensor<16x16xf32>, tensor<16x16xf32> -> tensor<16x16xf32>
  %p = qvl.regroup %y, %index preserving(%frames) {group = 4 : i64} : tensor<16x16xf32>, tensor<?xi32>, tensor<?xi32>
  %q = qvl.regroup %y, %index preserving(%frames) {group = 4 : i64} : tensor<16x16xf32>, tensor<?xi32>, tensor<?xi32>
  %s = qvl.mul %p, %q : tensor<16x16xf32>
  %b = qvl.regroup %s, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<16x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %b : tensor<16x16xf32>
}
