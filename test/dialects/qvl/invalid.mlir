// RUN: qvl-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

/// One case for each constraint ID of the dialect, named after it, then the verifiers of types and attributes.

//===--- parameters ---===//

// expected-error@below {{'qvl.parameter' op type must be of f32, bf16 or f16, of rank 1 or 2, static and of 1 to 2^48 elements, got 'tensor<?x4xf32>'}}
qvl.parameter @parameter_c1 : tensor<?x4xf32>

// -----

// expected-error@below {{'qvl.parameter' op type must be of f32, bf16 or f16, of rank 1 or 2, static and of 1 to 2^48 elements, got 'tensor<2x3x4xf32>'}}
qvl.parameter @parameter_c1_rank : tensor<2x3x4xf32>

// -----

// expected-error@below {{'qvl.parameter' op type must be of f32, bf16 or f16, of rank 1 or 2, static and of 1 to 2^48 elements, got 'tensor<4xi32>'}}
qvl.parameter @parameter_c1_element : tensor<4xi32>

// -----

// expected-error@below {{'qvl.parameter' op type must be of f32, bf16 or f16, of rank 1 or 2, static and of 1 to 2^48 elements, got 'tensor<0x4xf32>'}}
qvl.parameter @parameter_c1_empty : tensor<0x4xf32>

// -----

/// Sizes whose product overflows.
// expected-error@below {{'qvl.parameter' op type must be of f32, bf16 or f16, of rank 1 or 2, static and of 1 to 2^48 elements, got 'tensor<4294967296x4294967296xf32>'}}
qvl.parameter @parameter_c1_large : tensor<4294967296x4294967296xf32>

// -----

// expected-error@below {{'qvl.parameter' op encoding of a rank-2 parameter must be #qvl.panel, got #qvl.flat<f32>}}
qvl.parameter @parameter_c2 : tensor<4x4xf32> encoding(#qvl.flat<f32>)

// -----

// expected-error@below {{'qvl.parameter' op encoding of a rank-1 parameter must be #qvl.flat, got #qvl.panel}}
qvl.parameter @parameter_c2_vector : tensor<4xf32>
    encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 32, pad_k = 4>)

// -----

// expected-error@below {{'qvl.parameter' op padded sizes 32x4 are below the logical ones of 'tensor<33x4xf32>'}}
qvl.parameter @parameter_c3 : tensor<33x4xf32>
    encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 32, pad_k = 4>)

// -----

// expected-error@below {{'qvl.parameter' op padded sizes 64x4 are below the logical ones of 'tensor<33x5xf32>'}}
qvl.parameter @parameter_c3_columns : tensor<33x5xf32>
    encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 64, pad_k = 4>)

// -----

// expected-error@below {{'qvl.parameter' op interleaved panels need an even number of rows, got 'tensor<33x4xf32>'}}
qvl.parameter @parameter_c6 : tensor<33x4xf32>
    encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 64, pad_k = 4, interleave = 8>)

// -----

