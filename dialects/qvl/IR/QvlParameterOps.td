// Parameters of the model: the symbols that name tensors of the checkpoint and their loads.
#ifndef QVL_PARAMETER_OPS_TD
#define QVL_PARAMETER_OPS_TD

include "dialects/qvl/IR/QvlRecipes.td"

def Qvl_ParameterOp : Qvl_Op<"parameter", [Symbol]> {
  let summary = "A tensor of the checkpoint";
  let description = [{
    Names one tensor of the checkpoint. `type` is the logical type with the element type of the checkpoint, `source` the tensor's
    name in the checkpoint files when it differs from the symbol, `recipe` how it is made from several tensors instead, and
    `encoding` the stored form in the artifact (absent until `qvl-assign-encodings`).

    * `parameter_c1`: the type is static, of 1 to 2^48 elements, of rank 1 or 2 (convolution kernels are flattened to `[N, K]`) and of f32,
      bf16 or f16.
    * `parameter_c2`: the encoding is `#qvl.panel` for rank 2 and `#qvl.flat` for rank 1.
    * `parameter_c4`: there is a source or a recipe, not both.
    * `parameter_c3`: a panel's padded sizes are at least the logical ones and multiples of `n` and `k_group`.
    * `parameter_c5`: the rows of a concat are those of its result.
    * `parameter_c6`: a matrix whose panels interleave has an even number of rows.
    * `parameter_c7`: a pad has a result of its operand's rank and element type that is nowhere smaller.
    * `parameter_c8`: a convert makes f32 of bf16 or f16 of the same shape.
    * `parameter_c9`: a sum makes an f32 matrix of one f32 matrix of as many rows, whose columns are those of its axes.

    ```mlir
    qvl.parameter @model.norm.weight : tensor<2048xbf16>
    qvl.parameter @lm_head.weight : tensor<151936x2048xbf16> source("model.lm_head.weight")
        encoding(#qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 151936, pad_k = 2048>)
    qvl.parameter @model.layers.0.self_attn.kv.bias : tensor<512xbf16> recipe(#qvl.concat<[
        "model.layers.0.self_attn.k_proj.bias", "model.layers.0.self_attn.v_proj.bias"], rows = [256, 256]>)
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type, OptionalAttr<StrAttr>:$source,
                       OptionalAttr<Qvl_RecipeInterface>:$recipe, OptionalAttr<AnyAttr>:$encoding);
  let assemblyFormat = [{
    $sym_name `:` $type (`source` `(` $source^ `)`)? (`recipe` `(` $recipe^ `)`)? (`encoding` `(` $encoding^ `)`)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
    /// What the parameter is made of: its recipe, or the name of its tensor.
    ::mlir::qvl::RecipeOperand getOrigin();
    /// The tensors of the checkpoint files that the parameter is made of, in order: names and logical types.
    ::llvm::SmallVector<std::pair<::llvm::StringRef, ::mlir::RankedTensorType>> getSourceTensors();
  }];
}

def Qvl_LoadOp : Qvl_Op<"load", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a parameter";
  let description = [{
    * `load_c1`: the symbol names a `qvl.parameter`.
    * `load_c2`: the result has the parameter's type.

    ```mlir
    %w = qvl.load @model.norm.weight : tensor<2048xbf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$parameter);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$parameter `:` type($result) attr-dict";
}

#endif // QVL_PARAMETER_OPS_TD
