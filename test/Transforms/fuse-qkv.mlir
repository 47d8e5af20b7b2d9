// RUN: qvl-opt %s --qvl-fuse-qkv --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-qkv --qvl-fuse-qkv --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-qkv --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-fuse-qkv -o /dev/null
// RUN: qvl-opt %s --qvl-fuse-qkv --split-input-file --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LOC

/// Sources follow the names in the checkpoint; the old parameters go away.
// CHECK-NOT: q_proj
// CHECK: qvl.parameter @attn.qkv_proj.weight : tensor<32x16xbf16> recipe(#qvl.concat<["old.q.weight", "attn.k_proj.weight", "attn.v_proj.weight"], rows = [16, 8, 8]>)
// CHECK-NOT: qvl.parameter @attn.k_proj
// CHECK: qvl.parameter @attn.qkv_proj.bias : tensor<32xbf16> recipe(#qvl.concat<["attn.q_proj.bias", "attn.k_proj.bias", "attn.v_proj.bias"], rows = [16, 8, 8]>)
// CHECK-NOT: qvl.parameter
qvl.parameter @attn.q_proj.weight : tensor<16x16xbf16> source("old.q.weight")
qvl.parameter @attn.q_proj.bias : tensor<16xbf16>
qvl.parameter @attn.k_proj.weight : tensor<8x16xbf16>
qvl.parameter @attn.k_proj.bias : tensor<8xbf16>
qvl.parameter @attn.v_proj.weight : tensor<8x16xbf16>
qvl.parameter @attn.v_proj.bias : tensor<8xbf16>
// CHECK-LABEL: func.func @text_layer
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>)
// CHECK: %[[W:.*]] = qvl.load @attn.qkv_proj.weight : tensor<32x16xbf16>
// CHECK: %[[B:.*]] = qvl.load @attn.qkv_proj.bias : tensor<32xbf16>
// CHECK: %[[Y:.*]] = qvl.linear %[[X]], %[[W]] bias %[[B]] : {{.*}} -> tensor<?x32xf32>
// CHECK-NEXT: %[[H:.*]]:3 = qvl.split_heads %[[Y]] {head_dim = 8 : i64, heads = array<i64: 2, 1, 1>}
// CHECK-NEXT: return %[[H]]#0, %[[H]]#1, %[[H]]#2
// LOC: qvl.linear {{.*}} loc("attn.qkv_proj")
// LOC: qvl.split_heads {{.*}} loc("attn.split")
func.func @text_layer(%x: tensor<?x16xf32>) -> (tensor<?x2x8xf32>, tensor<?x1x8xf32>, tensor<?x1x8xf32>) {
  %wq = qvl.load @attn.q_proj.weight : tensor<16x16xbf16>
  %bq = qvl.load @attn.q_proj.bias : tensor<16xbf16>
  // expected-remark@+1 {{joined 3 projections of one input}}
  %q = qvl.linear %x, %wq bias %bq : tensor<?x16xf32>, tensor<16x16xbf16>, tensor<16xbf16> -> tensor<?x16xf32>
  %hq = qvl.split_heads %q {heads = array<i64: 2>, head_dim = 8 : i64} : tensor<?x16xf32> -> tensor<?x2x8xf32>
  %wk = qvl.load @attn.k_proj.weight : tensor<8x16xbf16>
  %bk = qvl.load @attn.k_proj.bias : tensor<8xbf16>
  %k = qvl.linear %x, %wk bias %bk : tensor<?x16xf32>, tensor<8x16xbf16>, tensor<8xbf16> -> tensor<?x8xf32>
  %hk = qvl.split_heads %k {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  %wv = qvl.load @attn.v_proj.weight : tensor<8x16xbf16>
  %bv = qvl.load @attn.v_proj.bias : tensor<8xbf16>
  %v = qvl.linear %x, %wv bias %bv : tensor<?x16xf32>, tensor<8x16xbf16>, tensor<8xbf16> -> tensor<?x8xf32>
  %hv = qvl.split_heads %v {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  return %hq, %hk, %hv : tensor<?x2x8xf32>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
}

// -----

/// A name that is taken gets a suffix.
qvl.parameter @qkv_proj.weight : tensor<8x16xf32>
// CHECK: qvl.parameter @qkv_proj.weight_0 : tensor<16x16xf32> recipe(#qvl.concat<["a", "b"], rows = [8, 8]>)
qvl.parameter @a : tensor<8x16xf32>
qvl.parameter @b : tensor<8x16xf32>
// CHECK-LABEL: func.func @name_taken
// CHECK: qvl.load @qkv_proj.weight_0
func.func @name_taken(%x: tensor<?x16xf32>) -> (tensor<?x1x8xf32>, tensor<?x1x8xf32>) {
  %wa = qvl.load @a : tensor<8x16xf32>
  %wb = qvl.load @b : tensor<8x16xf32>
  // expected-remark@+1 {{joined 2 projections of one input}}
  %a = qvl.linear %x, %wa : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %b = qvl.linear %x, %wb : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %ha = qvl.split_heads %a {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  %hb = qvl.split_heads %b {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  return %ha, %hb : tensor<?x1x8xf32>, tensor<?x1x8xf32>
}

// -----

/// headsOf: a projection that is also read as rows stays.
qvl.parameter @a : tensor<8x16xf32>
qvl.parameter @b : tensor<8x16xf32>
// CHECK-LABEL: func.func @negative_rows_are_read
// CHECK-COUNT-2: qvl.linear
func.func @negative_rows_are_read(%x: tensor<?x16xf32>) -> (tensor<?x1x8xf32>, tensor<?x1x8xf32>, tensor<?x8xf32>) {
  %wa = qvl.load @a : tensor<8x16xf32>
  %wb = qvl.load @b : tensor<8x16xf32>
  %a = qvl.linear %x, %wa : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %b = qvl.linear %x, %wb : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %ha = qvl.split_heads %a {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  %hb = qvl.split_heads %b {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  return %ha, %hb, %b : tensor<?x1x8xf32>, tensor<?x1x8xf32>, tensor<?x8xf32>
}

// -----

/// haveOneHeadDim
qvl.parameter @a : tensor<8x16xf32>
qvl.parameter @b : tensor<8x16xf32>
// CHECK-LABEL: func.func @negative_head_dims_differ
// CHECK-COUNT-2: qvl.linear
func.func @negative_head_dims_differ(%x: tensor<?x16xf32>) -> (tensor<?x1x8xf32>, tensor<?x2x4xf32>) {
  %wa = qvl.load @a : tensor<8x16xf32>
  %wb = qvl.load @b : tensor<8x16xf32>
  // expected-remark@+1 {{projections of one input have heads of different widths}}
  %a = qvl.linear %x, %wa : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %b = qvl.linear %x, %wb : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %ha = qvl.split_heads %a {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  %hb = qvl.split_heads %b {heads = array<i64: 2>, head_dim = 4 : i64} : tensor<?x8xf32> -> tensor<?x2x4xf32>
  return %ha, %hb : tensor<?x1x8xf32>, tensor<?x2x4xf32>
}

// -----

/// agreeOnBias
qvl.parameter @a : tensor<8x16xf32>
qvl.parameter @b : tensor<8x16xf32>
qvl.parameter @bias : tensor<8xf32>
// CHECK-LABEL: func.func @negative_one_bias
// CHECK-COUNT-2: qvl.linear
func.func @negative_one_bias(%x: tensor<?x16xf32>) -> (tensor<?x1x8xf32>, tensor<?x1x8xf32>) {
  %wa = qvl.load @a : tensor<8x16xf32>
  %wb = qvl.load @b : tensor<8x16xf32>
  %bias = qvl.load @bias : tensor<8xf32>
  // expected-remark@+1 {{some projections of one input have a bias and some have none}}
  %a = qvl.linear %x, %wa bias %bias : tensor<?x16xf32>, tensor<8x16xf32>, tensor<8xf32> -> tensor<?x8xf32>
  %b = qvl.linear %x, %wb : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %ha = qvl.split_heads %a {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  %hb = qvl.split_heads %b {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  return %ha, %hb : tensor<?x1x8xf32>, tensor<?x1x8xf32>
}

// -----

/// haveOneElementType
qvl.parameter @a : tensor<8x16xf32>
qvl.parameter @b : tensor<8x16xbf16>
// CHECK-LABEL: func.func @negative_element_types_differ
// CHECK-COUNT-2: qvl.linear
func.func @negative_element_types_differ(%x: tensor<?x16xf32>) -> (tensor<?x1x8xf32>, tensor<?x1x8xf32>) {
  %wa = qvl.load @a : tensor<8x16xf32>
  %wb = qvl.load @b : tensor<8x16xbf16>
  // expected-remark@+1 {{parameters or results of the projections have different element types}}
  %a = qvl.linear %x, %wa : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %b = qvl.linear %x, %wb : tensor<?x16xf32>, tensor<8x16xbf16> -> tensor<?x8xf32>
  %ha = qvl.split_heads %a {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  %hb = qvl.split_heads %b {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  return %ha, %hb : tensor<?x1x8xf32>, tensor<?x1x8xf32>
}

// -----

/// isJoinable: a parameter that is loaded twice would be stored twice.
qvl.parameter @a : tensor<8x16xf32>
qvl.parameter @b : tensor<8x16xf32>
// CHECK-LABEL: func.func @negative_tied_parameter
// CHECK-COUNT-2: qvl.linear
func.func @negative_tied_parameter(%x: tensor<?x16xf32>, %ids: tensor<?xi32>)
    -> (tensor<?x1x8xf32>, tensor<?x1x8xf32>, tensor<?x16xf32>) {
  %wa = qvl.load @a : tensor<8x16xf32>
  %wb = qvl.load @b : tensor<8x16xf32>
  %tied = qvl.load @b : tensor<8x16xf32>
  %e = qvl.embed %ids, %tied : tensor<?xi32>, tensor<8x16xf32> -> tensor<?x16xf32>
  // expected-remark@+1 {{an operand is no parameter of these projections alone: b}}
  %a = qvl.linear %x, %wa : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %b = qvl.linear %x, %wb : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %ha = qvl.split_heads %a {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  %hb = qvl.split_heads %b {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  return %ha, %hb, %e : tensor<?x1x8xf32>, tensor<?x1x8xf32>, tensor<?x16xf32>
}

// -----

/// isJoinable: what is no parameter has no recipe.
qvl.parameter @a : tensor<8x16xf32>
// CHECK-LABEL: func.func @negative_weight_is_argument
// CHECK-COUNT-2: qvl.linear
func.func @negative_weight_is_argument(%x: tensor<?x16xf32>, %w: tensor<8x16xf32>) -> (tensor<?x1x8xf32>, tensor<?x1x8xf32>) {
  %wa = qvl.load @a : tensor<8x16xf32>
  // expected-remark@+1 {{an operand is no parameter of these projections alone: an argument}}
  %a = qvl.linear %x, %wa : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %b = qvl.linear %x, %w : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %ha = qvl.split_heads %a {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  %hb = qvl.split_heads %b {heads = array<i64: 1>, head_dim = 8 : i64} : tensor<?x8xf32> -> tensor<?x1x8xf32>
  return %ha, %hb : tensor<?x1x8xf32>, tensor<?x1x8xf32>
}
