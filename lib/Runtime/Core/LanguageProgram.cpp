#include "qvlrt/language_program.h"

#include "ElementTypes.h"
#include "FlatbufferViews.h"
#include "OperandChecks.h"
#include "qvlfmt/Sampling.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace qvlrt {

using qvlfmt::ElementType;

static bool hasResult(const qvlfmt::Program &program, std::string_view name) {
  for (std::uint32_t i = 0; i < countOf(program.result_names()); ++i)
    if (viewOf(program.result_names()->Get(i)) == name)
      return true;
  return false;
}

absl::StatusOr<LanguageProgram> LanguageProgram::create(Executor &executor, std::string_view name) {
  QVLRT_ASSIGN_OR_RETURN(std::uint32_t program, executor.program(name));
  // By the target and not by the device: a plan has no device.
  const bool fixed = name == "decode" && viewOf(executor.target().name()) == "cuda";
  const bool chooses = hasResult(*executor.target().programs()->Get(program), "ids");
  return LanguageProgram(executor, program, fixed, chooses);
}

/// The single result called `name` of this type and these sizes.
static absl::StatusOr<DeviceTensor> resultOf(std::span<const DeviceTensor> results,
                                             std::string_view name, ElementType element,
                                             const Shape &dims) {
  for (const DeviceTensor &result : results)
    if (result.name == name && result.element == element && result.dims == dims)
      return result;
  return absl::InvalidArgumentError(
      absl::StrCat("the program has no result ", std::string(name), " of ", elementName(element),
                   " [", absl::StrJoin(dims, ", "), "]; compile the checkpoint again"));
}

/// Counts of what a call gives and wants; checkLanguageCall() sees to the rest.
static absl::Status checkResults(const LanguageCall &call, std::int64_t vocabSize,
                                 std::size_t logits, std::size_t ids) {
  const std::size_t rows = call.logitRows.size();
  if (logits != 0 || ids == 0)
    QVLRT_RETURN_IF_ERROR(checkCount("logits", logits, rows * vocabSize));
  if (ids != 0)
    QVLRT_RETURN_IF_ERROR(checkCount("ids", ids, rows));
  if (ids == 0 && call.sampling.empty() && call.seen.empty() && call.draws.empty())
    return absl::OkStatus();
  QVLRT_RETURN_IF_ERROR(
      checkCount("sampling", call.sampling.size(), rows * qvlfmt::kSamplingSettings));
  QVLRT_RETURN_IF_ERROR(checkCount("seen", call.seen.size(), rows * qvlfmt::seenWords(vocabSize)));
  return checkCount("draws", call.draws.size(), rows);
}

/// A program is code of the artifact, so its choice is checked like any other input.
static absl::Status checkChosenIds(std::span<const std::int32_t> ids, std::int64_t vocabSize) {
  for (std::int32_t id : ids)
    if (id != qvlfmt::kNoId && (id < 0 || id >= vocabSize))
      return absl::InternalError(absl::StrCat("the program chose id ", id, ", the vocabulary has ",
                                              vocabSize, "; compile the checkpoint again"));
  return absl::OkStatus();
}

/// Operands of a call that does not choose: zeros choose the largest logit.
struct NoChoice {
  NoChoice(std::int64_t rows, std::int64_t words)
      : sampling(rows * qvlfmt::kSamplingSettings), seen(rows * words), draws(rows) {}
  std::vector<float> sampling;
  std::vector<std::int32_t> seen;
  std::vector<std::int64_t> draws;
};

