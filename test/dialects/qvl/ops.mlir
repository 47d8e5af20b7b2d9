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

// CHECK: qvl.parameter @model.layers.0.self_attn.kv.bias : tensor<512xbf16>
// CHECK-SAME: recipe(#qvl.concat<["model.layers.0.self_attn.k_proj.bias", "model.layers.0.self_attn.v_proj.bias"], rows = [256, 256]>)
qvl.parameter @model.layers.0.self_attn.kv.bias : tensor<512xbf16> recipe(#qvl.concat<["model.layers.0.self_attn.k_proj.bias",
    "model.layers.0.self_attn.v_proj.bias"], rows = [256, 256]>)

/// A recipe has its stored form as any parameter, and need not be in equal parts.
// CHECK: qvl.parameter @qkv.weight : tensor<320x192xf32> recipe(#qvl.concat<["q", "k", "v"], rows = [192, 64, 64]>)
// CHECK-SAME: encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 320, pad_k = 192>)
qvl.parameter @qkv.weight : tensor<320x192xf32> recipe(#qvl.concat<["q", "k", "v"], rows = [192, 64, 64]>)
    encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 320, pad_k = 192>)

/// Recipes are made of recipes.
// CHECK: qvl.parameter @padded.bias : tensor<256xbf16> recipe(#qvl.pad<"b", tensor<244xbf16>>)
qvl.parameter @padded.bias : tensor<256xbf16> recipe(#qvl.pad<"b", tensor<244xbf16>>)

// CHECK: qvl.parameter @padded.weight : tensor<64x48xf16>
// CHECK-SAME: recipe(#qvl.concat<[#qvl.pad<"a", tensor<20x33xf16>>, "b"], rows = [32, 32]>)
qvl.parameter @padded.weight : tensor<64x48xf16> recipe(#qvl.concat<[#qvl.pad<"a", tensor<20x33xf16>>, "b"], rows = [32, 32]>)

// CHECK: qvl.parameter @still : tensor<128x588xf32>
// CHECK-SAME: recipe(#qvl.sum<#qvl.convert<"patch", tensor<128x1176xbf16>>, tensor<128x1176xf32>, axes = [3, 2, 196]>)
qvl.parameter @still : tensor<128x588xf32>
    recipe(#qvl.sum<#qvl.convert<"patch", tensor<128x1176xbf16>>, tensor<128x1176xf32>, axes = [3, 2, 196]>)

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
  // CHECK: %[[Y:.*]] = qvl.regroup {{.*}} {group = 1 : i64} : tensor<?x64xbf16>, tensor<?xi32>, tensor<?xi32>
  %y = qvl.regroup %x, %window preserving(%frames) {group = 1 : i64} : tensor<?x64xbf16>, tensor<?xi32>, tensor<?xi32>
  // CHECK: qvl.regroup %[[Y]], {{.*}} {group = 1 : i64, inverse, merged = 4 : i64} : tensor<?x64xbf16>, tensor<?xi32>, tensor<?xi32>
  %z = qvl.regroup %y, %window preserving(%frames) {group = 1 : i64, inverse, merged = 4 : i64} : tensor<?x64xbf16>, tensor<?xi32>, tensor<?xi32>
  return %z : tensor<?x64xbf16>
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

// CHECK-LABEL: func.func @rms_norm_merge
// CHECK-SAME: (%[[X:.*]]: tensor<?x192xf32>, %[[W:.*]]: tensor<192xbf16>)
func.func @rms_norm_merge(%x: tensor<?x192xf32>, %w: tensor<192xbf16>) -> tensor<?x768xf32> {
  // CHECK: qvl.rms_norm %[[X]], %[[W]] {eps = 9.9999999999999995E-7 : f64, merge = 4 : i64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x768xf32>
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64, merge = 4 : i64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x768xf32>
  return %y : tensor<?x768xf32>
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

// CHECK-LABEL: func.func @cached_attention_splits
// CHECK-SAME: (%[[Q:.*]]: tensor<?x6x32xbf16>, %[[C:.*]]: !qvl.cache<5, 2, 32, 64, bf16>, %[[LAYER:.*]]: index, %[[OFFSETS:.*]]: tensor<?xi32>, %[[SEQUENCE:.*]]: tensor<?xi32>, %[[LENGTHS:.*]]: tensor<?xi32>, %[[BLOCKS:.*]]: tensor<?x?xi32>)
func.func @cached_attention_splits(%q: tensor<?x6x32xbf16>, %c: !qvl.cache<5, 2, 32, 64, bf16>, %layer: index,
                                   %row_offsets: tensor<?xi32>, %row_sequence: tensor<?xi32>, %cache_lengths: tensor<?xi32>,
                                   %block_table: tensor<?x?xi32>) -> (tensor<?x64x6x2xf32>, tensor<?x64x6x32xf32>) {
  // CHECK: qvl.cached_attention_splits %[[Q]], %[[C]] layer(%[[LAYER]]) sequences(%[[OFFSETS]], %[[SEQUENCE]], %[[LENGTHS]], %[[BLOCKS]])
  // CHECK-SAME: {scale = 0.17677669529663687 : f64}
  // CHECK-SAME: : tensor<?x6x32xbf16>, <5, 2, 32, 64, bf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x64x6x2xf32>, tensor<?x64x6x32xf32>
  %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%row_offsets, %row_sequence, %cache_lengths, %block_table)
      {scale = 0.17677669529663687 : f64}
      : tensor<?x6x32xbf16>, !qvl.cache<5, 2, 32, 64, bf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
      -> tensor<?x64x6x2xf32>, tensor<?x64x6x32xf32>
  return %w, %o : tensor<?x64x6x2xf32>, tensor<?x64x6x32xf32>
}

// CHECK-LABEL: func.func @merge_splits
// CHECK-SAME: (%[[W:.*]]: tensor<?x64x6x2xf32>, %[[O:.*]]: tensor<?x64x6x32xf32>)
func.func @merge_splits(%w: tensor<?x64x6x2xf32>, %o: tensor<?x64x6x32xf32>) -> tensor<?x192xbf16> {
  // CHECK: qvl.merge_splits %[[W]], %[[O]] : tensor<?x64x6x2xf32>, tensor<?x64x6x32xf32> -> tensor<?x192xbf16>
  %a = qvl.merge_splits %w, %o : tensor<?x64x6x2xf32>, tensor<?x64x6x32xf32> -> tensor<?x192xbf16>
  return %a : tensor<?x192xbf16>
}

/// The types and attributes by themselves, with the other element types.
// CHECK-LABEL: func.func private @types
// CHECK-SAME: !qvl.cache<36, 2, 128, 128, bf16>
func.func private @types(!qvl.cache<36, 2, 128, 128, bf16>)

//===--- fused ---===//

// CHECK-LABEL: func.func @fused_linear
// CHECK-SAME: (%[[X:.*]]: tensor<?x128xf32>, %[[W:.*]]: tensor<256x128xbf16>, %[[B:.*]]: tensor<256xbf16>, %[[R:.*]]: tensor<?x256xf32>)
func.func @fused_linear(%x: tensor<?x128xf32>, %w: tensor<256x128xbf16>, %b: tensor<256xbf16>, %r: tensor<?x256xf32>) -> tensor<?x256xf32> {
  // CHECK: qvl.fused_linear %[[X]], (%[[W]]) with(%[[B]], %[[R]])
  // CHECK-SAME: : tensor<?x128xf32>, (tensor<256x128xbf16>) with(tensor<256xbf16>, tensor<?x256xf32>) -> tensor<?x256xf32> {
  // CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[BIAS:.*]]: f32, %[[RESIDUAL:.*]]: f32):
  // CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[ACC]], %[[BIAS]] : f32
  // CHECK-NEXT: %[[OUT:.*]] = arith.addf %[[RESIDUAL]], %[[SUM]] : f32
  // CHECK-NEXT: qvl.yield %[[OUT]] : f32
  %y = qvl.fused_linear %x, (%w) with(%b, %r)
      : tensor<?x128xf32>, (tensor<256x128xbf16>) with(tensor<256xbf16>, tensor<?x256xf32>) -> tensor<?x256xf32> {
  ^bb0(%acc: f32, %bias: f32, %residual: f32):
    %0 = arith.addf %acc, %bias : f32
    %1 = arith.addf %residual, %0 : f32
    qvl.yield %1 : f32
  }
  return %y : tensor<?x256xf32>
}

/// Two weights, no operands, ops of math, another element type of the result.
// CHECK-LABEL: func.func @fused_linear_gate_up
// CHECK-SAME: (%[[X:.*]]: tensor<?x128xbf16>, %[[W:.*]]: tensor<128x128xbf16>)
func.func @fused_linear_gate_up(%x: tensor<?x128xbf16>, %w: tensor<128x128xbf16>) -> tensor<?x64xbf16> {
  // CHECK: qvl.fused_linear %[[X]], (%[[W]]) : tensor<?x128xbf16>, (tensor<128x128xbf16>) -> tensor<?x64xbf16> {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %{{.*}}: f32):
  // CHECK: math.exp %{{.*}} : f32
  %y = qvl.fused_linear %x, (%w) : tensor<?x128xbf16>, (tensor<128x128xbf16>) -> tensor<?x64xbf16> {
  ^bb0(%gate: f32, %up: f32):
    %one = arith.constant 1.0 : f32
    %0 = arith.negf %gate : f32
    %1 = math.exp %0 : f32
    %2 = arith.addf %one, %1 : f32
    %3 = arith.divf %gate, %2 : f32
    %4 = arith.mulf %3, %up : f32
    qvl.yield %4 : f32
  }
  return %y : tensor<?x64xbf16>
}

/// Both row maps.
// CHECK-LABEL: func.func @fused_linear_rows
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<4x8xf32>, %[[I:.*]]: tensor<?xi32>)
func.func @fused_linear_rows(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %i: tensor<?xi32>) -> tensor<?x4xf32> {
  // CHECK: qvl.fused_linear %[[X]], (%[[W]]) load(%[[I]] group 4 : tensor<?xi32>) store(%[[I]] group 2 : tensor<?xi32>)
  // CHECK-SAME: : tensor<?x8xf32>, (tensor<4x8xf32>) -> tensor<?x4xf32> {
  %y = qvl.fused_linear %x, (%w) load(%i group 4 : tensor<?xi32>) store(%i group 2 : tensor<?xi32>)
      : tensor<?x8xf32>, (tensor<4x8xf32>) -> tensor<?x4xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @rope_qk
// CHECK-SAME: (%[[Y:.*]]: tensor<?x384xf32>, %[[T:.*]]: tensor<?x16x2xf32>)
func.func @rope_qk(%y: tensor<?x384xf32>, %t: tensor<?x16x2xf32>) -> tensor<?x4x32xf32> {
  // CHECK: %{{.*}}, %{{.*}}, %[[V:.*]] = qvl.rope_qk %[[Y]], %[[T]] {head_dim = 32 : i64, heads = array<i64: 4, 4, 4>}
  // CHECK-SAME: : tensor<?x384xf32>, tensor<?x16x2xf32> -> tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>
  // CHECK-NEXT: return %[[V]]
  %q, %k, %v = qvl.rope_qk %y, %t {heads = array<i64: 4, 4, 4>, head_dim = 32 : i64}
      : tensor<?x384xf32>, tensor<?x16x2xf32> -> tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>
  return %v : tensor<?x4x32xf32>
}

// CHECK-LABEL: func.func @rope_append
// CHECK-SAME: (%[[Y:.*]]: tensor<?x320xf32>, %[[T:.*]]: tensor<?x16x2xf32>, %[[C0:.*]]: !qvl.cache<5, 2, 32, 64, f32>, %[[LAYER:.*]]: index, %[[SLOTS:.*]]: tensor<?xi64>)
func.func @rope_append(%y: tensor<?x320xf32>, %t: tensor<?x16x2xf32>, %c0: !qvl.cache<5, 2, 32, 64, f32>, %layer: index,
                       %slots: tensor<?xi64>) -> (tensor<?x6x32xf32>, !qvl.cache<5, 2, 32, 64, f32>) {
  // CHECK: %[[Q:.*]], %[[C1:.*]] = qvl.rope_append %[[Y]], %[[T]], %[[C0]] layer(%[[LAYER]]) slots(%[[SLOTS]]) {q_heads = 6 : i64}
  // CHECK-SAME: : tensor<?x320xf32>, tensor<?x16x2xf32>, <5, 2, 32, 64, f32>, tensor<?xi64> -> tensor<?x6x32xf32>
  // CHECK-NEXT: return %[[Q]], %[[C1]]
  %q, %c1 = qvl.rope_append %y, %t, %c0 layer(%layer) slots(%slots) {q_heads = 6 : i64}
      : tensor<?x320xf32>, tensor<?x16x2xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi64> -> tensor<?x6x32xf32>
  return %q, %c1 : tensor<?x6x32xf32>, !qvl.cache<5, 2, 32, 64, f32>
}

//===--- sampling ---===//

// CHECK-LABEL: func.func @sampling
// CHECK-SAME: (%[[L:.*]]: tensor<?x152064xf32>, %[[SEEN:.*]]: tensor<?x4752xi32>, %[[S:.*]]: tensor<?x5xf32>, %[[D:.*]]: tensor<?xi64>)
func.func @sampling(%logits: tensor<?x152064xf32>, %seen: tensor<?x4752xi32>, %settings: tensor<?x5xf32>, %draws: tensor<?xi64>) -> tensor<?xi32> {
  // CHECK: %[[V:.*]], %[[I:.*]] = qvl.argmax %[[L]] seen(%[[SEEN]]) settings(%[[S]]) {columns = 4096 : i64}
  // CHECK-SAME: : tensor<?x152064xf32>, tensor<?x4752xi32>, tensor<?x5xf32> -> tensor<?x38xf32>, tensor<?x38xi32>
  %values, %ids = qvl.argmax %logits seen(%seen) settings(%settings) {columns = 4096 : i64}
      : tensor<?x152064xf32>, tensor<?x4752xi32>, tensor<?x5xf32> -> tensor<?x38xf32>, tensor<?x38xi32>
  // CHECK: qvl.sample %[[L]] seen(%[[SEEN]]) settings(%[[S]]) draws(%[[D]]) best(%[[V]], %[[I]])
  // CHECK-SAME: : tensor<?x152064xf32>, tensor<?x4752xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x38xf32>, tensor<?x38xi32> -> tensor<?xi32>
  %id = qvl.sample %logits seen(%seen) settings(%settings) draws(%draws) best(%values, %ids)
      : tensor<?x152064xf32>, tensor<?x4752xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x38xf32>, tensor<?x38xi32> -> tensor<?xi32>
  return %id : tensor<?xi32>
}
