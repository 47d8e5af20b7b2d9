// Ops that choose, permute and merge rows.
#ifndef QVL_ROW_OPS_TD
#define QVL_ROW_OPS_TD

include "dialects/qvl/IR/QvlBase.td"

def Qvl_EmbedOp : Qvl_TensorOp<"embed"> {
  let summary = "Row of the embedding table for each token id";
  let description = [{
    `result[t, :] = table[ids[t], :]`. The runtime checks that ids are below the number of rows.

    * `embed_c1`: the result has the columns of the table and the rows of `ids`.

    ```mlir
    %x = qvl.embed %ids, %table : tensor<?xi32>, tensor<672x192xbf16> -> tensor<?x192xf32>
    ```
  }];
  let arguments = (ins Qvl_Index:$ids, Qvl_Matrix:$table);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = "$ids `,` $table `:` type($ids) `,` type($table) `->` type($result) attr-dict";
  let hasVerifier = 1;
}

def Qvl_GatherRowsOp : Qvl_TensorOp<"gather_rows"> {
  let summary = "Rows picked by number";
  let description = [{
    `result[r, :] = input[rows[r], :]`. The runtime checks the range of `rows`.

    * `gather_rows_c1`: the result has the columns and element type of the input and the rows of `rows`.

    ```mlir
    %y = qvl.gather_rows %x, %rows : tensor<?x192xf32>, tensor<?xi32> -> tensor<?x192xf32>
    ```
  }];
  let arguments = (ins Qvl_Rows:$input, Qvl_Index:$rows);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = "$input `,` $rows `:` type($input) `,` type($rows) `->` type($result) attr-dict";
  let hasVerifier = 1;
}

def Qvl_MergeFeaturesOp : Qvl_TensorOp<"merge_features", [AllTypesMatch<["embeddings", "result"]>]> {
  let summary = "Vision features over the embeddings of their placeholders";
  let description = [{
    `result[t, :] = feature_rows[t] < 0 ? embeddings[t, :] : features[feature_rows[t], :]` (model specification, section 7.1).
    Features of another element type are converted to that of the embeddings.

    * `merge_features_c1`: `features` has the columns of `embeddings`.
    * `merge_features_c2`: there is one of `feature_rows` for each row of `embeddings`.

    ```mlir
    %y = qvl.merge_features %x, %features, %rows : tensor<?x192xf32>, tensor<?x192xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins Qvl_Rows:$embeddings, Qvl_Rows:$features, Qvl_Index:$feature_rows);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = [{
    $embeddings `,` $features `,` $feature_rows `:` type($embeddings) `,` type($features) `,` type($feature_rows) attr-dict
  }];
  let hasVerifier = 1;
}

def Qvl_RegroupOp : Qvl_TensorOp<"regroup", [AllTypesMatch<["input", "result"]>]> {
  let summary = "Permutation of groups of rows";
  let description = [{
    Moves groups of `group` consecutive rows: `result[i·group + j] = input[index[i]·group + j]`, or with `inverse`
    `result[index[i]·group + j] = input[i·group + j]`. The index is a permutation; `preserving(%segments)` states in addition that it
    keeps every row inside its segment. The planner produces such indices and the runtime checks both once per request. With `merged = n`,
    segments are counted in finer rows: a row of the input stands for `n` of them, as `qvl.merge_rows` makes it.

    * `regroup_c1`: `group` is positive.
    * `regroup_c2`: `merged`, when given, is at least 2.

    ```mlir
    %y = qvl.regroup %x, %window preserving(%frames) {group = 4 : i64} : tensor<?x16x80xf32>, tensor<?xi32>, tensor<?xi32>
    %z = qvl.regroup %y, %window preserving(%frames) {group = 4 : i64, inverse} : tensor<?x16x80xf32>, tensor<?xi32>, tensor<?xi32>
    %f = qvl.regroup %m, %window preserving(%frames) {group = 1 : i64, inverse, merged = 4 : i64} : tensor<?x512xf32>, tensor<?xi32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins Qvl_RowsOrHeads:$input, Qvl_Index:$index, Qvl_Index:$segments, I64Attr:$group, UnitAttr:$inverse,
                       OptionalAttr<I64Attr>:$merged);
  let results = (outs Qvl_RowsOrHeads:$result);
  let assemblyFormat = [{
    $input `,` $index `preserving` `(` $segments `)` attr-dict `:` type($input) `,` type($index) `,` type($segments)
  }];
  let extraClassDeclaration = [{
    /// Rows of the segments that a row of the input stands for.
    int64_t getSegmentRows() { return getMerged().value_or(1); }
  }];
  let hasVerifier = 1;
}

def Qvl_MergeRowsOp : Qvl_TensorOp<"merge_rows"> {
  let summary = "Consecutive rows side by side as one";
  let description = [{
    `result[i, j·columns + c] = input[i·rows + j, c]`: `rows` rows become one (model specification, section 6.1).

    * `merge_rows_c1`: `rows` is positive.
    * `merge_rows_c2`: the result has `rows` times the columns of the input and its element type.
    * `merge_rows_c3`: the input has `rows` times the rows of the result.

    ```mlir
    %y = qvl.merge_rows %x {rows = 4 : i64} : tensor<?x128xf32> -> tensor<?x512xf32>
    ```
  }];
  let arguments = (ins Qvl_Rows:$input, I64Attr:$rows);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

#endif // QVL_ROW_OPS_TD
