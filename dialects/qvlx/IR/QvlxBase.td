// Dialect, the buffer type and op classes of qvlx.
#ifndef QVLX_BASE_TD
#define QVLX_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Qvlx_Dialect : Dialect {
  let name = "qvlx";
  let cppNamespace = "::mlir::qvlx";
  let summary = "Flat programs of kernel launches";
  let description = [{
    What an artifact holds: programs that allocate buffers, whose sizes are arithmetic on the sizes of the program's arguments, and
    launch kernels on them. A program is straight-line; no size or command depends on data. The artifact encodes this dialect and
    nothing else, so a new model op changes neither the artifact's format nor the runtime.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

def Qvlx_BufferType : TypeDef<Qvlx_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "Dense row-major memory on the device";
  let description = [{
    ```mlir
    !qvlx.buffer<?x1280xf32>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$element);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getRank() const { return getShape().size(); }
    bool isDynamicDim(int64_t dimension) const { return ::mlir::ShapedType::isDynamic(getShape()[dimension]); }
    int64_t getNumDynamicDims() const { return ::llvm::count_if(getShape(), ::mlir::ShapedType::isDynamic); }
  }];
}

class Qvlx_Op<string mnemonic, list<Trait> traits = []> : Op<Qvlx_Dialect, mnemonic, traits>;

#endif // QVLX_BASE_TD
