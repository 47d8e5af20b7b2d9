// What a request will cost: the calls of a run, evaluated without running them.
#include "qvlrt/plan.h"

#include "lib/Runtime/Core/FlatbufferViews.h"
#include "qvlrt/kv_cache.h"
#include "qvlrt/null_device.h"
#include "qvlrt/status.h"
#include "qvlrt/stop_rules.h"

#include "absl/strings/str_format.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace qvlrt {

namespace {

/// True for the dimensions that grow with the pages of a sequence.
bool countsPages(const qvlfmt::Program &program, const qvlfmt::SizeNode &dim) {
  const qvlfmt::Buffer &argument = *program.buffers()->Get(program.arguments()->Get(dim.lhs()));
  const std::string_view name = viewOf(argument.name());
  return (name == "block_table" && dim.rhs() == 1) || (name == "kv_cache" && dim.rhs() == 0);
}

/// True when the arena of a program may depend on the pages of the sequence. Programs whose
/// attention keeps its state in scratch do not, and a long context is then planned by few calls.
bool memoryFollowsPages(const qvlfmt::Program &program) {
  using qvlfmt::SizeOp;
  std::vector<bool> follows; // of every size node
  for (const qvlfmt::SizeNode &node : spanOf(program.sizes())) {
    if (node.op() == SizeOp::Dim)
      follows.push_back(countsPages(program, node));
    else
      follows.push_back(node.op() != SizeOp::Constant &&
                        (follows[node.lhs()] || follows[node.rhs()]));
  }
  for (std::uint32_t i = 0; i < countOf(program.buffers()); ++i) {
    const qvlfmt::Buffer &buffer = *program.buffers()->Get(i);
    const std::span<const std::uint32_t> dims = spanOf(buffer.dims());
    if (buffer.kind() == qvlfmt::BufferKind::Transient &&
        std::any_of(dims.begin(), dims.end(), [&](std::uint32_t dim) { return follows[dim]; }))
      return true;
  }
  return false;
}

} // namespace

std::uint64_t ArenaBytes::peak() const { return std::max({vision, prefill, decode}); }

absl::StatusOr<Planner> Planner::create(const Module &module, const std::string &target) {
  std::unique_ptr<Device> device = createNullDevice();
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<Executor> executor,
                         Executor::create(module, *device, {.target = target}));
  QVLRT_ASSIGN_OR_RETURN(VisionProgram pictures,
                         VisionProgram::create(*executor, VisionFrames::Still));
  QVLRT_ASSIGN_OR_RETURN(VisionProgram videos, VisionProgram::create(*executor));
  QVLRT_ASSIGN_OR_RETURN(LanguageProgram prefill, LanguageProgram::create(*executor, "prefill"));
  QVLRT_ASSIGN_OR_RETURN(LanguageProgram decode, LanguageProgram::create(*executor, "decode"));
  bool followsPages = false;
  for (std::uint32_t i = 0; i < countOf(executor->target().programs()); ++i)
    followsPages |= memoryFollowsPages(*executor->target().programs()->Get(i));
  return Planner(std::move(device), std::move(executor), std::move(pictures), std::move(videos),
                 std::move(prefill), std::move(decode), followsPages);
}

KvPageLayout Planner::pageLayout() const {
  return KvPageLayout::of(executor->module().facts(), executor->target());
}

std::int64_t Planner::pagesFor(std::int64_t tokens) const { return pageLayout().pagesFor(tokens); }

/// Images and videos are a call each, as in Session::encodeMedia().
absl::Status Planner::planVision(const VisionProgram &vision, const VisionInput &input,
                                 RunPlan &plan) const {
  if (input.patches() == 0)
    return absl::OkStatus();
  const auto windows = std::ssize(input.windows.cuWindowSeqlens) - 1;
  const auto frames = std::ssize(input.windows.cuSeqlens) - 1;
  QVLRT_ASSIGN_OR_RETURN(const std::uint64_t bytes,
                         vision.planMemory(input.patches(), windows, frames));
  plan.arena.vision = std::max(plan.arena.vision, bytes);
  return absl::OkStatus();
}

