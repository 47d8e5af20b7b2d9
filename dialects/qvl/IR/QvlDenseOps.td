// Projections, norms and pointwise ops.
#ifndef QVL_DENSE_OPS_TD
#define QVL_DENSE_OPS_TD

include "dialects/qvl/IR/QvlBase.td"

def Qvl_LinearOp : Qvl_TensorOp<"linear"> {
  let summary = "Projection x·Wᵀ with an optional bias";
  let description = [{
    `result[t, n] = Σ_k input[t, k] · weight[n, k] + bias[n]`. The sum is accumulated in f32 in ascending `k` in one chain, whatever
    the number of rows; the bias is added last.

    * `linear_c1`: the weight has as many columns as the input.
    * `linear_c2`: the result has as many columns as the weight has rows.
    * `linear_c3`: the bias has as many elements as the weight has rows.
    * `linear_c4`: the result has the rows of the input.

    ```mlir
    %y = qvl.linear %x, %w bias %b : tensor<?x192xf32>, tensor<320x192xbf16>, tensor<320xbf16> -> tensor<?x320xf32>
    %z = qvl.linear %x, %w : tensor<?x192xf32>, tensor<320x192xbf16> -> tensor<?x320xf32>
    ```
  }];
  let arguments = (ins Qvl_Rows:$input, Qvl_Matrix:$weight, Optional<Qvl_Vector>:$bias);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? `:` type($input) `,` type($weight) (`,` type($bias)^)? `->` type($result) attr-dict
  }];
  let hasVerifier = 1;
}

def Qvl_RmsNormOp : Qvl_TensorOp<"rms_norm"> {
  let summary = "Root-mean-square normalisation of each row";
  let description = [{
    `result[t, :] = weight ⊙ input[t, :] / sqrt(mean(input[t, :]²) + eps)` (model specification, section 6.1). With `merge = n`, `n`
    consecutive normalised rows are written side by side as one, as `qvl.merge_rows` would.

    * `rms_norm_c1`: the weight has as many elements as the input has columns.
    * `rms_norm_c2`: `eps` is positive and finite.
    * `rms_norm_c3`: the result has `merge` times the columns of the input (once without `merge`) and its element type.
    * `rms_norm_c4`: `merge`, when given, is at least 2.
    * `rms_norm_c5`: the input has `merge` times the rows of the result (once without `merge`).

    ```mlir
    %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x192xf32>
    %z = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64, merge = 4 : i64} : tensor<?x192xf32>, tensor<192xbf16> -> tensor<?x768xf32>
    ```
  }];
  let arguments = (ins Qvl_Rows:$input, Qvl_Vector:$weight, F64Attr:$eps, OptionalAttr<I64Attr>:$merge);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight) `->` type($result)";
  let hasVerifier = 1;
}

class Qvl_BinaryOp<string mnemonic> : Qvl_TensorOp<mnemonic, [AllTypesMatch<["lhs", "rhs", "result"]>]> {
  let arguments = (ins Qvl_Rows:$lhs, Qvl_Rows:$rhs);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = "$lhs `,` $rhs `:` type($result) attr-dict";
}

def Qvl_AddOp : Qvl_BinaryOp<"add"> {
  let summary = "Elementwise sum";
  let description = [{
    `result = lhs + rhs`, computed in f32. The rows of both operands agree.

    * `add_c1`: operands and result have one type.

    ```mlir
    %z = qvl.add %x, %y : tensor<?x192xf32>
    ```
  }];
}

def Qvl_MulOp : Qvl_BinaryOp<"mul"> {
  let summary = "Elementwise product";
  let description = [{
    `result = lhs · rhs`, computed in f32. The rows of both operands agree.

    * `mul_c1`: operands and result have one type.

    ```mlir
    %z = qvl.mul %x, %y : tensor<?x192xf32>
    ```
  }];
}

class Qvl_UnaryOp<string mnemonic> : Qvl_TensorOp<mnemonic, [AllTypesMatch<["input", "result"]>]> {
  let arguments = (ins Qvl_Rows:$input);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = "$input `:` type($result) attr-dict";
}

def Qvl_SiluOp : Qvl_UnaryOp<"silu"> {
  let summary = "x · sigmoid(x)";
  let description = [{
    `result = x / (1 + exp(−x))`, computed in f32.

    * `silu_c1`: operand and result have one type.

    ```mlir
    %y = qvl.silu %x : tensor<?x320xf32>
    ```
  }];
}

def Qvl_GeluOp : Qvl_UnaryOp<"gelu"> {
  let summary = "Gaussian error linear unit, exact form";
  let description = [{
    `result = 0.5 · x · (1 + erf(x / √2))`, never the tanh form (model specification, section 6.1).

    * `gelu_c1`: operand and result have one type.

    ```mlir
    %y = qvl.gelu %x : tensor<?x512xf32>
    ```
  }];
}

def Qvl_CastOp : Qvl_TensorOp<"cast"> {
  let summary = "Change of element type";
  let description = [{
    Rounds to nearest even when narrowing.

    * `cast_c1`: operand and result have one shape.
    * `cast_c2`: their element types differ.

    ```mlir
    %y = qvl.cast %x : tensor<?x192xf32> -> tensor<?x192xbf16>
    ```
  }];
  let arguments = (ins Qvl_Rows:$input);
  let results = (outs Qvl_Rows:$result);
  let assemblyFormat = "$input `:` type($input) `->` type($result) attr-dict";
  let hasVerifier = 1;
}

def Qvl_SplitHeadsOp : Qvl_TensorOp<"split_heads"> {
  let summary = "Columns as groups of heads";
  let description = [{
    Splits the columns into one tensor `[rows, heads[i], head_dim]` per entry of `heads`, in order; inside each, head-major.

    * `split_heads_c1`: every entry of `heads` and `head_dim` is positive.
    * `split_heads_c2`: the columns of the input number `head_dim` times the sum of `heads`.
    * `split_heads_c3`: there is one result per entry of `heads`, of type `[rows, heads[i], head_dim]`.
    * `split_heads_c4`: results have the rows of the input.

    ```mlir
    %q, %k, %v = qvl.split_heads %y {heads = array<i64: 16, 16, 16>, head_dim = 80 : i64}
        : tensor<?x3840xf32> -> tensor<?x16x80xf32>, tensor<?x16x80xf32>, tensor<?x16x80xf32>
    ```
  }];
  let arguments = (ins Qvl_Rows:$input, DenseI64ArrayAttr:$heads, I64Attr:$head_dim);
  let results = (outs Variadic<Qvl_Heads>:$parts);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($parts)";
  let hasVerifier = 1;
}

#endif // QVL_DENSE_OPS_TD
