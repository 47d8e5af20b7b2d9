#include "qvlrt/language_program.h"

#include "ElementTypes.h"
#include "FlatbufferViews.h"
#include "OperandChecks.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

namespace qvlrt {

using qvlfmt::ElementType;

absl::StatusOr<LanguageProgram> LanguageProgram::create(Executor &executor, std::string_view name) {
  QVLRT_ASSIGN_OR_RETURN(std::uint32_t program, executor.program(name));
  // By the target and not by the device: a plan has no device.
  const bool fixed = name == "decode" && viewOf(executor.target().name()) == "cuda";
  return LanguageProgram(executor, program, fixed);
}

/// The single result called `name` of type f32 [rows, columns].
static absl::StatusOr<DeviceTensor> logitsOf(std::span<const DeviceTensor> results,
                                             std::int64_t rows, std::int64_t columns) {
  for (const DeviceTensor &result : results)
    if (result.name == "logits" && result.element == ElementType::F32 &&
        result.dims == Shape{rows, columns})
      return result;
  return absl::InvalidArgumentError(absl::StrCat("the program has no result logits f32 [", rows,
                                                 ", ", columns, "]; compile the checkpoint again"));
}

absl::Status LanguageProgram::run(const LanguageCall &call, DeviceRange features,
                                  std::int64_t featureCount, const KvCache &cache,
                                  std::span<float> logits, std::vector<CommandRecord> *records) {
  const qvlfmt::ModelFacts &facts = executor->module().facts();
  LanguageLimits limits{facts.vocab_size(), facts.max_context(), facts.page_size(),
                        cache.committedPages(), featureCount};
  QVLRT_RETURN_IF_ERROR(checkLanguageCall(call, limits));
  std::int64_t logitRows = std::ssize(call.logitRows);
  QVLRT_RETURN_IF_ERROR(checkCount("logits", logits.size(), logitRows * facts.vocab_size()));

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
  QVLRT_ASSIGN_OR_RETURN(DeviceTensor result, logitsOf(results, logitRows, facts.vocab_size()));
  return readBack(std::as_writable_bytes(logits), result.data);
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
  const ArgumentShape shapes[] = {{"ids", ElementType::I32, {rows}},
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
  return executor->planMemory(program, shapes);
}

} // namespace qvlrt
