// RUN: qvl-opt %s --qvl-fold-still-frames --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fold-still-frames --qvl-fold-still-frames --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fold-still-frames --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-fold-still-frames -o /dev/null

/// haveSeveralFrames, projectionOf, isFoldable. The plain entry stays as it is; the copy reads one frame.
// CHECK: qvl.parameter @proj : tensor<8x24xbf16> source("patch")
// CHECK-NEXT: qvl.parameter @proj.still : tensor<8x12xf32> recipe(#qvl.sum<#qvl.convert<"patch", tensor<8x24xbf16>>, tensor<8x24xf32>, axes = [3, 2, 4]>)
// CHECK: qvl.parameter @norm : tensor<8xf32>
// CHECK-LABEL: func.func @vision(
// CHECK-SAME: tensor<?x24xf32> {qvl.name = "pixels", qvl.patch_axes = array<i64: 3, 2, 4>}
// CHECK: qvl.load @proj : tensor<8x24xbf16>
// CHECK: qvl.fused_linear %arg0, ({{.*}}) load(%arg1 group 4 : tensor<?xi32>)
// CHECK-LABEL: func.func @vision_still(
// CHECK-SAME: %[[X:.*]]: tensor<?x12xf32> {qvl.name = "pixels"}, %[[I:.*]]: tensor<?xi32> {qvl.name = "window"}) -> (tensor<?x8xf32> {qvl.name = "features"})
// CHECK: %[[W:.*]] = qvl.load @proj.still : tensor<8x12xf32>
// CHECK: qvl.fused_linear %[[X]], (%[[W]]) load(%[[I]] group 4 : tensor<?xi32>) : tensor<?x12xf32>, (tensor<8x12xf32>) -> tensor<?x8xf32>
// CHECK: qvl.load @norm
// CHECK-NOT: func.func
qvl.parameter @proj : tensor<8x24xbf16> source("patch")
qvl.parameter @norm : tensor<8xf32>
// expected-remark@+1 {{the entry 'vision_still' reads 12 of 24 columns}}
func.func @vision(%x: tensor<?x24xf32> {qvl.name = "pixels", qvl.patch_axes = array<i64: 3, 2, 4>},
                  %i: tensor<?xi32> {qvl.name = "window"}) -> (tensor<?x8xf32> {qvl.name = "features"}) {
  %w = qvl.load @proj : tensor<8x24xbf16>
  %y = qvl.fused_linear %x, (%w) load(%i group 4 : tensor<?xi32>) : tensor<?x24xf32>, (tensor<8x24xbf16>) -> tensor<?x8xf32> {
  ^bb0(%acc: f32):
    qvl.yield %acc : f32
  }
  %n = qvl.load @norm : tensor<8xf32>
  %z = qvl.rms_norm %y, %n {eps = 1.0e-6 : f64} : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// -----

/// A traced projection with an f32 weight that has a recipe already: no conversion, and the sum is of the recipe.
// CHECK: qvl.parameter @w.still : tensor<4x2xf32> recipe(#qvl.sum<#qvl.concat<["a", "b"], rows = [2, 2]>, tensor<4x6xf32>, axes = [1, 3, 2]>)
// CHECK-LABEL: func.func @f_still
// CHECK: qvl.linear %arg0, %{{.*}} : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
qvl.parameter @w : tensor<4x6xf32> recipe(#qvl.concat<["a", "b"], rows = [2, 2]>)
// expected-remark@+1 {{the entry 'f_still' reads 2 of 6 columns}}
func.func @f(%x: tensor<?x6xf32> {qvl.patch_axes = array<i64: 1, 3, 2>}) -> tensor<?x4xf32> {
  %w = qvl.load @w : tensor<4x6xf32>
  %y = qvl.linear %x, %w : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

/// haveSeveralFrames: one frame, or axes of other columns.
// CHECK-LABEL: func.func @negative_one_frame
// CHECK-LABEL: func.func @negative_axes
// CHECK-NOT: _still
// expected-remark@+1 {{the patch rows do not hold several frames}}
func.func @negative_one_frame(%x: tensor<?x6xf32> {qvl.patch_axes = array<i64: 3, 1, 2>}) {
  return
}
// expected-remark@+1 {{the patch rows do not hold several frames}}
func.func @negative_axes(%x: tensor<?x6xf32> {qvl.patch_axes = array<i64: 3, 2, 2>}) {
  return
}

// -----

/// projectionOf
// CHECK-LABEL: func.func @negative_readers
// CHECK-NOT: _still
// expected-remark@+1 {{the patch rows are read by more than a projection}}
func.func @negative_readers(%x: tensor<?x12xf32> {qvl.patch_axes = array<i64: 3, 2, 2>}) -> tensor<?x12xf32> {
  %y = qvl.silu %x : tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// -----

/// isFoldable: the weight is an argument.
// CHECK-LABEL: func.func @negative_weight
// CHECK-NOT: _still
// expected-remark@+1 {{the weight of 'qvl.linear' is no parameter to fold: an argument}}
func.func @negative_weight(%x: tensor<?x12xf32> {qvl.patch_axes = array<i64: 3, 2, 2>}, %w: tensor<4x12xf32>) -> tensor<?x4xf32> {
  %y = qvl.linear %x, %w : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

/// Not patch rows: no remark.
// CHECK-LABEL: func.func @negative_no_patches
// CHECK-NOT: _still
func.func @negative_no_patches(%x: tensor<?x12xf32>, %w: tensor<4x12xf32>) -> tensor<?x4xf32> {
  %y = qvl.linear %x, %w : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

/// A declaration reads nothing: no remark.
// CHECK-LABEL: func.func private @negative_declaration
// CHECK-NOT: _still
func.func private @negative_declaration(tensor<?x12xf32> {qvl.patch_axes = array<i64: 3, 2, 2>}) -> tensor<?x4xf32>

// -----

/// renamePrograms: two functions do not become programs of one name.
// CHECK-LABEL: func.func @entry
// CHECK-SAME: attributes {qvl.programs = ["a", "b"]}
// CHECK-LABEL: func.func @entry_still
// CHECK-SAME: attributes {qvl.programs = ["a_still", "b_still"]}
qvl.parameter @w : tensor<4x12xf32>
// expected-remark@+1 {{the entry 'entry_still' reads 6 of 12 columns}}
func.func @entry(%x: tensor<?x12xf32> {qvl.patch_axes = array<i64: 3, 2, 2>}) -> tensor<?x4xf32> attributes {qvl.programs = ["a", "b"]} {
  %w = qvl.load @w : tensor<4x12xf32>
  %y = qvl.linear %x, %w : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
