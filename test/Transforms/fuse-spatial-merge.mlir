// RUN: qvl-opt %s --qvl-fuse-spatial-merge --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-spatial-merge --qvl-fuse-spatial-merge --split-input-file | FileCheck %s
// RUN: qvl-opt %s --qvl-fuse-spatial-merge --split-input-file --verify-diagnostics --remark-format=emitRemark \
// RUN:   --remarks-filter=qvl-fuse-spatial-merge -o /dev/null

/// isOnlyReader, isUnmerged, mergesSeveralRows
// CHECK-LABEL: func.func @merger
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[W:.*]]: tensor<16xbf16>)
// CHECK-NEXT: %[[Y:.*]] = qvl.rms_norm %[[X]], %[[W]] {eps = {{.*}}, merge = 4 : i64} : tensor<?x16xf32>, tensor<16xbf16> -> tensor<?x64xf32>
// CHECK-NEXT: return %[[Y]]
func.func @merger(%x: tensor<?x16xf32>, %w: tensor<16xbf16>) -> tensor<?x64xf32> {
  // expected-remark@+1 {{'qvl.merge_rows' into 'qvl.rms_norm'}}
  %n = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x16xf32>, tensor<16xbf16> -> tensor<?x16xf32>
  %m = qvl.merge_rows %n {rows = 4 : i64} : tensor<?x16xf32> -> tensor<?x64xf32>
  return %m : tensor<?x64xf32>
}

// -----

/// isOnlyReader
// CHECK-LABEL: func.func @negative_other_readers
// CHECK: qvl.rms_norm
// CHECK: qvl.merge_rows
func.func @negative_other_readers(%x: tensor<?x16xf32>, %w: tensor<16xbf16>) -> (tensor<?x16xf32>, tensor<?x64xf32>) {
  %n = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x16xf32>, tensor<16xbf16> -> tensor<?x16xf32>
  // expected-remark@+1 {{'qvl.rms_norm' has other readers}}
  %m = qvl.merge_rows %n {rows = 4 : i64} : tensor<?x16xf32> -> tensor<?x64xf32>
  return %n, %m : tensor<?x16xf32>, tensor<?x64xf32>
}

// -----

/// isUnmerged
// CHECK-LABEL: func.func @negative_merged_twice
// CHECK: qvl.rms_norm {{.*}}merge = 4
// CHECK: qvl.merge_rows
func.func @negative_merged_twice(%x: tensor<?x16xf32>, %w: tensor<16xbf16>) -> tensor<?x128xf32> {
  %n = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64, merge = 4 : i64} : tensor<?x16xf32>, tensor<16xbf16> -> tensor<?x64xf32>
  // expected-remark@+1 {{'qvl.rms_norm' merges rows already}}
  %m = qvl.merge_rows %n {rows = 2 : i64} : tensor<?x64xf32> -> tensor<?x128xf32>
  return %m : tensor<?x128xf32>
}

// -----

/// mergesSeveralRows
// CHECK-LABEL: func.func @negative_one_row
// CHECK: qvl.rms_norm
// CHECK: qvl.merge_rows
func.func @negative_one_row(%x: tensor<?x16xf32>, %w: tensor<16xbf16>) -> tensor<?x16xf32> {
  %n = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x16xf32>, tensor<16xbf16> -> tensor<?x16xf32>
  // expected-remark@+1 {{a merge of one row stays}}
  %m = qvl.merge_rows %n {rows = 1 : i64} : tensor<?x16xf32> -> tensor<?x16xf32>
  return %m : tensor<?x16xf32>
}

// -----

/// No norm: no remark.
// CHECK-LABEL: func.func @negative_no_norm
// CHECK: qvl.merge_rows
func.func @negative_no_norm(%x: tensor<?x16xf32>) -> tensor<?x64xf32> {
  %m = qvl.merge_rows %x {rows = 4 : i64} : tensor<?x16xf32> -> tensor<?x64xf32>
  return %m : tensor<?x64xf32>
}
