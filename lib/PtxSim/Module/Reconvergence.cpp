#include "Module/Reconvergence.h"

#include "Exec/Warp.h"

#include <algorithm>

namespace qvlsim {
namespace {

using Node = std::uint32_t;
constexpr Node kNone = 0xFFFFFFFF;

/// Successors of each instruction; node code.size() is the exit.
std::vector<std::vector<Node>> successors(const Function &function) {
  const auto exit = static_cast<Node>(function.code.size());
  std::vector<std::vector<Node>> result(exit + 1);
  for (Node n = 0; n < exit; ++n) {
    const Instruction &i = function.code[n];
    const Node next = n + 1 < exit ? n + 1 : exit;
    std::vector<Node> &to = result[n];
    switch (controlKind(i)) {
    case ControlKind::None:
      to = {next};
      break;
    case ControlKind::Branch:
      to = {i.target};
      break;
    case ControlKind::IndexedBranch:
      to = function.branchTables[i.table];
      break;
    case ControlKind::Return:
    case ControlKind::Exit:
    case ControlKind::Trap:
      to = {exit};
      break;
    }
    if (i.guarded && controlKind(i) != ControlKind::None)
      to.push_back(next);
  }
  return result;
}

/// Immediate post-dominators by the iterative scheme of Cooper, Harvey and Kennedy on the reversed
/// graph.
class PostDominators {
public:
  explicit PostDominators(const std::vector<std::vector<Node>> &successors)
      : successors_(successors), number_(successors.size(), kNone),
        immediate_(successors.size(), kNone) {
    numberNodes();
    const auto exit = static_cast<Node>(successors.size() - 1);
    immediate_[exit] = exit;
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t k = order_.size() - 1; k-- > 0;)
        changed |= update(order_[k]);
    }
  }
  Node of(Node n) const { return immediate_[n]; }

private:
  bool update(Node n) {
    Node candidate = kNone;
    for (Node s : successors_[n])
      if (number_[s] != kNone && immediate_[s] != kNone)
        candidate = candidate == kNone ? s : meet(candidate, s);
    if (candidate == kNone || immediate_[n] == candidate)
      return false;
    immediate_[n] = candidate;
    return true;
  }
  Node meet(Node a, Node b) const {
    while (a != b) {
      while (number_[a] < number_[b])
        a = immediate_[a];
      while (number_[b] < number_[a])
        b = immediate_[b];
    }
    return a;
  }
  /// Post-order of the reversed graph from the exit; nodes in endless loops get no number.
  void numberNodes() {
    const std::size_t n = successors_.size();
    std::vector<std::vector<Node>> predecessors(n);
    for (Node from = 0; from < n; ++from)
      for (Node to : successors_[from])
        predecessors[to].push_back(from);
    std::vector<bool> seen(n, false);
    std::vector<std::pair<Node, std::size_t>> stack{{static_cast<Node>(n - 1), 0}};
    seen[n - 1] = true;
    while (!stack.empty()) {
      auto &[node, next] = stack.back();
      if (next == predecessors[node].size()) {
        number_[node] = static_cast<Node>(order_.size());
        order_.push_back(node);
        stack.pop_back();
        continue;
      }
      Node from = predecessors[node][next++];
      if (!seen[from]) {
        seen[from] = true;
        stack.emplace_back(from, 0);
      }
    }
  }

  const std::vector<std::vector<Node>> &successors_;
  std::vector<Node> number_, immediate_, order_;
};

} // namespace

void computeReconvergence(Function &function) {
  auto graph = successors(function);
  PostDominators dominators(graph);
  const auto exit = static_cast<Node>(function.code.size());
  for (Node n = 0; n < exit; ++n) {
    Node meet = dominators.of(n);
    function.code[n].reconvergence = meet == kNone || meet == exit ? kNoReconvergence : meet;
  }
}

} // namespace qvlsim
