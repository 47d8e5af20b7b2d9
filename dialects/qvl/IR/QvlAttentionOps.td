// Attention inside segments and over the paged cache.
#ifndef QVL_ATTENTION_OPS_TD
#define QVL_ATTENTION_OPS_TD

include "dialects/qvl/IR/QvlBase.td"

def Qvl_AttentionOp : Qvl_TensorOp<"attention", [AllTypesMatch<["query", "key", "value"]>]> {
  let summary = "Softmax attention inside segments of rows";
  let description = [{
    Rows `segments[i] .. segments[i+1]` attend to each other and to nothing else: per head,
    `softmax(scale · q·kᵀ)·v`, without a mask (model specification, section 6.4). The result holds the heads of a row side by side.
    `max_rows` states a bound on the rows of a segment when one is known; the runtime checks it.

    Keys are taken in ascending order, in blocks of 64 counted from the start of the segment that are merged, or all at once where
    `max_rows` is small enough for a kernel to keep their scores; a row's result does not depend on other rows of its segment being
    computed with it.

    * `attention_c1`: the result is `[rows, heads · head_dim]` with the element type of the query.
    * `attention_c2`: `scale` is positive and finite.
    * `attention_c3`: `max_rows`, when given, is positive.
    * `attention_c4`: the result has the rows of the query.

    ```mlir
    %a = qvl.attention %q, %k, %v segments(%s) {scale = 0.111803398874989480 : f64, max_rows = 64 : i64}
        : tensor<?x16x80xf32>, tensor<?xi32> -> tensor<?x1280xf32>
    ```
  }];
  let arguments = (ins Qvl_Heads:$query, Qvl_Heads:$key, Qvl_Heads:$value, Qvl_Index:$segments, F64Attr:$scale,
                       OptionalAttr<I64Attr>:$max_rows);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value `segments` `(` $segments `)` attr-dict `:` type($query) `,` type($segments) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Qvl_CacheAppendOp : Qvl_Op<"cache_append", [Pure, AllTypesMatch<["cache", "result"]>, AllTypesMatch<["key", "value"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "Keys and values of new rows into the cache";
  let description = [{
    Stores row `t` of `key` and `value` at token `slots[t] mod page` of page `slots[t] div page`, in the given layer, and returns the
    cache that holds them. Slots of one call are distinct; the runtime checks them.

    * `cache_append_c1`: heads and head_dim of `key` are those of the cache.
    * `cache_append_c2`: there is a slot for each row of `key`.

    ```mlir
    %c1 = qvl.cache_append %k, %v, %c0 layer(%layer) slots(%slots)
        : tensor<?x2x32xf32>, tensor<?xi64>, !qvl.cache<5, 2, 32, 64, f32>
    ```
  }];
  let arguments = (ins Qvl_Heads:$key, Qvl_Heads:$value, Qvl_CacheType:$cache, Index:$layer, Qvl_Slots:$slots);
  let results = (outs Qvl_CacheType:$result);
  let assemblyFormat = [{
    $key `,` $value `,` $cache `layer` `(` $layer `)` `slots` `(` $slots `)` attr-dict `:` type($key) `,` type($slots) `,` type($cache)
  }];
  let hasVerifier = 1;
}

def Qvl_CachedAttentionOp : Qvl_TensorOp<"cached_attention"> {
  let summary = "Causal attention of a ragged batch over the paged cache";
  let description = [{
    Row `t` belongs to sequence `b = row_sequence[t]` and is its token number `p = cache_lengths[b] + t − row_offsets[b]`. It attends
    to tokens `0 .. p` of that sequence: token `j` lies in page `block_table[b, j div page]` at place `j mod page`. Query head `h` uses
    key and value head `h div (heads / kv_heads)`. The result holds the heads of a row side by side.

    Keys are taken in blocks of 64 aligned to absolute token numbers, merged in ascending order, so a row's result does not depend on
    how the tokens were split into calls, on batch mates or on page numbers.

    * `cached_attention_c1`: head_dim of the query is that of the cache.
    * `cached_attention_c2`: the heads of the query are a multiple of the heads of the cache.
    * `cached_attention_c3`: the result is `[rows, heads · head_dim]` with the element type of the query.
    * `cached_attention_c4`: `scale` is positive and finite.
    * `cached_attention_c5`: the result and `row_sequence` have the rows of the query.

    ```mlir
    %a = qvl.cached_attention %q, %c layer(%layer) sequences(%row_offsets, %row_sequence, %cache_lengths, %block_table)
        {scale = 0.17677669529663687 : f64}
        : tensor<?x6x32xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
        -> tensor<?x192xf32>
    ```
  }];
  let arguments = (ins Qvl_Heads:$query, Qvl_CacheType:$cache, Index:$layer, Qvl_Index:$row_offsets, Qvl_Index:$row_sequence,
                       Qvl_Index:$cache_lengths, 2DTensorOf<[I32]>:$block_table, F64Attr:$scale);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = [{
    $query `,` $cache `layer` `(` $layer `)` `sequences` `(` $row_offsets `,` $row_sequence `,` $cache_lengths `,` $block_table `)`
    attr-dict `:` type($query) `,` type($cache) `,` type($row_offsets) `,` type($row_sequence) `,` type($cache_lengths) `,`
    type($block_table) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Qvl_CachedAttentionSplitsOp : Qvl_TensorOp<"cached_attention_splits"> {
  let summary = "Attention over the cache in splits of the keys";
  let description = [{
    The operands and rules are those of `cached_attention`, but the keys of a row are dealt to `splits` partial results, a static number:
    token `j` belongs to split `(j div 64) mod splits`, whatever the row and its batch. With `M` the maximum of `scale · q·k` over
    a split's tokens that a row sees, `output` holds `Σ exp(scale · q·k − M)·v` and `weights` holds `M` and then `Σ exp(scale · q·k − M)`.
    The weights of a split without tokens are minus infinity and zero, and its output is unspecified and not to be read. Split 0 always has
    a token. `merge_splits` joins them: a row of few rows is then the work of many thread blocks.

    * `cached_attention_splits_c1`: head_dim of the query is that of the cache.
    * `cached_attention_splits_c2`: the heads of the query are a multiple of the heads of the cache.
    * `cached_attention_splits_c3`: the results are `[rows, splits, heads, 2]` and `[rows, splits, heads, head_dim]` with one number of splits.
    * `cached_attention_splits_c4`: `scale` is positive and finite.
    * `cached_attention_splits_c5`: the results and `row_sequence` have the rows of the query.

    ```mlir
    %w, %o = qvl.cached_attention_splits %q, %c layer(%layer) sequences(%row_offsets, %row_sequence, %cache_lengths, %block_table)
        {scale = 0.17677669529663687 : f64}
        : tensor<?x6x32xbf16>, !qvl.cache<5, 2, 32, 64, bf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>
        -> tensor<?x64x6x2xf32>, tensor<?x64x6x32xf32>
    ```
  }];
  let arguments = (ins Qvl_Heads:$query, Qvl_CacheType:$cache, Index:$layer, Qvl_Index:$row_offsets, Qvl_Index:$row_sequence,
                       Qvl_Index:$cache_lengths, 2DTensorOf<[I32]>:$block_table, F64Attr:$scale);
  let results = (outs Qvl_Splits:$weights, Qvl_Splits:$output);
  let assemblyFormat = [{
    $query `,` $cache `layer` `(` $layer `)` `sequences` `(` $row_offsets `,` $row_sequence `,` $cache_lengths `,` $block_table `)`
    attr-dict `:` type($query) `,` type($cache) `,` type($row_offsets) `,` type($row_sequence) `,` type($cache_lengths) `,`
    type($block_table) `->` type($weights) `,` type($output)
  }];
  let hasVerifier = 1;
}

def Qvl_MergeSplitsOp : Qvl_TensorOp<"merge_splits"> {
  let summary = "Partial results of attention joined";
  let description = [{
    Joins the results of `cached_attention_splits`. With `M` the greatest maximum of a head's splits and `f(s) = exp(maximum(s) − M)`, the
    result is `Σ f(s) · output(s)` over `Σ f(s) · sum(s)`, both in ascending order of splits; splits whose sum is zero are not read. The
    result holds the heads of a row side by side.

    * `merge_splits_c1`: the weights are `[rows, splits, heads, 2]`, with the splits and heads of the output.
    * `merge_splits_c2`: the result is `[rows, heads · head_dim]`.
    * `merge_splits_c3`: weights, output and result have one number of rows.

    ```mlir
    %a = qvl.merge_splits %w, %o : tensor<?x64x6x2xf32>, tensor<?x64x6x32xf32> -> tensor<?x192xbf16>
    ```
  }];
  let arguments = (ins Qvl_Splits:$weights, Qvl_Splits:$output);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = "$weights `,` $output attr-dict `:` type($weights) `,` type($output) `->` type($result)";
  let hasVerifier = 1;
}

#endif // QVL_ATTENTION_OPS_TD
