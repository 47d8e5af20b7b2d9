// RUN: qvl-opt %s --qvl-fuse-epilogue --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-epilogue --qvl-fuse-epilogue --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-epilogue --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-fuse-epilogue -o /dev/null

/// isOnlyReader, writesRowsInOrder: the residual keeps its side, residual + (acc + bias).
// CHECK-LABEL: func.func @bias_and_residual
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[W:.*]]: tensor<24x16xbf16>, %[[B:.*]]: tensor<24xbf16>, %[[R:.*]]: tensor<?x24xf32>)
// CHECK-NEXT: %[[Y:.*]] = qvl.fused_linear %[[X]], (%[[W]]) with(%[[B]], %[[R]])
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[BIAS:.*]]: f32, %[[RES:.*]]: f32):
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[ACC]], %[[BIAS]]
// CHECK-NEXT: %[[T:.*]] = arith.addf %[[RES]], %[[S]]
// CHECK-NEXT: qvl.yield %[[T]]
// CHECK: return %[[Y]]
func.func @bias_and_residual(%x: tensor<?x16xf32>, %w: tensor<24x16xbf16>, %b: tensor<24xbf16>, %r: tensor<?x24xf32>)
    -> tensor<?x24xf32> {
  // expected-remark@+2 {{the bias into 'qvl.linear'}}
  // expected-remark@+1 {{'qvl.add' into 'qvl.fused_linear'}}
  %y = qvl.linear %x, %w bias %b : tensor<?x16xf32>, tensor<24x16xbf16>, tensor<24xbf16> -> tensor<?x24xf32>
  %z = qvl.add %r, %y : tensor<?x24xf32>
  return %z : tensor<?x24xf32>
}

// -----

/// The residual may come behind the projection; the fused op stands at the sum.
// CHECK-LABEL: func.func @residual_behind
// CHECK: %[[R:.*]] = qvl.gelu
// CHECK: qvl.fused_linear %{{.*}} with(%[[R]])
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[RES:.*]]: f32):
// CHECK-NEXT: arith.addf %[[ACC]], %[[RES]]
func.func @residual_behind(%x: tensor<?x16xf32>, %w: tensor<16x16xbf16>) -> tensor<?x16xf32> {
  // expected-remark@+1 {{'qvl.add' into 'qvl.fused_linear'}}
  %y = qvl.linear %x, %w : tensor<?x16xf32>, tensor<16x16xbf16> -> tensor<?x16xf32>
  %r = qvl.gelu %x : tensor<?x16xf32>
  %z = qvl.add %y, %r : tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}

// -----

/// gelu in the erf form, then a cast, which is the rounding of the store.
// CHECK-LABEL: func.func @gelu_and_cast
// CHECK: qvl.fused_linear {{.*}} -> tensor<?x24xbf16> {
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32):
// CHECK: %[[C:.*]] = arith.constant 5.000000e-01
// CHECK: %[[ROOT:.*]] = math.sqrt %[[C]]
// CHECK: %[[S:.*]] = arith.mulf %[[ACC]], %[[ROOT]]
// CHECK: %[[HALF:.*]] = arith.mulf %[[ACC]], %{{.*}}
// CHECK: %[[E:.*]] = math.erf %[[S]]
// CHECK: %[[F:.*]] = arith.addf %{{.*}}, %[[E]]
// CHECK: %[[R:.*]] = arith.mulf %[[HALF]], %[[F]]
// CHECK: qvl.yield %[[R]]
// CHECK-NOT: qvl.cast
func.func @gelu_and_cast(%x: tensor<?x16xf32>, %w: tensor<24x16xbf16>) -> tensor<?x24xbf16> {
  // expected-remark@+2 {{'qvl.gelu' into 'qvl.fused_linear'}}
  // expected-remark@+1 {{'qvl.cast' into 'qvl.fused_linear'}}
  %y = qvl.linear %x, %w : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %g = qvl.gelu %y : tensor<?x24xf32>
  %c = qvl.cast %g : tensor<?x24xf32> -> tensor<?x24xbf16>
  return %c : tensor<?x24xbf16>
}

// -----

/// Nothing to add: one op of projections all the same.
// CHECK-LABEL: func.func @identity
// CHECK: qvl.fused_linear
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32):
// CHECK-NEXT: qvl.yield %[[ACC]]
func.func @identity(%x: tensor<?x16xf32>, %w: tensor<24x16xbf16>) -> tensor<?x24xf32> {
  %y = qvl.linear %x, %w : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}

// -----

/// isOnlyReader: a sum of two projections of which one is read elsewhere goes to the other one.
// CHECK-LABEL: func.func @other_operand
// CHECK: %[[Y:.*]] = qvl.fused_linear
// CHECK: %[[Z:.*]] = qvl.fused_linear %{{.*}} with(%[[Y]])
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[RES:.*]]: f32):
// CHECK-NEXT: arith.addf %[[ACC]], %[[RES]]
// CHECK: return %[[Y]], %[[Z]]
func.func @other_operand(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %v: tensor<16x16xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  // expected-remark@+1 {{'qvl.add' into 'qvl.fused_linear'}}
  %a = qvl.linear %x, %w : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %y = qvl.linear %x, %v : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %z = qvl.add %a, %y : tensor<?x16xf32>
  return %y, %z : tensor<?x16xf32>, tensor<?x16xf32>
}

// -----

/// isOnlyReader
// CHECK-LABEL: func.func @negative_other_readers
// CHECK: %[[Y:.*]] = qvl.fused_linear
// CHECK: qvl.gelu %[[Y]]
// CHECK: qvl.add %{{.*}}, %[[Y]]
func.func @negative_other_readers(%x: tensor<?x16xf32>, %w: tensor<16x16xbf16>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %y = qvl.linear %x, %w : tensor<?x16xf32>, tensor<16x16xbf16> -> tensor<?x16xf32>
  // expected-remark@+1 {{'qvl.fused_linear' has other readers}}
  %g = qvl.gelu %y : tensor<?x16xf32>
  // expected-remark@+1 {{'qvl.fused_linear' has other readers}}
  %z = qvl.add %x, %y : tensor<?x16xf32>
  return %g, %z : tensor<?x16xf32>, tensor<?x16xf32>
}

// -----

/// writesRowsInOrder: a value per element and a store map exclude each other.
// CHECK-LABEL: func.func @negative_store_map
// CHECK: %[[Y:.*]] = qvl.fused_linear
// CHECK: qvl.add %{{.*}}, %[[Y]]
func.func @negative_store_map(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %index: tensor<?xi32>) -> tensor<?x16xf32> {
  %y = qvl.fused_linear %x, (%w) store(%index group 4 : tensor<?xi32>) : tensor<?x16xf32>, (tensor<16x16xf32>) -> tensor<?x16xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  // expected-remark@+1 {{'qvl.fused_linear' stores its rows through a map}}
  %z = qvl.add %x, %y : tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}

// -----

/// No projection: no remark.
// CHECK-LABEL: func.func @negative_no_projection
// CHECK: qvl.add
// CHECK: qvl.gelu
func.func @negative_no_projection(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %y = qvl.add %x, %x : tensor<?x16xf32>
  %z = qvl.gelu %y : tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
