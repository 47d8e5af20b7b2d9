// The remarks of the fusion passes as a report for people: what was fused where, what was missed
// and why.
#pragma once

#include "qvl/Pipelines/Pipelines.h"

#include "mlir/IR/MLIRContext.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <string>
#include <vector>

namespace qvl {

/// Collects the remarks that qvl passes emit in a context, pass by pass, in order.
class FusionSummary {
public:
  /// One remark: the module path of the op and what the pass says about it.
  struct Entry {
    std::string where;
    std::string what;
  };
  struct PassRemarks {
    std::vector<Entry> passed, missed;
  };

  /// Makes `context` send the remarks here from now on. The summary must outlive the context's
  /// passes. `options` are those of the pipeline that will run.
  void listen(mlir::MLIRContext &context, const FuseOptions &options);

  /// Ignores remarks from now on.
  void stop() { isStopped = true; }

  void add(llvm::StringRef pass, bool passed, Entry entry);

  /// One block a pass of the fuse pipeline: counts, every rewrite, every missed one with its
  /// reason. A pass without remarks is named with zeros.
  void print(llvm::raw_ostream &os) const;

private:
  llvm::MapVector<std::string, PassRemarks, std::map<std::string, unsigned>> passes;
  bool isStopped = false;
};

} // namespace qvl
