// RUN: qvl-opt %s --qvl-outline-pipeline=target=cuda | FileCheck %s
// RUN: qvl-opt %s --qvl-outline-pipeline=target=cpu | FileCheck %s --check-prefix=CPU

/// On a GPU the program decode chooses the ids by two launches: a block for each block of columns of a row, then one for each row.

// CHECK: qvlx.kernel @argmax_nx3 buffers(5) scalars(5) scratch({{[1-9][0-9]*}})
// CHECK: qvlx.kernel @sample_n buffers(7) scalars(7) scratch({{[1-9][0-9]*}})
// CHECK-LABEL: qvlx.program @prefill arguments ["x"] results ["logits"]
// CHECK-NOT: @argmax
// CHECK-LABEL: qvlx.program @decode arguments ["x", "seen", "sampling", "draws"] results ["logits", "ids"]
// CHECK: ^bb0(%[[X:.*]]: !qvlx.buffer<?x10000xf32>, %[[SEEN:.*]]: !qvlx.buffer<?x313xi32>, %[[SETTINGS:.*]]: !qvlx.buffer<?x5xf32>, %[[DRAWS:.*]]: !qvlx.buffer<?xi64>)
// CHECK-DAG: %[[THREE:.*]] = qvlx.constant 3
// CHECK-DAG: %[[ROWS:.*]] = qvlx.dim %[[X]], 0
// CHECK: %[[LOGITS:.*]] = qvlx.alloc(%[[ROWS]]) : <?x10000xf32>
// CHECK: %[[GRID:.*]] = qvlx.mul %[[ROWS]], %[[THREE]]
// CHECK: qvlx.launch @argmax_nx3 grid(%[[GRID]]) ins(%[[LOGITS]], %[[SEEN]], %[[SETTINGS]] :
// CHECK: qvlx.launch @sample_n grid(%[[ROWS]]) ins(%[[LOGITS]], %[[SEEN]], %[[SETTINGS]], %[[DRAWS]],

/// On a CPU the host samples.
// CPU-NOT: argmax
// CPU-LABEL: qvlx.program @decode arguments ["x"] results ["logits"]
// CPU-NOT: argmax
func.func @language(%x: tensor<?x10000xf32> {qvl.name = "x"}) -> (tensor<?x10000xf32> {qvl.name = "logits"}) attributes {qvl.programs = ["prefill", "decode"]} {
  %l = qvl.silu %x : tensor<?x10000xf32>
  return %l : tensor<?x10000xf32>
}
