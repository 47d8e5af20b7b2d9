// RUN: qvl-opt %s --qvl-fold-row-maps --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fold-row-maps --qvl-fold-row-maps --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fold-row-maps --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-fold-row-maps -o /dev/null

/// picksByIndex, writesByIndex, isOnlyReader: both maps of one projection.
// CHECK-LABEL: func.func @load_and_store
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[W:.*]]: tensor<16x16xf32>, %[[B:.*]]: tensor<16xf32>, %[[I:.*]]: tensor<?xi32>,
// CHECK-NEXT: %[[Y:.*]] = qvl.fused_linear %[[X]], (%[[W]]) with(%[[B]]) load(%[[I]] group 4 : tensor<?xi32>) store(%[[I]] group 2 : tensor<?xi32>)
// CHECK-NOT: regroup
// CHECK: return %[[Y]]
func.func @load_and_store(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %b: tensor<16xf32>, %index: tensor<?xi32>,
                          %frames: tensor<?xi32>) -> tensor<?x16xf32> {
  %p = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  // expected-remark@+2 {{regroup into the load map of 'qvl.fused_linear'}}
  // expected-remark@+1 {{regroup into the store map of 'qvl.fused_linear'}}
  %y = qvl.fused_linear %p, (%w) with(%b) : tensor<?x16xf32>, (tensor<16x16xf32>) with(tensor<16xf32>) -> tensor<?x16xf32> {
  ^bb0(%acc: f32, %bias: f32):
    %0 = arith.addf %acc, %bias : f32
    qvl.yield %0 : f32
  }
  %z = qvl.regroup %y, %index preserving(%frames) {group = 2 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %z : tensor<?x16xf32>
}

// -----

/// The rotary table takes the permutation of its positions.
// CHECK-LABEL: func.func @table
// CHECK-SAME: (%[[P:.*]]: tensor<2x?xi32>, %[[I:.*]]: tensor<?xi32>,
// CHECK-NEXT: %[[T:.*]] = qvl.rope_table %[[P]] rows(%[[I]] group 4 : tensor<?xi32>)
// CHECK-NEXT: return %[[T]]
func.func @table(%p: tensor<2x?xi32>, %index: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<?x4x2xf32> {
  // expected-remark@+1 {{regroup into the row map of 'qvl.rope_table'}}
  %t = qvl.rope_table %p {theta = 1.0e4 : f64, sections = array<i64: 2, 2>, frequencies = #qvl.frequencies<per_axis>}
      : tensor<2x?xi32> -> tensor<?x4x2xf32>
  %w = qvl.regroup %t, %index preserving(%frames) {group = 4 : i64} : tensor<?x4x2xf32>, tensor<?xi32>, tensor<?xi32>
  return %w : tensor<?x4x2xf32>
}

// -----

/// The rows are converted on the way: the conversion does not care where a row lies.
// CHECK-LABEL: func.func @load_behind_cast
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[W:.*]]: tensor<16x16xbf16>, %[[I:.*]]: tensor<?xi32>,
// CHECK-NEXT: %[[C:.*]] = qvl.cast %[[X]]
// CHECK-NEXT: qvl.fused_linear %[[C]], (%[[W]]) load(%[[I]] group 4 : tensor<?xi32>)
// CHECK-NOT: regroup
func.func @load_behind_cast(%x: tensor<?x16xf32>, %w: tensor<16x16xbf16>, %index: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<?x16xbf16> {
  %p = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %c = qvl.cast %p : tensor<?x16xf32> -> tensor<?x16xbf16>
  // expected-remark@+1 {{regroup into the load map of 'qvl.fused_linear'}}
  %y = qvl.fused_linear %c, (%w) : tensor<?x16xbf16>, (tensor<16x16xbf16>) -> tensor<?x16xbf16> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %y : tensor<?x16xbf16>
}

// -----

/// isOnlyReader: permuted rows that are needed elsewhere, before or after their conversion, stay.
// CHECK-LABEL: func.func @negative_cast_readers
// CHECK: qvl.regroup
// CHECK: qvl.fused_linear
// CHECK-NOT: load
// CHECK: return
func.func @negative_cast_readers(%x: tensor<?x16xf32>, %w: tensor<16x16xbf16>, %index: tensor<?xi32>, %frames: tensor<?xi32>)
    -> (tensor<?x16xf32>, tensor<?x16xbf16>) {
  // expected-remark@+1 {{'qvl.cast' is not its only reader}}
  %p = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %c = qvl.cast %p : tensor<?x16xf32> -> tensor<?x16xbf16>
  %y = qvl.fused_linear %c, (%w) : tensor<?x16xbf16>, (tensor<16x16xbf16>) -> tensor<?x16xbf16> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %p, %y : tensor<?x16xf32>, tensor<?x16xbf16>
}

// -----

/// picksByIndex, writesByIndex: the other direction is no map.
// CHECK-LABEL: func.func @negative_directions
// CHECK: qvl.regroup {{.*}}inverse
// CHECK: qvl.fused_linear
// CHECK-NOT: load
// CHECK: qvl.regroup
// CHECK: qvl.rope_table
// CHECK-NOT: rows(
// CHECK: qvl.regroup {{.*}}inverse
func.func @negative_directions(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %p: tensor<2x?xi32>, %index: tensor<?xi32>,
                               %frames: tensor<?xi32>) -> (tensor<?x16xf32>, tensor<?x4x2xf32>) {
  // expected-remark@+1 {{an inverse permutation is no load map of 'qvl.fused_linear'}}
  %r = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %y = qvl.fused_linear %r, (%w) : tensor<?x16xf32>, (tensor<16x16xf32>) -> tensor<?x16xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  // expected-remark@+1 {{a permutation that is not inverse is no store map of 'qvl.fused_linear'}}
  %z = qvl.regroup %y, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %t = qvl.rope_table %p {theta = 1.0e4 : f64, sections = array<i64: 2, 2>, frequencies = #qvl.frequencies<per_axis>}
      : tensor<2x?xi32> -> tensor<?x4x2xf32>
  // expected-remark@+1 {{an inverse permutation is no row map of 'qvl.rope_table'}}
  %u = qvl.regroup %t, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x4x2xf32>, tensor<?xi32>, tensor<?xi32>
  return %z, %u : tensor<?x16xf32>, tensor<?x4x2xf32>
}

// -----

/// isOnlyReader: the permutation of a value with other readers is needed anyway.
// CHECK-LABEL: func.func @negative_other_readers
// CHECK: qvl.regroup
// CHECK: qvl.fused_linear
// CHECK: qvl.regroup
// CHECK: qvl.rope_table
// CHECK: qvl.regroup
func.func @negative_other_readers(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %p: tensor<2x?xi32>, %index: tensor<?xi32>,
                                  %frames: tensor<?xi32>)
    -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x4x2xf32>, tensor<?x4x2xf32>) {
  // expected-remark@+1 {{'qvl.fused_linear' is not its only reader}}
  %r = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %y = qvl.fused_linear %r, (%w) : tensor<?x16xf32>, (tensor<16x16xf32>) -> tensor<?x16xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  // expected-remark@+1 {{'qvl.fused_linear' has other readers}}
  %z = qvl.regroup %y, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %t = qvl.rope_table %p {theta = 1.0e4 : f64, sections = array<i64: 2, 2>, frequencies = #qvl.frequencies<per_axis>}
      : tensor<2x?xi32> -> tensor<?x4x2xf32>
  // expected-remark@+1 {{'qvl.rope_table' has other readers}}
  %u = qvl.regroup %t, %index preserving(%frames) {group = 4 : i64} : tensor<?x4x2xf32>, tensor<?xi32>, tensor<?xi32>
  return %r, %y, %z, %t, %u : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x4x2xf32>, tensor<?x4x2xf32>
}

// -----

/// hasRowOperands: a residual is read where the result is written.
// CHECK-LABEL: func.func @negative_residual
// CHECK: qvl.fused_linear
// CHECK: qvl.regroup
func.func @negative_residual(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %index: tensor<?xi32>, %frames: tensor<?xi32>)
    -> tensor<?x16xf32> {
  %y = qvl.fused_linear %x, (%w) with(%x) : tensor<?x16xf32>, (tensor<16x16xf32>) with(tensor<?x16xf32>) -> tensor<?x16xf32> {
  ^bb0(%acc: f32, %residual: f32):
    %0 = arith.addf %residual, %acc : f32
    qvl.yield %0 : f32
  }
  // expected-remark@+1 {{'qvl.fused_linear' has an operand with a value per element}}
  %z = qvl.regroup %y, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %z : tensor<?x16xf32>
}

// -----

/// One map of each kind.
// CHECK-LABEL: func.func @negative_second_maps
// CHECK-COUNT-1: qvl.regroup
// CHECK: qvl.fused_linear
// CHECK: qvl.regroup
// CHECK: qvl.rope_table
// CHECK: qvl.regroup
func.func @negative_second_maps(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %p: tensor<2x?xi32>, %index: tensor<?xi32>,
                                %frames: tensor<?xi32>) -> (tensor<?x16xf32>, tensor<?x4x2xf32>) {
  // expected-remark@+1 {{'qvl.fused_linear' has a load map}}
  %r = qvl.regroup %x, %index preserving(%frames) {group = 4 : i64} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %y = qvl.fused_linear %r, (%w) load(%index group 4 : tensor<?xi32>) store(%index group 4 : tensor<?xi32>)
      : tensor<?x16xf32>, (tensor<16x16xf32>) -> tensor<?x16xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  // expected-remark@+1 {{'qvl.fused_linear' has a store map}}
  %z = qvl.regroup %y, %index preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %t = qvl.rope_table %p rows(%index group 4 : tensor<?xi32>) {theta = 1.0e4 : f64, sections = array<i64: 2, 2>,
      frequencies = #qvl.frequencies<per_axis>} : tensor<2x?xi32> -> tensor<?x4x2xf32>
  // expected-remark@+1 {{'qvl.rope_table' has a row map}}
  %u = qvl.regroup %t, %index preserving(%frames) {group = 4 : i64} : tensor<?x4x2xf32>, tensor<?xi32>, tensor<?xi32>
  return %z, %u : tensor<?x16xf32>, tensor<?x4x2xf32>
}
