// RUN: qvl-opt %s --qvl-expand-math | FileCheck %s

/// One fma reduces, Horner's rule follows, and the power of two is made of integers: no conversion that NaN would make
/// undefined.
// CHECK-LABEL: func.func @exp(
// CHECK-NOT:     math.exp
// CHECK-NOT:     arith.fptosi
// CHECK:         math.fma {{.*}} : vector<16xf32>
// CHECK:         arith.shli {{.*}} : vector<16xi32>
func.func @exp(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp %x : vector<16xf32>
  return %y : vector<16xf32>
}

/// Both branches are computed and selected; the exp inside is expanded, too.
// CHECK-LABEL: func.func @erf(
// CHECK-NOT:     math.{{erf|exp}}
// CHECK:         math.copysign
// CHECK:         arith.select {{.*}} : f32
// CHECK-NOT:     math.{{erf|exp}}
// CHECK:         return
func.func @erf(%x: f32) -> f32 {
  %y = math.erf %x : f32
  return %y : f32
}

// CHECK-LABEL: func.func @rsqrt(
// CHECK:         %[[ROOT:.*]] = math.sqrt %{{.*}} : f32
// CHECK:         arith.divf %{{.*}}, %[[ROOT]] : f32
func.func @rsqrt(%x: f32) -> f32 {
  %y = math.rsqrt %x : f32
  return %y : f32
}

/// Angles are reduced in f64.
// CHECK-LABEL: func.func @sin_cos(
// CHECK-NOT:     math.{{sin|cos}}
// CHECK:         arith.extf %{{.*}} : vector<8xf32> to vector<8xf64>
// CHECK:         arith.truncf %{{.*}} : vector<8xf64> to vector<8xf32>
// CHECK-NOT:     math.{{sin|cos}}
// CHECK:         return
func.func @sin_cos(%x: vector<8xf32>) -> (vector<8xf32>, vector<8xf32>) {
  %s = math.sin %x : vector<8xf32>
  %c = math.cos %x : vector<8xf32>
  return %s, %c : vector<8xf32>, vector<8xf32>
}

/// Other element types have no bound to keep.
// CHECK-LABEL: func.func @dont_expand_f64(
// CHECK:         math.exp
func.func @dont_expand_f64(%x: f64) -> f64 {
  %y = math.exp %x : f64
  return %y : f64
}
