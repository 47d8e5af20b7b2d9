// Asynchronous operations that have been issued and not yet taken effect.
//
// In AsyncMode::Early an operation takes effect when it is issued. In AsyncMode::Late a family
// keeps operations that a group wait completes (cp.async, bulk stores, wgmma) in its own per-warp
// state and runs them at the wait; operations that complete an mbarrier go to Cluster::pending.
// When no warp of the cluster can run, the scheduler completes the oldest pending operation, and so
// on; when there is none, the cluster is deadlocked.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

namespace qvlsim {

class Cluster;
class Cta;

class PendingOperations {
public:
  /// Takes effect; false after Warp::fail on the issuing warp. Runs once.
  using Operation = std::function<bool()>;

  void push(Operation operation) { operations_.push_back(std::move(operation)); }
  bool empty() const { return operations_.empty(); }
  /// Completes the oldest operation; false when it failed.
  bool completeOne() {
    Operation operation = std::move(operations_.front());
    operations_.pop_front();
    return operation();
  }
  void clear() { operations_.clear(); }

private:
  std::deque<Operation> operations_;
};

/// State that a family keeps with a warp, CTA or cluster (groups in flight, mbarrier phases). A
/// family derives from this, and finds its own object through an index of ExtensionSlot.
struct Extension {
  virtual ~Extension() = default;
  /// Of a CTA: its last warp has ended. False after Warp::fail.
  virtual bool end(Cta &) { return true; }
};

/// One slot per family that needs state; add a name for a new one.
enum class ExtensionSlot : unsigned {
  Barrier,
  AsyncCopy,
  Mbarrier,
  Bulk,
  Matrix,
  Registers,
  Races,
  Count
};

} // namespace qvlsim
