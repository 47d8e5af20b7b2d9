// RUN: qvl-opt %s --qvl-split-cached-attention --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-split-cached-attention --qvl-split-cached-attention --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-split-cached-attention=max-context=640 --split-input-file | FileCheck %s --check-prefix=SHORT
// RUN: qvl-opt %s --qvl-split-cached-attention=max-context=64 --split-input-file | FileCheck %s --check-prefix=ONE
// RUN: not qvl-opt %s --qvl-split-cached-attention=max-context=-1 --split-input-file 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: qvl-opt %s --qvl-split-cached-attention --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-split-cached-attention -o /dev/null

// NONE: a context of -1 tokens is none

/// Two key heads make 64 splits, fewer when so many blocks of 64 tokens do not exist. The other program keeps the function.
// CHECK-LABEL: func.func @language
// CHECK-SAME: qvl.programs = ["prefill"]
// CHECK: qvl.cached_attention %
// CHECK-LABEL: func.func @language_decode(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<?x16x128xbf16> {qvl.name = "q"}
// CHECK-SAME: qvl.programs = ["decode"]
// CHECK-NOT: qvl.cached_attention %
// CHECK: %[[W:.*]], %[[O:.*]] = qvl.cached_attention_splits %[[Q]], {{.*}} {scale = {{.*}}} : {{.*}} -> tensor<?x64x16x2xf32>, tensor<?x64x16x128xf32>
// CHECK-NEXT: %[[A:.*]] = qvl.merge_splits %[[W]], %[[O]] : tensor<?x64x16x2xf32>, tensor<?x64x16x128xf32> -> tensor<?x2048xbf16>
// CHECK-NEXT: return %[[A]]

// SHORT: -> tensor<?x10x16x2xf32>, tensor<?x10x16x128xf32>

/// One split is no split, and nothing needs a copy.
// ONE-LABEL: func.func @language
// ONE-NOT: func.func
// ONE-NOT: splits
// ONE: // -----
func.func @language(%q: tensor<?x16x128xbf16> {qvl.name = "q"}, %c: !qvl.cache<36, 2, 128, 64, bf16> {qvl.name = "cache"}, %o: tensor<?xi32>,
                    %s: tensor<?xi32>, %l: tensor<?xi32>, %t: tensor<?x?xi32>) -> tensor<?x2048xbf16>
    attributes {qvl.programs = ["prefill", "decode"]} {
  %layer = arith.constant 3 : index
  // expected-remark@+1 {{its keys are dealt to 64 splits}}
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%o, %s, %l, %t) {scale = 0.088 : f64}
      : tensor<?x16x128xbf16>, !qvl.cache<36, 2, 128, 64, bf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
      -> tensor<?x2048xbf16>
  return %a : tensor<?x2048xbf16>
}

// -----

/// A function that becomes decode alone is rewritten where it is. Groups of 12 heads are two blocks each.
// CHECK-LABEL: func.func @decode
// CHECK: qvl.cached_attention_splits {{.*}} -> tensor<?x64x12x2xf32>, tensor<?x64x12x24xf32>
// CHECK-NOT: func.func
func.func @decode(%q: tensor<?x12x24xf32>, %c: !qvl.cache<2, 1, 24, 128, f32>, %layer: index, %o: tensor<?xi32>, %s: tensor<?xi32>,
                  %l: tensor<?xi32>, %t: tensor<?x?xi32>) -> tensor<?x288xf32> {
  // expected-remark@+1 {{its keys are dealt to 64 splits}}
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%o, %s, %l, %t) {scale = 0.2 : f64}
      : tensor<?x12x24xf32>, !qvl.cache<2, 1, 24, 128, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
      -> tensor<?x288xf32>
  return %a : tensor<?x288xf32>
}

// -----

/// negative: heads that fill a GPU.
// CHECK-LABEL: func.func @decode
// CHECK-NOT: splits
func.func @decode(%q: tensor<?x128x16xf32>, %c: !qvl.cache<2, 128, 16, 128, f32>, %layer: index, %o: tensor<?xi32>, %s: tensor<?xi32>,
                  %l: tensor<?xi32>, %t: tensor<?x?xi32>) -> tensor<?x2048xf32> {
  // expected-remark@+1 {{the heads of one row fill a GPU}}
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%o, %s, %l, %t) {scale = 0.25 : f64}
      : tensor<?x128x16xf32>, !qvl.cache<2, 128, 16, 128, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
      -> tensor<?x2048xf32>
  return %a : tensor<?x2048xf32>
}

// -----

/// negative: a program of another name.
// CHECK-LABEL: func.func @prefill
// CHECK-NOT: splits
func.func @prefill(%q: tensor<?x16x128xbf16>, %c: !qvl.cache<36, 2, 128, 64, bf16>, %layer: index, %o: tensor<?xi32>, %s: tensor<?xi32>,
                   %l: tensor<?xi32>, %t: tensor<?x?xi32>) -> tensor<?x2048xbf16> {
  %a = qvl.cached_attention %q, %c layer(%layer) sequences(%o, %s, %l, %t) {scale = 0.088 : f64}
      : tensor<?x16x128xbf16>, !qvl.cache<36, 2, 128, 64, bf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
      -> tensor<?x2048xbf16>
  return %a : tensor<?x2048xbf16>
}
