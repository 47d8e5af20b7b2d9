// Ops that choose token ids from logits.
#ifndef QVL_SAMPLING_OPS_TD
#define QVL_SAMPLING_OPS_TD

include "dialects/qvl/IR/QvlBase.td"

def Qvl_Logits : Qvl_RowTensor<[F32], [2]>; // [rows, vocab]
def Qvl_Words : Qvl_RowTensor<[I32], [2]>;  // [rows, words]

def Qvl_ArgmaxOp : Qvl_TensorOp<"argmax"> {
  let summary = "Largest logit of each block of columns, after the repetition penalty";
  let description = [{
    `values[r, j]` is the largest logit of row `r` among the columns `j·columns` to `(j + 1)·columns`, the last block being the rest, and
    `ids[r, j]` is its column, the lowest one of equal logits. Before, logits of ids that were seen are penalized in f32: with `p` column 4 of
    `settings` (`include/qvlfmt/Sampling.h`), `l < 0 ? l·p : l / p` (model specification, section 8.2). Id `c` was seen when bit `c mod 32` of
    `seen[r, c div 32]` is set. A block with a NaN has NaN and the id -1. The blocks exist so that many thread blocks can share a row.

    * `argmax_c1`: `columns` is a positive multiple of 32.
    * `argmax_c2`: `seen` has a bit for each column of the logits, and `settings` has 5 columns.
    * `argmax_c3`: the results have a column for each block of columns.
    * `argmax_c4`: operands and results have one number of rows.

    ```mlir
    %values, %ids = qvl.argmax %logits seen(%seen) settings(%settings) {columns = 4096 : i64}
        : tensor<?x152064xf32>, tensor<?x4752xi32>, tensor<?x5xf32> -> tensor<?x38xf32>, tensor<?x38xi32>
    ```
  }];
  let arguments = (ins Qvl_Logits:$logits, Qvl_Words:$seen, Qvl_Logits:$settings, I64Attr:$columns);
  let results = (outs Qvl_Logits:$values, Qvl_Words:$ids);
  let assemblyFormat = [{
    $logits `seen` `(` $seen `)` `settings` `(` $settings `)` attr-dict
    `:` type($logits) `,` type($seen) `,` type($settings) `->` type($values) `,` type($ids)
  }];
  let hasVerifier = 1;
}

def Qvl_SampleOp : Qvl_TensorOp<"sample"> {
  let summary = "Token id of each row of logits";
  let description = [{
    Chooses an id for each row (model specification, section 8.2). `values` and `best` are the results of `qvl.argmax` on the same operands. With a
    temperature of 0 the id is that of the largest of `values`, the lowest one on ties. Otherwise, with the columns of `settings`
    (`include/qvlfmt/Sampling.h`) and every logit rounded to f32 after each step:

    * logits are penalized as by `qvl.argmax` and divided by the temperature; -0 counts as 0;
    * with `0 < top_k < V`, logits below the `top_k`-th largest are dropped; those equal to it stay;
    * of the rest, in ascending order and the lower id first of equal ones, those whose running sum of probabilities is no more than the
      dropped share are dropped, but never the last;
    * of the rest, those less likely than `min_p` times the most likely one are dropped;
    * the id is the first, in the order of ids, at which the running sum of what is left exceeds `draws · 2^-53` of its total.

    Where the largest logit is not finite it is chosen, and a NaN gives -1. Beyond the main input the op has five operands, which are one
    thing: how the ids of the rows are chosen.

    * `sample_c1`: `seen` has a bit for each column of the logits, and `settings` has 5 columns.
    * `sample_c2`: `values` and `best` have equal sizes.
    * `sample_c3`: the logits have at most 2^24 columns, whose numbers f32 can hold.
    * `sample_c4`: operands and result have one number of rows.

    ```mlir
    %id = qvl.sample %logits seen(%seen) settings(%settings) draws(%draws) best(%values, %ids)
        : tensor<?x152064xf32>, tensor<?x4752xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x38xf32>, tensor<?x38xi32> -> tensor<?xi32>
    ```
  }];
  let arguments = (ins Qvl_Logits:$logits, Qvl_Words:$seen, Qvl_Logits:$settings, Qvl_Slots:$draws, Qvl_Logits:$values, Qvl_Words:$best);
  let results = (outs Qvl_Index:$result);
  let assemblyFormat = [{
    $logits `seen` `(` $seen `)` `settings` `(` $settings `)` `draws` `(` $draws `)` `best` `(` $values `,` $best `)` attr-dict
    `:` type($logits) `,` type($seen) `,` type($settings) `,` type($draws) `,` type($values) `,` type($best) `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // QVL_SAMPLING_OPS_TD
