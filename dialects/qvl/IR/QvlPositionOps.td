// Rotary embedding over several axes.
#ifndef QVL_POSITION_OPS_TD
#define QVL_POSITION_OPS_TD

include "dialects/qvl/IR/QvlBase.td"

def Qvl_RopeTableOp : Qvl_TensorOp<"rope_table"> {
  let summary = "Cosines and sines of the rotary angles of each row";
  let description = [{
    `positions` holds one row of positions per axis; `sections[a]` angles follow axis `a`, in order. With `n` the sum of the
    sections, angle `i` of row `t` is `f32(positions[axis(i), t]) · inv[i]` in f32, where

    * `frequencies = #qvl.frequencies<shared>`: `inv[i] = 1 / theta^(i / n)` over all `n` angles (text, section 7.3 of the model specification);
    * `frequencies = #qvl.frequencies<per_axis>`: with `j` the place of `i` inside its section of `s` angles,
      `inv[i] = 1 / theta^(j / s)` (vision, section 6.2);

    and `result[t, i, :] = (cos, sin)`. The inverse frequencies are rounded to f32 (`ropeFrequencies`) in every mode.

    `rows(%index group g)` takes the positions through a permutation of groups of rows: row `t` has the angles of position column
    `index[t div g] · g + t mod g`. Without it that column is `t`.

    * `rope_table_c1`: there is one section per axis, each positive.
    * `rope_table_c2`: the result is `[rows, sum of sections, 2]`.
    * `rope_table_c3`: `theta` is positive and finite.
    * `rope_table_c4`: a group is given with its index and is positive.
    * `rope_table_c5`: the result has a row for each column of the positions.

    ```mlir
    %t = qvl.rope_table %positions {theta = 1.0e6 : f64, sections = array<i64: 16, 24, 24>,
        frequencies = #qvl.frequencies<shared>} : tensor<3x?xi32> -> tensor<?x64x2xf32>
    %w = qvl.rope_table %positions rows(%window group 4 : tensor<?xi32>) {theta = 1.0e4 : f64, sections = array<i64: 20, 20>,
        frequencies = #qvl.frequencies<per_axis>} : tensor<2x?xi32> -> tensor<?x40x2xf32>
    ```
  }];
  let arguments = (ins 2DTensorOf<[I32]>:$positions, F64Attr:$theta, DenseI64ArrayAttr:$sections,
                       Qvl_FrequencySharingAttr:$frequencies, Optional<Qvl_Index>:$row_index, OptionalAttr<I64Attr>:$row_group);
  let results = (outs Qvl_Table:$result);
  let assemblyFormat = [{
    $positions (`rows` `(` $row_index^ `group` $row_group `:` type($row_index) `)`)? attr-dict `:` type($positions) `->` type($result)
  }];
  let builders = [ // Without a row map.
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$positions, "::mlir::FloatAttr":$theta,
                   "::mlir::DenseI64ArrayAttr":$sections, "FrequencySharingAttr":$frequencies),
      [{ build($_builder, $_state, result, positions, theta, sections, frequencies, ::mlir::Value(), ::mlir::IntegerAttr()); }]>
  ];
  let hasVerifier = 1;
}

def Qvl_RotateOp : Qvl_TensorOp<"rotate", [AllTypesMatch<["input", "result"]>]> {
  let summary = "Half-split rotation of every head by its row's angles";
  let description = [{
    With `n` angles and heads of `2n`: for `d < n`, `result[d] = x[d]·cos[d] − x[d+n]·sin[d]` and
    `result[d+n] = x[d+n]·cos[d] + x[d]·sin[d]`.

    * `rotate_c1`: `head_dim` is twice the number of angles of the table.
    * `rotate_c2`: the table has the rows of the input.

    ```mlir
    %y = qvl.rotate %x, %t : tensor<?x16x128xf32>, tensor<?x64x2xf32>
    ```
  }];
  let arguments = (ins Qvl_Heads:$input, Qvl_Table:$table);
  let results = (outs Qvl_Heads:$result);
  let assemblyFormat = "$input `,` $table `:` type($input) `,` type($table) attr-dict";
  let hasVerifier = 1;
}

#endif // QVL_POSITION_OPS_TD
