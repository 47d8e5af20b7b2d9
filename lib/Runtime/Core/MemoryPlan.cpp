#include "MemoryPlan.h"

#include "ArtifactVerifier.h"
#include "ElementTypes.h"
#include "FlatbufferViews.h"
#include "SizeEvaluator.h"
#include "qvlrt/arena.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace qvlrt {

using qvlfmt::BufferKind;

/// Plans kept per program: a decode of growing length alternates between few shapes.
static constexpr std::size_t kRecentPlans = 16;

Shape MemoryPlan::shapeOf(const qvlfmt::Buffer &buffer) const {
  Shape shape;
  for (std::uint32_t dim : spanOf(buffer.dims()))
    shape.push_back(sizes[dim]);
  return shape;
}

PlannedProgram::PlannedProgram(const qvlfmt::Program &program) : source(&program) {
  std::uint32_t count = countOf(program.buffers());
  roots.resize(count);
  returned.resize(count, false);
  for (std::uint32_t i = 0; i < count; ++i) {
    const qvlfmt::Buffer &buffer = *program.buffers()->Get(i);
    roots[i] = buffer.kind() == BufferKind::View ? roots[buffer.index()] : i;
  }
  for (std::uint32_t result : spanOf(program.results()))
    returned[roots[result]] = true;
}

absl::Status PlannedProgram::mismatch(std::string_view argument, const std::string &what) const {
  return absl::InvalidArgumentError(
      absl::StrCat(source->name()->c_str(), ": argument ", std::string(argument), " ", what));
}

absl::StatusOr<std::vector<Shape>>
PlannedProgram::matchArguments(std::span<const ArgumentShape> arguments,
                               std::vector<std::uint32_t> &order) const {
  std::span<const std::uint32_t> expected = spanOf(source->arguments());
  std::vector<Shape> shapes;
  order.clear();
  for (std::uint32_t number : expected) {
    const qvlfmt::Buffer &buffer = *source->buffers()->Get(number);
    std::string_view name = viewOf(buffer.name());
    auto named = [&](const ArgumentShape &argument) { return argument.name == name; };
    auto found = std::find_if(arguments.begin(), arguments.end(), named);
    if (found == arguments.end())
      return mismatch(name, "is missing");
    if (std::find_if(found + 1, arguments.end(), named) != arguments.end())
      return mismatch(name, "is given twice");
    if (found->element != buffer.element())
      return mismatch(name, absl::StrCat("is not ", elementName(buffer.element())));
    if (found->dims.size() != countOf(buffer.dims()))
      return mismatch(
          name, absl::StrCat("has rank ", found->dims.size(), ", not ", countOf(buffer.dims())));
    if (!tensorBytes(found->dims, buffer.element()))
      return mismatch(name, absl::StrCat("has dims ", absl::StrJoin(found->dims, " x ")));
    order.push_back(static_cast<std::uint32_t>(found - arguments.begin()));
    shapes.push_back(found->dims);
  }
  // All expected names were found once, so a longer list holds a name that the program does not
  // know.
  for (std::uint32_t i = 0; i < arguments.size(); ++i)
    if (std::find(order.begin(), order.end(), i) == order.end())
      return mismatch(arguments[i].name, "is none of the program");
  return shapes;
}

absl::StatusOr<const MemoryPlan *> PlannedProgram::plan(const std::vector<Shape> &shapes,
                                                        std::uint64_t arenaLimit) {
  auto same = [&](const auto &entry) { return entry.first == shapes; };
  if (auto found = std::find_if(recent.begin(), recent.end(), same); found != recent.end()) {
    std::rotate(found, found + 1, recent.end());
    return recent.back().second.get();
  }
  QVLRT_ASSIGN_OR_RETURN(MemoryPlan plan, makePlan(shapes, arenaLimit));
  if (recent.size() == kRecentPlans)
    recent.erase(recent.begin());
  recent.emplace_back(shapes, std::make_unique<MemoryPlan>(std::move(plan)));
  return recent.back().second.get();
}

absl::StatusOr<MemoryPlan> PlannedProgram::makePlan(const std::vector<Shape> &shapes,
                                                    std::uint64_t arenaLimit) const {
  MemoryPlan plan;
  QVLRT_ASSIGN_OR_RETURN(plan.sizes, evaluateSizes(*source, shapes));
  QVLRT_RETURN_IF_ERROR(checkArgumentDims(plan, shapes));
  QVLRT_RETURN_IF_ERROR(measureBuffers(plan));
  QVLRT_RETURN_IF_ERROR(placeTransients(plan, arenaLimit));
  return plan;
}

absl::Status PlannedProgram::checkArgumentDims(const MemoryPlan &plan,
                                               const std::vector<Shape> &shapes) const {
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const qvlfmt::Buffer &buffer = *source->buffers()->Get(source->arguments()->Get(i));
    Shape expected = plan.shapeOf(buffer);
    for (std::size_t dim = 0; dim < expected.size(); ++dim)
      if (shapes[i][dim] != expected[dim])
        return mismatch(
            viewOf(buffer.name()),
            absl::StrCat("has ", shapes[i][dim], " in dimension ", dim, ", not ", expected[dim]));
  }
  return absl::OkStatus();
}

absl::Status PlannedProgram::measureBuffers(MemoryPlan &plan) const {
  std::uint32_t count = countOf(source->buffers());
  plan.bytes.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const qvlfmt::Buffer &buffer = *source->buffers()->Get(i);
    Shape shape = plan.shapeOf(buffer);
    std::optional<std::uint64_t> bytes = tensorBytes(shape, buffer.element());
    if (!bytes || *bytes > kMaxTensorBytes)
      return absl::InvalidArgumentError(
          absl::StrCat(source->name()->c_str(), ": buffer ", i, " of ", absl::StrJoin(shape, " x "),
                       " elements has no valid size; the input is too large"));
    plan.bytes[i] = *bytes;
    // The size of a weight is that of its encoding, which its logical dims do not tell.
    const qvlfmt::Buffer &root = *source->buffers()->Get(roots[i]);
    if (root.kind() != BufferKind::Weight && *bytes > plan.bytes[roots[i]])
      return absl::InvalidArgumentError(absl::StrCat(source->name()->c_str(), ": buffer ", i,
                                                     " of ", *bytes, " bytes is a view of one of ",
                                                     plan.bytes[roots[i]]));
  }
  return absl::OkStatus();
}

absl::Status PlannedProgram::placeTransients(MemoryPlan &plan, std::uint64_t arenaLimit) const {
  std::uint32_t count = countOf(source->buffers());
  std::vector<LiveInterval> intervals;
  std::vector<std::uint32_t> owners;
  for (std::uint32_t i = 0; i < count; ++i) {
    const qvlfmt::Buffer &buffer = *source->buffers()->Get(i);
    if (buffer.kind() != BufferKind::Transient)
      continue;
    // A result is read after the last command.
    std::uint32_t last = returned[i] ? UINT32_MAX : buffer.last_command();
    intervals.push_back({buffer.first_command(), last, plan.bytes[i]});
    owners.push_back(i);
  }
  absl::StatusOr<ArenaPlan> arena = packArena(intervals, kBufferAlignment, arenaLimit);
  if (!arena.ok())
    return absl::ResourceExhaustedError(absl::StrCat(
        source->name()->c_str(), ": not enough memory for this input: ", arena.status().message()));
  plan.places.resize(count);
  for (std::size_t i = 0; i < owners.size(); ++i)
    plan.places[owners[i]] = arena->offsets[i];
  plan.arenaBytes = arena->bytes;
  return absl::OkStatus();
}

} // namespace qvlrt
