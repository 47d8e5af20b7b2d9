// RUN: qvl-opt %s --qvl-outline-kernels --split-input-file --verify-diagnostics

/// A parameter needs an encoding, since the stored form is part of a kernel.
func.func @no_encoding(%x: tensor<?x128xf32> {qvl.name = "x"}) -> (tensor<?x128xf32> {qvl.name = "y"}) {
  %w = qvl.load @w : tensor<128xbf16>
  // expected-error @below {{parameter 'w' has no encoding; run qvl-assign-encodings before}}
  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
qvl.parameter @w : tensor<128xbf16>

// -----

/// Names are the artifact's interface.
// expected-error @below {{arguments and results of 'no_name' need a qvl.name attribute to become a program}}
func.func @no_name(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  return %x : tensor<?x128xf32>
}

// -----

/// Ops of other dialects have no kernel.
func.func @foreign(%x: tensor<?x128xf32> {qvl.name = "x"}) -> (tensor<?x128xf32> {qvl.name = "y"}) {
  %c = arith.constant 0 : index
  // expected-error @below {{'tensor.cast' cannot be part of a program}}
  %y = tensor.cast %x : tensor<?x128xf32> to tensor<4x128xf32>
  %z = tensor.cast %y : tensor<4x128xf32> to tensor<?x128xf32>
  return %z : tensor<?x128xf32>
}
