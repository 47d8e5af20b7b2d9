/// A function's results: printed in short, written as .npy, read again as the input of another function. The numbers are
/// spot values of appendix A of the model specification.

// RUN: rm -rf %t
// RUN: qvl-reference run %s --function=weights --generated-weights=appendix-a --precision=f64 --output=%t/weights | FileCheck %s --check-prefix=WEIGHTS
// WEIGHTS: head [64, 32] sum {{.*}} magnitudes {{.*}} first 0.150461 0.073618 0.091536
// WEIGHTS-NEXT: result1 [32] sum {{.*}} magnitudes {{.*}} first 1.015014 0.903648 0.912707

// RUN: qvl-reference run %s --function=scaled --input=x=%t/weights/head.npy --input=arg1=%t/weights/head.npy --precision=f64 --output=%t/scaled --probe=%t/probe | FileCheck %s --check-prefix=SCALED
// SCALED: result0 [64, 32] sum {{.*}} magnitudes {{.*}} first 0.300923 0.147236 0.183072

/// Probes are called by location, a second result of one location gets a number, and a location is no path.
// RUN: ls %t/probe | FileCheck %s --check-prefix=PROBE
// PROBE: _.._escape.npy
// PROBE-NEXT: model.double.1.npy
// PROBE-NEXT: model.double.npy
// PROBE-NEXT: qvl.silu.npy

/// An input of another kind or shape is refused.
// RUN: not qvl-reference run %s --function=scaled --input=x=%t/weights/head.npy --input=arg1=%t/weights/result1.npy 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: 'func.func' op argument 1 of type 'tensor<?x32xf32>' has 32 values of shape [32]
// RUN: not qvl-reference run %s --function=rows --input=arg0=%t/weights/head.npy 2>&1 | FileCheck %s --check-prefix=KIND
// KIND: head.npy: holds elements of another kind than i32

qvl.parameter @lm_head.weight : tensor<64x32xf32>
qvl.parameter @visual.blocks.0.norm1.weight : tensor<32xf32>

func.func @weights() -> (tensor<64x32xf32> {qvl.name = "head"}, tensor<32xf32>) {
  %0 = qvl.load @lm_head.weight : tensor<64x32xf32>
  %1 = qvl.load @visual.blocks.0.norm1.weight : tensor<32xf32>
  return %0, %1 : tensor<64x32xf32>, tensor<32xf32>
}

func.func @scaled(%x: tensor<?x32xf32> {qvl.name = "x"}, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %0 = qvl.add %x, %y : tensor<?x32xf32> loc("model.double")
  %1 = qvl.add %x, %y : tensor<?x32xf32> loc("model.double")
  %2 = qvl.silu %1 : tensor<?x32xf32>
  %3 = qvl.gelu %1 : tensor<?x32xf32> loc("/../escape")
  return %0 : tensor<?x32xf32>
}

func.func @rows(%i: tensor<?xi32>) -> tensor<?xi32> {
  return %i : tensor<?xi32>
}
