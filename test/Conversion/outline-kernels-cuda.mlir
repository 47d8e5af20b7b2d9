// RUN: qvl-opt %s --qvl-assign-encodings --qvl-outline-kernels=target=cuda --canonicalize --cse | FileCheck %s
// RUN: qvl-opt %s --qvl-assign-encodings --qvl-outline-kernels --canonicalize --cse | FileCheck %s --check-prefix=CPU
// RUN: not qvl-opt %s --qvl-assign-encodings --qvl-outline-kernels=target=npu 2>&1 | FileCheck %s --check-prefix=UNKNOWN

/// On a GPU the projections of the program decode have kernels for few rows; other kernels are shared, and so are all on a CPU.

// CHECK: qvlx.kernel @rms_norm_128
// CHECK: qvlx.kernel @linear_64x128 buffers(3) scalars(2) scratch([[MANY:[1-9][0-9]*]])
// CHECK-NOT: qvl.few_rows
// CHECK: qvlx.kernel @linear_64x128_few_rows buffers(3) scalars(2) scratch([[FEW:[1-9][0-9]*]])
// CHECK: func.func @linear_64x128_few_rows({{.*}}) -> tensor<?x64xbf16> attributes {qvl.few_rows}
// CHECK-NOT: qvlx.kernel
// CHECK-LABEL: qvlx.program @prefill
// CHECK-DAG: %[[ROWS:.*]] = qvlx.constant 4
// CHECK: qvlx.ceildiv %{{.*}}, %[[ROWS]]
// CHECK: qvlx.launch @rms_norm_128
// CHECK: qvlx.launch @linear_64x128 grid
// CHECK-LABEL: qvlx.program @decode
// CHECK: qvlx.launch @rms_norm_128
// CHECK: qvlx.launch @linear_64x128_few_rows grid

// CPU: qvlx.kernel @linear_64x128 buffers
// CPU-NOT: few_rows
// CPU-LABEL: qvlx.program @decode
// CPU: qvlx.launch @linear_64x128 grid

// UNKNOWN: 'npu' is not a kind of target: cpu or cuda
func.func @language(%x: tensor<?x128xbf16> {qvl.name = "x"}) -> (tensor<?x64xbf16> {qvl.name = "y"}) attributes {qvl.programs = ["prefill", "decode"]} {
  %n = qvl.load @norm : tensor<128xbf16>
  %w = qvl.load @w : tensor<64x128xbf16>
  %a = qvl.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x128xbf16>, tensor<128xbf16> -> tensor<?x128xbf16>
  %y = qvl.linear %a, %w : tensor<?x128xbf16>, tensor<64x128xbf16> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
qvl.parameter @norm : tensor<128xbf16>
qvl.parameter @w : tensor<64x128xbf16>
