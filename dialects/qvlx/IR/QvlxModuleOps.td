// What a module of qvlx is made of: programs, kernels, their compiled form, and stored weights.
#ifndef QVLX_MODULE_OPS_TD
#define QVLX_MODULE_OPS_TD

include "dialects/qvlx/IR/QvlxBase.td"

def Qvlx_ProgramOp : Qvlx_Op<"program", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "A list of commands that the runtime executes in order";
  let description = [{
    The block arguments are the program's buffers from outside, named by `arguments`; `results` names the operands of the
    terminator.

    * `program_c1`: there is one name per block argument, all names distinct.
    * `program_c2`: every block argument is a buffer.
    * `program_c3`: the body ends with a `qvlx.return` that has one operand per result name.

    ```mlir
    qvlx.program @norm arguments ["x"] results ["y"] {
    ^bb0(%x: !qvlx.buffer<?x128xf32>):
      %t = qvlx.dim %x, 0 : !qvlx.buffer<?x128xf32>
      %w = qvlx.weight @norm.weight : !qvlx.buffer<128xbf16>
      %y = qvlx.alloc(%t) : !qvlx.buffer<?x128xf32>
      %c16 = qvlx.constant 16
      %grid = qvlx.ceildiv %t, %c16
      qvlx.launch @rms_norm_128 grid(%grid) ins(%x, %w : !qvlx.buffer<?x128xf32>, !qvlx.buffer<128xbf16>)
          outs(%y : !qvlx.buffer<?x128xf32>) scalars(%t, %t)
      qvlx.return %y : !qvlx.buffer<?x128xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$argument_names, StrArrayAttr:$result_names);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `arguments` $argument_names `results` $result_names attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Qvlx_KernelOp : Qvlx_Op<"kernel", [Symbol, SymbolTable, IsolatedFromAbove, SingleBlock, NoTerminator]> {
  let summary = "One kernel, shared by all launches of its shape";
  let description = [{
    Holds the function that the code generator compiles (nothing once it has been compiled to a `qvlx.object`). `buffers` and `scalars` count
    the operands of a launch, `scratch` is the memory in bytes that one worker lends to a call.

    * `kernel_c1`: the counts are not negative, and there is at least one buffer.

    ```mlir
    qvlx.kernel @rms_norm_128 buffers(3) scalars(2) scratch(0) {
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$buffers, I64Attr:$scalars, I64Attr:$scratch);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `buffers` `(` $buffers `)` `scalars` `(` $scalars `)` `scratch` `(` $scratch `)` attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

def Qvlx_TensorMapAttr : AttrDef<Qvlx_Dialect, "TensorMap"> {
  let mnemonic = "tensor_map";
  let summary = "A buffer of a launch as a tensor that a kernel copies boxes of";
  let description = [{
    Buffer `buffer` of a launch is a dense tensor of `sizes` elements, innermost first, where the last size may be 0: then scalar `scalar` of the
    launch is it. One copy moves `box` elements, whose 16-byte units it exchanges within `swizzle` bytes (0: in order).

    ```mlir
    #qvlx.tensor_map<buffer = 0, element = bf16, sizes = [2048, 0], scalar = 0, box = [64, 128], swizzle = 128>
    ```
  }];
  let parameters = (ins "int64_t":$buffer, "::mlir::Type":$element, "::mlir::DenseI64ArrayAttr":$sizes, "int64_t":$scalar,
                        "::mlir::DenseI64ArrayAttr":$box, "int64_t":$swizzle);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Qvlx_WideFormAttr : AttrDef<Qvlx_Dialect, "WideForm"> {
  let mnemonic = "wide_form";
  let summary = "A second function of an object for one of its kernels, for many tiles";
  let description = [{
    The function `symbol` runs launches of `kernel` over `least_tiles` tiles or more. It has the kernel's operands and then `maps`, and needs
    `shared` bytes of memory a block.

    ```mlir
    #qvlx.wide_form<kernel = @linear_1024x64, symbol = "linear_1024x64_wide", least_tiles = 264, shared = 196672, maps = []>
    ```
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$kernel, "::mlir::StringAttr":$symbol, "int64_t":$least_tiles, "int64_t":$shared,
                        "::mlir::ArrayAttr":$maps);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Qvlx_ObjectOp : Qvlx_Op<"object", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Kernels compiled for one feature set";
  let description = [{
    A shared object that exports one symbol per entry of `kernels`, and one for each of the wide forms that it has for some of them.

    * `object_c1`: every entry of `kernels` names a `qvlx.kernel`.
    * `object_c2`: every entry of `wide` is a form of one of them, whose tensor maps are of its buffers and scalars.

    ```mlir
    qvlx.object @cpu.v3 feature_set("v3") kernels([@rms_norm_128]) bytes(dense<[127, 69, 76, 70]> : tensor<4xi8>)
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$feature_set, FlatSymbolRefArrayAttr:$kernels,
                       OptionalAttr<TypedArrayAttrBase<Qvlx_WideFormAttr, "wide forms">>:$wide, ElementsAttr:$bytes);
  let assemblyFormat = [{
    $sym_name `feature_set` `(` $feature_set `)` `kernels` `(` $kernels `)` (`wide` `(` $wide^ `)`)? `bytes` `(` $bytes `)` attr-dict
  }];
}

def Qvlx_DataOp : Qvlx_Op<"data", [Symbol]> {
  let summary = "A weight of the artifact";
  let description = [{
    Stands for stored bytes: `type` is the logical shape with the element type of the checkpoint, `sources` the
    names in the checkpoint files of the tensors that it is made of, `recipe` how (without one, a single tensor is the weight), and
    `encoding` how it is stored.

    * `data_c1`: the shape is static.

    ```mlir
    qvlx.data @norm.weight : !qvlx.buffer<128xbf16> sources(["visual.norm.weight"]) encoding(#qvl.flat<f32>)
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Qvlx_BufferType>:$type, StrArrayAttr:$sources, OptionalAttr<AnyAttr>:$recipe,
                       AnyAttr:$encoding);
  let assemblyFormat = "$sym_name `:` $type `sources` `(` $sources `)` (`recipe` `(` $recipe^ `)`)? `encoding` `(` $encoding `)` attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    BufferType getBufferType() { return ::llvm::cast<BufferType>(getType()); }
  }];
}

#endif // QVLX_MODULE_OPS_TD