absl::Status LanguageProgram::run(const LanguageCall &call, DeviceRange features,
                                  std::int64_t featureCount, const KvCache &cache,
                                  std::span<float> logits, std::vector<CommandRecord> *records,
                                  std::span<std::int32_t> ids) {
  const qvlfmt::ModelFacts &facts = executor->module().facts();
  LanguageLimits limits{facts.vocab_size(), facts.max_context(), facts.page_size(),
                        cache.committedPages(), featureCount};
  QVLRT_RETURN_IF_ERROR(checkLanguageCall(call, limits));
  std::int64_t logitRows = std::ssize(call.logitRows);
  QVLRT_RETURN_IF_ERROR(checkResults(call, facts.vocab_size(), logits.size(), ids.size()));

  std::int64_t rows = std::ssize(call.ids);
  std::int64_t sequences = std::ssize(call.cacheLengths);
  staging.clear();
  staging.add("ids", ElementType::I32, {rows}, call.ids);
  staging.add("positions", ElementType::I32, {3, rows}, call.positions);
  staging.add("feature_rows", ElementType::I32, {rows}, call.featureRows);
  staging.add("row_offsets", ElementType::I32, {sequences + 1}, call.rowOffsets);
  staging.add("row_sequence", ElementType::I32, {rows}, call.rowSequence);
  staging.add("cache_lengths", ElementType::I32, {sequences}, call.cacheLengths);
  staging.add("block_table", ElementType::I32, {sequences, std::ssize(call.blockTable) / sequences},
              call.blockTable);
  staging.add("slots", ElementType::I64, {rows}, call.slots);
  staging.add("logit_rows", ElementType::I32, {logitRows}, call.logitRows);
  const std::int64_t words = qvlfmt::seenWords(facts.vocab_size());
  const NoChoice none(chooses && call.draws.empty() ? logitRows : 0, words);
  if (chooses) {
    const bool isChoice = !call.draws.empty();
    staging.add("sampling", ElementType::F32, {logitRows, qvlfmt::kSamplingSettings},
                isChoice ? call.sampling : std::span(none.sampling));
    staging.add("seen", ElementType::I32, {logitRows, words},
                isChoice ? call.seen : std::span(none.seen));
    staging.add("draws", ElementType::I64, {logitRows},
                isChoice ? call.draws : std::span(none.draws));
  }
  // Without pictures the pool is one row of zeros that no row names: a kernel never gets an empty
  // buffer.
  std::vector<float> noFeatures(featureCount == 0 ? facts.hidden_size() : 0);
  if (featureCount == 0)
    staging.add("features", ElementType::F32, {1, facts.hidden_size()},
                std::span<const float>(noFeatures));
  QVLRT_ASSIGN_OR_RETURN(std::vector<DeviceTensor> arguments, staging.upload());
  if (featureCount != 0)
    arguments.push_back(
        {"features", ElementType::F32, {featureCount, facts.hidden_size()}, features});
  arguments.push_back(fixed ? cache.reservedTensor() : cache.tensor());

  QVLRT_ASSIGN_OR_RETURN(std::vector<DeviceTensor> results,
                         executor->run(program, arguments, records));
  return readResults(results, logitRows, logits, ids);
}

absl::Status LanguageProgram::readResults(std::span<const DeviceTensor> results, std::int64_t rows,
                                          std::span<float> logits,
                                          std::span<std::int32_t> ids) const {
  const std::int64_t vocabSize = executor->module().facts().vocab_size();
  QVLRT_ASSIGN_OR_RETURN(const DeviceTensor rowsOfLogits,
                         resultOf(results, "logits", ElementType::F32, {rows, vocabSize}));
  if (!ids.empty()) {
    QVLRT_ASSIGN_OR_RETURN(const DeviceTensor chosen,
                           resultOf(results, "ids", ElementType::I32, {rows}));
    QVLRT_RETURN_IF_ERROR(readBack(std::as_writable_bytes(ids), chosen.data));
    QVLRT_RETURN_IF_ERROR(checkChosenIds(ids, vocabSize));
    if (logits.empty())
      return absl::OkStatus();
  }
  return readBack(std::as_writable_bytes(logits), rowsOfLogits.data);
}

absl::Status LanguageProgram::readBack(std::span<std::byte> to, DeviceRange from) const {
  absl::Status status = executor->device().copyToHost(to, from);
  if (status.ok() || executor->device().limits().hostAddressable)
    return status;
  // The wait for the results is where a device says that one of the kernels before failed.
  return absl::Status(status.code(),
                      absl::StrCat(executor->target().programs()->Get(program)->name()->c_str(),
                                   ": ", status.message(),
                                   "; a run with --profile=FILE waits for each kernel and names "
                                   "the one that fails"));
}

absl::StatusOr<std::uint64_t> LanguageProgram::planMemory(std::int64_t rows, std::int64_t sequences,
                                                          std::int64_t pagesPerSequence,
                                                          std::int64_t poolPages,
                                                          std::int64_t logitRows,
                                                          std::int64_t featureCount) const {
  const qvlfmt::ModelFacts &facts = executor->module().facts();
  KvPageLayout page = KvPageLayout::of(facts, executor->target());
  std::vector<ArgumentShape> shapes = {
      {"ids", ElementType::I32, {rows}},
      {"positions", ElementType::I32, {3, rows}},
      {"features",
       ElementType::F32,
       {std::max<std::int64_t>(featureCount, 1), facts.hidden_size()}},
      {"feature_rows", ElementType::I32, {rows}},
      {"row_offsets", ElementType::I32, {sequences + 1}},
      {"row_sequence", ElementType::I32, {rows}},
      {"cache_lengths", ElementType::I32, {sequences}},
      {"block_table", ElementType::I32, {sequences, pagesPerSequence}},
      {"slots", ElementType::I64, {rows}},
      {"kv_cache", page.element, {poolPages, page.pageElements}},
      {"logit_rows", ElementType::I32, {logitRows}}};
  if (chooses) {
    shapes.push_back(
        {"seen", ElementType::I32, {logitRows, qvlfmt::seenWords(facts.vocab_size())}});
    shapes.push_back({"sampling", ElementType::F32, {logitRows, qvlfmt::kSamplingSettings}});
    shapes.push_back({"draws", ElementType::I64, {logitRows}});
  }
  return executor->planMemory(program, shapes);
}

} // namespace qvlrt
