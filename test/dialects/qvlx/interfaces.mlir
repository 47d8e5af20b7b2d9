// RUN: qvl-opt %s --canonicalize --cse | FileCheck %s

/// Side effects: what nobody reads is removed when it is pure; commands stay, in order.

qvlx.kernel @k buffers(1) scalars(0) scratch(0) {
}
qvlx.data @w : !qvlx.buffer<4xf32> sources(["w"]) encoding("flat")

// CHECK-LABEL: qvlx.program @effects
qvlx.program @effects arguments ["x"] results [] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  // CHECK-NOT: qvlx.weight
  // CHECK-NOT: qvlx.dim
  // CHECK-NOT: qvlx.view
  %unused = qvlx.weight @w : <4xf32>
  %t = qvlx.dim %x, 0 : <?x4xf32>
  %v = qvlx.view %x(%t) : <?x4xf32> -> <?x2x2xf32>
  %c1 = qvlx.constant 1
  // CHECK: qvlx.fill
  // CHECK-NEXT: qvlx.launch @k
  // CHECK-NEXT: qvlx.launch @k
  // CHECK-NEXT: qvlx.fill
  qvlx.fill %x, 0 : <?x4xf32>
  qvlx.launch @k grid(%c1) ins(%x : !qvlx.buffer<?x4xf32>)
  qvlx.launch @k grid(%c1) ins(%x : !qvlx.buffer<?x4xf32>)
  qvlx.fill %x, 1 : <?x4xf32>
  qvlx.return
}

/// Equal sizes and equal weights are one.

// CHECK-LABEL: qvlx.program @cse
qvlx.program @cse arguments ["x"] results ["y"] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  // CHECK-COUNT-1: qvlx.dim
  // CHECK-NOT: qvlx.dim
  %t = qvlx.dim %x, 0 : <?x4xf32>
  %u = qvlx.dim %x, 0 : <?x4xf32>
  %s = qvlx.add %t, %u
  %y = qvlx.alloc(%s) : <?x4xf32>
  qvlx.return %y : !qvlx.buffer<?x4xf32>
}
