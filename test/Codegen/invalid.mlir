// RUN: qvl-opt %s --qvl-codegen-x86='feature-sets=v3' --split-input-file --verify-diagnostics

qvlx.kernel @no_encoding buffers(3) scalars(2) scratch(0) {
  // expected-error @+1 {{qvl.linear needs a weight in f32 panels of 32 rows or bf16 panels of 32 rows in pairs of k}}
  func.func @no_encoding(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> {
    %y = qvl.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// -----

qvlx.kernel @bias_in_bf16 buffers(4) scalars(2) scratch(0) {
  // expected-error @+1 {{qvl.linear needs its bias stored flat in f32}}
  func.func @bias_in_bf16(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>
      {qvl.encoding = #qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 32, pad_k = 64>},
      %b: tensor<32xbf16> {qvl.encoding = #qvl.flat<bf16>}) -> tensor<?x32xf32> {
    %y = qvl.linear %x, %w bias %b : tensor<?x64xf32>, tensor<32x64xf32>, tensor<32xbf16> -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// -----

qvlx.kernel @two_ops buffers(2) scalars(2) scratch(0) {
  // expected-error @+1 {{not a kernel function: its body is not one qvl op on its arguments}}
  func.func @two_ops(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
    %y = qvl.silu %x : tensor<?x64xf32>
    %z = qvl.silu %y : tensor<?x64xf32>
    return %z : tensor<?x64xf32>
  }
}

// -----

qvlx.kernel @vector_without_form buffers(4) scalars(2) scratch(0) {
  // expected-error @+1 {{qvl.fused_linear needs its vector operands stored flat in f32}}
  func.func @vector_without_form(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>
      {qvl.encoding = #qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 32, pad_k = 64>},
      %b: tensor<32xf32>) -> tensor<?x32xf32> {
    %y = qvl.fused_linear %x, (%w) with(%b) : tensor<?x64xf32>, (tensor<32x64xf32>) with(tensor<32xf32>) -> tensor<?x32xf32> {
    ^bb0(%a: f32, %c: f32):
      %0 = arith.addf %a, %c : f32
      qvl.yield %0 : f32
    }
    return %y : tensor<?x32xf32>
  }
}

// -----

qvlx.kernel @two_weights_in_order buffers(3) scalars(2) scratch(0) {
  // expected-error @+1 {{qvl.fused_linear needs two interleaved weights in f32 panels of 32 rows or bf16 panels of 32 rows in pairs of k}}
  func.func @two_weights_in_order(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>
      {qvl.encoding = #qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 64, pad_k = 64>}) -> tensor<?x32xf32> {
    %y = qvl.fused_linear %x, (%w) : tensor<?x64xf32>, (tensor<64x64xf32>) -> tensor<?x32xf32> {
    ^bb0(%a: f32, %c: f32):
      qvl.yield %a : f32
    }
    return %y : tensor<?x32xf32>
  }
}

// -----

qvlx.kernel @one_weight_in_turns buffers(3) scalars(2) scratch(0) {
  // expected-error @+1 {{qvl.linear needs a weight in f32 panels of 32 rows or bf16 panels of 32 rows in pairs of k}}
  func.func @one_weight_in_turns(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>
      {qvl.encoding = #qvl.panel<n = 32, k_group = 1, element = f32, pad_n = 64, pad_k = 64, interleave = 8>}) -> tensor<?x64xf32> {
    %y = qvl.linear %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}