// expected-error@below {{'qvl.parameter' op has a source and a recipe}}
qvl.parameter @parameter_c4 : tensor<4xf32> source("w") recipe(#qvl.concat<["a", "b"], rows = [2, 2]>)

// -----

// expected-error@below {{'qvl.parameter' op recipe makes 5 rows of 'tensor<4x2xf32>'}}
qvl.parameter @parameter_c5 : tensor<4x2xf32> recipe(#qvl.concat<["a", "b"], rows = [2, 3]>)

// -----

// expected-error@below {{'qvl.parameter' op recipe makes 5 rows of 'tensor<6x2xf32>'}}
qvl.parameter @parameter_c5_inside : tensor<8x2xf32>
    recipe(#qvl.pad<#qvl.concat<["a", "b"], rows = [2, 3]>, tensor<6x2xf32>>)

// -----

// expected-error@below {{'qvl.parameter' op recipe cannot pad 'tensor<4x2xf32>' to 'tensor<4x1xf32>'}}
qvl.parameter @parameter_c7_smaller : tensor<4x1xf32> recipe(#qvl.pad<"a", tensor<4x2xf32>>)

// -----

// expected-error@below {{'qvl.parameter' op recipe cannot pad 'tensor<4xf32>' to 'tensor<4x1xf32>'}}
qvl.parameter @parameter_c7_rank : tensor<4x1xf32> recipe(#qvl.pad<"a", tensor<4xf32>>)

// -----

// expected-error@below {{'qvl.parameter' op recipe cannot pad 'tensor<4xf16>' to 'tensor<8xbf16>'}}
qvl.parameter @parameter_c7_element : tensor<8xbf16> recipe(#qvl.pad<"a", tensor<4xf16>>)

// -----

// expected-error@below {{'qvl.parameter' op recipe cannot convert 'tensor<4xf32>' to 'tensor<4xbf16>'}}
qvl.parameter @parameter_c8_narrow : tensor<4xbf16> recipe(#qvl.convert<"a", tensor<4xf32>>)

// -----

// expected-error@below {{'qvl.parameter' op recipe cannot convert 'tensor<5xbf16>' to 'tensor<4xf32>'}}
qvl.parameter @parameter_c8_shape : tensor<4xf32> recipe(#qvl.convert<"a", tensor<5xbf16>>)

// -----

// expected-error@below {{'qvl.parameter' op recipe cannot add slices [3, 2, 4] of 'tensor<8x20xf32>' to 'tensor<8x12xf32>'}}
qvl.parameter @parameter_c9_columns : tensor<8x12xf32> recipe(#qvl.sum<"a", tensor<8x20xf32>, axes = [3, 2, 4]>)

// -----

// expected-error@below {{'qvl.parameter' op recipe cannot add slices [3, 2, 4] of 'tensor<8x24xbf16>' to 'tensor<8x12xbf16>'}}
qvl.parameter @parameter_c9_element : tensor<8x12xbf16> recipe(#qvl.sum<"a", tensor<8x24xbf16>, axes = [3, 2, 4]>)

// -----

// expected-error@below {{'qvl.parameter' op recipe cannot add slices [4294967296, 4294967296, 4] of}}
qvl.parameter @parameter_c9_overflow : tensor<8x12xf32>
    recipe(#qvl.sum<"a", tensor<8x24xf32>, axes = [4294967296, 4294967296, 4]>)

// -----

// expected-error@below {{a sum needs three positive axes}}
qvl.parameter @sum_axes : tensor<8x12xf32> recipe(#qvl.sum<"a", tensor<8x24xf32>, axes = [3, 0, 4]>)

// -----

// expected-error@below {{a recipe is made of names of tensors and of recipes, got 7 : i64}}
qvl.parameter @recipe_operand : tensor<8xf32> recipe(#qvl.pad<7, tensor<4xf32>>)

// -----

// expected-error@below {{an operand of a recipe must be of f32, bf16 or f16, of rank 1 or 2, static and of 1 to 2^48 elements, got 'tensor<?xf32>'}}
qvl.parameter @recipe_type : tensor<8xf32> recipe(#qvl.pad<"a", tensor<?xf32>>)

// -----

func.func @load_c1() -> tensor<4xf32> {
  // expected-error@below {{'qvl.load' op 'nowhere' does not name a qvl.parameter}}
  %w = qvl.load @nowhere : tensor<4xf32>
  return %w : tensor<4xf32>
}

// -----

func.func @load_c1_function() -> tensor<4xf32> {
  // expected-error@below {{'qvl.load' op 'load_c1_function' does not name a qvl.parameter}}
  %w = qvl.load @load_c1_function : tensor<4xf32>
  return %w : tensor<4xf32>
}

// -----

qvl.parameter @weight : tensor<4xbf16>
func.func @load_c2() -> tensor<4xf32> {
  // expected-error@below {{'qvl.load' op result type 'tensor<4xf32>' differs from the parameter's type 'tensor<4xbf16>'}}
  %w = qvl.load @weight : tensor<4xf32>
  return %w : tensor<4xf32>
}

// -----

//===--- rows ---===//

func.func @embed_c1(%ids: tensor<?xi32>, %table: tensor<8x4xf32>) {
  // expected-error@below {{'qvl.embed' op result 'tensor<?x5xf32>' must have the columns of the table 'tensor<8x4xf32>' and the rows of the ids}}
  %x = qvl.embed %ids, %table : tensor<?xi32>, tensor<8x4xf32> -> tensor<?x5xf32>
  return
}

// -----

func.func @embed_c1_rows(%ids: tensor<3xi32>, %table: tensor<8x4xf32>) {
  // expected-error@below {{'qvl.embed' op result 'tensor<2x4xf32>' must have the columns of the table}}
  %x = qvl.embed %ids, %table : tensor<3xi32>, tensor<8x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @gather_rows_c1(%x: tensor<?x4xf32>, %rows: tensor<?xi32>) {
  // expected-error@below {{'qvl.gather_rows' op result 'tensor<?x4xbf16>' must have the columns and elements of 'tensor<?x4xf32>' and the rows of the index}}
  %y = qvl.gather_rows %x, %rows : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xbf16>
  return
}

// -----

func.func @gather_rows_c1_rows(%x: tensor<?x4xf32>, %rows: tensor<3xi32>) {
  // expected-error@below {{'qvl.gather_rows' op result 'tensor<2x4xf32>' must have the columns and elements of}}
  %y = qvl.gather_rows %x, %rows : tensor<?x4xf32>, tensor<3xi32> -> tensor<2x4xf32>
  return
}

// -----

func.func @merge_features_c1(%x: tensor<?x4xf32>, %features: tensor<?x5xf32>, %rows: tensor<?xi32>) {
  // expected-error@below {{'qvl.merge_features' op features 'tensor<?x5xf32>' must have the columns of the embeddings 'tensor<?x4xf32>'}}
  %y = qvl.merge_features %x, %features, %rows : tensor<?x4xf32>, tensor<?x5xf32>, tensor<?xi32>
  return
}

// -----

func.func @merge_features_c2(%x: tensor<3x4xf32>, %features: tensor<?x4xf32>, %rows: tensor<2xi32>) {
  // expected-error@below {{'qvl.merge_features' op feature rows 'tensor<2xi32>' must be one for each row of the embeddings 'tensor<3x4xf32>'}}
  %y = qvl.merge_features %x, %features, %rows : tensor<3x4xf32>, tensor<?x4xf32>, tensor<2xi32>
  return
}

// -----

func.func @regroup_c1(%x: tensor<?x4xf32>, %index: tensor<?xi32>, %segments: tensor<?xi32>) {
  // expected-error@below {{'qvl.regroup' op group must be positive, got 0}}
  %y = qvl.regroup %x, %index preserving(%segments) {group = 0 : i64} : tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return
}

// -----

func.func @regroup_c2(%x: tensor<?x4xf32>, %index: tensor<?xi32>, %segments: tensor<?xi32>) {
  // expected-error@below {{'qvl.regroup' op merged must be at least 2, got 1}}
  %y = qvl.regroup %x, %index preserving(%segments) {group = 1 : i64, merged = 1 : i64} : tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return
}

// -----

func.func @merge_rows_c1(%x: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.merge_rows' op rows must be positive, got -4}}
  %y = qvl.merge_rows %x {rows = -4 : i64} : tensor<?x4xf32> -> tensor<?x16xf32>
  return
}

// -----

func.func @merge_rows_c2(%x: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.merge_rows' op result 'tensor<?x12xf32>' must have 4 times the columns of 'tensor<?x4xf32>'}}
  %y = qvl.merge_rows %x {rows = 4 : i64} : tensor<?x4xf32> -> tensor<?x12xf32>
  return
}

// -----

/// 4 · (2^62 + 1) is 4 in 64 bits.
func.func @merge_rows_c2_overflow(%x: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.merge_rows' op result 'tensor<?x4xf32>' must have 4611686018427387905 times the columns of 'tensor<?x4xf32>'}}
  %y = qvl.merge_rows %x {rows = 4611686018427387905 : i64} : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @merge_rows_c3(%x: tensor<7x4xf32>) {
  // expected-error@below {{'qvl.merge_rows' op input 'tensor<7x4xf32>' must have 4 times the rows of 'tensor<1x16xf32>'}}
  %y = qvl.merge_rows %x {rows = 4 : i64} : tensor<7x4xf32> -> tensor<1x16xf32>
  return
}

// -----

/// Rows are the one dynamic dimension.
func.func @dynamic_columns(%x: tensor<?x?xf32>) {
  // expected-error@below {{'qvl.silu' op operand #0 must be 2D tensor of 32-bit float or bfloat16 type values with static, positive sizes of a row, but got 'tensor<?x?xf32>'}}
  %y = qvl.silu %x : tensor<?x?xf32>
  return
}

// -----

func.func @no_columns(%x: tensor<?x0xf32>) {
  // expected-error@below {{'qvl.silu' op operand #0 must be 2D tensor of 32-bit float or bfloat16 type values with static, positive sizes of a row, but got 'tensor<?x0xf32>'}}
  %y = qvl.silu %x : tensor<?x0xf32>
  return
}

// -----

func.func @dynamic_weight(%x: tensor<?x4xf32>, %w: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.linear' op operand #1 must be 2D tensor of 32-bit float or bfloat16 type or 16-bit float values with static, positive sizes, but got 'tensor<?x4xf32>'}}
  %y = qvl.linear %x, %w : tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return
}

// -----

//===--- dense ---===//

func.func @linear_c1(%x: tensor<?x4xf32>, %w: tensor<8x5xf32>) {
  // expected-error@below {{'qvl.linear' op weight 'tensor<8x5xf32>' must have as many columns as the input 'tensor<?x4xf32>'}}
  %y = qvl.linear %x, %w : tensor<?x4xf32>, tensor<8x5xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c2(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>) {
  // expected-error@below {{'qvl.linear' op result 'tensor<?x4xf32>' must have as many columns as the weight 'tensor<8x4xf32>' has rows}}
  %y = qvl.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c3(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %b: tensor<4xf32>) {
  // expected-error@below {{'qvl.linear' op bias 'tensor<4xf32>' must have as many elements as the weight 'tensor<8x4xf32>' has rows}}
  %y = qvl.linear %x, %w bias %b : tensor<?x4xf32>, tensor<8x4xf32>, tensor<4xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c4(%x: tensor<4x4xf32>, %w: tensor<8x4xf32>) {
  // expected-error@below {{'qvl.linear' op result 'tensor<5x8xf32>' must have the rows of the input 'tensor<4x4xf32>'}}
  %y = qvl.linear %x, %w : tensor<4x4xf32>, tensor<8x4xf32> -> tensor<5x8xf32>
  return
}

// -----

func.func @rms_norm_c1(%x: tensor<?x4xf32>, %w: tensor<5xf32>) {
  // expected-error@below {{'qvl.rms_norm' op weight 'tensor<5xf32>' must have as many elements as the input 'tensor<?x4xf32>' has columns}}
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x4xf32>, tensor<5xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @rms_norm_c2(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error@below {{'qvl.rms_norm' op eps must be positive and finite}}
  %y = qvl.rms_norm %x, %w {eps = 0.0 : f64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @rms_norm_c2_nan(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error@below {{'qvl.rms_norm' op eps must be positive and finite}}
  %y = qvl.rms_norm %x, %w {eps = 0x7FF8000000000000 : f64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @rms_norm_c3(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error@below {{'qvl.rms_norm' op result 'tensor<?x8xf32>' must have 1 times the columns of 'tensor<?x4xf32>'}}
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @rms_norm_c3_merge(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error@below {{'qvl.rms_norm' op result 'tensor<?x8xf32>' must have 4 times the columns of 'tensor<?x4xf32>'}}
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64, merge = 4 : i64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @rms_norm_c3_element(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error@below {{'qvl.rms_norm' op result 'tensor<?x4xbf16>' must have 1 times the columns of 'tensor<?x4xf32>'}}
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xbf16>
  return
}

// -----

func.func @rms_norm_c4(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error@below {{'qvl.rms_norm' op merge must be at least 2, got 1}}
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64, merge = 1 : i64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @rms_norm_c5(%x: tensor<4x4xf32>, %w: tensor<4xf32>) {
  // expected-error@below {{'qvl.rms_norm' op input 'tensor<4x4xf32>' must have 1 times the rows of 'tensor<5x4xf32>'}}
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<4x4xf32>, tensor<4xf32> -> tensor<5x4xf32>
  return
}

// -----

func.func @rms_norm_c5_merge(%x: tensor<9x4xf32>, %w: tensor<4xf32>) {
  // expected-error@below {{'qvl.rms_norm' op input 'tensor<9x4xf32>' must have 4 times the rows of 'tensor<2x16xf32>'}}
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64, merge = 4 : i64} : tensor<9x4xf32>, tensor<4xf32> -> tensor<2x16xf32>
  return
}

// -----

func.func @add_c1(%x: tensor<?x4xf32>, %y: tensor<?x5xf32>) {
  // expected-error@below {{'qvl.add' op failed to verify that all of {lhs, rhs, result} have same type}}
  %z = "qvl.add"(%x, %y) : (tensor<?x4xf32>, tensor<?x5xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @mul_c1(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.mul' op failed to verify that all of {lhs, rhs, result} have same type}}
  %z = "qvl.mul"(%x, %y) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xbf16>
  return
}

// -----

func.func @silu_c1(%x: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.silu' op failed to verify that all of {input, result} have same type}}
  %y = "qvl.silu"(%x) : (tensor<?x4xf32>) -> tensor<?x4xbf16>
  return
}

// -----

func.func @gelu_c1(%x: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.gelu' op failed to verify that all of {input, result} have same type}}
  %y = "qvl.gelu"(%x) : (tensor<?x4xf32>) -> tensor<?x5xf32>
  return
}

// -----

func.func @cast_c1(%x: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.cast' op operand 'tensor<?x4xf32>' and result 'tensor<?x5xbf16>' must have one shape}}
  %y = qvl.cast %x : tensor<?x4xf32> -> tensor<?x5xbf16>
  return
}

// -----

func.func @cast_c2(%x: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.cast' op element types must differ, got 'f32' twice}}
  %y = qvl.cast %x : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @split_heads_c1(%x: tensor<?x8xf32>) {
  // expected-error@below {{'qvl.split_heads' op heads and head_dim must be positive}}
  %a, %b = qvl.split_heads %x {heads = array<i64: 4, 0>, head_dim = 2 : i64} : tensor<?x8xf32> -> tensor<?x4x2xf32>, tensor<?x1x2xf32>
  return
}

// -----

func.func @split_heads_c1_head_dim(%x: tensor<?x8xf32>) {
  // expected-error@below {{'qvl.split_heads' op heads and head_dim must be positive}}
  %a = qvl.split_heads %x {heads = array<i64: 4>, head_dim = 0 : i64} : tensor<?x8xf32> -> tensor<?x4x2xf32>
  return
}

// -----

func.func @split_heads_c2(%x: tensor<?x8xf32>) {
  // expected-error@below {{'qvl.split_heads' op input 'tensor<?x8xf32>' must have [2, 1] heads of 2 columns}}
  %a, %b = qvl.split_heads %x {heads = array<i64: 2, 1>, head_dim = 2 : i64} : tensor<?x8xf32> -> tensor<?x2x2xf32>, tensor<?x1x2xf32>
  return
}

// -----

func.func @split_heads_c3(%x: tensor<?x8xf32>) {
  // expected-error@below {{'qvl.split_heads' op has 1 results for 2 entries of heads}}
  %a = qvl.split_heads %x {heads = array<i64: 3, 1>, head_dim = 2 : i64} : tensor<?x8xf32> -> tensor<?x3x2xf32>
  return
}

// -----

func.func @split_heads_c3_type(%x: tensor<?x8xf32>) {
  // expected-error@below {{'qvl.split_heads' op result 'tensor<?x2x2xf32>' must be [rows, 1, 2] of 'f32'}}
  %a, %b = qvl.split_heads %x {heads = array<i64: 3, 1>, head_dim = 2 : i64} : tensor<?x8xf32> -> tensor<?x3x2xf32>, tensor<?x2x2xf32>
  return
}

// -----

func.func @split_heads_c4(%x: tensor<3x8xf32>) {
  // expected-error@below {{'qvl.split_heads' op result 'tensor<4x2x2xf32>' must have the rows of the input 'tensor<3x8xf32>'}}
  %a, %b = qvl.split_heads %x {heads = array<i64: 2, 2>, head_dim = 2 : i64} : tensor<3x8xf32> -> tensor<?x2x2xf32>, tensor<4x2x2xf32>
  return
}

// -----

//===--- positions ---===//

func.func @rope_table_c1(%p: tensor<3x?xi32>) {
  // expected-error@below {{'qvl.rope_table' op needs one positive section for each axis of 'tensor<3x?xi32>'}}
  %t = qvl.rope_table %p {theta = 1.0e4 : f64, sections = array<i64: 2, 3>, frequencies = #qvl.frequencies<shared>}
      : tensor<3x?xi32> -> tensor<?x5x2xf32>
  return
}

// -----

func.func @rope_table_c1_section(%p: tensor<2x?xi32>) {
  // expected-error@below {{'qvl.rope_table' op needs one positive section for each axis of 'tensor<2x?xi32>'}}
  %t = qvl.rope_table %p {theta = 1.0e4 : f64, sections = array<i64: 5, 0>, frequencies = #qvl.frequencies<shared>}
      : tensor<2x?xi32> -> tensor<?x5x2xf32>
  return
}

// -----

func.func @rope_table_c2(%p: tensor<2x?xi32>) {
  // expected-error@below {{'qvl.rope_table' op result 'tensor<?x6x2xf32>' must be [rows, sum of [2, 3], 2]}}
  %t = qvl.rope_table %p {theta = 1.0e4 : f64, sections = array<i64: 2, 3>, frequencies = #qvl.frequencies<shared>}
      : tensor<2x?xi32> -> tensor<?x6x2xf32>
  return
}

// -----

func.func @rope_table_c3(%p: tensor<2x?xi32>) {
  // expected-error@below {{'qvl.rope_table' op theta must be positive and finite}}
  %t = qvl.rope_table %p {theta = 0.0 : f64, sections = array<i64: 2, 3>, frequencies = #qvl.frequencies<shared>}
      : tensor<2x?xi32> -> tensor<?x5x2xf32>
  return
}

// -----

func.func @rope_table_c4(%p: tensor<2x?xi32>, %w: tensor<?xi32>) {
  // expected-error@below {{'qvl.rope_table' op a row map needs an index and a positive group}}
  %t = qvl.rope_table %p rows(%w group 0 : tensor<?xi32>) {theta = 1.0e4 : f64, sections = array<i64: 2, 3>,
      frequencies = #qvl.frequencies<shared>} : tensor<2x?xi32> -> tensor<?x5x2xf32>
  return
}

// -----

func.func @rope_table_c5(%p: tensor<2x3xi32>) {
  // expected-error@below {{'qvl.rope_table' op result 'tensor<4x5x2xf32>' must have a row for each column of 'tensor<2x3xi32>'}}
  %t = qvl.rope_table %p {theta = 1.0e4 : f64, sections = array<i64: 2, 3>, frequencies = #qvl.frequencies<per_axis>}
      : tensor<2x3xi32> -> tensor<4x5x2xf32>
  return
}

// -----

func.func @rotate_c1(%x: tensor<?x2x8xf32>, %t: tensor<?x5x2xf32>) {
  // expected-error@below {{'qvl.rotate' op head_dim of 'tensor<?x2x8xf32>' must be twice the angles of the table 'tensor<?x5x2xf32>'}}
  %y = qvl.rotate %x, %t : tensor<?x2x8xf32>, tensor<?x5x2xf32>
  return
}

// -----

func.func @rotate_c2(%x: tensor<3x2x8xf32>, %t: tensor<4x4x2xf32>) {
  // expected-error@below {{'qvl.rotate' op table 'tensor<4x4x2xf32>' must have the rows of 'tensor<3x2x8xf32>'}}
  %y = qvl.rotate %x, %t : tensor<3x2x8xf32>, tensor<4x4x2xf32>
  return
}

// -----

//===--- attention ---===//

func.func @attention_c1(%q: tensor<?x2x4xf32>, %s: tensor<?xi32>) {
  // expected-error@below {{'qvl.attention' op result 'tensor<?x4xf32>' must hold the heads of 'tensor<?x2x4xf32>' side by side}}
  %a = qvl.attention %q, %q, %q segments(%s) {scale = 0.5 : f64} : tensor<?x2x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
  return
}

// -----

func.func @attention_c1_element(%q: tensor<?x2x4xf32>, %s: tensor<?xi32>) {
  // expected-error@below {{'qvl.attention' op result 'tensor<?x8xbf16>' must hold the heads of 'tensor<?x2x4xf32>' side by side}}
  %a = qvl.attention %q, %q, %q segments(%s) {scale = 0.5 : f64} : tensor<?x2x4xf32>, tensor<?xi32> -> tensor<?x8xbf16>
  return
}

// -----

func.func @attention_c2(%q: tensor<?x2x4xf32>, %s: tensor<?xi32>) {
  // expected-error@below {{'qvl.attention' op scale must be positive and finite}}
  %a = qvl.attention %q, %q, %q segments(%s) {scale = -0.5 : f64} : tensor<?x2x4xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return
}

// -----

func.func @attention_c3(%q: tensor<?x2x4xf32>, %s: tensor<?xi32>) {
  // expected-error@below {{'qvl.attention' op max_rows must be positive}}
  %a = qvl.attention %q, %q, %q segments(%s) {scale = 0.5 : f64, max_rows = 0 : i64} : tensor<?x2x4xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return
}

// -----

func.func @attention_c4(%q: tensor<3x2x4xf32>, %s: tensor<?xi32>) {
  // expected-error@below {{'qvl.attention' op result 'tensor<4x8xf32>' must have the rows of 'tensor<3x2x4xf32>'}}
  %a = qvl.attention %q, %q, %q segments(%s) {scale = 0.5 : f64} : tensor<3x2x4xf32>, tensor<?xi32> -> tensor<4x8xf32>
  return
}

// -----

func.func @cache_append_c1(%k: tensor<?x2x16xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %slots: tensor<?xi64>) {
  // expected-error@below {{'qvl.cache_append' op key 'tensor<?x2x16xf32>' must have the heads and head_dim of '!qvl.cache<5, 2, 32, 64, f32>'}}
  %c1 = qvl.cache_append %k, %k, %c layer(%layer) slots(%slots) : tensor<?x2x16xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
  return
}

// -----

func.func @cache_append_c2(%k: tensor<3x2x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %slots: tensor<4xi64>) {
  // expected-error@below {{'qvl.cache_append' op slots 'tensor<4xi64>' must be one for each row of 'tensor<3x2x32xf32>'}}
  %d = qvl.cache_append %k, %k, %c layer(%layer) slots(%slots) : tensor<3x2x32xf32>, tensor<4xi64>, !qvl.cache<5, 2, 32, 64, f32>
  return
}

// -----

func.func @cached_attention_c1(%q: tensor<?x4x16xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                               %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention' op head_dim of the query 'tensor<?x4x16xf32>' must be that of '!qvl.cache<5, 2, 32, 64, f32>'}}
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x4x16xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x64xf32>
  return
}

// -----

func.func @cached_attention_c2(%q: tensor<?x3x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                               %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention' op heads of the query 'tensor<?x3x32xf32>' must be a multiple of the heads of '!qvl.cache<5, 2, 32, 64, f32>'}}
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x3x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x96xf32>
  return
}

// -----

func.func @cached_attention_c3(%q: tensor<?x4x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                               %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention' op result 'tensor<?x64xf32>' must hold the heads of 'tensor<?x4x32xf32>' side by side}}
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x64xf32>
  return
}

// -----

func.func @cached_attention_c4(%q: tensor<?x4x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                               %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention' op scale must be positive and finite}}
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0x7FF0000000000000 : f64}
      : tensor<?x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x128xf32>
  return
}

// -----

func.func @cached_attention_c5(%q: tensor<3x4x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
    %r: tensor<4xi32>, %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention' op results and row_sequence must have the rows of the query 'tensor<3x4x32xf32>'}}
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%i, %r, %i, %blocks) {scale = 0.5 : f64}
      : tensor<3x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<4xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<3x128xf32>
  return
}

// -----

func.func @cached_attention_splits_c1(%q: tensor<?x4x16xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                                      %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention_splits' op head_dim of the query 'tensor<?x4x16xf32>' must be that of '!qvl.cache<5, 2, 32, 64, f32>'}}
  %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x4x16xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x8x4x2xf32>, tensor<?x8x4x16xf32>
  return
}

// -----

func.func @cached_attention_splits_c2(%q: tensor<?x3x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                                      %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention_splits' op heads of the query 'tensor<?x3x32xf32>' must be a multiple of the heads of '!qvl.cache<5, 2, 32, 64, f32>'}}
  %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x3x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x8x3x2xf32>, tensor<?x8x3x32xf32>
  return
}

// -----

func.func @cached_attention_splits_c3(%q: tensor<?x4x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                                      %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention_splits' op results 'tensor<?x7x4x2xf32>' and 'tensor<?x8x4x32xf32>' must be one number of splits of weights and of heads of 'tensor<?x4x32xf32>'}}
  %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x7x4x2xf32>, tensor<?x8x4x32xf32>
  return
}

// -----

/// The number of splits decides on the grid: it is static.
func.func @cached_attention_splits_c3_dynamic(%q: tensor<?x4x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                                      %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention_splits' op result #0 must be 4D tensor of 32-bit float values with static, positive sizes of a row, but got 'tensor<?x?x4x2xf32>'}}
  %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<?x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x?x4x2xf32>, tensor<?x?x4x32xf32>
  return
}

// -----

func.func @cached_attention_splits_c4(%q: tensor<?x4x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
                                      %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention_splits' op scale must be positive and finite}}
  %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = -0.5 : f64}
      : tensor<?x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x8x4x2xf32>, tensor<?x8x4x32xf32>
  return
}

// -----

func.func @cached_attention_splits_c5(%q: tensor<3x4x32xf32>, %c: !qvl.cache<5, 2, 32, 64, f32>, %layer: index, %i: tensor<?xi32>,
    %blocks: tensor<?x?xi32>) {
  // expected-error@below {{'qvl.cached_attention_splits' op results and row_sequence must have the rows of the query 'tensor<3x4x32xf32>'}}
  %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%i, %i, %i, %blocks) {scale = 0.5 : f64}
      : tensor<3x4x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<3x8x4x2xf32>, tensor<4x8x4x32xf32>
  return
}

// -----

func.func @merge_splits_c1(%w: tensor<?x8x3x2xf32>, %o: tensor<?x8x4x32xf32>) {
  // expected-error@below {{'qvl.merge_splits' op weights 'tensor<?x8x3x2xf32>' must be two for each split and head of 'tensor<?x8x4x32xf32>'}}
  %a = qvl.merge_splits %w, %o : tensor<?x8x3x2xf32>, tensor<?x8x4x32xf32> -> tensor<?x128xf32>
  return
}

// -----

func.func @merge_splits_c2(%w: tensor<?x8x4x2xf32>, %o: tensor<?x8x4x32xf32>) {
  // expected-error@below {{'qvl.merge_splits' op result 'tensor<?x64xf32>' must hold the heads of 'tensor<?x8x4x32xf32>' side by side}}
  %a = qvl.merge_splits %w, %o : tensor<?x8x4x2xf32>, tensor<?x8x4x32xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @merge_splits_c3(%w: tensor<3x8x4x2xf32>, %o: tensor<4x8x4x32xf32>) {
  // expected-error@below {{'qvl.merge_splits' op weights 'tensor<3x8x4x2xf32>' and result 'tensor<?x128xf32>' must have the rows of 'tensor<4x8x4x32xf32>'}}
  %a = qvl.merge_splits %w, %o : tensor<3x8x4x2xf32>, tensor<4x8x4x32xf32> -> tensor<?x128xf32>
  return
}

// -----

//===--- fused ---===//

func.func @fused_linear_c1(%x: tensor<?x4xf32>, %w: tensor<3x5xf32>) {
  // expected-error@below {{'qvl.fused_linear' op weight 'tensor<3x5xf32>' must have the columns of the input 'tensor<?x4xf32>'}}
  %y = qvl.fused_linear %x, (%w) : tensor<?x4xf32>, (tensor<3x5xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c2(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error@below {{'qvl.fused_linear' op weight 'tensor<3x4xf32>' must have as many rows as the result 'tensor<?x4xf32>' has columns, or twice as many}}
  %y = qvl.fused_linear %x, (%w) : tensor<?x4xf32>, (tensor<3x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%a: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c2_three(%x: tensor<?x4xf32>, %w: tensor<9x4xf32>) {
  // expected-error@below {{must have as many rows as the result 'tensor<?x3xf32>' has columns, or twice as many}}
  %y = qvl.fused_linear %x, (%w) : tensor<?x4xf32>, (tensor<9x4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32, %b: f32, %c: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c3(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<4xf32>) {
  // expected-error@below {{'qvl.fused_linear' op operand 'tensor<4xf32>' must have one element per column of 'tensor<?x3xf32>'}}
  %y = qvl.fused_linear %x, (%w) with(%b) : tensor<?x4xf32>, (tensor<3x4xf32>) with(tensor<4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32, %o: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c3_rows(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error@below {{'qvl.fused_linear' op operand 'tensor<?x4xf32>' must have one element per column of 'tensor<?x3xf32>'}}
  %y = qvl.fused_linear %x, (%w) with(%x) : tensor<?x4xf32>, (tensor<3x4xf32>) with(tensor<?x4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32, %o: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c4(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xf32>) {
  // expected-error@below {{'qvl.fused_linear' op the epilogue must take one f32 for each of 1 weights and 1 operands}}
  %y = qvl.fused_linear %x, (%w) with(%b) : tensor<?x4xf32>, (tensor<3x4xf32>) with(tensor<3xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c4_two(%x: tensor<?x4xf32>, %w: tensor<6x4xf32>) {
  // expected-error@below {{'qvl.fused_linear' op the epilogue must take one f32 for each of 2 weights and 0 operands}}
  %y = qvl.fused_linear %x, (%w) : tensor<?x4xf32>, (tensor<6x4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c4_element(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xbf16>) {
  // expected-error@below {{'qvl.fused_linear' op the epilogue must take one f32 for each of 1 weights and 1 operands}}
  %y = qvl.fused_linear %x, (%w) with(%b) : tensor<?x4xf32>, (tensor<3x4xf32>) with(tensor<3xbf16>) -> tensor<?x3xf32> {
  ^bb0(%a: f32, %o: bf16):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c5(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %i: tensor<?xi32>) {
  // expected-error@below {{'qvl.fused_linear' op a row map needs an index and a positive group}}
  %y = qvl.fused_linear %x, (%w) load(%i group 0 : tensor<?xi32>) : tensor<?x4xf32>, (tensor<3x4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c5_store(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %i: tensor<?xi32>) {
  // expected-error@below {{'qvl.fused_linear' op a row map needs an index and a positive group}}
  %y = qvl.fused_linear %x, (%w) store(%i group -1 : tensor<?xi32>) : tensor<?x4xf32>, (tensor<3x4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c5_index(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error@below {{'qvl.fused_linear' op a row map needs an index and a positive group}}
  %y = qvl.fused_linear %x, (%w) {load_group = 4 : i64} : tensor<?x4xf32>, (tensor<3x4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c6(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %r: tensor<?x3xf32>, %i: tensor<?xi32>) {
  // expected-error@below {{'qvl.fused_linear' op operands of rank 2 and a store map exclude each other}}
  %y = qvl.fused_linear %x, (%w) with(%r) store(%i group 4 : tensor<?xi32>) : tensor<?x4xf32>, (tensor<3x4xf32>) with(tensor<?x3xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32, %o: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

qvl.parameter @weight : tensor<4xf32>
func.func @fused_linear_c7(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error@below {{'qvl.fused_linear' op the epilogue holds 'qvl.load', which is not of arith or math on scalars}}
  %y = qvl.fused_linear %x, (%w) : tensor<?x4xf32>, (tensor<3x4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32):
    %b = qvl.load @weight : tensor<4xf32>
    qvl.yield %a : f32
  }
  return
}

// -----

/// Vectors and indices are no values of a tile's elements.
func.func @fused_linear_c7_tensor(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error@below {{'qvl.fused_linear' op the epilogue holds 'arith.constant', which is not of arith or math on scalars}}
  %y = qvl.fused_linear %x, (%w) : tensor<?x4xf32>, (tensor<3x4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32):
    %c = arith.constant dense<1.0> : tensor<4xf32>
    qvl.yield %a : f32
  }
  return
}

// -----

/// An op that no dialect has registered.
func.func @fused_linear_c7_unregistered(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error@below {{'qvl.fused_linear' op the epilogue holds 'other.op', which is not of arith or math on scalars}}
  %y = qvl.fused_linear %x, (%w) : tensor<?x4xf32>, (tensor<3x4xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32):
    %b = "other.op"(%a) : (f32) -> f32
    qvl.yield %b : f32
  }
  return
}

// -----

func.func @fused_linear_c8(%x: tensor<4x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error@below {{'qvl.fused_linear' op result 'tensor<5x3xf32>' and operands of rank 2 must have the rows of 'tensor<4x4xf32>'}}
  %y = qvl.fused_linear %x, (%w) : tensor<4x4xf32>, (tensor<3x4xf32>) -> tensor<5x3xf32> {
  ^bb0(%a: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @fused_linear_c8_operand(%x: tensor<4x4xf32>, %w: tensor<3x4xf32>, %r: tensor<5x3xf32>) {
  // expected-error@below {{'qvl.fused_linear' op result 'tensor<?x3xf32>' and operands of rank 2 must have the rows of 'tensor<4x4xf32>'}}
  %y = qvl.fused_linear %x, (%w) with(%r) : tensor<4x4xf32>, (tensor<3x4xf32>) with(tensor<5x3xf32>) -> tensor<?x3xf32> {
  ^bb0(%a: f32, %o: f32):
    qvl.yield %a : f32
  }
  return
}

// -----

func.func @rope_qk_c1(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>) {
  // expected-error@below {{'qvl.rope_qk' op input 'tensor<?x16xf32>' must hold three groups of heads of 4 columns}}
  %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 2, 1, 2>, head_dim = 4 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32> -> tensor<?x2x4xf32>, tensor<?x1x4xf32>, tensor<?x2x4xf32>
  return
}

// -----

func.func @rope_qk_c1_groups(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>) {
  // expected-error@below {{'qvl.rope_qk' op input 'tensor<?x16xf32>' must hold three groups of heads of 4 columns}}
  %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 2, 2>, head_dim = 4 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32> -> tensor<?x2x4xf32>, tensor<?x2x4xf32>, tensor<?x2x4xf32>
  return
}

// -----

func.func @rope_qk_c1_positive(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>) {
  // expected-error@below {{'qvl.rope_qk' op input 'tensor<?x16xf32>' must hold three groups of heads of 4 columns}}
  %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 3, 1, 0>, head_dim = 4 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32> -> tensor<?x3x4xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32>
  return
}

// -----

/// The product of heads and head_dim is 16 in 64 bits only.
func.func @rope_qk_c1_overflow(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>) {
  // expected-error@below {{'qvl.rope_qk' op input 'tensor<?x16xf32>' must hold three groups of heads of 4 columns}}
  %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 4611686018427387904, 3, 1>, head_dim = 4 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32> -> tensor<?x3x4xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32>
  return
}

// -----

func.func @rope_qk_c2(%x: tensor<?x16xf32>, %t: tensor<?x4x2xf32>) {
  // expected-error@below {{'qvl.rope_qk' op head_dim 4 must be twice the angles of the table 'tensor<?x4x2xf32>'}}
  %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 2, 1, 1>, head_dim = 4 : i64}
      : tensor<?x16xf32>, tensor<?x4x2xf32> -> tensor<?x2x4xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32>
  return
}

// -----

func.func @rope_qk_c3(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>) {
  // expected-error@below {{'qvl.rope_qk' op result 'tensor<?x2x4xf32>' must be [rows, 1, 4] of 'f32'}}
  %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 2, 1, 1>, head_dim = 4 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32> -> tensor<?x2x4xf32>, tensor<?x1x4xf32>, tensor<?x2x4xf32>
  return
}

// -----

func.func @rope_qk_c3_element(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>) {
  // expected-error@below {{'qvl.rope_qk' op result 'tensor<?x2x4xbf16>' must be [rows, 2, 4] of 'f32'}}
  %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 2, 1, 1>, head_dim = 4 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32> -> tensor<?x2x4xbf16>, tensor<?x1x4xf32>, tensor<?x1x4xf32>
  return
}

// -----

func.func @rope_qk_c4(%x: tensor<3x16xf32>, %t: tensor<4x2x2xf32>) {
  // expected-error@below {{'qvl.rope_qk' op table and results must have the rows of the input 'tensor<3x16xf32>'}}
  %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 2, 1, 1>, head_dim = 4 : i64}
      : tensor<3x16xf32>, tensor<4x2x2xf32> -> tensor<3x2x4xf32>, tensor<3x1x4xf32>, tensor<3x1x4xf32>
  return
}

// -----

func.func @rope_append_c1(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>, %c: !qvl.cache<5, 1, 4, 64, f32>, %layer: index, %slots: tensor<?xi64>) {
  // expected-error@below {{'qvl.rope_append' op input 'tensor<?x16xf32>' must hold 3 query heads and the heads of '!qvl.cache<5, 1, 4, 64, f32>'}}
  %q, %d = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {q_heads = 3 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32>, !qvl.cache<5, 1, 4, 64, f32>, tensor<?xi64> -> tensor<?x3x4xf32>
  return
}

// -----

func.func @rope_append_c1_positive(%x: tensor<?x8xf32>, %t: tensor<?x2x2xf32>, %c: !qvl.cache<5, 1, 4, 64, f32>, %layer: index, %slots: tensor<?xi64>) {
  // expected-error@below {{'qvl.rope_append' op input 'tensor<?x8xf32>' must hold 0 query heads and the heads of '!qvl.cache<5, 1, 4, 64, f32>'}}
  %q, %d = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {q_heads = 0 : i64}
      : tensor<?x8xf32>, tensor<?x2x2xf32>, !qvl.cache<5, 1, 4, 64, f32>, tensor<?xi64> -> tensor<?x1x4xf32>
  return
}

// -----

func.func @rope_append_c2(%x: tensor<?x16xf32>, %t: tensor<?x4x2xf32>, %c: !qvl.cache<5, 1, 4, 64, f32>, %layer: index, %slots: tensor<?xi64>) {
  // expected-error@below {{'qvl.rope_append' op head_dim of '!qvl.cache<5, 1, 4, 64, f32>' must be twice the angles of the table 'tensor<?x4x2xf32>'}}
  %q, %d = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {q_heads = 2 : i64}
      : tensor<?x16xf32>, tensor<?x4x2xf32>, !qvl.cache<5, 1, 4, 64, f32>, tensor<?xi64> -> tensor<?x2x4xf32>
  return
}

// -----

func.func @rope_append_c3(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>, %c: !qvl.cache<5, 1, 4, 64, f32>, %layer: index, %slots: tensor<?xi64>) {
  // expected-error@below {{'qvl.rope_append' op query 'tensor<?x1x4xf32>' must be [rows, 2, 4] of 'f32'}}
  %q, %d = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {q_heads = 2 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32>, !qvl.cache<5, 1, 4, 64, f32>, tensor<?xi64> -> tensor<?x1x4xf32>
  return
}

// -----

func.func @rope_append_c3_element(%x: tensor<?x16xf32>, %t: tensor<?x2x2xf32>, %c: !qvl.cache<5, 1, 4, 64, f32>, %layer: index, %slots: tensor<?xi64>) {
  // expected-error@below {{'qvl.rope_append' op query 'tensor<?x2x4xbf16>' must be [rows, 2, 4] of 'f32'}}
  %q, %d = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {q_heads = 2 : i64}
      : tensor<?x16xf32>, tensor<?x2x2xf32>, !qvl.cache<5, 1, 4, 64, f32>, tensor<?xi64> -> tensor<?x2x4xbf16>
  return
}

// -----

func.func @rope_append_c4(%x: tensor<3x16xf32>, %t: tensor<?x2x2xf32>, %c: !qvl.cache<5, 1, 4, 64, f32>, %layer: index, %slots: tensor<4xi64>) {
  // expected-error@below {{'qvl.rope_append' op table, slots and query must have the rows of the input 'tensor<3x16xf32>'}}
  %q, %d = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {q_heads = 2 : i64}
      : tensor<3x16xf32>, tensor<?x2x2xf32>, !qvl.cache<5, 1, 4, 64, f32>, tensor<4xi64> -> tensor<3x2x4xf32>
  return
}

// -----

//===--- !qvl.cache ---===//

// expected-error@below {{layers, kv_heads and head_dim of a cache must be positive}}
func.func private @cache_sizes(!qvl.cache<0, 2, 32, 64, f32>)

// -----

// expected-error@below {{page of a cache must be a positive multiple of 64, got 32}}
func.func private @cache_page(!qvl.cache<5, 2, 32, 32, f32>)

// -----

// expected-error@below {{elements of a cache must be f32 or bf16, got 'f16'}}
func.func private @cache_element(!qvl.cache<5, 2, 32, 64, f16>)

// -----

// expected-error@below {{a page of a cache must have at most 2^48 elements}}
func.func private @cache_page_elements(!qvl.cache<4294967296, 4294967296, 32, 64, f32>)

// -----

//===--- #qvl.panel ---===//

// expected-error@below {{interleave = 12 gives no whole pairs of blocks in n = 32 rows}}
func.func private @panel_interleave() attributes {e = #qvl.panel<n = 32, k_group = 2, element = f32, pad_n = 32, pad_k = 4, interleave = 12>}

// -----

// expected-error@below {{interleave = -8 gives no whole pairs of blocks in n = 32 rows}}
func.func private @panel_interleave_sign() attributes {e = #qvl.panel<n = 32, k_group = 2, element = f32, pad_n = 32, pad_k = 4, interleave = -8>}

// -----

// expected-error@below {{n and k_group of a panel must be positive}}
func.func private @panel_sizes() attributes {e = #qvl.panel<n = 0, k_group = 2, element = f32, pad_n = 32, pad_k = 4>}

// -----

// expected-error@below {{elements of a panel must be f32 or bf16, got 'i8'}}
func.func private @panel_element() attributes {e = #qvl.panel<n = 32, k_group = 2, element = i8, pad_n = 32, pad_k = 4>}

// -----

// expected-error@below {{pad_n = 33 is not a positive multiple of n = 32}}
func.func private @panel_rows() attributes {e = #qvl.panel<n = 32, k_group = 2, element = f32, pad_n = 33, pad_k = 4>}

// -----

// expected-error@below {{pad_k = 5 is not a positive multiple of k_group = 2}}
func.func private @panel_columns() attributes {e = #qvl.panel<n = 32, k_group = 2, element = f32, pad_n = 32, pad_k = 5>}

// -----

// expected-error@below {{a panel must store at most 2^48 elements}}
func.func private @panel_elements() attributes {e = #qvl.panel<n = 32, k_group = 2, element = f32, pad_n = 4294967296, pad_k = 4294967296>}

// -----

//===--- attributes of functions ---===//

// expected-error@below {{'func.func' op 'qvl.programs' must be a list of distinct names on a function, got [1, 2]}}
func.func private @programs_names() attributes {qvl.programs = [1, 2]}

// -----

// expected-error@below {{'func.func' op 'qvl.programs' must be a list of distinct names on a function, got []}}
func.func private @programs_none() attributes {qvl.programs = []}

// -----

// expected-error@below {{'func.func' op 'qvl.programs' must be a list of distinct names on a function, got ["a", "a"]}}
func.func private @programs_twice() attributes {qvl.programs = ["a", "a"]}

// -----

// expected-error@below {{'qvl.parameter' op 'qvl.programs' must be a list of distinct names on a function, got ["a"]}}
qvl.parameter @programs_place : tensor<4xf32> {qvl.programs = ["a"]}

// -----

// expected-error@below {{'func.func' op 'qvl.name' must be a string that is not empty, got 3}}
func.func private @argument_name(tensor<?x4xf32> {qvl.name = 3})

// -----

// expected-error@below {{'func.func' op 'qvl.name' must be a string that is not empty, got ""}}
func.func private @result_name() -> (tensor<?x4xf32> {qvl.name = ""})

// -----

// expected-error@below {{'func.func' op 'qvl.patch_axes' must be three positive sizes, got array<i64: 3, 2>}}
func.func private @patch_axes_count(tensor<?x6xf32> {qvl.patch_axes = array<i64: 3, 2>})

// -----

// expected-error@below {{'func.func' op 'qvl.patch_axes' must be three positive sizes, got array<i64: 3, 2, 0>}}
func.func private @patch_axes_positive(tensor<?x6xf32> {qvl.patch_axes = array<i64: 3, 2, 0>})

// -----

// expected-error@below {{'func.func' op encoding of a rank-1 parameter must be #qvl.flat, got "flat"}}
func.func private @encoding_kind(tensor<4xf32> {qvl.encoding = "flat"})

// -----

/// A kernel would read behind the weight.
// expected-error@below {{'func.func' op padded sizes 32x4 are below the logical ones of 'tensor<16x8xf32>'}}
func.func private @encoding_sizes(tensor<16x8xf32> {qvl.encoding = #qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 32, pad_k = 4>})

// -----

// expected-error@below {{'func.func' op 'qvl.encoding' must be of an argument of the type of a parameter, got 'tensor<?xf32>'}}
func.func private @encoding_type(tensor<?xf32> {qvl.encoding = #qvl.flat<f32>})

// -----

// expected-error@below {{elements of a flat vector must be f32 or bf16, got 'i7'}}
func.func private @flat_element() attributes {e = #qvl.flat<i7>}

// -----

//===--- #qvl.concat ---===//

// expected-error@below {{a concat names at least two tensors}}
func.func private @concat_one() attributes {e = #qvl.concat<["a"], rows = [4]>}

// -----

// expected-error@below {{a concat names at least two tensors}}
func.func private @concat_names() attributes {e = #qvl.concat<["a", 2], rows = [4, 4]>}

// -----

// expected-error@below {{a concat gives a positive number of rows for each of its tensors}}
func.func private @concat_rows() attributes {e = #qvl.concat<["a", "b"], rows = [4]>}

// -----

// expected-error@below {{a concat gives a positive number of rows for each of its tensors}}
func.func private @concat_positive() attributes {e = #qvl.concat<["a", "b"], rows = [4, 0]>}

// -----

//===--- sampling ---===//

func.func @argmax_c1(%l: tensor<?x40xf32>, %s: tensor<?x2xi32>, %p: tensor<?x5xf32>) {
  // expected-error@below {{'qvl.argmax' op columns must be a positive multiple of 32, got 0}}
  %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 0 : i64} : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @argmax_c1_words(%l: tensor<?x40xf32>, %s: tensor<?x2xi32>, %p: tensor<?x5xf32>) {
  // expected-error@below {{'qvl.argmax' op columns must be a positive multiple of 32, got 48}}
  %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 48 : i64} : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @argmax_c2(%l: tensor<?x40xf32>, %s: tensor<?x1xi32>, %p: tensor<?x5xf32>) {
  // expected-error@below {{'qvl.argmax' op seen 'tensor<?x1xi32>' must have 2 words for 40 columns}}
  %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 32 : i64} : tensor<?x40xf32>, tensor<?x1xi32>, tensor<?x5xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @argmax_c2_settings(%l: tensor<?x40xf32>, %s: tensor<?x2xi32>, %p: tensor<?x4xf32>) {
  // expected-error@below {{'qvl.argmax' op settings 'tensor<?x4xf32>' must have 5 columns}}
  %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 32 : i64} : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x4xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @argmax_c2_dynamic(%l: tensor<?x?xf32>, %s: tensor<?x2xi32>, %p: tensor<?x5xf32>) {
  // expected-error@below {{'qvl.argmax' op operand #0 must be 2D tensor of 32-bit float values with static, positive sizes of a row, but got 'tensor<?x?xf32>'}}
  %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 32 : i64} : tensor<?x?xf32>, tensor<?x2xi32>, tensor<?x5xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @argmax_c3(%l: tensor<?x40xf32>, %s: tensor<?x2xi32>, %p: tensor<?x5xf32>) {
  // expected-error@below {{'qvl.argmax' op results 'tensor<?x1xf32>' and 'tensor<?x2xi32>' must have 2 columns, one a block}}
  %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 32 : i64} : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32> -> tensor<?x1xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @argmax_c4(%l: tensor<3x40xf32>, %s: tensor<4x2xi32>, %p: tensor<?x5xf32>) {
  // expected-error@below {{'qvl.argmax' op operands and results must have the rows of 'tensor<3x40xf32>'}}
  %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 32 : i64} : tensor<3x40xf32>, tensor<4x2xi32>, tensor<?x5xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @sample_c1(%l: tensor<?x40xf32>, %s: tensor<?x3xi32>, %p: tensor<?x5xf32>, %d: tensor<?xi64>, %v: tensor<?x2xf32>, %i: tensor<?x2xi32>) {
  // expected-error@below {{'qvl.sample' op seen 'tensor<?x3xi32>' must have 2 words for 40 columns}}
  %r = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%v, %i) : tensor<?x40xf32>, tensor<?x3xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?xi32>
  return
}

// -----

func.func @sample_c1_settings(%l: tensor<?x40xf32>, %s: tensor<?x2xi32>, %p: tensor<?x6xf32>, %d: tensor<?xi64>, %v: tensor<?x2xf32>, %i: tensor<?x2xi32>) {
  // expected-error@below {{'qvl.sample' op settings 'tensor<?x6xf32>' must have 5 columns}}
  %r = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%v, %i) : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x6xf32>, tensor<?xi64>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?xi32>
  return
}

// -----

func.func @sample_c2(%l: tensor<?x40xf32>, %s: tensor<?x2xi32>, %p: tensor<?x5xf32>, %d: tensor<?xi64>, %v: tensor<?x2xf32>, %i: tensor<?x1xi32>) {
  // expected-error@below {{'qvl.sample' op values 'tensor<?x2xf32>' and ids 'tensor<?x1xi32>' of the best logits differ in size}}
  %r = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%v, %i) : tensor<?x40xf32>, tensor<?x2xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x2xf32>, tensor<?x1xi32> -> tensor<?xi32>
  return
}

// -----

func.func @sample_c3(%l: tensor<?x16777217xf32>, %s: tensor<?x524289xi32>, %p: tensor<?x5xf32>, %d: tensor<?xi64>, %v: tensor<?x2xf32>, %i: tensor<?x2xi32>) {
  // expected-error@below {{'qvl.sample' op logits have 16777217 columns, more than 16777216}}
  %r = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%v, %i) : tensor<?x16777217xf32>, tensor<?x524289xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?xi32>
  return
}

// -----

func.func @sample_c4(%l: tensor<3x40xf32>, %s: tensor<?x2xi32>, %p: tensor<?x5xf32>, %d: tensor<4xi64>, %v: tensor<?x2xf32>, %i: tensor<?x2xi32>) {
  // expected-error@below {{'qvl.sample' op operands and result must have the rows of 'tensor<3x40xf32>'}}
  %r = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%v, %i) : tensor<3x40xf32>, tensor<?x2xi32>, tensor<?x5xf32>, tensor<4xi64>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?xi32>
  return
}
