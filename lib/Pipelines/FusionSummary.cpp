// The remarks of the fusion passes as a report for people.

#include "FusionSummary.h"

#include "qvl/Pipelines/Pipelines.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace qvl {

namespace {

/// The module path that a location names.
std::string pathOf(Location location) {
  auto named = dyn_cast<NameLoc>(location);
  return named ? named.getName().str() : "?";
}

/// Hands every remark of a qvl pass to the summary.
class SummaryStreamer : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit SummaryStreamer(FusionSummary &summary) : summary(summary) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    std::string message;
    for (const remark::detail::Remark::Arg &part : remark.getArgs())
      message += part.val;
    bool passed = remark.getRemarkType() == llvm::remarks::Type::Passed;
    summary.add(remark.getCombinedCategoryName(), passed, {pathOf(remark.getLocation()), message});
  }

private:
  FusionSummary &summary;
};

void printEntries(llvm::raw_ostream &os, llvm::StringRef kind,
                  const std::vector<FusionSummary::Entry> &entries) {
  for (const FusionSummary::Entry &entry : entries)
    os << "  " << kind << " " << entry.where << ": " << entry.what << "\n";
}

} // namespace

void FusionSummary::listen(MLIRContext &context, const FuseOptions &options) {
  // Passes without anything to say are named too, in the order in which they run.
  OpPassManager pipeline(ModuleOp::getOperationName());
  buildFusePipeline(pipeline, options);
  for (Pass &pass : pipeline)
    if (pass.getArgument().starts_with("qvl-"))
      passes[pass.getArgument().str()];
  remark::RemarkCategories categories;
  categories.passed = "qvl-.*";
  categories.missed = "qvl-.*";
  if (failed(remark::enableOptimizationRemarks(context, std::make_unique<SummaryStreamer>(*this),
                                               std::make_unique<remark::RemarkEmittingPolicyAll>(),
                                               categories)))
    llvm::errs() << "warning: the remarks of the fusion passes are not available\n";
}

void FusionSummary::add(llvm::StringRef pass, bool passed, Entry entry) {
  if (isStopped)
    return;
  PassRemarks &remarks = passes[pass.str()];
  (passed ? remarks.passed : remarks.missed).push_back(std::move(entry));
}

void FusionSummary::print(llvm::raw_ostream &os) const {
  for (const auto &[pass, remarks] : passes) {
    os << llvm::formatv("{0}: {1} fused, {2} missed\n", pass, remarks.passed.size(),
                        remarks.missed.size());
    printEntries(os, "fused ", remarks.passed);
    printEntries(os, "missed", remarks.missed);
  }
}

} // namespace qvl
