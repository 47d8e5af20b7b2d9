// Dialect, types, attributes and op classes of qvl.
#ifndef QVL_BASE_TD
#define QVL_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Qvl_Dialect : Dialect {
  let name = "qvl";
  let cppNamespace = "::mlir::qvl";
  let summary = "Vision-language models as a reader of the paper would write them";
  let description = [{
    Ops are whole steps of the Qwen2.5-VL vision encoder and language model: projections, norms, rotary embedding,
    attention inside segments and over a paged cache. Activations are builtin ranked tensors whose leading dimension (rows) is
    dynamic; weights keep their logical type `[N, K]` and carry their stored form as an encoding attribute on their
    `qvl.parameter`. There are no data-dependent shapes: everything that depends on data (window order, segments, positions, row
    maps, cache slots) is an operand.

    Constraint IDs (`linear_c1`) name one rule each, in the description, at the check and in the test.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

// ---------------------------------------------------------------- types

def Qvl_CacheType : TypeDef<Qvl_Dialect, "Cache"> {
  let mnemonic = "cache";
  let summary = "Paged cache of keys and values";
  let description = [{
    The state of the paged KV cache as an SSA value: ops that append take a cache and return the next one, so that order needs
    no side-effect analysis. Pages hold `page` tokens of every layer.

    ```mlir
    !qvl.cache<36, 2, 128, 64, f32>   // layers, kv_heads, head_dim, page, element
    ```
  }];
  let parameters = (ins "int64_t":$layers, "int64_t":$kvHeads, "int64_t":$headDim, "int64_t":$page, "::mlir::Type":$element);
  let assemblyFormat = "`<` $layers `,` $kvHeads `,` $headDim `,` $page `,` $element `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Elements of one layer's keys (or values) of one head in one page.
    int64_t getHeadElements() const { return getHeadDim() * getPage(); }
    /// Elements of one page: layers x {K, V} x kv_heads x page x head_dim.
    int64_t getPageElements() const { return getLayers() * 2 * getKvHeads() * getHeadElements(); }
  }];
}

/// Tensors whose sizes from dimension `first` on are static, positive and bounded (hasBoundedSizes).
class Qvl_Sized<Type type, int first, string what> : ConfinedType<type, [
    CPred<"::mlir::qvl::hasBoundedSizes(::llvm::cast<::mlir::RankedTensorType>($_self).getShape().drop_front(" # first # "))">],
  type.summary # " with static, positive " # what>;

/// Rows are the one dynamic dimension; what a row holds is known.
class Qvl_RowTensor<list<Type> elements, list<int> ranks> : Qvl_Sized<TensorRankOf<elements, ranks>, 1, "sizes of a row">;
def Qvl_Float : AnyTypeOf<[F32, BF16]>;
def Qvl_StoredFloat : AnyTypeOf<[F32, BF16, F16]>;
def Qvl_Rows : Qvl_RowTensor<[F32, BF16], [2]>;             // [rows, columns]
def Qvl_Heads : Qvl_RowTensor<[F32, BF16], [3]>;            // [rows, heads, head_dim]
def Qvl_Splits : Qvl_RowTensor<[F32], [4]>;                 // [rows, splits, heads, ...]
def Qvl_RowsOrHeads : Qvl_RowTensor<[F32, BF16], [2, 3]>;
def Qvl_Matrix : AnyTypeOf<[Qvl_Sized<2DTensorOf<[F32, BF16, F16]>, 0, "sizes">]>; // weight [N, K]
def Qvl_Vector : AnyTypeOf<[Qvl_Sized<1DTensorOf<[F32, BF16, F16]>, 0, "sizes">]>; // bias or norm weight [N]
def Qvl_Index : AnyTypeOf<[1DTensorOf<[I32]>]>;             // row numbers, offsets, lengths
def Qvl_Slots : AnyTypeOf<[1DTensorOf<[I64]>]>;
def Qvl_Table : Qvl_RowTensor<[F32], [3]>;                  // [rows, angles, 2]: cos, sin

// ---------------------------------------------------------------- attributes

def Qvl_FrequencySharing : I32EnumAttr<"FrequencySharing", "how axes share rotary frequencies", [
    I32EnumAttrCase<"shared", 0>, I32EnumAttrCase<"per_axis", 1>]> {
  let cppNamespace = "::mlir::qvl";
  let genSpecializedAttr = 0;
}
def Qvl_FrequencySharingAttr : EnumAttr<Qvl_Dialect, Qvl_FrequencySharing, "frequencies"> {
  let assemblyFormat = "`<` $value `>`";
}

def Qvl_PanelAttr : AttrDef<Qvl_Dialect, "Panel"> {
  let mnemonic = "panel";
  let summary = "Stored form of a weight matrix: panels of output rows";
  let description = [{
    A matrix `[N, K]` is stored as `[pad_n / n][pad_k / k_group][n][k_group]` elements; rows and columns beyond `N` and `K` are zero.

    Element `[r, k]` lies in line `k / k_group` of panel `r / n`, at `(r % n) · k_group + k % k_group` of the `n · k_group` elements of the
    line; lines of a panel follow each other, then come those of the next panel.

    With `interleave = b` the matrix is two of `N / 2` rows, one below the other, whose rows take turns in blocks of `b`: a panel holds
    `n / 2` rows of the upper one and the rows of the same numbers of the lower one. Each half is padded to `pad_n / 2` rows. Row `r` of
    half `h` (0 is the upper) has the place that row `2 · b · (r / b) + h · b + r % b` has without interleaving: with `n = 32` and `b = 8`
    the rows of panel `p` are, in this order, rows `16p … 16p + 7` of the upper half, the same of the lower, then rows
    `16p + 8 … 16p + 15` of the upper and of the lower half.

    ```mlir
    #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 2560, pad_k = 2048>
    #qvl.panel<n = 32, k_group = 2, element = bf16, pad_n = 6848, pad_k = 1280, interleave = 8>
    ```
  }];
  let parameters = (ins "int64_t":$n, "int64_t":$k_group, "::mlir::Type":$element, "int64_t":$pad_n, "int64_t":$pad_k,
                        DefaultValuedParameter<"int64_t", "0">:$interleave);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Qvl_FlatAttr : AttrDef<Qvl_Dialect, "Flat"> {
  let mnemonic = "flat";
  let summary = "Stored form of a vector: its elements in order";
  let description = [{
    ```mlir
    #qvl.flat<f32>
    ```
  }];
  let parameters = (ins "::mlir::Type":$element);
  let assemblyFormat = "`<` $element `>`";
  let genVerifyDecl = 1;
}

// ---------------------------------------------------------------- op classes

class Qvl_Op<string mnemonic, list<Trait> traits = []> : Op<Qvl_Dialect, mnemonic, traits>;

/// A pure op on tensors whose result sizes follow from operand sizes.
class Qvl_TensorOp<string mnemonic, list<Trait> traits = []>
    : Qvl_Op<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>], traits)>;

#endif // QVL_BASE_TD
