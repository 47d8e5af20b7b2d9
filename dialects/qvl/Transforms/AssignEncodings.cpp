// qvl-assign-encodings: the stored form of every parameter.

#include "dialects/qvl/Transforms/Passes.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_ASSIGNENCODINGSPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

/// Output rows of one panel: two AVX-512 registers, four AVX2 ones.
static constexpr int64_t kPanelRows = 32;

/// Rows of one weight between those of another: the narrowest vector.
static constexpr int64_t kInterleavedRows = 8;

/// Panels hold bf16 in pairs of input columns, which is the operand order of the bf16 dot
/// instructions.
static PanelAttr panelFor(RankedTensorType type, bool holdsTwo) {
  MLIRContext *context = type.getContext();
  bool isBf16 = type.getElementType().isBF16();
  int64_t group = isBf16 ? 2 : 1;
  Type element = isBf16 ? type.getElementType() : Float32Type::get(context);
  int64_t parts = holdsTwo ? 2 : 1;
  int64_t padN = parts * llvm::alignTo(type.getDimSize(0) / parts, kPanelRows / parts);
  return PanelAttr::get(context, kPanelRows, group, element, padN,
                        llvm::alignTo(type.getDimSize(1), group), holdsTwo ? kInterleavedRows : 0);
}

/// True when every reader takes the value for two weights, one below the other.
static bool isReadAsTwo(LoadOp load) {
  return llvm::all_of(load.getResult().getUses(), [](OpOperand &use) {
    auto linear = dyn_cast<FusedLinearOp>(use.getOwner());
    return linear && &linear.getWeightMutable() == &use && linear.getWeightCount() == 2;
  });
}

/// The parameters that hold two weights: each of their loads that has readers says so.
static llvm::StringSet<> findPairs(ModuleOp module) {
  llvm::StringSet<> pairs, others;
  module.walk([&](LoadOp load) {
    if (!load->use_empty())
      (isReadAsTwo(load) ? pairs : others).insert(load.getParameter());
  });
  for (StringRef name : others.keys())
    pairs.erase(name);
  return pairs;
}

namespace {

struct AssignEncodings : mlir::qvl::impl::AssignEncodingsPassBase<AssignEncodings> {
  void runOnOperation() override {
    llvm::StringSet<> pairs = findPairs(getOperation());
    for (auto parameter : getOperation().getOps<ParameterOp>()) {
      if (parameter.getEncoding())
        continue;
      RankedTensorType type = parameter.getTensorType();
      if (type.getRank() == 2) {
        parameter.setEncodingAttr(panelFor(type, pairs.contains(parameter.getSymName())));
        ++panels;
      } else {
        parameter.setEncodingAttr(FlatAttr::get(&getContext(), Float32Type::get(&getContext())));
        ++flats;
      }
    }
  }
};

} // namespace
