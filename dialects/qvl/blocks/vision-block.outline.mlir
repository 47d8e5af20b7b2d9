// visual.blocks.0.* of models/shapes-vl after phase outline. Written by tools/ci/block-dumps.py.

// visual.blocks.0.norm1
%15 = qvlx.weight @visual.blocks.0.norm1.weight : <128xbf16>
%16 = qvlx.alloc(%5) : <?x128xf32>
%17 = qvlx.ceildiv %5, %4
qvlx.launch @rms_norm_128 grid(%17) ins(%13, %15 : !qvlx.buffer<?x128xf32>, !qvlx.buffer<128xbf16>) outs(%16 : !qvlx.buffer<?x128xf32>) scalars(%5, %5)
// visual.blocks.0.attn.qkv
%18 = qvlx.weight @visual.blocks.0.attn.qkv.weight : <384x128xbf16>
%19 = qvlx.weight @visual.blocks.0.attn.qkv.bias : <384xbf16>
%20 = qvlx.alloc(%5) : <?x384xf32>
%21 = qvlx.mul %14, %2
qvlx.launch @fused_linear_384x128 grid(%21) ins(%16, %18, %19 : !qvlx.buffer<?x128xf32>, !qvlx.buffer<384x128xbf16>, !qvlx.buffer<384xbf16>) outs(%20 : !qvlx.buffer<?x384xf32>) scalars(%5, %5)
// visual.blocks.0.attn.split
%22 = qvlx.alloc(%5) : <?x4x32xf32>
%23 = qvlx.alloc(%5) : <?x4x32xf32>
%24 = qvlx.alloc(%5) : <?x4x32xf32>
qvlx.launch @rope_qk_nx4x32 grid(%17) ins(%20, %10 : !qvlx.buffer<?x384xf32>, !qvlx.buffer<?x16x2xf32>) outs(%22, %23, %24 : !qvlx.buffer<?x4x32xf32>, !qvlx.buffer<?x4x32xf32>, !qvlx.buffer<?x4x32xf32>) scalars(%5, %6, %5, %5, %5)
// visual.blocks.0.attn.attention
%25 = qvlx.alloc(%5) : <?x128xf32>
%26 = qvlx.mul %14, %1
qvlx.launch @attention_nx128 grid(%26) ins(%22, %23, %24, %arg3 : !qvlx.buffer<?x4x32xf32>, !qvlx.buffer<?x4x32xf32>, !qvlx.buffer<?x4x32xf32>, !qvlx.buffer<?xi32>) outs(%25 : !qvlx.buffer<?x128xf32>) scalars(%5, %5, %5, %8, %5)
// visual.blocks.0.attn.proj
%27 = qvlx.weight @visual.blocks.0.attn.proj.weight : <128x128xbf16>
%28 = qvlx.weight @visual.blocks.0.attn.proj.bias : <128xbf16>
%29 = qvlx.alloc(%5) : <?x128xf32>
qvlx.launch @fused_linear_128x128 grid(%14) ins(%25, %27, %28, %13 : !qvlx.buffer<?x128xf32>, !qvlx.buffer<128x128xbf16>, !qvlx.buffer<128xbf16>, !qvlx.buffer<?x128xf32>) outs(%29 : !qvlx.buffer<?x128xf32>) scalars(%5, %5, %5)
// visual.blocks.0.norm2
%30 = qvlx.weight @visual.blocks.0.norm2.weight : <128xbf16>
%31 = qvlx.alloc(%5) : <?x128xf32>
qvlx.launch @rms_norm_128 grid(%17) ins(%29, %30 : !qvlx.buffer<?x128xf32>, !qvlx.buffer<128xbf16>) outs(%31 : !qvlx.buffer<?x128xf32>) scalars(%5, %5)
// visual.blocks.0.mlp.gate_proj
%32 = qvlx.weight @visual.blocks.0.mlp.gate_proj.bias : <256xbf16>
// visual.blocks.0.mlp.up_proj
%33 = qvlx.weight @visual.blocks.0.mlp.up_proj.bias : <256xbf16>
// visual.blocks.0.mlp.gate_proj
%34 = qvlx.weight @visual.blocks.0.mlp.gate_up_proj.weight : <512x128xbf16>
%35 = qvlx.alloc(%5) : <?x256xf32>
qvlx.launch @fused_linear_512x128 grid(%26) ins(%31, %34, %32, %33 : !qvlx.buffer<?x128xf32>, !qvlx.buffer<512x128xbf16>, !qvlx.buffer<256xbf16>, !qvlx.buffer<256xbf16>) outs(%35 : !qvlx.buffer<?x256xf32>) scalars(%5, %5)
// visual.blocks.0.mlp.down_proj
%36 = qvlx.weight @visual.blocks.0.mlp.down_proj.weight : <128x256xbf16>
%37 = qvlx.weight @visual.blocks.0.mlp.down_proj.bias : <128xbf16>
%38 = qvlx.alloc(%5) : <?x128xf32>
qvlx.launch @fused_linear_128x256 grid(%14) ins(%35, %36, %37, %29 : !qvlx.buffer<?x256xf32>, !qvlx.buffer<128x256xbf16>, !qvlx.buffer<128xbf16>, !qvlx.buffer<?x128xf32>) outs(%38 : !qvlx.buffer<?x128xf32>) scalars(%5, %5, %5)
