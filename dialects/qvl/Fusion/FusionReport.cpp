// Remarks and statistics of the fusion passes.

#include "dialects/qvl/Fusion/FusionReport.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace mlir::qvl;

void FusionReport::passed(Location loc, const Twine &what) {
  ++fusedCount;
  remark::passed(loc, remark::RemarkOpts::name("fused").category(pass.getArgument())) << what.str();
}

LogicalResult FusionReport::missed(Operation *op, const Twine &reason) {
  ++missedCount;
  remark::missed(op->getLoc(), remark::RemarkOpts::name("missed").category(pass.getArgument()))
      << reason.str();
  return failure();
}

std::string mlir::qvl::describe(Operation *op) {
  std::string text = ("'" + op->getName().getStringRef() + "'").str();
  if (auto loc = dyn_cast<NameLoc>(op->getLoc()))
    text += (" at " + loc.getName().strref()).str();
  return text;
}

Operation *mlir::qvl::singleUser(Value value) {
  return value.hasOneUse() ? *value.user_begin() : nullptr;
}
