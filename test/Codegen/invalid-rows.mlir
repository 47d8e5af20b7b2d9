// RUN: qvl-opt %s --qvl-codegen-x86='feature-sets=v3' --split-input-file --verify-diagnostics

qvlx.kernel @norm_without_encoding buffers(3) scalars(2) scratch(0) {
  // expected-error @+1 {{qvl.rms_norm needs a weight stored flat}}
  func.func @norm_without_encoding(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> tensor<?x64xf32> {
    %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x64xf32>, tensor<64xf32> -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

qvlx.kernel @embed_without_encoding buffers(3) scalars(2) scratch(0) {
  // expected-error @+1 {{qvl.embed needs a table in panels}}
  func.func @embed_without_encoding(%ids: tensor<?xi32>, %t: tensor<32x64xf32>) -> tensor<?x64xf32> {
    %y = qvl.embed %ids, %t : tensor<?xi32>, tensor<32x64xf32> -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}
