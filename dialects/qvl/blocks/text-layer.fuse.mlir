// model.layers.0.* of models/shapes-vl after phase fuse. Written by tools/ci/block-dumps.py.

// model.layers.0.input_layernorm
%4 = qvl.load @model.layers.0.input_layernorm.weight : tensor<192xbf16>
%5 = qvl.rms_norm %3, %4 {eps = 9.9999999999999995E-7 : f64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x192xf32>
// model.layers.0.self_attn.qkv_proj
%6 = qvl.load @model.layers.0.self_attn.qkv_proj.weight : tensor<320x192xbf16>
%7 = qvl.load @model.layers.0.self_attn.qkv_proj.bias : tensor<320xbf16>
%8 = qvl.fused_linear %5, (%6) with(%7) : tensor<?x192xf32>, (tensor<320x192xbf16>) with(tensor<320xbf16>) -> tensor<?x320xf32> {
^bb0(%arg11: f32, %arg12: f32):
  %78 = arith.addf %arg11, %arg12 : f32
  qvl.yield %78 : f32
}
// model.layers.0.self_attn
%c0 = arith.constant 0 : index
// model.layers.0.self_attn.split
%query, %new_cache = qvl.rope_append %8, %0, %arg9 layer(%c0) slots(%arg8) {q_heads = 6 : i64} : tensor<?x320xf32>, tensor<?x16x2xf32>, <5, 2, 32, 128, f32>, tensor<?xi64> -> tensor<?x6x32xf32>
// model.layers.0.self_attn.attention
%9 = qvl.cached_attention %query, %new_cache layer(%c0) sequences(%arg4, %arg5, %arg6, %arg7) {scale = 0.17677669529663687 : f64} : tensor<?x6x32xf32>, <5, 2, 32, 128, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x192xf32>
// model.layers.0.self_attn.o_proj
%10 = qvl.load @model.layers.0.self_attn.o_proj.weight : tensor<192x192xbf16>
%11 = qvl.fused_linear %9, (%10) with(%3) : tensor<?x192xf32>, (tensor<192x192xbf16>) with(tensor<?x192xf32>) -> tensor<?x192xf32> {
^bb0(%arg11: f32, %arg12: f32):
  %78 = arith.addf %arg12, %arg11 : f32
  qvl.yield %78 : f32
}
// model.layers.0.post_attention_layernorm
%12 = qvl.load @model.layers.0.post_attention_layernorm.weight : tensor<192xbf16>
%13 = qvl.rms_norm %11, %12 {eps = 9.9999999999999995E-7 : f64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x192xf32>
// model.layers.0.mlp.gate_proj
%14 = qvl.load @model.layers.0.mlp.gate_up_proj.weight : tensor<640x192xbf16>
%15 = qvl.fused_linear %13, (%14) : tensor<?x192xf32>, (tensor<640x192xbf16>) -> tensor<?x320xf32> {
^bb0(%arg11: f32, %arg12: f32):
  %78 = arith.negf %arg11 : f32
  %79 = math.exp %78 : f32
  %cst = arith.constant 1.000000e+00 : f32
  %80 = arith.addf %cst, %79 : f32
  %81 = arith.divf %arg11, %80 : f32
  %82 = arith.mulf %81, %arg12 : f32
  qvl.yield %82 : f32
}
// model.layers.0.mlp.down_proj
%16 = qvl.load @model.layers.0.mlp.down_proj.weight : tensor<192x320xbf16>
%17 = qvl.fused_linear %15, (%16) with(%11) : tensor<?x320xf32>, (tensor<192x320xbf16>) with(tensor<?x192xf32>) -> tensor<?x192xf32> {
^bb0(%arg11: f32, %arg12: f32):
  %78 = arith.addf %arg12, %arg11 : f32
  qvl.yield %78 : f32
}
