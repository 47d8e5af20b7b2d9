// Arithmetic on sizes, evaluated by the runtime for the arguments of a call.
#ifndef QVLX_SIZE_OPS_TD
#define QVLX_SIZE_OPS_TD

include "dialects/qvlx/IR/QvlxBase.td"

def Qvlx_DimOp : Qvlx_Op<"dim", [Pure]> {
  let summary = "A dimension of a program argument";
  let description = [{
    * `dim_c1`: the dimension exists and is dynamic.
    * `dim_c2`: the buffer is an argument of the program.

    ```mlir
    %t = qvlx.dim %x, 0 : !qvlx.buffer<?x128xf32>
    ```
  }];
  let arguments = (ins Qvlx_BufferType:$buffer, I64Attr:$dimension);
  let results = (outs Index:$size);
  let assemblyFormat = "$buffer `,` $dimension `:` type($buffer) attr-dict";
  let hasVerifier = 1;
}

def Qvlx_ConstantOp : Qvlx_Op<"constant", [Pure, ConstantLike]> {
  let summary = "A fixed size";
  let description = [{
    * `constant_c1`: the size is not negative.

    ```mlir
    %c = qvlx.constant 64
    ```
  }];
  let arguments = (ins I64Attr:$value);
  let results = (outs Index:$size);
  let assemblyFormat = "$value attr-dict";
  let hasVerifier = 1;
  let hasFolder = 1;
}

class Qvlx_BinaryOp<string mnemonic, string symbol, list<Trait> traits = []> : Qvlx_Op<mnemonic, !listconcat([Pure], traits)> {
  let summary = symbol # " of two sizes";
  let description = "`" # symbol # "` of two sizes, both at least zero; an overflow is an error at run time.\n\n```mlir\n%c = qvlx."
                    # mnemonic # " %a, %b\n```";
  let arguments = (ins Index:$lhs, Index:$rhs);
  let results = (outs Index:$size);
  let assemblyFormat = "$lhs `,` $rhs attr-dict";
  let hasFolder = 1;
}

def Qvlx_AddOp : Qvlx_BinaryOp<"add", "Sum", [Commutative]>;
def Qvlx_SubOp : Qvlx_BinaryOp<"sub", "Difference">;
def Qvlx_MulOp : Qvlx_BinaryOp<"mul", "Product", [Commutative]>;
def Qvlx_FloorDivOp : Qvlx_BinaryOp<"floordiv", "Quotient rounded down">;
def Qvlx_CeilDivOp : Qvlx_BinaryOp<"ceildiv", "Quotient rounded up">;
def Qvlx_MinOp : Qvlx_BinaryOp<"min", "Smaller", [Commutative]>;
def Qvlx_MaxOp : Qvlx_BinaryOp<"max", "Larger", [Commutative]>;

#endif // QVLX_SIZE_OPS_TD
