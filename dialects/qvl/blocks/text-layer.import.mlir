// model.layers.0.* of models/shapes-vl after phase import. Written by tools/ci/block-dumps.py.

// model.layers.0.input_layernorm
%4 = qvl.load @model.layers.0.input_layernorm.weight : tensor<192xbf16>
%5 = qvl.rms_norm %3, %4 {eps = 9.9999999999999995E-7 : f64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x192xf32>
// model.layers.0.self_attn.q_proj
%6 = qvl.load @model.layers.0.self_attn.q_proj.weight : tensor<192x192xbf16>
%7 = qvl.load @model.layers.0.self_attn.q_proj.bias : tensor<192xbf16>
%8 = qvl.linear %5, %6 bias %7 : tensor<?x192xf32>, tensor<192x192xbf16>, tensor<192xbf16> -> tensor<?x192xf32>
// model.layers.0.self_attn.split_q
%9 = qvl.split_heads %8 {head_dim = 32 : i64, heads = array<i64: 6>} : tensor<?x192xf32> -> tensor<?x6x32xf32>
// model.layers.0.self_attn.rotate_q
%10 = qvl.rotate %9, %0 : tensor<?x6x32xf32>, tensor<?x16x2xf32>
// model.layers.0.self_attn.k_proj
%11 = qvl.load @model.layers.0.self_attn.k_proj.weight : tensor<64x192xbf16>
%12 = qvl.load @model.layers.0.self_attn.k_proj.bias : tensor<64xbf16>
%13 = qvl.linear %5, %11 bias %12 : tensor<?x192xf32>, tensor<64x192xbf16>, tensor<64xbf16> -> tensor<?x64xf32>
// model.layers.0.self_attn.split_k
%14 = qvl.split_heads %13 {head_dim = 32 : i64, heads = array<i64: 2>} : tensor<?x64xf32> -> tensor<?x2x32xf32>
// model.layers.0.self_attn.rotate_k
%15 = qvl.rotate %14, %0 : tensor<?x2x32xf32>, tensor<?x16x2xf32>
// model.layers.0.self_attn.v_proj
%16 = qvl.load @model.layers.0.self_attn.v_proj.weight : tensor<64x192xbf16>
%17 = qvl.load @model.layers.0.self_attn.v_proj.bias : tensor<64xbf16>
%18 = qvl.linear %5, %16 bias %17 : tensor<?x192xf32>, tensor<64x192xbf16>, tensor<64xbf16> -> tensor<?x64xf32>
// model.layers.0.self_attn.split_v
%19 = qvl.split_heads %18 {head_dim = 32 : i64, heads = array<i64: 2>} : tensor<?x64xf32> -> tensor<?x2x32xf32>
// model.layers.0.self_attn
%c0 = arith.constant 0 : index
// model.layers.0.self_attn.append
%20 = qvl.cache_append %15, %19, %arg9 layer(%c0) slots(%arg8) : tensor<?x2x32xf32>, tensor<?xi64>, <5, 2, 32, 128, f32>
// model.layers.0.self_attn.attention
%21 = qvl.cached_attention %10, %20 layer(%c0) sequences(%arg4, %arg5, %arg6, %arg7) {scale = 0.17677669529663687 : f64} : tensor<?x6x32xf32>, <5, 2, 32, 128, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32> -> tensor<?x192xf32>
// model.layers.0.self_attn.o_proj
%22 = qvl.load @model.layers.0.self_attn.o_proj.weight : tensor<192x192xbf16>
%23 = qvl.linear %21, %22 : tensor<?x192xf32>, tensor<192x192xbf16> -> tensor<?x192xf32>
// model.layers.0.add1
%24 = qvl.add %3, %23 : tensor<?x192xf32>
// model.layers.0.post_attention_layernorm
%25 = qvl.load @model.layers.0.post_attention_layernorm.weight : tensor<192xbf16>
%26 = qvl.rms_norm %24, %25 {eps = 9.9999999999999995E-7 : f64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x192xf32>
// model.layers.0.mlp.gate_proj
%27 = qvl.load @model.layers.0.mlp.gate_proj.weight : tensor<320x192xbf16>
%28 = qvl.linear %26, %27 : tensor<?x192xf32>, tensor<320x192xbf16> -> tensor<?x320xf32>
// model.layers.0.mlp.up_proj
%29 = qvl.load @model.layers.0.mlp.up_proj.weight : tensor<320x192xbf16>
%30 = qvl.linear %26, %29 : tensor<?x192xf32>, tensor<320x192xbf16> -> tensor<?x320xf32>
// model.layers.0.mlp.act
%31 = qvl.silu %28 : tensor<?x320xf32>
// model.layers.0.mlp.mul
%32 = qvl.mul %31, %30 : tensor<?x320xf32>
// model.layers.0.mlp.down_proj
%33 = qvl.load @model.layers.0.mlp.down_proj.weight : tensor<192x320xbf16>
%34 = qvl.linear %32, %33 : tensor<?x320xf32>, tensor<192x320xbf16> -> tensor<?x192xf32>
// model.layers.0.add2
%35 = qvl.add %24, %34 : tensor<?x192xf32>
