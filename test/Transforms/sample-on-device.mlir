// RUN: qvl-opt %s --qvl-sample-on-device --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-sample-on-device --qvl-sample-on-device --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-sample-on-device --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-sample-on-device -o /dev/null

/// programNames, findLogits. Prefill keeps the function; decode gets a copy that chooses the ids.
// CHECK-LABEL: func.func @language(
// CHECK-SAME: %{{.*}}: tensor<?x8xf32> {qvl.name = "x"}, %{{.*}}: !qvl.cache<1, 1, 4, 64, f32> {qvl.name = "kv_cache"})
// CHECK-SAME: -> (tensor<?x5000xf32> {qvl.name = "logits"}, !qvl.cache<1, 1, 4, 64, f32>)
// CHECK-SAME: attributes {qvl.programs = ["prefill"]}
// CHECK-NOT: qvl.argmax
// CHECK-LABEL: func.func @language_decode(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32> {qvl.name = "x"}, %[[C:.*]]: !qvl.cache<1, 1, 4, 64, f32> {qvl.name = "kv_cache"}
// CHECK-SAME: %[[SEEN:.*]]: tensor<?x157xi32> {qvl.name = "seen"}, %[[S:.*]]: tensor<?x5xf32> {qvl.name = "sampling"}, %[[D:.*]]: tensor<?xi64> {qvl.name = "draws"})
// CHECK-SAME: -> (tensor<?x5000xf32> {qvl.name = "logits"}, tensor<?xi32> {qvl.name = "ids"}, !qvl.cache<1, 1, 4, 64, f32>)
// CHECK-SAME: attributes {qvl.programs = ["decode"]}
// CHECK: %[[L:.*]] = qvl.linear %[[X]]
// CHECK-NEXT: %[[V:.*]], %[[I:.*]] = qvl.argmax %[[L]] seen(%[[SEEN]]) settings(%[[S]]) {columns = 4096 : i64}
// CHECK-SAME: -> tensor<?x2xf32>, tensor<?x2xi32>
// CHECK-NEXT: %[[ID:.*]] = qvl.sample %[[L]] seen(%[[SEEN]]) settings(%[[S]]) draws(%[[D]]) best(%[[V]], %[[I]])
// CHECK-NEXT: return %[[L]], %[[ID]], %[[C]]
qvl.parameter @head : tensor<5000x8xf32>
// expected-remark@+1 {{the program 'decode' chooses the ids}}
func.func @language(%x: tensor<?x8xf32> {qvl.name = "x"}, %c: !qvl.cache<1, 1, 4, 64, f32> {qvl.name = "kv_cache"})
    -> (tensor<?x5000xf32> {qvl.name = "logits"}, !qvl.cache<1, 1, 4, 64, f32>) attributes {qvl.programs = ["prefill", "decode"]} {
  %w = qvl.load @head : tensor<5000x8xf32>
  %l = qvl.linear %x, %w : tensor<?x8xf32>, tensor<5000x8xf32> -> tensor<?x5000xf32>
  return %l, %c : tensor<?x5000xf32>, !qvl.cache<1, 1, 4, 64, f32>
}

// -----

/// A function that is decode alone is not copied.
// CHECK: func.func @decode(
// CHECK: qvl.sample
// CHECK-NOT: func.func
// expected-remark@+1 {{the program 'decode' chooses the ids}}
func.func @decode(%l: tensor<?x40xf32> {qvl.name = "x"}) -> (tensor<?x40xf32> {qvl.name = "logits"}) {
  %y = qvl.silu %l : tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// -----

/// programNames: other programs stay as they are.
// CHECK-LABEL: func.func @negative_prefill
// CHECK-NOT: qvl.sample
func.func @negative_prefill(%l: tensor<?x40xf32> {qvl.name = "x"}) -> (tensor<?x40xf32> {qvl.name = "logits"}) {
  return %l : tensor<?x40xf32>
}

// -----

/// findLogits: none of that name, of another type.
// CHECK-LABEL: func.func @negative_name
// CHECK-LABEL: func.func @negative_type
// CHECK-NOT: qvl.sample
// expected-remark@+1 {{the program has no result logits of f32}}
func.func @negative_name(%l: tensor<?x40xf32> {qvl.name = "x"}) -> (tensor<?x40xf32> {qvl.name = "y"}) attributes {qvl.programs = ["decode"]} {
  return %l : tensor<?x40xf32>
}
// expected-remark@+1 {{the program has no result logits of f32}}
func.func @negative_type(%l: tensor<?x40xbf16> {qvl.name = "x"}) -> (tensor<?x40xbf16> {qvl.name = "logits"}) attributes {qvl.programs = ["decode"]} {
  return %l : tensor<?x40xbf16>
}

// -----

/// findLogits: a declaration returns nothing.
// CHECK-LABEL: func.func private @negative_declaration
// CHECK-NOT: qvl.sample
// expected-remark@+1 {{the program has no result logits of f32}}
func.func private @negative_declaration(tensor<?x40xf32>) -> (tensor<?x40xf32> {qvl.name = "logits"}) attributes {qvl.programs = ["decode"]}
