// What a request will cost, before it is run.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/device.h"
#include "qvlrt/executor.h"
#include "qvlrt/kv_cache.h"
#include "qvlrt/language_program.h"
#include "qvlrt/module.h"
#include "qvlrt/processor.h"
#include "qvlrt/session.h"
#include "qvlrt/vision_program.h"

#include <cstdint>
#include <memory>
#include <string>

namespace qvlrt {

struct PlanOptions {
  /// Chunks, context and cache limit of the run.
  SessionOptions session;
  /// Longest answer in tokens.
  std::int64_t maxNewTokens = 256;
};

/// Largest arena of the calls of each program, in bytes; 0 for a program that is not called.
struct ArenaBytes {
  std::uint64_t vision = 0;
  std::uint64_t prefill = 0;
  std::uint64_t decode = 0;

  /// One arena serves all calls, so a run holds the largest of them.
  std::uint64_t peak() const;
};

/// The cost of a request whose answer is as long as it may be. An answer that ends by itself after
/// G tokens costs what a plan with maxNewTokens = G says.
struct RunPlan {
  std::int64_t promptTokens = 0; // media expanded
  std::int64_t mediaTokens = 0;
  std::int64_t newTokens = 0; // of the longest answer that the options and the context allow
  std::int64_t chunks = 0;    // calls that read the prompt
  std::int64_t pageTokens = 0;
  std::int64_t promptPages = 0;
  std::int64_t pages = 0; // at the end of the answer
  std::uint64_t weightBytes = 0;
  ArenaBytes arena;
  std::uint64_t kvBytes = 0;
  /// Why a run with these options would be refused; empty when it would not be.
  std::string obstacle;

  /// Weights, arena and cache together. Pixels and operands of a call come on top.
  std::uint64_t totalBytes() const { return weightBytes + arena.peak() + kvBytes; }
};

/// Plans requests by evaluating the memory plans of the artifact's programs, the evaluation that a
/// run uses too. Reads the metadata of the artifact and no weight. Not thread-safe; the module
/// outlives it.
class Planner {
public:
  /// `target` names that of the planned runs; empty takes the first. Error: NotFound for an
  /// artifact that lacks it or one of its programs.
  static absl::StatusOr<Planner> create(const Module &module, const std::string &target = "");

  /// Name of the target.
  std::string target() const { return executor->target().name()->str(); }

  /// The cost of a request that Processor::plan() or process() made. Errors: InvalidArgument for
  /// options that no session takes and for sizes beyond 64 bits.
  absl::StatusOr<RunPlan> plan(const ProcessedRequest &request, const PlanOptions &options) const;

private:
  Planner(std::unique_ptr<Device> device, std::unique_ptr<Executor> executor,
          VisionProgram pictures, VisionProgram videos, LanguageProgram prefill,
          LanguageProgram decode, bool followsPages)
      : device(std::move(device)), executor(std::move(executor)), pictures(std::move(pictures)),
        videos(std::move(videos)), prefill(std::move(prefill)), decode(std::move(decode)),
        followsPages(followsPages) {}

  absl::Status planVision(const VisionProgram &vision, const VisionInput &input,
                          RunPlan &plan) const;
  absl::Status planPrefill(const PlanOptions &options, RunPlan &plan) const;
  absl::Status planDecode(const PlanOptions &options, RunPlan &plan) const;
  absl::Status planCall(std::int64_t rows, std::int64_t tokens, std::int64_t logitRows,
                        const PlanOptions &options, RunPlan &plan) const;
  KvPageLayout pageLayout() const;
  std::int64_t pagesFor(std::int64_t tokens) const;

  // Members die in reverse order: each needs those before it.
  std::unique_ptr<Device> device;
  std::unique_ptr<Executor> executor;
  VisionProgram pictures, videos;
  LanguageProgram prefill, decode;
  bool followsPages; // the arena of a language call may depend on the pages of its sequence
};

} // namespace qvlrt
