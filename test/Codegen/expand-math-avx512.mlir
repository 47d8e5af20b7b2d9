// RUN: qvl-opt %s --qvl-expand-math=avx512=true | FileCheck %s

/// One instruction scales by the power of two: no integers are left.
// CHECK-LABEL: func.func @exp(
// CHECK-NOT:     arith.shli
// CHECK:         llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"({{.*}}) : (vector<16xf32>, vector<16xf32>, vector<16xf32>, i16, i32) -> vector<16xf32>
// CHECK-NOT:     arith.shli
// CHECK:         return
func.func @exp(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp %x : vector<16xf32>
  return %y : vector<16xf32>
}

/// The exp inside of erf is one of 16 lanes, too.
// CHECK-LABEL: func.func @erf(
// CHECK:         llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
func.func @erf(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.erf %x : vector<16xf32>
  return %y : vector<16xf32>
}

/// Other shapes have no such instruction.
// CHECK-LABEL: func.func @other_shapes(
// CHECK-NOT:     call_intrinsic
// CHECK:         arith.shli {{.*}} : vector<8xi32>
// CHECK-NOT:     call_intrinsic
// CHECK:         arith.shli {{.*}} : i32
// CHECK-NOT:     call_intrinsic
// CHECK:         return
func.func @other_shapes(%x: vector<8xf32>, %s: f32) -> (vector<8xf32>, f32) {
  %y = math.exp %x : vector<8xf32>
  %z = math.exp %s : f32
  return %y, %z : vector<8xf32>, f32
}
