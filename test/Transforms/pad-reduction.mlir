// RUN: qvl-opt %s --qvl-pad-reduction --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-pad-reduction --qvl-pad-reduction --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-pad-reduction --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-pad-reduction -o /dev/null

/// A gated unit: isOnlyReader, hasRowOperands (of the producer alone), keepsZero, isJoinable; each of the two weights is padded.
// CHECK: qvl.parameter @gate_up : tensor<64x16xbf16>
// CHECK-SAME: recipe(#qvl.concat<[#qvl.pad<"gate", tensor<20x16xbf16>>, #qvl.pad<"mlp.up", tensor<20x16xbf16>>], rows = [32, 32]>)
// CHECK: qvl.parameter @bias : tensor<32xbf16> recipe(#qvl.pad<#qvl.concat<["a", "b"], rows = [8, 12]>, tensor<20xbf16>>)
// CHECK: qvl.parameter @down : tensor<16x32xbf16> recipe(#qvl.pad<"down", tensor<16x20xbf16>>)
// CHECK-LABEL: func.func @gated
// CHECK: %[[WG:.*]] = qvl.load @gate_up : tensor<64x16xbf16>
// CHECK: %[[WD:.*]] = qvl.load @down : tensor<16x32xbf16>
// CHECK: %[[H:.*]] = qvl.fused_linear %{{.*}}, (%[[WG]]) with(%{{.*}}) {{.*}} -> tensor<?x32xf32> {
// CHECK: qvl.fused_linear %[[H]], (%[[WD]]) with(%{{.*}}) : tensor<?x32xf32>, (tensor<16x32xbf16>) with(tensor<?x16xf32>) -> tensor<?x16xf32>
qvl.parameter @gate_up : tensor<40x16xbf16> recipe(#qvl.concat<["gate", "mlp.up"], rows = [20, 20]>)
qvl.parameter @bias : tensor<20xbf16> recipe(#qvl.concat<["a", "b"], rows = [8, 12]>)
qvl.parameter @down : tensor<16x20xbf16>
func.func @gated(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %wg = qvl.load @gate_up : tensor<40x16xbf16>
  %b = qvl.load @bias : tensor<20xbf16>
  %wd = qvl.load @down : tensor<16x20xbf16>
  %h = qvl.fused_linear %x, (%wg) with(%b) : tensor<?x16xf32>, (tensor<40x16xbf16>) with(tensor<20xbf16>) -> tensor<?x20xf32> {
  ^bb0(%g: f32, %u: f32, %bias: f32):
    %0 = arith.addf %g, %bias : f32
    %1 = arith.negf %0 : f32
    %2 = math.exp %1 : f32
    %3 = arith.constant 1.0 : f32
    %4 = arith.addf %3, %2 : f32
    %5 = arith.divf %0, %4 : f32
    %6 = arith.mulf %5, %u : f32
    qvl.yield %6 : f32
  }
  // expected-remark@+1 {{zeros from 'qvl.fused_linear' pad 20 to 32}}
  %y = qvl.fused_linear %h, (%wd) with(%x) : tensor<?x20xf32>, (tensor<16x20xbf16>) with(tensor<?x16xf32>) -> tensor<?x16xf32> {
  ^bb0(%acc: f32, %residual: f32):
    %0 = arith.addf %residual, %acc : f32
    qvl.yield %0 : f32
  }
  return %y : tensor<?x16xf32>
}

// -----

/// A chain: the middle weight is padded on both sides, by one pad; gelu keeps zero. From 1024 on to multiples of 64.
// CHECK: qvl.parameter @w0 : tensor<1088x8xf32> recipe(#qvl.pad<"w0", tensor<1027x8xf32>>)
// CHECK: qvl.parameter @w1 : tensor<32x1088xf32> recipe(#qvl.pad<"w1", tensor<3x1027xf32>>)
// CHECK: qvl.parameter @w2 : tensor<8x32xf32> recipe(#qvl.pad<"w2", tensor<8x3xf32>>)
// CHECK-LABEL: func.func @chain
qvl.parameter @w0 : tensor<1027x8xf32>
qvl.parameter @w1 : tensor<3x1027xf32>
qvl.parameter @w2 : tensor<8x3xf32>
func.func @chain(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w0 = qvl.load @w0 : tensor<1027x8xf32>
  %w1 = qvl.load @w1 : tensor<3x1027xf32>
  %w2 = qvl.load @w2 : tensor<8x3xf32>
  %a = qvl.fused_linear %x, (%w0) : tensor<?x8xf32>, (tensor<1027x8xf32>) -> tensor<?x1027xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  // expected-remark@+1 {{pad 1027 to 1088}}
  %b = qvl.fused_linear %a, (%w1) : tensor<?x1027xf32>, (tensor<3x1027xf32>) -> tensor<?x3xf32> {
  ^bb0(%acc: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %root = math.sqrt %half : f32
    %0 = arith.mulf %acc, %root : f32
    %1 = math.erf %0 : f32
    %2 = arith.addf %one, %1 : f32
    %3 = arith.mulf %acc, %half : f32
    %4 = arith.mulf %3, %2 : f32
    qvl.yield %4 : f32
  }
  // expected-remark@+1 {{pad 3 to 32}}
  %c = qvl.fused_linear %b, (%w2) : tensor<?x3xf32>, (tensor<8x3xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %c : tensor<?x8xf32>
}

// -----

/// Two weights that were padded in their columns are padded in their rows, too.
// CHECK: qvl.parameter @pair : tensor<64x32xf32>
// CHECK-SAME: recipe(#qvl.concat<[#qvl.pad<"a", tensor<3x5xf32>>, #qvl.pad<"b", tensor<3x5xf32>>], rows = [32, 32]>)
// CHECK-LABEL: func.func @chain_of_pairs
qvl.parameter @w0 : tensor<5x8xf32>
qvl.parameter @pair : tensor<6x5xf32> recipe(#qvl.concat<["a", "b"], rows = [3, 3]>)
qvl.parameter @w2 : tensor<8x3xf32>
func.func @chain_of_pairs(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w0 = qvl.load @w0 : tensor<5x8xf32>
  %w1 = qvl.load @pair : tensor<6x5xf32>
  %w2 = qvl.load @w2 : tensor<8x3xf32>
  %a = qvl.fused_linear %x, (%w0) : tensor<?x8xf32>, (tensor<5x8xf32>) -> tensor<?x5xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  // expected-remark@+1 {{pad 5 to 32}}
  %b = qvl.fused_linear %a, (%w1) : tensor<?x5xf32>, (tensor<6x5xf32>) -> tensor<?x3xf32> {
  ^bb0(%g: f32, %u: f32):
    %0 = arith.mulf %g, %u : f32
    qvl.yield %0 : f32
  }
  // expected-remark@+1 {{pad 3 to 32}}
  %c = qvl.fused_linear %b, (%w2) : tensor<?x3xf32>, (tensor<8x3xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %c : tensor<?x8xf32>
}

// -----

/// isWhole: a multiple of 8 stays, without a remark, whatever else holds.
// CHECK-LABEL: func.func @negative_whole
// CHECK: -> tensor<?x24xf32>
func.func @negative_whole(%x: tensor<?x8xf32>, %w0: tensor<24x8xf32>, %w1: tensor<8x24xf32>) -> tensor<?x8xf32> {
  %a = qvl.fused_linear %x, (%w0) : tensor<?x8xf32>, (tensor<24x8xf32>) -> tensor<?x24xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  %b = qvl.fused_linear %a, (%w1) : tensor<?x24xf32>, (tensor<8x24xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %b : tensor<?x8xf32>
}

// -----

/// The rows come from no projection.
// CHECK: qvl.parameter @w : tensor<8x20xf32>{{$}}
// CHECK-LABEL: func.func @negative_argument
qvl.parameter @w : tensor<8x20xf32>
func.func @negative_argument(%x: tensor<?x20xf32>) -> tensor<?x8xf32> {
  %w = qvl.load @w : tensor<8x20xf32>
  // expected-remark@+1 {{the rows come from no projection but from an argument}}
  %b = qvl.fused_linear %x, (%w) : tensor<?x20xf32>, (tensor<8x20xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %b : tensor<?x8xf32>
}

// -----

/// isOnlyReader
// CHECK: qvl.parameter @w : tensor<8x20xf32>{{$}}
// CHECK-LABEL: func.func @negative_other_reader
qvl.parameter @v : tensor<20x8xf32>
qvl.parameter @w : tensor<8x20xf32>
func.func @negative_other_reader(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x20xf32>) {
  %v = qvl.load @v : tensor<20x8xf32>
  %w = qvl.load @w : tensor<8x20xf32>
  %a = qvl.fused_linear %x, (%v) : tensor<?x8xf32>, (tensor<20x8xf32>) -> tensor<?x20xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  // expected-remark@+1 {{'qvl.fused_linear' has other readers}}
  %b = qvl.fused_linear %a, (%w) : tensor<?x20xf32>, (tensor<8x20xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %b, %a : tensor<?x8xf32>, tensor<?x20xf32>
}

// -----

/// hasRowOperands
// CHECK: qvl.parameter @w : tensor<8x20xf32>{{$}}
// CHECK-LABEL: func.func @negative_residual
qvl.parameter @v : tensor<20x8xf32>
qvl.parameter @w : tensor<8x20xf32>
func.func @negative_residual(%x: tensor<?x8xf32>, %r: tensor<?x20xf32>) -> tensor<?x8xf32> {
  %v = qvl.load @v : tensor<20x8xf32>
  %w = qvl.load @w : tensor<8x20xf32>
  %a = qvl.fused_linear %x, (%v) with(%r) : tensor<?x8xf32>, (tensor<20x8xf32>) with(tensor<?x20xf32>) -> tensor<?x20xf32> {
  ^bb0(%acc: f32, %residual: f32):
    %0 = arith.addf %residual, %acc : f32
    qvl.yield %0 : f32
  }
  // expected-remark@+1 {{'qvl.fused_linear' has an operand with a value per element}}
  %b = qvl.fused_linear %a, (%w) : tensor<?x20xf32>, (tensor<8x20xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %b : tensor<?x8xf32>
}

// -----

/// keepsZero: exp(0) is one.
// CHECK: qvl.parameter @w : tensor<8x20xf32>{{$}}
// CHECK-LABEL: func.func @negative_exponential
qvl.parameter @v : tensor<20x8xf32>
qvl.parameter @w : tensor<8x20xf32>
func.func @negative_exponential(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %v = qvl.load @v : tensor<20x8xf32>
  %w = qvl.load @w : tensor<8x20xf32>
  %a = qvl.fused_linear %x, (%v) : tensor<?x8xf32>, (tensor<20x8xf32>) -> tensor<?x20xf32> {
  ^bb0(%acc: f32):
    %0 = math.exp %acc : f32
    qvl.yield %0 : f32
  }
  // expected-remark@+1 {{the epilogue of 'qvl.fused_linear' makes no zero of zeros}}
  %b = qvl.fused_linear %a, (%w) : tensor<?x20xf32>, (tensor<8x20xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %b : tensor<?x8xf32>
}

// -----

/// isJoinable: another projection loads the parameter.
// CHECK: qvl.parameter @w : tensor<8x20xf32>{{$}}
// CHECK-LABEL: func.func @negative_shared_weight
qvl.parameter @v : tensor<20x8xf32>
qvl.parameter @w : tensor<8x20xf32>
func.func @negative_shared_weight(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<8x20xf32>) {
  %v = qvl.load @v : tensor<20x8xf32>
  %w = qvl.load @w : tensor<8x20xf32>
  %a = qvl.fused_linear %x, (%v) : tensor<?x8xf32>, (tensor<20x8xf32>) -> tensor<?x20xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  // expected-remark@+1 {{an operand is no parameter of these projections alone: w}}
  %b = qvl.fused_linear %a, (%w) : tensor<?x20xf32>, (tensor<8x20xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %b, %w : tensor<?x8xf32>, tensor<8x20xf32>
}

// -----

/// partsOf: one tensor of the checkpoint holds both weights, so that no recipe pads the first of them.
// CHECK: qvl.parameter @v : tensor<40x8xf32>{{$}}
// CHECK-LABEL: func.func @negative_no_concat
qvl.parameter @v : tensor<40x8xf32>
qvl.parameter @w : tensor<8x20xf32>
func.func @negative_no_concat(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %v = qvl.load @v : tensor<40x8xf32>
  %w = qvl.load @w : tensor<8x20xf32>
  %a = qvl.fused_linear %x, (%v) : tensor<?x8xf32>, (tensor<40x8xf32>) -> tensor<?x20xf32> {
  ^bb0(%g: f32, %u: f32):
    %0 = arith.mulf %g, %u : f32
    qvl.yield %0 : f32
  }
  // expected-remark@+1 {{the two weights of 'qvl.fused_linear' are not those of a concat: v}}
  %b = qvl.fused_linear %a, (%w) : tensor<?x20xf32>, (tensor<8x20xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %b : tensor<?x8xf32>
}

// -----

/// partsOf: the parts of the concat are not the two weights.
// CHECK: qvl.parameter @v : tensor<40x8xf32> recipe(#qvl.concat<["a", "b"], rows = [16, 24]>)
// CHECK-LABEL: func.func @negative_other_parts
qvl.parameter @v : tensor<40x8xf32> recipe(#qvl.concat<["a", "b"], rows = [16, 24]>)
qvl.parameter @w : tensor<8x20xf32>
func.func @negative_other_parts(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %v = qvl.load @v : tensor<40x8xf32>
  %w = qvl.load @w : tensor<8x20xf32>
  %a = qvl.fused_linear %x, (%v) : tensor<?x8xf32>, (tensor<40x8xf32>) -> tensor<?x20xf32> {
  ^bb0(%g: f32, %u: f32):
    %0 = arith.mulf %g, %u : f32
    qvl.yield %0 : f32
  }
  // expected-remark@+1 {{the two weights of 'qvl.fused_linear' are not those of a concat: v}}
  %b = qvl.fused_linear %a, (%w) : tensor<?x20xf32>, (tensor<8x20xf32>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %b : tensor<?x8xf32>
}
