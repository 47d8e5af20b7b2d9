// RUN: qvl-opt %s --verify-roundtrip | FileCheck %s

/// One program with every command: the examples of the descriptions.

// CHECK: qvlx.kernel @rms_norm_128 buffers(3) scalars(2) scratch(0) {
qvlx.kernel @rms_norm_128 buffers(3) scalars(2) scratch(0) {
}
// CHECK: qvlx.object @cpu.v3 feature_set("v3") kernels([@rms_norm_128]) bytes(dense<[127, 69, 76, 70]> : tensor<4xi8>)
qvlx.object @cpu.v3 feature_set("v3") kernels([@rms_norm_128]) bytes(dense<[127, 69, 76, 70]> : tensor<4xi8>)
// CHECK: qvlx.kernel @linear_1024x64 buffers(3) scalars(2) scratch(65536) {
qvlx.kernel @linear_1024x64 buffers(3) scalars(2) scratch(65536) {
}
// CHECK: qvlx.object @cuda.sm_90a feature_set("sm_90a") kernels([@linear_1024x64]) wide([#qvlx.wide_form<kernel = @linear_1024x64, symbol = "linear_1024x64_wide", least_tiles = 264, shared = 196672, maps = [#qvlx.tensor_map<buffer = 0, element = bf16, sizes = [64, 0], scalar = 0, box = [64, 128], swizzle = 128>]>]) bytes(dense<47> : tensor<1xi8>)
qvlx.object @cuda.sm_90a feature_set("sm_90a") kernels([@linear_1024x64]) wide([#qvlx.wide_form<kernel = @linear_1024x64, symbol = "linear_1024x64_wide", least_tiles = 264, shared = 196672, maps = [#qvlx.tensor_map<buffer = 0, element = bf16, sizes = [64, 0], scalar = 0, box = [64, 128], swizzle = 128>]>]) bytes(dense<47> : tensor<1xi8>)
// CHECK: qvlx.data @norm.weight : !qvlx.buffer<128xbf16> sources(["visual.norm.weight"]) encoding("flat")
qvlx.data @norm.weight : !qvlx.buffer<128xbf16> sources(["visual.norm.weight"]) encoding("flat")

// CHECK: qvlx.data @joined : !qvlx.buffer<4xf32> sources(["a", "b"]) recipe("a above b") encoding("flat")
qvlx.data @joined : !qvlx.buffer<4xf32> sources(["a", "b"]) recipe("a above b") encoding("flat")

// CHECK-LABEL: qvlx.program @norm arguments ["x"] results ["y"] {
qvlx.program @norm arguments ["x"] results ["y"] {
// CHECK: ^bb0(%[[X:.*]]: !qvlx.buffer<?x128xf32>):
^bb0(%x: !qvlx.buffer<?x128xf32>):
  // CHECK: %[[T:.*]] = qvlx.dim %[[X]], 0 : <?x128xf32>
  %t = qvlx.dim %x, 0 : <?x128xf32>
  // CHECK: qvlx.weight @norm.weight : <128xbf16>
  %w = qvlx.weight @norm.weight : <128xbf16>
  // CHECK: qvlx.alloc(%[[T]]) : <?x128xf32>
  %y = qvlx.alloc(%t) : <?x128xf32>
  // CHECK: qvlx.constant 16
  %c16 = qvlx.constant 16
  // CHECK: qvlx.ceildiv %[[T]]
  %grid = qvlx.ceildiv %t, %c16
  // CHECK: qvlx.launch @rms_norm_128 grid({{.*}}) ins({{.*}}) outs({{.*}}) scalars(%[[T]], %[[T]])
  qvlx.launch @rms_norm_128 grid(%grid) ins(%x, %w : !qvlx.buffer<?x128xf32>, !qvlx.buffer<128xbf16>)
      outs(%y : !qvlx.buffer<?x128xf32>) scalars(%t, %t)
  // CHECK: qvlx.return %{{.*}} : !qvlx.buffer<?x128xf32>
  qvlx.return %y : !qvlx.buffer<?x128xf32>
}

/// Views, fills and copies, and every kind of size arithmetic.

// CHECK-LABEL: qvlx.program @sizes
qvlx.program @sizes arguments ["x"] results ["y"] {
^bb0(%x: !qvlx.buffer<?x?xi32>):
  %a = qvlx.dim %x, 0 : <?x?xi32>
  %b = qvlx.dim %x, 1 : <?x?xi32>
  // CHECK: qvlx.add
  %0 = qvlx.add %a, %b
  // CHECK: qvlx.sub
  %1 = qvlx.sub %0, %b
  // CHECK: qvlx.mul
  %2 = qvlx.mul %1, %b
  // CHECK: qvlx.floordiv
  %3 = qvlx.floordiv %2, %b
  // CHECK: qvlx.min
  %4 = qvlx.min %3, %b
  // CHECK: qvlx.max
  %5 = qvlx.max %4, %2
  %m = qvlx.alloc(%5) : <?x4xi32>
  %n = qvlx.alloc(%5) : <?x4xi32>
  // CHECK: qvlx.fill %{{.*}}, 0 : <?x4xi32>
  qvlx.fill %m, 0 : <?x4xi32>
  // CHECK: qvlx.copy %{{.*}}, %{{.*}} : <?x4xi32>, <?x4xi32>
  qvlx.copy %m, %n : <?x4xi32>, <?x4xi32>
  // CHECK: qvlx.view %{{.*}}(%{{.*}}) : <?x4xi32> -> <?x2x2xi32>
  %v = qvlx.view %n(%5) : <?x4xi32> -> <?x2x2xi32>
  qvlx.return %v : !qvlx.buffer<?x2x2xi32>
}
