// What the fusion passes make: projections with an epilogue, and rotary embedding joined with what surrounds it.
#ifndef QVL_FUSED_OPS_TD
#define QVL_FUSED_OPS_TD

include "dialects/qvl/IR/QvlBase.td"

def Qvl_FusedLinearOp : Qvl_TensorOp<"fused_linear", [AttrSizedOperandSegments, IsolatedFromAbove, SingleBlock]> {
  let summary = "Projections of one input with an epilogue on each element";
  let description = [{
    Computes `acc_w[t, n] = Σ_k input[load(t), k] · weight[w · N + n, k]` for one or two weights of `N` rows, each in one chain of
    ascending `k` in f32, and writes `result[store(t), n] = epilogue(acc_0[t, n], [acc_1[t, n],] operand_0, …)`. Two weights are one
    operand of `2 · N` rows, the second below the first; their number is that of its rows by the result's columns, so that one parameter
    can hold both side by side (`interleave` of `#qvl.panel`). The region is the epilogue on scalars: its
    arguments are one f32 per weight, then one f32 per operand; its body holds ops of `arith` and `math` and ends with `qvl.yield`. Each
    target inlines it on its register tile.

    An operand of rank 1 is a value per column (`operand[n]`), one of rank 2 a value per element (`operand[t, n]`), widened to f32.
    `load(%index group g)` reads rows through a permutation of groups: `load(t) = index[t div g] · g + t mod g`; `store(%index group g)`
    writes through one. Without them both are the identity.

    * `fused_linear_c1`: the weight has as many columns as the input.
    * `fused_linear_c2`: the weight has as many rows as the result has columns, or twice as many.
    * `fused_linear_c3`: an operand is a vector of one element per column or has the columns of the result.
    * `fused_linear_c4`: the region takes one f32 per weight and per operand.
    * `fused_linear_c5`: a group is given with its index and is positive.
    * `fused_linear_c6`: operands of rank 2 and a store map exclude each other.
    * `fused_linear_c7`: the region yields one f32, from ops of `arith` and `math` on scalars only.
    * `fused_linear_c8`: the result and operands of rank 2 have the rows of the input.

    ```mlir
    %y = qvl.fused_linear %x, (%w) with(%b, %r)
        : tensor<?x128xf32>, (tensor<256x128xbf16>) with(tensor<256xbf16>, tensor<?x256xf32>) -> tensor<?x256xf32> {
    ^bb0(%acc: f32, %bias: f32, %residual: f32):
      %0 = arith.addf %acc, %bias : f32
      %1 = arith.addf %residual, %0 : f32
      qvl.yield %1 : f32
    }
    ```
  }];
  let arguments = (ins Qvl_Rows:$input, Qvl_Matrix:$weight,
                       Variadic<AnyTypeOf<[Qvl_Vector, Qvl_Rows]>>:$epilogue_operands, Optional<Qvl_Index>:$load_index,
                       Optional<Qvl_Index>:$store_index, OptionalAttr<I64Attr>:$load_group, OptionalAttr<I64Attr>:$store_group);
  let results = (outs Qvl_Rows:$result);
  let regions = (region SizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    $input `,` `(` $weight `)` (`with` `(` $epilogue_operands^ `)`)?
    (`load` `(` $load_index^ `group` $load_group `:` type($load_index) `)`)?
    (`store` `(` $store_index^ `group` $store_group `:` type($store_index) `)`)? attr-dict
    `:` type($input) `,` `(` type($weight) `)` (`with` `(` type($epilogue_operands)^ `)`)? `->` type($result) $epilogue
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// How many weights lie one below the other in the weight operand: 1 or 2.
    int64_t getWeightCount();
  }];
}

def Qvl_YieldOp : Qvl_Op<"yield", [Pure, Terminator, ReturnLike, HasParent<"FusedLinearOp">]> {
  let summary = "The value of an epilogue";
  let description = [{
    ```mlir
    qvl.yield %r : f32
    ```
  }];
  let arguments = (ins F32:$value);
  let assemblyFormat = "$value `:` type($value) attr-dict";
}

def Qvl_RopeQkOp : Qvl_TensorOp<"rope_qk"> {
  let summary = "Query, key and value heads of joined columns, query and key rotated";
  let description = [{
    Splits the columns into query, key and value heads as `qvl.split_heads` does and rotates query and key as `qvl.rotate` does, reading
    the joined columns once.

    * `rope_qk_c1`: the columns of the input number `head_dim` times the sum of the three entries of `heads`.
    * `rope_qk_c2`: `head_dim` is twice the number of angles of the table.
    * `rope_qk_c3`: result `i` is `[rows, heads[i], head_dim]` with the element type of the input.
    * `rope_qk_c4`: the table and the results have the rows of the input.

    ```mlir
    %q, %k, %v = qvl.rope_qk %y, %t {heads = array<i64: 4, 4, 4>, head_dim = 32 : i64}
        : tensor<?x384xf32>, tensor<?x16x2xf32> -> tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>
    ```
  }];
  let arguments = (ins Qvl_Rows:$input, Qvl_Table:$table, DenseI64ArrayAttr:$heads, I64Attr:$head_dim);
  let results = (outs Qvl_Heads:$query, Qvl_Heads:$key, Qvl_Heads:$value);
  let assemblyFormat = [{
    $input `,` $table attr-dict `:` type($input) `,` type($table) `->` type($query) `,` type($key) `,` type($value)
  }];
  let hasVerifier = 1;
}

def Qvl_RopeAppendOp : Qvl_Op<"rope_append", [Pure, AllTypesMatch<["cache", "new_cache"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "Rotated query heads of joined columns, keys and values into the cache";
  let description = [{
    Splits the columns into `q_heads` query heads and the cache's key and value heads, rotates query and key as `qvl.rotate` does, and
    stores key and value as `qvl.cache_append` does. Returns the query and the cache that holds the new rows.

    * `rope_append_c1`: the columns of the input are those of `q_heads` query heads and of the key and value heads of the cache.
    * `rope_append_c2`: the head_dim of the cache is twice the number of angles of the table.
    * `rope_append_c3`: the query is `[rows, q_heads, head_dim]` with the element type of the input.
    * `rope_append_c4`: the table, the slots and the query have the rows of the input.

    ```mlir
    %q, %c1 = qvl.rope_append %y, %t, %c0 layer(%layer) slots(%slots) {q_heads = 6 : i64}
        : tensor<?x320xf32>, tensor<?x16x2xf32>, !qvl.cache<5, 2, 32, 64, f32>, tensor<?xi64> -> tensor<?x6x32xf32>
    ```
  }];
  let arguments = (ins Qvl_Rows:$input, Qvl_Table:$table, Qvl_CacheType:$cache, Index:$layer, Qvl_Slots:$slots,
                       I64Attr:$q_heads);
  let results = (outs Qvl_Heads:$query, Qvl_CacheType:$new_cache);
  let assemblyFormat = [{
    $input `,` $table `,` $cache `layer` `(` $layer `)` `slots` `(` $slots `)` attr-dict
    `:` type($input) `,` type($table) `,` type($cache) `,` type($slots) `->` type($query)
  }];
  let hasVerifier = 1;
}

#endif // QVL_FUSED_OPS_TD
