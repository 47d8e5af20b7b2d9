// RUN: qvl-opt %s --qvl-assign-encodings --qvl-outline-kernels --canonicalize --cse --split-input-file | FileCheck %s

/// One op becomes one launch: operands in order, then results; scalars are the dynamic sizes of operands and results.

// CHECK: qvlx.kernel @rms_norm_128 buffers(3) scalars(2) scratch(0) {
// CHECK: func.func @rms_norm_128(%{{.*}}: tensor<?x128xf32>, %{{.*}}: tensor<128xbf16> {qvl.encoding = #qvl.flat<f32>})
// CHECK: qvl.rms_norm
// CHECK-LABEL: qvlx.program @norm arguments ["x"] results ["y"]
// CHECK: ^bb0(%[[X:.*]]: !qvlx.buffer<?x128xf32>):
// CHECK-DAG: %[[C16:.*]] = qvlx.constant 16
// CHECK-DAG: %[[T:.*]] = qvlx.dim %[[X]], 0
// CHECK-DAG: %[[W:.*]] = qvlx.weight @w
// CHECK: %[[Y:.*]] = qvlx.alloc(%[[T]])
// CHECK: %[[GRID:.*]] = qvlx.ceildiv %[[T]], %[[C16]]
// CHECK: qvlx.launch @rms_norm_128 grid(%[[GRID]]) ins(%[[X]], %[[W]] : {{.*}}) outs(%[[Y]] : {{.*}}) scalars(%[[T]], %[[T]])
// CHECK: qvlx.return %[[Y]]
// CHECK: qvlx.data @w : !qvlx.buffer<128xbf16> sources(["model.w"]) encoding(#qvl.flat<f32>)
func.func @norm(%x: tensor<?x128xf32> {qvl.name = "x"}) -> (tensor<?x128xf32> {qvl.name = "y"}) {
  %w = qvl.load @w : tensor<128xbf16>
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
qvl.parameter @w : tensor<128xbf16> source("model.w")

// -----

/// Equal ops share a kernel, also with other weights; another size or attribute makes another kernel.

// CHECK-COUNT-1: qvlx.kernel @rms_norm_128 buffers
// CHECK: qvlx.kernel @rms_norm_128_1 buffers
// CHECK-NOT: qvlx.kernel
// CHECK-LABEL: qvlx.program @share
// CHECK: qvlx.launch @rms_norm_128 grid
// CHECK: qvlx.launch @rms_norm_128 grid
// CHECK: qvlx.launch @rms_norm_128_1 grid
func.func @share(%x: tensor<?x128xf32> {qvl.name = "x"}) -> (tensor<?x128xf32> {qvl.name = "y"}) {
  %w = qvl.load @w : tensor<128xbf16>
  %v = qvl.load @v : tensor<128xbf16>
  %a = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
  %b = qvl.rms_norm %a, %v {eps = 1.0e-6 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
  %c = qvl.rms_norm %b, %v {eps = 1.0e-5 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
  return %c : tensor<?x128xf32>
}
qvl.parameter @w : tensor<128xbf16>
qvl.parameter @v : tensor<128xbf16>

// -----

/// Shape-only ops are views: merged rows, and heads when there is one part.

// CHECK-NOT: qvlx.kernel
// CHECK-LABEL: qvlx.program @views
// CHECK: %[[T:.*]] = qvlx.dim
// CHECK: %[[M:.*]] = qvlx.floordiv %[[T]]
// CHECK: qvlx.view %{{.*}}(%[[M]]) : <?x128xf32> -> <?x512xf32>
// CHECK: qvlx.view %{{.*}}(%[[M]]) : <?x512xf32> -> <?x16x32xf32>
func.func @views(%x: tensor<?x128xf32> {qvl.name = "x"}) -> (tensor<?x16x32xf32> {qvl.name = "y"}) {
  %m = qvl.merge_rows %x {rows = 4 : i64} : tensor<?x128xf32> -> tensor<?x512xf32>
  %h = qvl.split_heads %m {heads = array<i64: 16>, head_dim = 32 : i64} : tensor<?x512xf32> -> tensor<?x16x32xf32>
  return %h : tensor<?x16x32xf32>
}

// -----

/// Negative: heads in several parts are copied.

// CHECK: qvlx.kernel @split_heads
// CHECK-LABEL: qvlx.program @no_view
// CHECK-NOT: qvlx.view
// CHECK: qvlx.launch @split_heads_nx2x32 {{.*}} outs(%{{.*}}, %{{.*}} :
func.func @no_view(%x: tensor<?x128xf32> {qvl.name = "x"}) -> (tensor<?x2x32xf32> {qvl.name = "a"}, tensor<?x2x32xf32> {qvl.name = "b"}) {
  %a, %b = qvl.split_heads %x {heads = array<i64: 2, 2>, head_dim = 32 : i64}
      : tensor<?x128xf32> -> tensor<?x2x32xf32>, tensor<?x2x32xf32>
  return %a, %b : tensor<?x2x32xf32>, tensor<?x2x32xf32>
}

// -----

/// A function may become several programs; the cache is a pool of pages that stays an argument; the layer is a scalar.

// CHECK: qvlx.kernel @cache_append{{.*}} buffers(4) scalars(4)
// CHECK-LABEL: qvlx.program @prefill arguments ["k", "slots", "kv_cache"] results []
// CHECK: %[[CACHE:.*]]: !qvlx.buffer<?x20480xf32>
// CHECK: %[[LAYER:.*]] = qvlx.constant 3
// CHECK: qvlx.launch @cache_append{{.*}} scalars(%{{.*}}, %{{.*}}, %{{.*}}, %[[LAYER]])
// CHECK-LABEL: qvlx.program @decode arguments ["k", "slots", "kv_cache"] results []
func.func @language(%k: tensor<?x1x16xf32> {qvl.name = "k"}, %slots: tensor<?xi64> {qvl.name = "slots"},
                    %c0: !qvl.cache<10, 1, 16, 64, f32> {qvl.name = "kv_cache"}) -> !qvl.cache<10, 1, 16, 64, f32>
    attributes {qvl.programs = ["prefill", "decode"]} {
  %layer = arith.constant 3 : index
  %c1 = qvl.cache_append %k, %k, %c0 layer(%layer) slots(%slots)
      : tensor<?x1x16xf32>, tensor<?xi64>, !qvl.cache<10, 1, 16, 64, f32>
  return %c1 : !qvl.cache<10, 1, 16, 64, f32>
}

// -----

/// A static number of rows is no scalar, and its grid is a constant.

// CHECK: qvlx.kernel @silu_40x8 buffers(2) scalars(0) scratch(0) {
// CHECK-LABEL: qvlx.program @static_rows
// CHECK: %[[C3:.*]] = qvlx.constant 3
// CHECK: %[[Y:.*]] = qvlx.alloc() : <40x8xf32>
// CHECK: qvlx.launch @silu_40x8 grid(%[[C3]]) ins(%{{.*}} : !qvlx.buffer<40x8xf32>) outs(%[[Y]] : !qvlx.buffer<40x8xf32>){{$}}
func.func @static_rows(%x: tensor<40x8xf32> {qvl.name = "x"}) -> (tensor<40x8xf32> {qvl.name = "y"}) {
  %y = qvl.silu %x : tensor<40x8xf32>
  return %y : tensor<40x8xf32>
}
