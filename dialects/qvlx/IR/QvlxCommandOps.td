// Buffers and the commands on them.
#ifndef QVLX_COMMAND_OPS_TD
#define QVLX_COMMAND_OPS_TD

include "dialects/qvlx/IR/QvlxBase.td"

def Qvlx_AllocOp : Qvlx_Op<"alloc"> {
  let summary = "A transient buffer";
  let description = [{
    Lives from its first to its last use; the runtime packs all transient buffers of a call into one arena.

    * `alloc_c1`: there is one operand per dynamic dimension.

    ```mlir
    %x = qvlx.alloc(%t) : !qvlx.buffer<?x128xf32>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs Res<Qvlx_BufferType, "", [MemAlloc]>:$buffer);
  let assemblyFormat = "`(` $sizes `)` `:` type($buffer) attr-dict";
  let hasVerifier = 1;
}

def Qvlx_ViewOp : Qvlx_Op<"view", [Pure]> {
  let summary = "The same memory with another shape";
  let description = [{
    * `view_c1`: there is one operand per dynamic dimension of the result.
    * `view_c2`: the element types are equal.

    ```mlir
    %y = qvlx.view %x(%m) : !qvlx.buffer<?x128xf32> -> !qvlx.buffer<?x512xf32>
    ```
  }];
  let arguments = (ins Qvlx_BufferType:$source, Variadic<Index>:$sizes);
  let results = (outs Qvlx_BufferType:$buffer);
  let assemblyFormat = "$source `(` $sizes `)` `:` type($source) `->` type($buffer) attr-dict";
  let hasVerifier = 1;
}

def Qvlx_WeightOp : Qvlx_Op<"weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The buffer of a stored weight";
  let description = [{
    * `weight_c1`: the symbol names a `qvlx.data`.
    * `weight_c2`: the type is that of the data.

    ```mlir
    %w = qvlx.weight @norm.weight : !qvlx.buffer<128xbf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$data);
  let results = (outs Qvlx_BufferType:$buffer);
  let assemblyFormat = "$data `:` type($buffer) attr-dict";
}

def Qvlx_LaunchOp : Qvlx_Op<"launch", [AttrSizedOperandSegments, MemoryEffects<[MemRead, MemWrite]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Run a kernel over a grid of tiles";
  let description = [{
    Runs the kernel on tiles `0 .. grid − 1`. `ins` are read (a cache among them is updated in place), `outs` are written; together they are
    the kernel's buffers, in order.

    * `launch_c1`: the symbol names a `qvlx.kernel`.
    * `launch_c2`: the operands are as many as the kernel's buffers and scalars.

    ```mlir
    qvlx.launch @rms_norm_128 grid(%grid) ins(%x, %w : !qvlx.buffer<?x128xf32>, !qvlx.buffer<128xbf16>)
        outs(%y : !qvlx.buffer<?x128xf32>) scalars(%t, %t)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$grid, Variadic<Qvlx_BufferType>:$inputs,
                       Variadic<Qvlx_BufferType>:$outputs, Variadic<Index>:$scalars);
  let assemblyFormat = [{
    $kernel `grid` `(` $grid `)` (`ins` `(` $inputs^ `:` type($inputs) `)`)? (`outs` `(` $outputs^ `:` type($outputs) `)`)?
    (`scalars` `(` $scalars^ `)`)? attr-dict
  }];
}

def Qvlx_FillOp : Qvlx_Op<"fill", [MemoryEffects<[MemWrite]>]> {
  let summary = "Set every byte of a buffer";
  let description = [{
    ```mlir
    qvlx.fill %x, 0 : !qvlx.buffer<?x128xf32>
    ```
  }];
  let arguments = (ins Qvlx_BufferType:$buffer, I8Attr:$byte);
  let assemblyFormat = "$buffer `,` $byte `:` type($buffer) attr-dict";
}

def Qvlx_CopyOp : Qvlx_Op<"copy", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Copy a buffer to another of the same type";
  let description = [{
    * `copy_c1`: both buffers have one type.

    ```mlir
    qvlx.copy %x, %y : !qvlx.buffer<?x128xf32>, !qvlx.buffer<?x128xf32>
    ```
  }];
  let arguments = (ins Qvlx_BufferType:$source, Qvlx_BufferType:$target);
  let assemblyFormat = "$source `,` $target `:` type($source) `,` type($target) attr-dict";
  let hasVerifier = 1;
}

def Qvlx_ReturnOp : Qvlx_Op<"return", [Pure, Terminator, ReturnLike, HasParent<"ProgramOp">]> {
  let summary = "End of a program: its results";
  let description = [{
    ```mlir
    qvlx.return %y : !qvlx.buffer<?x128xf32>
    ```
  }];
  let arguments = (ins Variadic<Qvlx_BufferType>:$results);
  let assemblyFormat = "($results^ `:` type($results))? attr-dict";
}

#endif // QVLX_COMMAND_OPS_TD
