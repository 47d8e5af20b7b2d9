// qvl-assign-encodings: the stored form of every parameter.

#include "dialects/qvl/Transforms/Passes.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_ASSIGNENCODINGSPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

/// Output rows of one panel: two AVX-512 registers, four AVX2 ones.
static constexpr int64_t kPanelRows = 32;

/// Panels hold bf16 in pairs of input columns, which is the operand order of the bf16 dot
/// instructions.
static PanelAttr panelFor(RankedTensorType type) {
  MLIRContext *context = type.getContext();
  bool isBf16 = type.getElementType().isBF16();
  int64_t group = isBf16 ? 2 : 1;
  Type element = isBf16 ? type.getElementType() : Float32Type::get(context);
  return PanelAttr::get(context, kPanelRows, group, element,
                        llvm::alignTo(type.getDimSize(0), kPanelRows),
                        llvm::alignTo(type.getDimSize(1), group));
}

namespace {

struct AssignEncodings : mlir::qvl::impl::AssignEncodingsPassBase<AssignEncodings> {
  void runOnOperation() override {
    for (auto parameter : getOperation().getOps<ParameterOp>()) {
      if (parameter.getEncoding())
        continue;
      RankedTensorType type = parameter.getTensorType();
      if (type.getRank() == 2) {
        parameter.setEncodingAttr(panelFor(type));
        ++panels;
      } else {
        parameter.setEncodingAttr(FlatAttr::get(&getContext(), Float32Type::get(&getContext())));
        ++flats;
      }
    }
  }
};

} // namespace
