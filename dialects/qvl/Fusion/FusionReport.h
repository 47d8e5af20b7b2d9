// What fusion passes say about their work: optimisation remarks and statistics.
#pragma once

#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace mlir::qvl {

/// Reports the rewrites of one pass. Every opportunity ends in one of two ways: `passed`, a remark
/// of kind passed that says what was joined, or `missed`, one that names the op in the way. An op
/// that is no opportunity at all is not reported. The category of the remarks is the pass's flag,
/// so that
/// `--remarks-filter=qvl-fuse-qkv` selects one pass.
class FusionReport {
public:
  FusionReport(Pass &pass, Pass::Statistic &fused, Pass::Statistic &missed)
      : pass(pass), fusedCount(fused), missedCount(missed) {}

  void passed(Location loc, const Twine &what);
  /// Fails, so that a pattern can return it.
  LogicalResult missed(Operation *op, const Twine &reason);

private:
  Pass &pass;
  Pass::Statistic &fusedCount, &missedCount;
};

/// Names an op in a remark: `'qvl.add' at visual.blocks.0.add1`.
std::string describe(Operation *op);

/// The only op that uses a value, or nothing.
Operation *singleUser(Value value);

/// Calls `rewrite` once for each op of the given kinds inside `root`, in program order, with the
/// insertion point before it. Producers are thus rewritten before their readers, and one walk is
/// the whole work: there is nothing to converge. `rewrite` may erase its op and producers that are
/// not of the given kinds or come earlier.
template <typename... Ops>
void rewriteInOrder(Operation *root,
                    llvm::function_ref<void(Operation *, RewriterBase &)> rewrite) {
  SmallVector<Operation *> ops;
  root->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<Ops...>(op))
      ops.push_back(op);
  });
  IRRewriter rewriter(root->getContext());
  for (Operation *op : ops) {
    rewriter.setInsertionPoint(op);
    rewrite(op, rewriter);
  }
}

} // namespace mlir::qvl
