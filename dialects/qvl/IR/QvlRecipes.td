// Recipes: how a parameter is made of tensors of the checkpoint while the artifact is written.
#ifndef QVL_RECIPES_TD
#define QVL_RECIPES_TD

include "dialects/qvl/IR/QvlBase.td"

def Qvl_RecipeInterface : AttrInterface<"RecipeAttrInterface"> {
  let cppNamespace = "::mlir::qvl";
  let description = [{
    A recipe makes a tensor of operands, each the name of a tensor of the checkpoint (a string) or a recipe in turn. Every row of what it
    makes comes from at most one row of each operand, in ascending order, so that an artifact is written row by row in bounded memory.
  }];
  let methods = [
    InterfaceMethod<"The operands, with their types, of a recipe that makes `result`.",
                    "::llvm::SmallVector<::mlir::qvl::RecipeOperand>", "getRecipeOperands", (ins "::mlir::RankedTensorType":$result)>,
    InterfaceMethod<"Fails with a diagnostic unless the recipe makes `result`; operands are not looked into.", "::llvm::LogicalResult",
                    "verifyResult", (ins "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError,
                                         "::mlir::RankedTensorType":$result)>,
  ];
}

class Qvl_RecipeAttr<string name, string recipeMnemonic>
    : AttrDef<Qvl_Dialect, name, [DeclareAttrInterfaceMethods<Qvl_RecipeInterface>]> {
  let mnemonic = recipeMnemonic;
  let genVerifyDecl = 1;
}

def Qvl_ConcatAttr : Qvl_RecipeAttr<"Concat", "concat"> {
  let summary = "Recipe of a parameter: tensors one below the other";
  let description = [{
    The rows (elements of a vector) of the operands together are the result's; `rows` says how many each has. They have the result's element
    type and columns.

    ```mlir
    #qvl.concat<["model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.k_proj.bias"], rows = [192, 64]>
    ```
  }];
  let parameters = (ins "::mlir::ArrayAttr":$operands, ArrayRefParameter<"int64_t">:$rows);
  let assemblyFormat = "`<` $operands `,` `rows` `=` `[` $rows `]` `>`";
}

def Qvl_PadAttr : Qvl_RecipeAttr<"Pad", "pad"> {
  let summary = "Recipe of a parameter: a tensor with zeros behind its rows and columns";
  let description = [{
    ```mlir
    #qvl.pad<"visual.blocks.0.mlp.down_proj.weight", tensor<1280x3420xbf16>>   // in a parameter of tensor<1280x3456xbf16>
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$operand, "::mlir::RankedTensorType":$type);
  let assemblyFormat = "`<` $operand `,` $type `>`";
}

def Qvl_ConvertAttr : Qvl_RecipeAttr<"Convert", "convert"> {
  let summary = "Recipe of a parameter: a tensor of bf16 or f16 in f32, exactly";
  let description = [{
    ```mlir
    #qvl.convert<"visual.patch_embed.proj.weight", tensor<1280x1176xbf16>>     // in a parameter of tensor<1280x1176xf32>
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$operand, "::mlir::RankedTensorType":$type);
  let assemblyFormat = "`<` $operand `,` $type `>`";
}

def Qvl_SumAttr : Qvl_RecipeAttr<"Sum", "sum"> {
  let summary = "Recipe of a parameter: the sum of slices of a matrix";
  let description = [{
    With `axes = [a, n, w]` the columns of the operand are `[a][n][w]`, and `result[r, i · w + j] = Σ_t operand[r, (i · n + t) · w + j]`:
    the `n` slices are added element by element, in ascending order, in f32.

    ```mlir
    // The two frames of the patch kernel, whose columns are channel, frame and pixel.
    #qvl.sum<#qvl.convert<"visual.patch_embed.proj.weight", tensor<1280x1176xbf16>>, tensor<1280x1176xf32>, axes = [3, 2, 196]>
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$operand, "::mlir::RankedTensorType":$type, ArrayRefParameter<"int64_t">:$axes);
  let assemblyFormat = "`<` $operand `,` $type `,` `axes` `=` `[` $axes `]` `>`";
}

#endif // QVL_RECIPES_TD
