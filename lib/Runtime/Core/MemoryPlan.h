// What one run of a program needs: its sizes, and where its transient buffers lie in the arena.
#pragma once

#include "absl/status/statusor.h"
#include "qvlfmt/artifact_generated.h"
#include "qvlrt/executor.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace qvlrt {

/// The evaluated sizes and the arena of a program for one set of argument shapes.
struct MemoryPlan {
  std::vector<std::int64_t> sizes;   // of every size node
  std::vector<std::uint64_t> bytes;  // of every buffer, from its dims
  std::vector<std::uint64_t> places; // of every transient buffer in the arena; 0 for others
  std::uint64_t arenaBytes = 0;

  /// The dims of a buffer.
  Shape shapeOf(const qvlfmt::Buffer &buffer) const;
};

/// A verified program with what is derived from it once: the roots of its views, lives that reach
/// to the end for results, and the plans of recent shapes.
class PlannedProgram {
public:
  explicit PlannedProgram(const qvlfmt::Program &program);

  const qvlfmt::Program &program() const { return *source; }
  /// The buffer whose memory buffer `number` shares: itself unless it is a view.
  std::uint32_t root(std::uint32_t number) const { return roots[number]; }

  /// Shapes in the order of the program's arguments. Each argument is matched by name, exactly
  /// once, in type, rank and static dims. Error: InvalidArgument, naming the program and the
  /// argument.
  absl::StatusOr<std::vector<Shape>> matchArguments(std::span<const ArgumentShape> arguments,
                                                    std::vector<std::uint32_t> &order) const;

  /// The plan for these shapes, from the cache when they were seen lately; valid until the next
  /// call. Errors: InvalidArgument (shapes contradict each other or are too large),
  /// ResourceExhausted (above `arenaLimit`).
  absl::StatusOr<const MemoryPlan *> plan(const std::vector<Shape> &shapes,
                                          std::uint64_t arenaLimit);

private:
  absl::StatusOr<MemoryPlan> makePlan(const std::vector<Shape> &shapes,
                                      std::uint64_t arenaLimit) const;
  absl::Status checkArgumentDims(const MemoryPlan &plan, const std::vector<Shape> &shapes) const;
  absl::Status measureBuffers(MemoryPlan &plan) const;
  absl::Status placeTransients(MemoryPlan &plan, std::uint64_t arenaLimit) const;
  absl::Status mismatch(std::string_view argument, const std::string &what) const;

  const qvlfmt::Program *source; // borrowed from the module
  std::vector<std::uint32_t> roots;
  std::vector<bool> returned; // root buffers that hold results
  std::vector<std::pair<std::vector<Shape>, std::unique_ptr<MemoryPlan>>> recent; // newest last
};

} // namespace qvlrt
