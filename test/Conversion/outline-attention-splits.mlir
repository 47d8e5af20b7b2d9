// RUN: qvl-opt %s --qvl-outline-kernels=target=cuda --canonicalize --cse | FileCheck %s
// RUN: not qvl-opt %s --qvl-outline-kernels 2>&1 | FileCheck %s --check-prefix=CPU

/// Both results of the first kernel are buffers, whose dynamic size is the rows; its grid is rows times two key heads times 64 splits, that
/// of the second rows times heads. Nothing of a grid depends on the table of pages.
// CHECK: qvlx.kernel @cached_attention_splits_nx64x16x2 buffers(8) scalars(9) scratch({{[1-9][0-9]*}})
// CHECK: qvlx.kernel @merge_splits_nx2048 buffers(3) scalars(3) scratch({{[1-9][0-9]*}})
// CHECK-LABEL: qvlx.program @decode
// CHECK-DAG: %[[BLOCKS:.*]] = qvlx.constant 128
// CHECK-DAG: %[[HEADS:.*]] = qvlx.constant 16
// CHECK: %[[ROWS:.*]] = qvlx.dim %[[Q:.*]], 0
// CHECK-DAG: %[[W:.*]] = qvlx.alloc(%[[ROWS]]) : <?x64x16x2xf32>
// CHECK-DAG: %[[O:.*]] = qvlx.alloc(%[[ROWS]]) : <?x64x16x128xf32>
// CHECK: %[[GRID:.*]] = qvlx.mul %[[ROWS]], %[[BLOCKS]]
// CHECK: qvlx.launch @cached_attention_splits_nx64x16x2 grid(%[[GRID]]) ins(%[[Q]], {{.*}}) outs(%[[W]], %[[O]] : {{.*}})
// CHECK: %[[A:.*]] = qvlx.alloc(%[[ROWS]]) : <?x2048xbf16>
// CHECK: %[[MERGE:.*]] = qvlx.mul %[[ROWS]], %[[HEADS]]
// CHECK: qvlx.launch @merge_splits_nx2048 grid(%[[MERGE]]) ins(%[[W]], %[[O]] : {{.*}}) outs(%[[A]] : {{.*}}) scalars(%[[ROWS]], %[[ROWS]], %[[ROWS]])

/// Splits are made for GPUs alone.
// CPU: no code generation for 'qvl.cached_attention_splits'
func.func @decode(%q: tensor<?x16x128xbf16> {qvl.name = "q"}, %c: !qvl.cache<36, 2, 128, 64, bf16> {qvl.name = "cache"},
                  %o: tensor<?xi32> {qvl.name = "o"}, %s: tensor<?xi32> {qvl.name = "s"}, %l: tensor<?xi32> {qvl.name = "l"},
                  %t: tensor<?x?xi32> {qvl.name = "t"}) -> (tensor<?x2048xbf16> {qvl.name = "a"}) {
  %layer = arith.constant 3 : index
  %w, %p = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%o, %s, %l, %t) {scale = 0.088 : f64}
      : tensor<?x16x128xbf16>, !qvl.cache<36, 2, 128, 64, bf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
      -> tensor<?x64x16x2xf32>, tensor<?x64x16x128xf32>
  %a = qvl.merge_splits %w, %p : tensor<?x64x16x2xf32>, tensor<?x64x16x128xf32> -> tensor<?x2048xbf16>
  return %a : tensor<?x2048xbf16>
}
