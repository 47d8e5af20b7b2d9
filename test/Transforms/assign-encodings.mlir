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
