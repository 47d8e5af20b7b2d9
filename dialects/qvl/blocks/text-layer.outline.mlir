// model.layers.0.* of models/shapes-vl after phase outline. Written by tools/ci/block-dumps.py.

// model.layers.0.input_layernorm
%27 = qvlx.weight @model.layers.0.input_layernorm.weight : <192xbf16>
%28 = qvlx.alloc(%10) : <?x192xf32>
qvlx.launch @rms_norm_192 grid(%25) ins(%26, %27 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<192xbf16>) outs(%28 : !qvlx.buffer<?x192xf32>) scalars(%10, %10)
// model.layers.0.self_attn.qkv_proj
%29 = qvlx.weight @model.layers.0.self_attn.qkv_proj.weight : <320x192xbf16>
%30 = qvlx.weight @model.layers.0.self_attn.qkv_proj.bias : <320xbf16>
%31 = qvlx.alloc(%10) : <?x320xf32>
%32 = qvlx.ceildiv %10, %7
%33 = qvlx.mul %32, %6
qvlx.launch @fused_linear_320x192 grid(%33) ins(%28, %29, %30 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<320x192xbf16>, !qvlx.buffer<320xbf16>) outs(%31 : !qvlx.buffer<?x320xf32>) scalars(%10, %10)
// model.layers.0.self_attn.split
%34 = qvlx.alloc(%10) : <?x6x32xf32>
qvlx.launch @rope_append_nx6x32 grid(%25) ins(%31, %21, %arg9, %arg8 : !qvlx.buffer<?x320xf32>, !qvlx.buffer<?x16x2xf32>, !qvlx.buffer<?x81920xf32>, !qvlx.buffer<?xi64>) outs(%34 : !qvlx.buffer<?x6x32xf32>) scalars(%10, %11, %19, %10, %5)
// model.layers.0.self_attn.attention
%35 = qvlx.alloc(%10) : <?x192xf32>
%36 = qvlx.ceildiv %10, %4
%37 = qvlx.mul %36, %3
qvlx.launch @cached_attention_nx192 grid(%37) ins(%34, %arg9, %arg4, %arg5, %arg6, %arg7 : !qvlx.buffer<?x6x32xf32>, !qvlx.buffer<?x81920xf32>, !qvlx.buffer<?xi32>, !qvlx.buffer<?xi32>, !qvlx.buffer<?xi32>, !qvlx.buffer<?x?xi32>) outs(%35 : !qvlx.buffer<?x192xf32>) scalars(%10, %14, %15, %16, %17, %18, %10, %5)
// model.layers.0.self_attn.o_proj
%38 = qvlx.weight @model.layers.0.self_attn.o_proj.weight : <192x192xbf16>
%39 = qvlx.alloc(%10) : <?x192xf32>
%40 = qvlx.mul %32, %3
qvlx.launch @fused_linear_192x192 grid(%40) ins(%35, %38, %26 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<192x192xbf16>, !qvlx.buffer<?x192xf32>) outs(%39 : !qvlx.buffer<?x192xf32>) scalars(%10, %10, %10)
// model.layers.0.post_attention_layernorm
%41 = qvlx.weight @model.layers.0.post_attention_layernorm.weight : <192xbf16>
%42 = qvlx.alloc(%10) : <?x192xf32>
qvlx.launch @rms_norm_192 grid(%25) ins(%39, %41 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<192xbf16>) outs(%42 : !qvlx.buffer<?x192xf32>) scalars(%10, %10)
// model.layers.0.mlp.gate_proj
%43 = qvlx.weight @model.layers.0.mlp.gate_up_proj.weight : <640x192xbf16>
%44 = qvlx.alloc(%10) : <?x320xf32>
%45 = qvlx.mul %32, %2
qvlx.launch @fused_linear_640x192 grid(%45) ins(%42, %43 : !qvlx.buffer<?x192xf32>, !qvlx.buffer<640x192xbf16>) outs(%44 : !qvlx.buffer<?x320xf32>) scalars(%10, %10)
// model.layers.0.mlp.down_proj
%46 = qvlx.weight @model.layers.0.mlp.down_proj.weight : <192x320xbf16>
%47 = qvlx.alloc(%10) : <?x192xf32>
qvlx.launch @fused_linear_192x320 grid(%40) ins(%44, %46, %39 : !qvlx.buffer<?x320xf32>, !qvlx.buffer<192x320xbf16>, !qvlx.buffer<?x192xf32>) outs(%47 : !qvlx.buffer<?x192xf32>) scalars(%10, %10, %10)
