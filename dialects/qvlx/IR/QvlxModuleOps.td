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

def Qvlx_ObjectOp : Qvlx_Op<"object", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Kernels compiled for one feature set";
  let description = [{
    A shared object that exports one symbol per entry of `kernels`.

    * `object_c1`: every entry of `kernels` names a `qvlx.kernel`.

    ```mlir
    qvlx.object @cpu.v3 feature_set("v3") kernels([@rms_norm_128]) bytes(dense<[127, 69, 76, 70]> : tensor<4xi8>)
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$feature_set, FlatSymbolRefArrayAttr:$kernels, ElementsAttr:$bytes);
  let assemblyFormat = [{
    $sym_name `feature_set` `(` $feature_set `)` `kernels` `(` $kernels `)` `bytes` `(` $bytes `)` attr-dict
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
