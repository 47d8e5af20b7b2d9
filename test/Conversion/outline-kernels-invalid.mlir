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

// -----

// expected-error @below {{a function needs one block to become a program}}
func.func private @declaration(tensor<?x128xf32>)

// -----

// expected-error @below {{a program takes tensors and caches, got 'index'}}
func.func @index_argument(%x: tensor<?x128xf32> {qvl.name = "x"}, %i: index {qvl.name = "i"}) -> (tensor<?x128xf32> {qvl.name = "y"}) {
  return %x : tensor<?x128xf32>
}

// -----

// expected-error @below {{elements of a buffer must be f32, bf16, f16, i8, i32 or i64, got 'f64'}}
func.func @element(%x: tensor<?x128xf64> {qvl.name = "x"}) {
  return
}

// -----

/// A program has no tensors of constants.
func.func @constant(%x: tensor<?x8xf32> {qvl.name = "x"}) -> (tensor<?x8xf32> {qvl.name = "y"}) {
  // expected-error @below {{'arith.constant' cannot be part of a program}}
  %c = arith.constant dense<0.0> : tensor<4x8xf32>
  return %x : tensor<?x8xf32>
}

// -----

func.func @static_result(%x: tensor<?x8xf32> {qvl.name = "x"}) -> (tensor<4x32xf32> {qvl.name = "y"}) {
  // expected-error @below {{its operands and 'tensor<4x32xf32>' do not agree on which sizes are static}}
  %y = qvl.merge_rows %x {rows = 4 : i64} : tensor<?x8xf32> -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// -----

/// A layer is a constant, or sizes added, multiplied or divided.
func.func @layer(%k: tensor<?x2x32xf32> {qvl.name = "k"}, %c: !qvl.cache<5, 2, 32, 64, f32> {qvl.name = "c"},
                 %slots: tensor<?xi64> {qvl.name = "slots"}) -> !qvl.cache<5, 2, 32, 64, f32> {
  %zero = arith.constant 0 : index
  %rows = tensor.dim %k, %zero : tensor<?x2x32xf32>
  %layer = arith.subi %rows, %zero : index
  // expected-error @below {{an index is not arithmetic on sizes of arguments}}
  %d = qvl.cache_append %k, %k, %c layer(%layer) slots(%slots) : tensor<?x2x32xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
  return %d : !qvl.cache<5, 2, 32, 64, f32>
}

// -----

/// The size of a dimension that is not there.
func.func @dimension(%k: tensor<?x2x32xf32> {qvl.name = "k"}, %c: !qvl.cache<5, 2, 32, 64, f32> {qvl.name = "c"},
                     %slots: tensor<?xi64> {qvl.name = "slots"}) -> !qvl.cache<5, 2, 32, 64, f32> {
  %seven = arith.constant 7 : index
  %layer = tensor.dim %k, %seven : tensor<?x2x32xf32>
  // expected-error @below {{an index is not arithmetic on sizes of arguments}}
  %d = qvl.cache_append %k, %k, %c layer(%layer) slots(%slots) : tensor<?x2x32xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
  return %d : !qvl.cache<5, 2, 32, 64, f32>
}

// -----

/// An append is made in place, so what it took is gone.
func.func @cache_before_append(%k: tensor<?x2x32xf32> {qvl.name = "k"}, %c: !qvl.cache<5, 2, 32, 64, f32> {qvl.name = "c"},
                               %slots: tensor<?xi64> {qvl.name = "slots"}) -> !qvl.cache<5, 2, 32, 64, f32> {
  %layer = arith.constant 0 : index
  %d = qvl.cache_append %k, %k, %c layer(%layer) slots(%slots) : tensor<?x2x32xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
  // expected-error @below {{takes a cache as it was before an append, which a program makes in place}}
  %e = qvl.cache_append %k, %k, %c layer(%layer) slots(%slots) : tensor<?x2x32xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
  return %e : !qvl.cache<5, 2, 32, 64, f32>
}

// -----

func.func @cache_before_append_returned(%k: tensor<?x2x32xf32> {qvl.name = "k"}, %c: !qvl.cache<5, 2, 32, 64, f32> {qvl.name = "c"},
                                        %slots: tensor<?xi64> {qvl.name = "slots"}) -> !qvl.cache<5, 2, 32, 64, f32> {
  %layer = arith.constant 0 : index
  %d = qvl.cache_append %k, %k, %c layer(%layer) slots(%slots) : tensor<?x2x32xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
  // expected-error @below {{takes a cache as it was before an append, which a program makes in place}}
  return %c : !qvl.cache<5, 2, 32, 64, f32>
}
