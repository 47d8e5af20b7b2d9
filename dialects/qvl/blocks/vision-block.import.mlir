// visual.blocks.0.* of models/shapes-vl after phase import. Written by tools/ci/block-dumps.py.

// visual.blocks.0.norm1
%3 = qvl.load @visual.blocks.0.norm1.weight : tensor<128xbf16>
%4 = qvl.rms_norm %2, %3 {eps = 9.9999999999999995E-7 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
// visual.blocks.0.attn.qkv
%5 = qvl.load @visual.blocks.0.attn.qkv.weight : tensor<384x128xbf16>
%6 = qvl.load @visual.blocks.0.attn.qkv.bias : tensor<384xbf16>
%7 = qvl.linear %4, %5 bias %6 : tensor<?x128xf32>, tensor<384x128xbf16>, tensor<384xbf16> -> tensor<?x384xf32>
// visual.blocks.0.attn.split
%8:3 = qvl.split_heads %7 {head_dim = 32 : i64, heads = array<i64: 4, 4, 4>} : tensor<?x384xf32> -> tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>
// visual.blocks.0.attn.rotate_q
%9 = qvl.rotate %8#0, %0 : tensor<?x4x32xf32>, tensor<?x16x2xf32>
// visual.blocks.0.attn.rotate_k
%10 = qvl.rotate %8#1, %0 : tensor<?x4x32xf32>, tensor<?x16x2xf32>
// visual.blocks.0.attn.window_q
%11 = qvl.regroup %9, %arg2 preserving(%arg4) {group = 4 : i64} : tensor<?x4x32xf32>, tensor<?xi32>, tensor<?xi32>
// visual.blocks.0.attn.window_k
%12 = qvl.regroup %10, %arg2 preserving(%arg4) {group = 4 : i64} : tensor<?x4x32xf32>, tensor<?xi32>, tensor<?xi32>
// visual.blocks.0.attn.window_v
%13 = qvl.regroup %8#2, %arg2 preserving(%arg4) {group = 4 : i64} : tensor<?x4x32xf32>, tensor<?xi32>, tensor<?xi32>
// visual.blocks.0.attn.attention
%14 = qvl.attention %11, %12, %13 segments(%arg3) {max_rows = 64 : i64, scale = 0.17677669529663687 : f64} : tensor<?x4x32xf32>, tensor<?xi32> -> tensor<?x128xf32>
// visual.blocks.0.attn.raster
%15 = qvl.regroup %14, %arg2 preserving(%arg4) {group = 4 : i64, inverse} : tensor<?x128xf32>, tensor<?xi32>, tensor<?xi32>
// visual.blocks.0.attn.proj
%16 = qvl.load @visual.blocks.0.attn.proj.weight : tensor<128x128xbf16>
%17 = qvl.load @visual.blocks.0.attn.proj.bias : tensor<128xbf16>
%18 = qvl.linear %15, %16 bias %17 : tensor<?x128xf32>, tensor<128x128xbf16>, tensor<128xbf16> -> tensor<?x128xf32>
// visual.blocks.0.add1
%19 = qvl.add %2, %18 : tensor<?x128xf32>
// visual.blocks.0.norm2
%20 = qvl.load @visual.blocks.0.norm2.weight : tensor<128xbf16>
%21 = qvl.rms_norm %19, %20 {eps = 9.9999999999999995E-7 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
// visual.blocks.0.mlp.gate_proj
%22 = qvl.load @visual.blocks.0.mlp.gate_proj.weight : tensor<244x128xbf16>
%23 = qvl.load @visual.blocks.0.mlp.gate_proj.bias : tensor<244xbf16>
%24 = qvl.linear %21, %22 bias %23 : tensor<?x128xf32>, tensor<244x128xbf16>, tensor<244xbf16> -> tensor<?x244xf32>
// visual.blocks.0.mlp.up_proj
%25 = qvl.load @visual.blocks.0.mlp.up_proj.weight : tensor<244x128xbf16>
%26 = qvl.load @visual.blocks.0.mlp.up_proj.bias : tensor<244xbf16>
%27 = qvl.linear %21, %25 bias %26 : tensor<?x128xf32>, tensor<244x128xbf16>, tensor<244xbf16> -> tensor<?x244xf32>
// visual.blocks.0.mlp.act
%28 = qvl.silu %24 : tensor<?x244xf32>
// visual.blocks.0.mlp.mul
%29 = qvl.mul %28, %27 : tensor<?x244xf32>
// visual.blocks.0.mlp.down_proj
%30 = qvl.load @visual.blocks.0.mlp.down_proj.weight : tensor<128x244xbf16>
%31 = qvl.load @visual.blocks.0.mlp.down_proj.bias : tensor<128xbf16>
%32 = qvl.linear %29, %30 bias %31 : tensor<?x244xf32>, tensor<128x244xbf16>, tensor<128xbf16> -> tensor<?x128xf32>
// visual.blocks.0.add2
%33 = qvl.add %19, %32 : tensor<?x128xf32>
