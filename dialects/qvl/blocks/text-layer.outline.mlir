// model.layers.0.* of models/shapes-vl after phase outline. Written by tools/ci/block-dumps.py.

// model.layers.0.input_layernorm
%26 = qvlx.weight @model.layers.0.input_layernorm.weight : <192xbf16>
%27 = qvlx.alloc(%9) : <?x192xf32>
qvlx.launch @rms_norm_192 grid(%24) ins(%25, %26 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<192xbf16>) outs(%27 : !qvlx.buffer<?x192xf32>) scalars(%9, %9)
// model.layers.0.self_attn.qkv_proj
%28 = qvlx.weight @model.layers.0.self_attn.qkv_proj.weight : <320x192xbf16>
%29 = qvlx.weight @model.layers.0.self_attn.qkv_proj.bias : <320xbf16>
%30 = qvlx.alloc(%9) : <?x320xf32>
%31 = qvlx.ceildiv %9, %6
%32 = qvlx.mul %31, %5
qvlx.launch @fused_linear_320x192 grid(%32) ins(%27, %28, %29 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<320x192xbf16>, !qvlx.buffer<320xbf16>) outs(%30 : !qvlx.buffer<?x320xf32>) scalars(%9, %9)
// model.layers.0.self_attn.split
%33 = qvlx.alloc(%9) : <?x6x32xf32>
qvlx.launch @rope_append_nx6x32 grid(%24) ins(%30, %20, %arg9, %arg8 : !qvlx.buffer<?x320xf32>, !qvlx.buffer<?x16x2xf32>, !qvlx.buffer<?x81920xf32>, !qvlx.buffer<?xi64>) outs(%33 : !qvlx.buffer<?x6x32xf32>) scalars(%9, %10, %18, %9, %4)
// model.layers.0.self_attn.attention
%34 = qvlx.alloc(%9) : <?x192xf32>
%35 = qvlx.ceildiv %9, %3
%36 = qvlx.mul %35, %2
qvlx.launch @cached_attention_nx192 grid(%36) ins(%33, %arg9, %arg4, %arg5, %arg6, %arg7 : !qvlx.buffer<?x6x32xf32>, !qvlx.buffer<?x81920xf32>, !qvlx.buffer<?xi32>, !qvlx.buffer<?xi32>, !qvlx.buffer<?xi32>, !qvlx.buffer<?x?xi32>) outs(%34 : !qvlx.buffer<?x192xf32>) scalars(%9, %13, %14, %15, %16, %17, %9, %4)
// model.layers.0.self_attn.o_proj
%37 = qvlx.weight @model.layers.0.self_attn.o_proj.weight : <192x192xbf16>
%38 = qvlx.alloc(%9) : <?x192xf32>
%39 = qvlx.mul %31, %2
qvlx.launch @fused_linear_192x192 grid(%39) ins(%34, %37, %25 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<192x192xbf16>, !qvlx.buffer<?x192xf32>) outs(%38 : !qvlx.buffer<?x192xf32>) scalars(%9, %9, %9)
// model.layers.0.post_attention_layernorm
%40 = qvlx.weight @model.layers.0.post_attention_layernorm.weight : <192xbf16>
%41 = qvlx.alloc(%9) : <?x192xf32>
qvlx.launch @rms_norm_192 grid(%24) ins(%38, %40 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<192xbf16>) outs(%41 : !qvlx.buffer<?x192xf32>) scalars(%9, %9)
// model.layers.0.mlp.gate_proj
%42 = qvlx.weight @model.layers.0.mlp.gate_proj.weight : <320x192xbf16>
// model.layers.0.mlp.up_proj
%43 = qvlx.weight @model.layers.0.mlp.up_proj.weight : <320x192xbf16>
// model.layers.0.mlp.gate_proj
%44 = qvlx.alloc(%9) : <?x320xf32>
qvlx.launch @fused_linear_320x192_1 grid(%32) ins(%41, %42, %43 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<320x192xbf16>, !qvlx.buffer<320x192xbf16>) outs(%44 : !qvlx.buffer<?x320xf32>) scalars(%9, %9)
// model.layers.0.mlp.down_proj
%45 = qvlx.weight @model.layers.0.mlp.down_proj.weight : <192x320xbf16>
%46 = qvlx.alloc(%9) : <?x192xf32>
qvlx.launch @fused_linear_192x320 grid(%39) ins(%44, %45, %38 : !qvlx.buffer<?x320xf32>, !qvlx.buffer<192x320xbf16>, !qvlx.buffer<?x192xf32>) outs(%46 : !qvlx.buffer<?x192xf32>) scalars(%9, %9, %9)
