// RUN: qvl-opt %s | qvl-opt | FileCheck %s
// RUN: qvl-opt %s --verify-roundtrip
// RUN: qvl-opt %s --mlir-print-op-generic | qvl-opt | FileCheck %s

/// Every op prints as it is read, in declarative form and in generic form. The first case of an op is the example of its
/// description.

//===--- parameters ---===//

// CHECK: qvl.parameter @model.norm.weight : tensor<2048xbf16>{{$}}
qvl.parameter @model.norm.weight : tensor<2048xbf16>

// CHECK: qvl.parameter @lm_head.weight : tensor<151936x2048xbf16> source("model.lm_head.weight")
// CHECK-SAME: encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 151936, pad_k = 2048>)
qvl.parameter @lm_head.weight : tensor<151936x2048xbf16> source("model.lm_head.weight")
    encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 151936, pad_k = 2048>)

// CHECK: qvl.parameter @flat : tensor<7xf16> encoding(#qvl.flat<f32>)
qvl.parameter @flat : tensor<7xf16> encoding(#qvl.flat<f32>)

// CHECK-LABEL: func.func @load
func.func @load() -> tensor<2048xbf16> {
  // CHECK: qvl.load @model.norm.weight : tensor<2048xbf16>
  %w = qvl.load @model.norm.weight : tensor<2048xbf16>
  return %w : tensor<2048xbf16>
}

//===--- rows ---===//

// CHECK-LABEL: func.func @embed
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi32>, %[[TABLE:.*]]: tensor<672x192xbf16>)
func.func @embed(%ids: tensor<?xi32>, %table: tensor<672x192xbf16>) -> tensor<?x192xf32> {
  // CHECK: qvl.embed %[[IDS]], %[[TABLE]] : tensor<?xi32>, tensor<672x192xbf16> -> tensor<?x192xf32>
  %x = qvl.embed %ids, %table : tensor<?xi32>, tensor<672x192xbf16> -> tensor<?x192xf32>
  return %x : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @gather_rows
// CHECK-SAME: (%[[X:.*]]: tensor<?x192xf32>, %[[ROWS:.*]]: tensor<?xi32>)
func.func @gather_rows(%x: tensor<?x192xf32>, %rows: tensor<?xi32>) -> tensor<?x192xf32> {
  // CHECK: qvl.gather_rows %[[X]], %[[ROWS]] : tensor<?x192xf32>, tensor<?xi32> -> tensor<?x192xf32>
  %y = qvl.gather_rows %x, %rows : tensor<?x192xf32>, tensor<?xi32> -> tensor<?x192xf32>
  return %y : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @merge_features
// CHECK-SAME: (%[[X:.*]]: tensor<?x192xf32>, %[[FEATURES:.*]]: tensor<?x192xf32>, %[[ROWS:.*]]: tensor<?xi32>)
func.func @merge_features(%x: tensor<?x192xf32>, %features: tensor<?x192xf32>, %rows: tensor<?xi32>) -> tensor<?x192xf32> {
  // CHECK: qvl.merge_features %[[X]], %[[FEATURES]], %[[ROWS]] : tensor<?x192xf32>, tensor<?x192xf32>, tensor<?xi32>
  %y = qvl.merge_features %x, %features, %rows : tensor<?x192xf32>, tensor<?x192xf32>, tensor<?xi32>
  return %y : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @regroup
// CHECK-SAME: (%[[X:.*]]: tensor<?x16x80xf32>, %[[WINDOW:.*]]: tensor<?xi32>, %[[FRAMES:.*]]: tensor<?xi32>)
func.func @regroup(%x: tensor<?x16x80xf32>, %window: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<?x16x80xf32> {
  // CHECK: %[[Y:.*]] = qvl.regroup %[[X]], %[[WINDOW]] preserving(%[[FRAMES]]) {group = 4 : i64} : tensor<?x16x80xf32>, tensor<?xi32>, tensor<?xi32>
  %y = qvl.regroup %x, %window preserving(%frames) {group = 4 : i64} : tensor<?x16x80xf32>, tensor<?xi32>, tensor<?xi32>
  // CHECK: qvl.regroup %[[Y]], %[[WINDOW]] preserving(%[[FRAMES]]) {group = 4 : i64, inverse} : tensor<?x16x80xf32>, tensor<?xi32>, tensor<?xi32>
  %z = qvl.regroup %y, %window preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16x80xf32>, tensor<?xi32>, tensor<?xi32>
  return %z : tensor<?x16x80xf32>
}

/// Rows without heads can be regrouped too.
// CHECK-LABEL: func.func @regroup_rows
func.func @regroup_rows(%x: tensor<?x64xbf16>, %window: tensor<?xi32>, %frames: tensor<?xi32>) -> tensor<?x64xbf16> {
  // CHECK: qvl.regroup {{.*}} {group = 1 : i64} : tensor<?x64xbf16>, tensor<?xi32>, tensor<?xi32>
  %y = qvl.regroup %x, %window preserving(%frames) {group = 1 : i64} : tensor<?x64xbf16>, tensor<?xi32>, tensor<?xi32>
  return %y : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @merge_rows
// CHECK-SAME: (%[[X:.*]]: tensor<?x128xf32>)
func.func @merge_rows(%x: tensor<?x128xf32>) -> tensor<?x512xf32> {
  // CHECK: qvl.merge_rows %[[X]] {rows = 4 : i64} : tensor<?x128xf32> -> tensor<?x512xf32>
  %y = qvl.merge_rows %x {rows = 4 : i64} : tensor<?x128xf32> -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

//===--- dense ---===//

// CHECK-LABEL: func.func @linear
// CHECK-SAME: (%[[X:.*]]: tensor<?x192xf32>, %[[W:.*]]: tensor<320x192xbf16>, %[[B:.*]]: tensor<320xbf16>)
func.func @linear(%x: tensor<?x192xf32>, %w: tensor<320x192xbf16>, %b: tensor<320xbf16>) -> (tensor<?x320xf32>, tensor<?x320xf32>) {
  // CHECK: qvl.linear %[[X]], %[[W]] bias %[[B]] : tensor<?x192xf32>, tensor<320x192xbf16>, tensor<320xbf16> -> tensor<?x320xf32>
  %y = qvl.linear %x, %w bias %b : tensor<?x192xf32>, tensor<320x192xbf16>, tensor<320xbf16> -> tensor<?x320xf32>
  // CHECK: qvl.linear %[[X]], %[[W]] : tensor<?x192xf32>, tensor<320x192xbf16> -> tensor<?x320xf32>
  %z = qvl.linear %x, %w : tensor<?x192xf32>, tensor<320x192xbf16> -> tensor<?x320xf32>
  return %y, %z : tensor<?x320xf32>, tensor<?x320xf32>
}

// CHECK-LABEL: func.func @rms_norm
// CHECK-SAME: (%[[X:.*]]: tensor<?x192xf32>, %[[W:.*]]: tensor<192xbf16>)
func.func @rms_norm(%x: tensor<?x192xf32>, %w: tensor<192xbf16>) -> tensor<?x192xf32> {
  // CHECK: qvl.rms_norm %[[X]], %[[W]] {eps = 9.9999999999999995E-7 : f64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x192xf32>
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x192xf32>
  return %y : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @add
// CHECK-SAME: (%[[X:.*]]: tensor<?x192xf32>, %[[Y:.*]]: tensor<?x192xf32>)
func.func @add(%x: tensor<?x192xf32>, %y: tensor<?x192xf32>) -> tensor<?x192xf32> {
  // CHECK: qvl.add %[[X]], %[[Y]] : tensor<?x192xf32>
  %z = qvl.add %x, %y : tensor<?x192xf32>
  return %z : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @mul
// CHECK-SAME: (%[[X:.*]]: tensor<?x192xf32>, %[[Y:.*]]: tensor<?x192xf32>)
func.func @mul(%x: tensor<?x192xf32>, %y: tensor<?x192xf32>) -> tensor<?x192xf32> {
  // CHECK: qvl.mul %[[X]], %[[Y]] : tensor<?x192xf32>
  %z = qvl.mul %x, %y : tensor<?x192xf32>
  return %z : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @silu
func.func @silu(%x: tensor<?x320xf32>) -> tensor<?x320xf32> {
  // CHECK: qvl.silu %{{.*}} : tensor<?x320xf32>
  %y = qvl.silu %x : tensor<?x320xf32>
  return %y : tensor<?x320xf32>
}

// CHECK-LABEL: func.func @gelu
func.func @gelu(%x: tensor<?x512xf32>) -> tensor<?x512xf32> {
  // CHECK: qvl.gelu %{{.*}} : tensor<?x512xf32>
  %y = qvl.gelu %x : tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// CHECK-LABEL: func.func @cast
func.func @cast(%x: tensor<?x192xf32>) -> tensor<?x192xf32> {
  // CHECK: qvl.cast %{{.*}} : tensor<?x192xf32> -> tensor<?x192xbf16>
  %y = qvl.cast %x : tensor<?x192xf32> -> tensor<?x192xbf16>
  // CHECK: qvl.cast %{{.*}} : tensor<?x192xbf16> -> tensor<?x192xf32>
  %z = qvl.cast %y : tensor<?x192xbf16> -> tensor<?x192xf32>
  return %z : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @split_heads
// CHECK-SAME: (%[[Y:.*]]: tensor<?x3840xf32>)
func.func @split_heads(%y: tensor<?x3840xf32>) -> tensor<?x16x80xf32> {
  // CHECK: qvl.split_heads %[[Y]] {head_dim = 80 : i64, heads = array<i64: 16, 16, 16>}
  // CHECK-SAME: : tensor<?x3840xf32> -> tensor<?x16x80xf32>, tensor<?x16x80xf32>, tensor<?x16x80xf32>
  %q, %k, %v = qvl.split_heads %y {heads = array<i64: 16, 16, 16>, head_dim = 80 : i64}
      : tensor<?x3840xf32> -> tensor<?x16x80xf32>, tensor<?x16x80xf32>, tensor<?x16x80xf32>
  return %v : tensor<?x16x80xf32>
}

//===--- positions ---===//

// CHECK-LABEL: func.func @rope_table
// CHECK-SAME: (%[[P:.*]]: tensor<3x?xi32>)
func.func @rope_table(%positions: tensor<3x?xi32>) -> tensor<?x64x2xf32> {
  // CHECK: qvl.rope_table %[[P]] {frequencies = #qvl.frequencies<shared>, sections = array<i64: 16, 24, 24>, theta = 1.000000e+06 : f64}
  // CHECK-SAME: : tensor<3x?xi32> -> tensor<?x64x2xf32>
  %t = qvl.rope_table %positions {theta = 1.0e6 : f64, sections = array<i64: 16, 24, 24>,
      frequencies = #qvl.frequencies<shared>} : tensor<3x?xi32> -> tensor<?x64x2xf32>
  return %t : tensor<?x64x2xf32>
}

/// The vision tower's form.
// CHECK-LABEL: func.func @rope_table_per_axis
func.func @rope_table_per_axis(%positions: tensor<2x?xi32>) -> tensor<?x40x2xf32> {
  // CHECK: frequencies = #qvl.frequencies<per_axis>
  %t = qvl.rope_table %positions {theta = 1.0e4 : f64, sections = array<i64: 20, 20>,
      frequencies = #qvl.frequencies<per_axis>} : tensor<2x?xi32> -> tensor<?x40x2xf32>
  return %t : tensor<?x40x2xf32>
}

/// A row map.
// CHECK-LABEL: func.func @rope_table_rows
// CHECK-SAME: (%[[P:.*]]: tensor<2x?xi32>, %[[W:.*]]: tensor<?xi32>)
func.func @rope_table_rows(%positions: tensor<2x?xi32>, %window: tensor<?xi32>) -> tensor<?x40x2xf32> {
  // CHECK: qvl.rope_table %[[P]] rows(%[[W]] group 4 : tensor<?xi32>) {frequencies
  %t = qvl.rope_table %positions rows(%window group 4 : tensor<?xi32>) {theta = 1.0e4 : f64, sections = array<i64: 20, 20>,
      frequencies = #qvl.frequencies<per_axis>} : tensor<2x?xi32> -> tensor<?x40x2xf32>
  return %t : tensor<?x40x2xf32>
}

// CHECK-LABEL: func.func @rotate
// CHECK-SAME: (%[[X:.*]]: tensor<?x16x128xf32>, %[[T:.*]]: tensor<?x64x2xf32>)
func.func @rotate(%x: tensor<?x16x128xf32>, %t: tensor<?x64x2xf32>) -> tensor<?x16x128xf32> {
  // CHECK: qvl.rotate %[[X]], %[[T]] : tensor<?x16x128xf32>, tensor<?x64x2xf32>
  %y = qvl.rotate %x, %t : tensor<?x16x128xf32>, tensor<?x64x2xf32>
  return %y : tensor<?x16x128xf32>
}

//===--- attention ---===//

// CHECK-LABEL: func.func @attention
// CHECK-SAME: (%[[Q:.*]]: tensor<?x16x80xf32>, %[[K:.*]]: tensor<?x16x80xf32>, %[[V:.*]]: tensor<?x16x80xf32>, %[[S:.*]]: tensor<?xi32>)
func.func @attention(%q: tensor<?x16x80xf32>, %k: tensor<?x16x80xf32>, %v: tensor<?x16x80xf32>, %s: tensor<?xi32>)
    -> tensor<?x1280xf32> {
  // CHECK: qvl.attention %[[Q]], %[[K]], %[[V]] segments(%[[S]]) {max_rows = 64 : i64, scale = 0.11180339887498948 : f64}
  // CHECK-SAME: : tensor<?x16x80xf32>, tensor<?xi32> -> tensor<?x1280xf32>
  %a = qvl.attention %q, %k, %v segments(%s) {scale = 0.111803398874989480 : f64, max_rows = 64 : i64}
      : tensor<?x16x80xf32>, tensor<?xi32> -> tensor<?x1280xf32>
  return %a : tensor<?x1280xf32>
}

// CHECK-LABEL: func.func @cache_append
// CHECK-SAME: (%[[K:.*]]: tensor<?x2x32xf32>, %[[V:.*]]: tensor<?x2x32xf32>, %[[C0:.*]]: !qvl.cache<5, 2, 32, 64, f32>, %[[LAYER:.*]]: index, %[[SLOTS:.*]]: tensor<?xi64>)
func.func @cache_append(%k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %c0: !qvl.cache<5, 2, 32, 64, f32>, %layer: index,
                        %slots: tensor<?xi64>) -> !qvl.cache<5, 2, 32, 64, f32> {
  // CHECK: qvl.cache_append %[[K]], %[[V]], %[[C0]] layer(%[[LAYER]]) slots(%[[SLOTS]])
  // CHECK-SAME: : tensor<?x2x32xf32>, tensor<?xi64>, <5, 2, 32, 64, f32>
  %c1 = qvl.cache_append %k, %v, %c0 layer(%layer) slots(%slots)
      : tensor<?x2x32xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
  return %c1 : !qvl.cache<5, 2, 32, 64, f32>
}

// CHECK-LABEL: func.func @cached_attention
// CHECK-SAME: (%[[Q:.*]]: tensor<?x6x32xf32>, %[[C:.*]]: !qvl.cache<5, 2, 32, 64, f32>, %[[LAYER:.*]]: index, %[[OFFSETS:.*]]: tensor<?xi32>, %[[SEQUENCE:.*]]: tensor<?xi32>, %[[LENGTHS:.*]]: tensor<?xi32>, %[[BLOCKS:.*]]: tensor<?x?xi32>)
func.func @cached_attention(%q: tensor<?x6x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index,
                            %row_offsets: tensor<?xi32>, %row_sequence: tensor<?xi32>, %cache_lengths: tensor<?xi32>,
                            %block_table: tensor<?x?xi32>) -> tensor<?x192xf32> {
  // CHECK: qvl.cached_attention %[[Q]], %[[C]] layer(%[[LAYER]]) sequences(%[[OFFSETS]], %[[SEQUENCE]], %[[LENGTHS]], %[[BLOCKS]])
  // CHECK-SAME: {scale = 0.17677669529663687 : f64}
  // CHECK-SAME: : tensor<?x6x32xf32>, <5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x192xf32>
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%row_offsets, %row_sequence, %cache_lengths, %block_table)
      {scale = 0.17677669529663687 : f64}
      : tensor<?x6x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
      -> tensor<?x192xf32>
  return %a : tensor<?x192xf32>
}

/// The types and attributes by themselves, with the other element types.
// CHECK-LABEL: func.func private @types
// CHECK-SAME: !qvl.cache<36, 2, 128, 128, bf16>
func.func private @types(!qvl.cache<36, 2, 128, 128, bf16>)
