// visual.blocks.0.* of models/shapes-vl after phase fuse. Written by tools/ci/block-dumps.py.

// visual.blocks.0.norm1
%3 = qvl.load @visual.blocks.0.norm1.weight : tensor<128xbf16>
%4 = qvl.rms_norm %2, %3 {eps = 9.9999999999999995E-7 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
// visual.blocks.0.attn.qkv
%5 = qvl.load @visual.blocks.0.attn.qkv.weight : tensor<384x128xbf16>
%6 = qvl.load @visual.blocks.0.attn.qkv.bias : tensor<384xbf16>
%7 = qvl.fused_linear %4, (%5) with(%6) : tensor<?x128xf32>, (tensor<384x128xbf16>) with(tensor<384xbf16>) -> tensor<?x384xf32> {
^bb0(%arg5: f32, %arg6: f32):
  %83 = arith.addf %arg5, %arg6 : f32
  qvl.yield %83 : f32
}
// visual.blocks.0.attn.split
%query, %key, %value = qvl.rope_qk %7, %0 {head_dim = 32 : i64, heads = array<i64: 4, 4, 4>} : tensor<?x384xf32>, tensor<?x16x2xf32> -> tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>
// visual.blocks.0.attn.attention
%8 = qvl.attention %query, %key, %value segments(%arg3) {max_rows = 64 : i64, scale = 0.17677669529663687 : f64} : tensor<?x4x32xf32>, tensor<?xi32> -> tensor<?x128xf32>
// visual.blocks.0.attn.proj
%9 = qvl.load @visual.blocks.0.attn.proj.weight : tensor<128x128xbf16>
%10 = qvl.load @visual.blocks.0.attn.proj.bias : tensor<128xbf16>
%11 = qvl.fused_linear %8, (%9) with(%10, %2) : tensor<?x128xf32>, (tensor<128x128xbf16>) with(tensor<128xbf16>, tensor<?x128xf32>) -> tensor<?x128xf32> {
^bb0(%arg5: f32, %arg6: f32, %arg7: f32):
  %83 = arith.addf %arg5, %arg6 : f32
  %84 = arith.addf %arg7, %83 : f32
  qvl.yield %84 : f32
}
// visual.blocks.0.norm2
%12 = qvl.load @visual.blocks.0.norm2.weight : tensor<128xbf16>
%13 = qvl.rms_norm %11, %12 {eps = 9.9999999999999995E-7 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
// visual.blocks.0.mlp.gate_proj
%14 = qvl.load @visual.blocks.0.mlp.gate_proj.bias : tensor<256xbf16>
// visual.blocks.0.mlp.up_proj
%15 = qvl.load @visual.blocks.0.mlp.up_proj.bias : tensor<256xbf16>
// visual.blocks.0.mlp.gate_proj
%16 = qvl.load @visual.blocks.0.mlp.gate_up_proj.weight : tensor<512x128xbf16>
%17 = qvl.fused_linear %13, (%16) with(%14, %15) : tensor<?x128xf32>, (tensor<512x128xbf16>) with(tensor<256xbf16>, tensor<256xbf16>) -> tensor<?x256xf32> {
^bb0(%arg5: f32, %arg6: f32, %arg7: f32, %arg8: f32):
  %83 = arith.addf %arg5, %arg7 : f32
  %84 = arith.addf %arg6, %arg8 : f32
  %85 = arith.negf %83 : f32
  %86 = math.exp %85 : f32
  %cst = arith.constant 1.000000e+00 : f32
  %87 = arith.addf %cst, %86 : f32
  %88 = arith.divf %83, %87 : f32
  %89 = arith.mulf %88, %84 : f32
  qvl.yield %89 : f32
}
// visual.blocks.0.mlp.down_proj
%18 = qvl.load @visual.blocks.0.mlp.down_proj.weight : tensor<128x256xbf16>
%19 = qvl.load @visual.blocks.0.mlp.down_proj.bias : tensor<128xbf16>
%20 = qvl.fused_linear %17, (%18) with(%19, %11) : tensor<?x256xf32>, (tensor<128x256xbf16>) with(tensor<128xbf16>, tensor<?x128xf32>) -> tensor<?x128xf32> {
^bb0(%arg5: f32, %arg6: f32, %arg7: f32):
  %83 = arith.addf %arg5, %arg6 : f32
  %84 = arith.addf %arg7, %83 : f32
  qvl.yield %84 : f32
}
