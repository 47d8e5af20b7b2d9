// RUN: qvl-opt %s --qvl-assign-encodings --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-assign-encodings --qvl-assign-encodings --split-input-file | FileCheck %s

/// bf16 matrices are stored in pairs of columns; rows and columns are padded to whole panels and pairs.
// CHECK: qvl.parameter @bf16 : tensor<40x33xbf16> encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 64, pad_k = 34>)
qvl.parameter @bf16 : tensor<40x33xbf16>
/// f32 and f16 matrices are stored in f32.
// CHECK: qvl.parameter @f32 : tensor<32x33xf32> encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 32, pad_k = 33>)
qvl.parameter @f32 : tensor<32x33xf32>
// CHECK: qvl.parameter @f16 : tensor<1x1xf16> source("model.f16") encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 32, pad_k = 1>)
qvl.parameter @f16 : tensor<1x1xf16> source("model.f16")
/// Vectors are flat f32.
// CHECK: qvl.parameter @bias : tensor<40xbf16> encoding(#qvl.flat<f32>)
qvl.parameter @bias : tensor<40xbf16>

// -----

/// Negative: an encoding that is there stays.
// CHECK: qvl.parameter @given : tensor<16x8xbf16> encoding(#qvl.panel<n = 16, k_group = 1, element = f32, pad_n = 16, pad_k = 8>)
qvl.parameter @given : tensor<16x8xbf16> encoding(#qvl.panel<n = 16, k_group = 1, element = f32, pad_n = 16, pad_k = 8>)

// -----

/// isReadAsTwo: what fused linears read as two weights is stored in turns, each half padded to half panels.
// CHECK: qvl.parameter @pair : tensor<80x33xbf16> encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 96, pad_k = 34, interleave = 8>)
qvl.parameter @pair : tensor<80x33xbf16>
/// Negative: one weight; two weights that also are one; a matrix of rows.
// CHECK: qvl.parameter @single : tensor<80x33xbf16> encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 96, pad_k = 34>)
qvl.parameter @single : tensor<80x33xbf16>
// CHECK: qvl.parameter @both : tensor<80x33xbf16> encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 96, pad_k = 34>)
qvl.parameter @both : tensor<80x33xbf16>
func.func @readers(%x: tensor<?x33xf32>) -> (tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x80xf32>, tensor<?x80xf32>) {
  %p = qvl.load @pair : tensor<80x33xbf16>
  %a = qvl.fused_linear %x, (%p) : tensor<?x33xf32>, (tensor<80x33xbf16>) -> tensor<?x40xf32> {
  ^bb0(%g: f32, %u: f32):
    %m = arith.mulf %g, %u : f32
    qvl.yield %m : f32
  }
  %b = qvl.load @both : tensor<80x33xbf16>
  %c = qvl.fused_linear %x, (%b) : tensor<?x33xf32>, (tensor<80x33xbf16>) -> tensor<?x40xf32> {
  ^bb0(%g: f32, %u: f32):
    %m = arith.mulf %g, %u : f32
    qvl.yield %m : f32
  }
  %b2 = qvl.load @both : tensor<80x33xbf16>
  %d = qvl.linear %x, %b2 : tensor<?x33xf32>, tensor<80x33xbf16> -> tensor<?x80xf32>
  %s = qvl.load @single : tensor<80x33xbf16>
  %e = qvl.linear %x, %s : tensor<?x33xf32>, tensor<80x33xbf16> -> tensor<?x80xf32>
  return %a, %c, %d, %e : tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x80xf32>, tensor<?x80xf32>
}

// -----

/// A load without readers says nothing: rows of an odd number stay one weight, and a pair stays a pair.
// CHECK: qvl.parameter @unread : tensor<33x4xf32> encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 64, pad_k = 4>)
qvl.parameter @unread : tensor<33x4xf32>
// CHECK: qvl.parameter @pair : tensor<64x4xf32> encoding(#qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 64, pad_k = 4, interleave = 8>)
qvl.parameter @pair : tensor<64x4xf32>
func.func @loads_without_readers(%x: tensor<?x4xf32>) -> tensor<?x32xf32> {
  %0 = qvl.load @unread : tensor<33x4xf32>
  %1 = qvl.load @pair : tensor<64x4xf32>
  %p = qvl.load @pair : tensor<64x4xf32>
  %a = qvl.fused_linear %x, (%p) : tensor<?x4xf32>, (tensor<64x4xf32>) -> tensor<?x32xf32> {
  ^bb0(%g: f32, %u: f32):
    %m = arith.mulf %g, %u : f32
    qvl.yield %m : f32
  }
  return %a : tensor<?x32xf32>
}
