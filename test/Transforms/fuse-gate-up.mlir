// RUN: qvl-opt %s --qvl-fuse-gate-up --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-gate-up --qvl-fuse-gate-up --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-gate-up --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-fuse-gate-up -o /dev/null

/// Vision: both projections have a bias. haveOneInput, haveOneWeightType, otherReader: none, isJoinable.
// CHECK: qvl.parameter @mlp.gate_up_proj.weight : tensor<48x16xbf16> recipe(#qvl.concat<["mlp.gate_proj.weight", "model.up"], rows = [24, 24]>)
// CHECK-NOT: qvl.parameter
// CHECK-LABEL: func.func @with_biases
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[BG:.*]]: tensor<24xbf16>, %[[BU:.*]]: tensor<24xbf16>)
// CHECK-NEXT: %[[W:.*]] = qvl.load @mlp.gate_up_proj.weight : tensor<48x16xbf16>
// CHECK-NEXT: %[[H:.*]] = qvl.fused_linear %[[X]], (%[[W]]) with(%[[BG]], %[[BU]])
// CHECK-NEXT: ^bb0(%[[G0:.*]]: f32, %[[U0:.*]]: f32, %[[BIASG:.*]]: f32, %[[BIASU:.*]]: f32):
// CHECK-NEXT: %[[G:.*]] = arith.addf %[[G0]], %[[BIASG]]
// CHECK-NEXT: %[[U:.*]] = arith.addf %[[U0]], %[[BIASU]]
// CHECK-NEXT: %[[N:.*]] = arith.negf %[[G]]
// CHECK-NEXT: %[[E:.*]] = math.exp %[[N]]
// CHECK-NEXT: %[[ONE:.*]] = arith.constant 1.0
// CHECK-NEXT: %[[D:.*]] = arith.addf %[[ONE]], %[[E]]
// CHECK-NEXT: %[[S:.*]] = arith.divf %[[G]], %[[D]]
// CHECK-NEXT: %[[R:.*]] = arith.mulf %[[S]], %[[U]]
// CHECK-NEXT: qvl.yield %[[R]]
// CHECK: return %[[H]]
qvl.parameter @mlp.gate_proj.weight : tensor<24x16xbf16>
qvl.parameter @mlp.up_proj.weight : tensor<24x16xbf16> source("model.up")
func.func @with_biases(%x: tensor<?x16xf32>, %bg: tensor<24xbf16>, %bu: tensor<24xbf16>) -> tensor<?x24xf32> {
  %wg = qvl.load @mlp.gate_proj.weight : tensor<24x16xbf16>
  %wu = qvl.load @mlp.up_proj.weight : tensor<24x16xbf16>
  // expected-remark@+1 {{'qvl.silu', 'qvl.linear' and 'qvl.mul' into 'qvl.linear'}}
  %g = qvl.linear %x, %wg bias %bg : tensor<?x16xf32>, tensor<24x16xbf16>, tensor<24xbf16> -> tensor<?x24xf32>
  %u = qvl.linear %x, %wu bias %bu : tensor<?x16xf32>, tensor<24x16xbf16>, tensor<24xbf16> -> tensor<?x24xf32>
  %s = qvl.silu %g : tensor<?x24xf32>
  %h = qvl.mul %s, %u : tensor<?x24xf32>
  return %h : tensor<?x24xf32>
}

// -----

/// Text: no bias; the gate may be the right factor, and the up projection the first op and parameter.
// CHECK: qvl.parameter @gate_up_proj.weight : tensor<48x16xf32> recipe(#qvl.concat<["g", "u"], rows = [24, 24]>)
// CHECK-LABEL: func.func @without_biases
// CHECK: qvl.fused_linear %{{.*}}, (%{{.*}}) : {{.*}} {
// CHECK-NEXT: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32):
// CHECK-NEXT: arith.negf %[[G]]
// CHECK: arith.mulf %{{.*}}, %[[U]]
qvl.parameter @u : tensor<24x16xf32>
qvl.parameter @g : tensor<24x16xf32>
func.func @without_biases(%x: tensor<?x16xf32>) -> tensor<?x24xf32> {
  %wu = qvl.load @u : tensor<24x16xf32>
  %u = qvl.linear %x, %wu : tensor<?x16xf32>, tensor<24x16xf32> -> tensor<?x24xf32>
  %wg = qvl.load @g : tensor<24x16xf32>
  // expected-remark@+1 {{into 'qvl.linear'}}
  %g = qvl.linear %x, %wg : tensor<?x16xf32>, tensor<24x16xf32> -> tensor<?x24xf32>
  %s = qvl.silu %g : tensor<?x24xf32>
  %h = qvl.mul %u, %s : tensor<?x24xf32>
  return %h : tensor<?x24xf32>
}

// -----