/// One call on `rows` rows, after which the sequence has `tokens` tokens in the cache. Like a
/// session, it takes the decode program for a single row.
absl::Status Planner::planCall(std::int64_t rows, std::int64_t tokens, std::int64_t logitRows,
                               const PlanOptions &options, RunPlan &plan) const {
  std::int64_t pages = pagesFor(tokens), poolPages = pages;
  const LanguageProgram &program = rows == 1 ? decode : prefill;
  if (program.keepsShapes()) {
    QVLRT_ASSIGN_OR_RETURN(const std::int64_t context,
                           contextTokens(executor->module().facts(), options.session));
    pages = pagesFor(context);
    poolPages = kvLimit(pageLayout(), context, options.session) / pageLayout().pageBytes();
  }
  QVLRT_ASSIGN_OR_RETURN(
      const std::uint64_t bytes,
      program.planMemory(rows, /*sequences=*/1, pages, poolPages, logitRows, plan.mediaTokens));
  std::uint64_t &arena = rows == 1 ? plan.arena.decode : plan.arena.prefill;
  arena = std::max(arena, bytes);
  return absl::OkStatus();
}

absl::Status Planner::planPrefill(const PlanOptions &options, RunPlan &plan) const {
  std::int64_t planned = 0; // pages of the last planned chunk: full chunks differ by them only
  for (std::int64_t done = 0; done < plan.promptTokens; ++plan.chunks) {
    const std::int64_t rows = std::min(options.session.prefillChunk, plan.promptTokens - done);
    done += rows;
    const bool last = done == plan.promptTokens;
    const bool seen = planned != 0 && (planned == pagesFor(done) || !followsPages);
    if (seen && !last)
      continue;
    QVLRT_RETURN_IF_ERROR(planCall(rows, done, /*logitRows=*/last, options, plan));
    planned = pagesFor(done);
  }
  return absl::OkStatus();
}

/// Every chosen token but the last is run. The shapes differ by their pages only.
absl::Status Planner::planDecode(const PlanOptions &options, RunPlan &plan) const {
  const std::int64_t end = plan.promptTokens + plan.newTokens - 1;
  for (std::int64_t tokens = plan.promptTokens + 1; tokens <= end;) {
    QVLRT_RETURN_IF_ERROR(planCall(/*rows=*/1, tokens, /*logitRows=*/1, options, plan));
    if (!followsPages || decode.keepsShapes())
      break;
    tokens = pagesFor(tokens) * plan.pageTokens + 1; // the first token of the next page
  }
  return absl::OkStatus();
}

/// The limits that a run checks before and while it works.
static std::string obstacleOf(const RunPlan &plan, const PlanOptions &options,
                              std::int64_t context) {
  StopRules rules;
  rules.maxNewTokens = options.maxNewTokens;
  rules.maxContext = context;
  if (const absl::Status status = validateStopRules(rules, plan.promptTokens); !status.ok())
    return std::string(status.message());
  if (options.session.kvMemory && plan.kvBytes > *options.session.kvMemory)
    return absl::StrFormat("the KV cache needs %u bytes for the prompt and an answer of %d tokens, "
                           "but --kv-memory allows %u: raise it or lower --max-new-tokens",
                           plan.kvBytes, plan.newTokens, *options.session.kvMemory);
  return "";
}

absl::StatusOr<RunPlan> Planner::plan(const ProcessedRequest &request,
                                      const PlanOptions &options) const {
  const Module &module = executor->module();
  QVLRT_ASSIGN_OR_RETURN(const std::int64_t context,
                         contextTokens(module.facts(), options.session));
  if (options.maxNewTokens < 1 || options.session.prefillChunk < 1)
    return absl::InvalidArgumentError("max-new-tokens and prefill-chunk must be 1 or more");
  RunPlan plan;
  plan.promptTokens = std::ssize(request.ids);
  plan.mediaTokens = request.mediaTokens;
  plan.newTokens = std::clamp<std::int64_t>(context - plan.promptTokens, 0, options.maxNewTokens);
  plan.pageTokens = module.facts().page_size();
  plan.promptPages = pagesFor(plan.promptTokens);
  plan.pages = pagesFor(plan.promptTokens + std::max<std::int64_t>(plan.newTokens - 1, 0));
  plan.weightBytes = module.totalWeightBytes();
  plan.kvBytes = static_cast<std::uint64_t>(plan.pages) * pageLayout().pageBytes();
  QVLRT_RETURN_IF_ERROR(planVision(pictures, request.images, plan));
  QVLRT_RETURN_IF_ERROR(planVision(videos, request.videos, plan));
  QVLRT_RETURN_IF_ERROR(planPrefill(options, plan));
  QVLRT_RETURN_IF_ERROR(planDecode(options, plan));
  plan.obstacle = obstacleOf(plan, options, context);
  return plan;
}

} // namespace qvlrt
