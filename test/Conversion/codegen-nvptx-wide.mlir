// RUN: rm -rf %t && qvl-opt %s --qvl-codegen-nvptx="chips=sm_80,sm_90a dump-kernels-to=%t" | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t/linear_1024x72_wide.sm_90a.ptx
// RUN: not ls %t/linear_1024x72_wide.sm_80.ptx

/// A projection of many columns has a second function on Hopper, which takes tensor maps of its rows and panels.

// CHECK: qvlx.object @cuda.sm_80 feature_set("sm_80") kernels([@linear_1024x72]) bytes
// CHECK: qvlx.object @cuda.sm_90a feature_set("sm_90a") kernels([@linear_1024x72])
// CHECK-SAME: wide([#qvlx.wide_form<kernel = @linear_1024x72, symbol = "linear_1024x72_wide", least_tiles = 264, shared = 196672,
// CHECK-SAME: maps = [#qvlx.tensor_map<buffer = 0, element = bf16, sizes = [72, 0], scalar = 0, box = [64, 128], swizzle = 128>,
// CHECK-SAME: #qvlx.tensor_map<buffer = 1, element = bf16, sizes = [64, 36, 32], scalar = 0, box = [64, 32, 8], swizzle = 128>]>])

/// One thread copies for eight warps, which take the registers that its warpgroup leaves.
// PTX: .visible .entry linear_1024x72_wide(
// PTX-COUNT-2: .param .align 64 .b8 linear_1024x72_wide_param_{{[0-9]+}}[128]
// PTX: .reqntid 384
// PTX: fence.mbarrier_init.release.cluster;
// PTX: setmaxnreg.inc.sync.aligned.u32 232;
// PTX: mbarrier.try_wait.parity
// PTX: wgmma.fence.sync.aligned;
// PTX-COUNT-8: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// PTX: wgmma.wait_group.sync.aligned 0;
// PTX: mbarrier.arrive
// PTX: setmaxnreg.dec.sync.aligned.u32 40;
// PTX: mbarrier.try_wait.parity
// PTX: mbarrier.arrive.expect_tx
// PTX: cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes
// PTX: cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes

qvlx.kernel @linear_1024x72 buffers(3) scalars(2) scratch(65536) {
  func.func @linear_1024x72(%x: tensor<?x72xbf16>,
                            %w: tensor<1024x72xbf16> {qvl.encoding = #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 1024, pad_k = 72>})
      -> tensor<?x1024xbf16> {
    %y = qvl.linear %x, %w : tensor<?x72xbf16>, tensor<1024x72xbf16> -> tensor<?x1024xbf16>
    return %y : tensor<?x1024xbf16>
  }
}