/// One bias is one operand.
// CHECK-LABEL: func.func @one_bias
// CHECK: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT: arith.addf %[[U]], %[[B]]
// CHECK-NEXT: arith.negf %[[G]]
qvl.parameter @g : tensor<24x16xbf16>
qvl.parameter @u : tensor<24x16xbf16>
func.func @one_bias(%x: tensor<?x16xf32>, %bu: tensor<24xbf16>) -> tensor<?x24xf32> {
  %wg = qvl.load @g : tensor<24x16xbf16>
  %wu = qvl.load @u : tensor<24x16xbf16>
  // expected-remark@+1 {{into 'qvl.linear'}}
  %g = qvl.linear %x, %wg : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %s = qvl.silu %g : tensor<?x24xf32>
  %u = qvl.linear %x, %wu bias %bu : tensor<?x16xf32>, tensor<24x16xbf16>, tensor<24xbf16> -> tensor<?x24xf32>
  %h = qvl.mul %s, %u : tensor<?x24xf32>
  return %h : tensor<?x24xf32>
}

// -----

/// haveOneInput
// CHECK-LABEL: func.func @negative_two_inputs
// CHECK-NOT: fused_linear
func.func @negative_two_inputs(%x: tensor<?x16xf32>, %z: tensor<?x16xf32>, %w: tensor<24x16xbf16>) -> tensor<?x24xf32> {
  %g = qvl.linear %x, %w : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %u = qvl.linear %z, %w : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %s = qvl.silu %g : tensor<?x24xf32>
  // expected-remark@+1 {{'qvl.linear' reads other rows than 'qvl.linear'}}
  %h = qvl.mul %s, %u : tensor<?x24xf32>
  return %h : tensor<?x24xf32>
}

// -----

/// haveOneWeightType
// CHECK-LABEL: func.func @negative_weight_types_differ
// CHECK-NOT: fused_linear
func.func @negative_weight_types_differ(%x: tensor<?x16xf32>, %wg: tensor<24x16xbf16>, %wu: tensor<24x16xf32>) -> tensor<?x24xf32> {
  %g = qvl.linear %x, %wg : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %u = qvl.linear %x, %wu : tensor<?x16xf32>, tensor<24x16xf32> -> tensor<?x24xf32>
  %s = qvl.silu %g : tensor<?x24xf32>
  // expected-remark@+1 {{the weight of 'qvl.linear' has another type than that of 'qvl.linear'}}
  %h = qvl.mul %s, %u : tensor<?x24xf32>
  return %h : tensor<?x24xf32>
}

// -----

/// otherReader: the gate is read beside its activation.
// CHECK-LABEL: func.func @negative_other_reader
// CHECK-NOT: fused_linear
func.func @negative_other_reader(%x: tensor<?x16xf32>, %w: tensor<24x16xbf16>, %v: tensor<24x16xbf16>) -> tensor<?x24xf32> {
  %g = qvl.linear %x, %w : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %u = qvl.linear %x, %v : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %s = qvl.silu %g : tensor<?x24xf32>
  // expected-remark@+1 {{'qvl.linear' is read by 'qvl.add'}}
  %h = qvl.mul %s, %u : tensor<?x24xf32>
  %r = qvl.add %h, %g : tensor<?x24xf32>
  return %r : tensor<?x24xf32>
}

// -----

/// isJoinable: one weight serves as gate and up, or is no parameter.
// CHECK: qvl.parameter @w
// CHECK-LABEL: func.func @negative_shared_weight
// CHECK-NOT: fused_linear
qvl.parameter @w : tensor<24x16xbf16>
func.func @negative_shared_weight(%x: tensor<?x16xf32>, %v: tensor<24x16xbf16>) -> (tensor<?x24xf32>, tensor<?x24xf32>) {
  %w = qvl.load @w : tensor<24x16xbf16>
  %g = qvl.linear %x, %w : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %u = qvl.linear %x, %w : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %s = qvl.silu %g : tensor<?x24xf32>
  // expected-remark@+1 {{an operand is no parameter of these projections alone: w}}
  %h = qvl.mul %s, %u : tensor<?x24xf32>
  %g1 = qvl.linear %x, %v : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %u1 = qvl.linear %x, %v : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %s1 = qvl.silu %g1 : tensor<?x24xf32>
  // expected-remark@+1 {{an operand is no parameter of these projections alone: an argument}}
  %h1 = qvl.mul %s1, %u1 : tensor<?x24xf32>
  return %h, %h1 : tensor<?x24xf32>, tensor<?x24xf32>
}

// -----

/// Not a gated unit: no remark.
// CHECK-LABEL: func.func @negative_no_silu
// CHECK-NOT: fused_linear
func.func @negative_no_silu(%x: tensor<?x16xf32>, %w: tensor<24x16xbf16>, %v: tensor<24x16xbf16>) -> tensor<?x24xf32> {
  %g = qvl.linear %x, %w : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %u = qvl.linear %x, %v : tensor<?x16xf32>, tensor<24x16xbf16> -> tensor<?x24xf32>
  %h = qvl.mul %g, %u : tensor<?x24xf32>
  return %h : tensor<?x24xf32>
}
