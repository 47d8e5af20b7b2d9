// The qvl dialect: types, attributes and ops (see Qvl*.td).
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/qvl/IR/QvlDialect.h.inc"
#include "dialects/qvl/IR/QvlEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/qvl/IR/QvlTypes.h.inc"
namespace mlir::qvl {
/// All sizes are static and positive, and a tensor of them has at most 2^48 elements, so that
/// arithmetic on sizes (heads times head_dim, bytes) does not overflow.
bool hasBoundedSizes(llvm::ArrayRef<int64_t> sizes);

/// What a recipe is made of: the name of a tensor of the checkpoint (StringAttr) or another recipe,
/// and its logical type.
struct RecipeOperand {
  Attribute value;
  RankedTensorType type;
};
} // namespace mlir::qvl

#include "dialects/qvl/IR/QvlAttrInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/qvl/IR/QvlAttributes.h.inc"
#define GET_OP_CLASSES
#include "dialects/qvl/IR/QvlOps.h.inc"

namespace mlir::qvl {

/// Discardable attribute of an entry function's argument or result: its name in the artifact (a
/// string).
inline constexpr llvm::StringLiteral kNameAttr = "qvl.name";
/// Discardable attribute of an entry function's argument whose rows are patches: the sizes of the
/// axes of a row, channels, frames and pixels (three i64).
inline constexpr llvm::StringLiteral kPatchAxesAttr = "qvl.patch_axes";
/// Discardable attribute of an entry function: the names of the programs made from it (default: its
/// own name).
inline constexpr llvm::StringLiteral kProgramsAttr = "qvl.programs";
/// The program of a decode step: one token or so of each sequence.
inline constexpr llvm::StringLiteral kDecodeProgram = "decode";
/// Discardable attribute of a kernel function's weight argument: its stored form (#qvl.panel or
/// #qvl.flat).
inline constexpr llvm::StringLiteral kEncodingAttr = "qvl.encoding";

/// Tokens that cached_attention_splits deals to a split at a time.
inline constexpr int64_t kSplitTokens = 64;

/// Whether dimensions of these sizes could be equal when the program runs: one is dynamic, or they
/// are equal already. `merge` of the first make one of the second.
bool sizesAgree(int64_t first, int64_t second, int64_t merge = 1);

/// Whether rows of `columns` are heads of `headDim` side by side, in groups of so many heads.
bool areHeads(int64_t columns, llvm::ArrayRef<int64_t> heads, int64_t headDim);

/// Whether all values could have as many rows (dimension 0).
bool rowsAgree(ValueRange values);

/// A parameter's type: static, of rank 1 or 2, of f32, bf16 or f16, with bounded sizes.
bool isParameterType(RankedTensorType type);

/// The size of one dimension of `tensor`: an attribute when static, otherwise a new `tensor.dim`.
OpFoldResult dimensionOf(OpBuilder &builder, Location loc, Value tensor, int64_t dimension);

/// Sizes of results whose rows are those of `rows` and whose other dimensions are static: the
/// reification of every row-wise op.
LogicalResult reifyRows(OpBuilder &builder, Operation *op, Value rows,
                        ReifiedRankedShapedTypeDims &dims);

/// The same for a result in which `merge` rows are side by side as one.
LogicalResult reifyMergedRows(OpBuilder &builder, Operation *op, Value rows, int64_t merge,
                              ReifiedRankedShapedTypeDims &dims);

/// Fails with a diagnostic unless a parameter of this type can be stored so.
LogicalResult verifyEncoding(llvm::function_ref<InFlightDiagnostic()> emitError,
                             RankedTensorType type, Attribute encoding);

/// Fails with a diagnostic unless `recipe`, and every recipe that it is made of, fits its result.
LogicalResult verifyRecipe(llvm::function_ref<InFlightDiagnostic()> emitError,
                           RecipeAttrInterface recipe, RankedTensorType result);

/// Calls `visit` with the name and logical type of each tensor of the checkpoint that `operand` is
/// made of, in order.
void forEachSource(const RecipeOperand &operand,
                   llvm::function_ref<void(llvm::StringRef, RankedTensorType)> visit);

/// Inverse rotary frequencies as the model specification prescribes them (sections 6.2 and 7.3): `1
/// / theta^x` with `x = i / n` over all `n` angles (shared) or `x = j / s` inside each section
/// (per_axis), every step rounded to f32.
llvm::SmallVector<float> ropeFrequencies(double theta, llvm::ArrayRef<int64_t> sections,
                                         FrequencySharing sharing);

/// The axis whose position turns each angle: section `a` repeated `sections[a]` times.
llvm::SmallVector<int64_t> ropeAxes(llvm::ArrayRef<int64_t> sections);

} // namespace mlir::qvl
