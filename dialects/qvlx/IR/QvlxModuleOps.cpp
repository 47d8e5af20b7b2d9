// Verifiers of programs, kernels, objects and data.

#include "dialects/qvlx/IR/Qvlx.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::qvlx;

LogicalResult ProgramOp::verify() {
  Block &block = getBody().front();
  // program_c1
  if (getArgumentNames().size() != block.getNumArguments())
    return emitOpError() << "has " << getArgumentNames().size() << " names for "
                         << block.getNumArguments() << " arguments";
  llvm::StringSet<> names;
  for (StringRef name : getArgumentNames().getAsValueRange<StringAttr>())
    if (!names.insert(name).second)
      return emitOpError() << "names the argument \"" << name << "\" twice";
  // program_c2
  for (BlockArgument argument : block.getArguments())
    if (!isa<BufferType>(argument.getType()))
      return emitOpError() << "argument " << argument.getArgNumber() << " must be a buffer, got "
                           << argument.getType();
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  // program_c3
  Block &block = getBody().front();
  auto end = block.empty() ? ReturnOp() : dyn_cast<ReturnOp>(block.back());
  if (!end)
    return emitOpError() << "must end with a qvlx.return";
  if (end.getResults().size() != getResultNames().size())
    return emitOpError() << "returns " << end.getResults().size() << " buffers for "
                         << getResultNames().size() << " result names";
  return success();
}

LogicalResult KernelOp::verify() {
  // kernel_c1
  auto buffers = static_cast<int64_t>(getBuffers()), scalars = static_cast<int64_t>(getScalars());
  if (buffers < 1 || scalars < 0 || static_cast<int64_t>(getScratch()) < 0)
    return emitOpError() << "needs at least one buffer, and no negative count";
  return success();
}

LogicalResult TensorMapAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t buffer,
                                    Type element, DenseI64ArrayAttr sizes, int64_t scalar,
                                    DenseI64ArrayAttr box, int64_t swizzle) {
  if (sizes.empty() || sizes.size() != box.size())
    return emitError() << "a tensor map has at least one size, and a box of as many";
  auto isSize = [](int64_t size) { return size > 0; };
  if (!llvm::all_of(sizes.asArrayRef().drop_back(), isSize) || sizes.asArrayRef().back() < 0 ||
      !llvm::all_of(box.asArrayRef(), isSize))
    return emitError() << "the sizes of a tensor map are positive, or 0 for the last";
  if (buffer < 0 || scalar < 0 || swizzle < 0)
    return emitError() << "a tensor map has no negative number";
  return success();
}

LogicalResult WideFormAttr::verify(function_ref<InFlightDiagnostic()> emitError, FlatSymbolRefAttr,
                                   StringAttr, int64_t leastTiles, int64_t shared, ArrayAttr maps) {
  if (leastTiles < 0 || shared < 0)
    return emitError() << "a wide form has no negative number";
  if (!llvm::all_of(maps, llvm::IsaPred<TensorMapAttr>))
    return emitError() << "the maps of a wide form are #qvlx.tensor_map";
  return success();
}

/// Whether the buffers and scalars of a form's maps are those of a kernel.
static bool hasOperands(WideFormAttr form, KernelOp kernel) {
  return llvm::all_of(form.getMaps().getAsRange<TensorMapAttr>(), [&](TensorMapAttr map) {
    bool isStatic = map.getSizes().asArrayRef().back() != 0;
    return map.getBuffer() < static_cast<int64_t>(kernel.getBuffers()) &&
           (isStatic || map.getScalar() < static_cast<int64_t>(kernel.getScalars()));
  });
}

LogicalResult ObjectOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // object_c1
  for (FlatSymbolRefAttr name : getKernels().getAsRange<FlatSymbolRefAttr>())
    if (!symbols.lookupNearestSymbolFrom<KernelOp>(*this, name))
      return emitOpError() << "'" << name.getValue() << "' does not name a qvlx.kernel";
  // object_c2
  for (WideFormAttr form :
       getWide().value_or(ArrayAttr::get(getContext(), {})).getAsRange<WideFormAttr>()) {
    if (!llvm::is_contained(getKernels(), form.getKernel()))
      return emitOpError() << "has a wide form of '" << form.getKernel().getValue()
                           << "', which is not one of its kernels";
    if (!hasOperands(form, symbols.lookupNearestSymbolFrom<KernelOp>(*this, form.getKernel())))
      return emitOpError() << "has a wide form of '" << form.getKernel().getValue()
                           << "' with tensor maps of operands that the kernel lacks";
  }
  return success();
}

LogicalResult DataOp::verify() {
  // data_c1
  if (getBufferType().getNumDynamicDims() != 0)
    return emitOpError() << "shape must be static, got " << getType();
  return success();
}
