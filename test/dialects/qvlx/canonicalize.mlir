// RUN: qvl-opt %s --canonicalize --cse | FileCheck %s

/// Size arithmetic on constants folds, and neutral operands go away.

// CHECK-LABEL: qvlx.program @constants
qvlx.program @constants arguments ["x"] results ["a", "b", "c", "d", "e", "f", "g"] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  // CHECK-DAG: %[[C10:.*]] = qvlx.constant 10
  // CHECK-DAG: %[[C4:.*]] = qvlx.constant 4
  // CHECK-DAG: %[[C21:.*]] = qvlx.constant 21
  // CHECK-DAG: %[[C2:.*]] = qvlx.constant 2
  // CHECK-DAG: %[[C3:.*]] = qvlx.constant 3
  // CHECK-DAG: %[[C7:.*]] = qvlx.constant 7
  %c3 = qvlx.constant 3
  %c7 = qvlx.constant 7
  %sum = qvlx.add %c7, %c3
  %difference = qvlx.sub %c7, %c3
  %product = qvlx.mul %c7, %c3
  %floor = qvlx.floordiv %c7, %c3
  %ceil = qvlx.ceildiv %c7, %c3
  %min = qvlx.min %c7, %c3
  %max = qvlx.max %c7, %c3
  // CHECK: qvlx.alloc(%[[C10]])
  %a = qvlx.alloc(%sum) : <?xf32>
  // CHECK: qvlx.alloc(%[[C4]])
  %b = qvlx.alloc(%difference) : <?xf32>
  // CHECK: qvlx.alloc(%[[C21]])
  %c = qvlx.alloc(%product) : <?xf32>
  // CHECK: qvlx.alloc(%[[C2]])
  %d = qvlx.alloc(%floor) : <?xf32>
  // CHECK: qvlx.alloc(%[[C3]])
  %e = qvlx.alloc(%ceil) : <?xf32>
  // CHECK: qvlx.alloc(%[[C3]])
  %f = qvlx.alloc(%min) : <?xf32>
  // CHECK: qvlx.alloc(%[[C7]])
  %g = qvlx.alloc(%max) : <?xf32>
  qvlx.return %a, %b, %c, %d, %e, %f, %g : !qvlx.buffer<?xf32>, !qvlx.buffer<?xf32>, !qvlx.buffer<?xf32>,
      !qvlx.buffer<?xf32>, !qvlx.buffer<?xf32>, !qvlx.buffer<?xf32>, !qvlx.buffer<?xf32>
}

// CHECK-LABEL: qvlx.program @neutral
qvlx.program @neutral arguments ["x"] results ["y"] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  // CHECK: %[[T:.*]] = qvlx.dim
  %t = qvlx.dim %x, 0 : <?x4xf32>
  %c0 = qvlx.constant 0
  %c1 = qvlx.constant 1
  %0 = qvlx.add %t, %c0
  %1 = qvlx.mul %0, %c1
  %2 = qvlx.floordiv %1, %c1
  %3 = qvlx.ceildiv %2, %c1
  %4 = qvlx.sub %3, %c0
  // CHECK-NEXT: qvlx.alloc(%[[T]])
  %y = qvlx.alloc(%4) : <?x4xf32>
  qvlx.return %y : !qvlx.buffer<?x4xf32>
}

/// An overflow, a negative size and a division by zero are left for the runtime to report; two allocations are never one.

// CHECK-LABEL: qvlx.program @negative
qvlx.program @negative arguments ["x"] results ["y", "z"] {
^bb0(%x: !qvlx.buffer<?x4xf32>):
  %c0 = qvlx.constant 0
  %c7 = qvlx.constant 7
  %big = qvlx.constant 9223372036854775807
  // CHECK: qvlx.mul
  %0 = qvlx.mul %big, %c7
  // CHECK: qvlx.sub
  %1 = qvlx.sub %c0, %c7
  // CHECK: qvlx.floordiv
  %2 = qvlx.floordiv %c7, %c0
  %3 = qvlx.add %0, %1
  %4 = qvlx.add %3, %2
  // CHECK-COUNT-2: qvlx.alloc
  %y = qvlx.alloc(%4) : <?x4xf32>
  %z = qvlx.alloc(%4) : <?x4xf32>
  qvlx.return %y, %z : !qvlx.buffer<?x4xf32>, !qvlx.buffer<?x4xf32>
}
