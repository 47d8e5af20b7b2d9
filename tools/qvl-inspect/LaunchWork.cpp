// What the launches of a program move and compute for given sizes.
#include "LaunchWork.h"

#include "lib/Runtime/Core/ElementTypes.h"
#include "lib/Runtime/Core/FlatbufferViews.h"
#include "lib/Runtime/Core/SizeEvaluator.h"
#include "qvlfmt/Sampling.h"
#include "qvlrt/generator.h"
#include "qvlrt/status.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

namespace qvlinspect {
namespace {

using qvlfmt::BufferKind;
using qvlrt::countOf, qvlrt::spanOf, qvlrt::viewOf;

/// Keys that attention deals to a split at a time (qvl.cached_attention_splits).
constexpr double kSplitTokens = 64;

/// Whether a buffer holds partial results of attention: [rows, splits, heads, ...].
bool isOfSplits(const qvlfmt::Buffer &buffer) { return countOf(buffer.dims()) == 4; }

/// Sizes of the arguments of one call.
std::map<std::string, qvlrt::Shape> argumentShapes(const qvlfmt::ModelFacts &facts,
                                                   std::string_view program,
                                                   const Workload &workload) {
  const qvlfmt::ProcessorFacts &processor = *facts.processor();
  const std::int64_t unit = std::int64_t{processor.patch_size()} * processor.merge_size();
  const std::int64_t side = processor.window_size() / unit; // of a window, in merged patches
  const std::int64_t high = workload.pictureHeight / unit, wide = workload.pictureWidth / unit;
  const std::int64_t groups = high * wide;
  const std::int64_t patches = groups * processor.merge_size() * processor.merge_size();
  const std::int64_t windows = ((high + side - 1) / side) * ((wide + side - 1) / side);
  const std::int64_t row =
      facts.patch_row() / (program == "vision_still" ? processor.temporal_patch_size() : 1);
  const bool decode = program == "decode";
  const std::int64_t rows = decode ? 1 : workload.promptTokens;
  const std::int64_t tokens = decode ? workload.contextTokens + 1 : rows;
  // On a GPU decoding has the table of the whole context.
  const std::int64_t longest = decode ? facts.max_context() : tokens;
  const std::int64_t pages = (longest + facts.page_size() - 1) / facts.page_size();
  return {{"pixels", {patches, row}},
          {"window", {groups}},
          {"windows", {windows + 1}},
          {"frames", {2}},
          {"ids", {rows}},
          {"positions",
           {program.starts_with("vision") ? 2 : 3, program.starts_with("vision") ? patches : rows}},
          {"features", {std::max<std::int64_t>(groups, 1), facts.hidden_size()}},
          {"feature_rows", {rows}},
          {"row_offsets", {2}},
          {"row_sequence", {rows}},
          {"cache_lengths", {1}},
          {"block_table", {1, pages}},
          {"slots", {rows}},
          {"kv_cache", {pages, 1}},
          {"logit_rows", {1}},
          {"seen", {1, qvlfmt::seenWords(facts.vocab_size())}},
          {"sampling", {1, qvlfmt::kSamplingSettings}},
          {"draws", {1}}};
}

/// One program with its sizes.
class WorkCounter {
public:
  WorkCounter(const qvlfmt::Artifact &artifact, const qvlfmt::Target &target,
              const qvlfmt::Program &program, const Workload &workload)
      : artifact(artifact), target(target), program(program), workload(workload) {}

  absl::Status evaluate();
  LaunchWork count(const qvlfmt::Command &command) const;

private:
  const qvlfmt::Buffer &buffer(std::uint32_t number) const {
    return *program.buffers()->Get(number);
  }
  /// A dimension; 1 for one that the buffer lacks, since kernels go by their names here and an
  /// artifact may give any buffer to any of them.
  double dim(const qvlfmt::Buffer &of, std::uint32_t number) const {
    return number < countOf(of.dims()) ? static_cast<double>(sizes[of.dims()->Get(number)]) : 1;
  }
  double bytesOf(const qvlfmt::Buffer &of) const;
  /// Of a buffer of splits, the share of those that have keys.
  double splitShare(const qvlfmt::Buffer &of) const;
  /// Bytes of K and V of one token in one layer.
  double cacheRow() const;
  double operandBytes(const qvlfmt::Command &command, const qvlfmt::Buffer &operand) const;
  double flopsOf(const qvlfmt::Command &command, std::string_view family) const;
  bool reads(const qvlfmt::Command &command, std::string_view argument) const;

  const qvlfmt::Artifact &artifact;
  const qvlfmt::Target &target;
  const qvlfmt::Program &program;
  const Workload &workload;
  std::vector<std::int64_t> sizes;
};

absl::Status WorkCounter::evaluate() {
  const auto known = argumentShapes(*artifact.model(), viewOf(program.name()), workload);
  std::vector<qvlrt::Shape> shapes;
  for (std::uint32_t number : spanOf(program.arguments())) {
    const qvlfmt::Buffer &argument = buffer(number);
    const auto found = known.find(argument.name()->str());
    shapes.push_back(found != known.end() && found->second.size() == countOf(argument.dims())
                         ? found->second
                         : qvlrt::Shape(countOf(argument.dims()), 1));
  }
  QVLRT_ASSIGN_OR_RETURN(sizes, qvlrt::evaluateSizes(program, shapes));
  return absl::OkStatus();
}

double WorkCounter::bytesOf(const qvlfmt::Buffer &of) const {
  double elements = 1;
  for (std::uint32_t i = 0; i < countOf(of.dims()); ++i)
    elements *= dim(of, i);
  return elements * static_cast<double>(qvlrt::elementBytes(of.element()));
}

double WorkCounter::splitShare(const qvlfmt::Buffer &of) const {
  const double splits = dim(of, 1);
  return std::min(splits, std::ceil((workload.contextTokens + 1) / kSplitTokens)) / splits;
}

double WorkCounter::cacheRow() const {
  const qvlfmt::ModelFacts &facts = *artifact.model();
  return 2.0 * facts.kv_heads() * facts.head_dim() *
         static_cast<double>(qvlrt::elementBytes(target.kv_element().value_or(facts.kv_element())));
}

bool WorkCounter::reads(const qvlfmt::Command &command, std::string_view argument) const {
  return std::ranges::any_of(spanOf(command.buffers()), [&](std::uint32_t number) {
    return buffer(number).kind() == BufferKind::Argument &&
           viewOf(buffer(number).name()) == argument;
  });
}

double WorkCounter::operandBytes(const qvlfmt::Command &command,
                                 const qvlfmt::Buffer &operand) const {
  const std::string_view kernel = viewOf(target.kernels()->Get(command.kernel())->name());
  const qvlfmt::Buffer &output = buffer(command.buffers()->Get(countOf(command.buffers()) - 1));
  const double rows = dim(output, 0);
  if (operand.kind() == BufferKind::Weight) {
    const qvlfmt::Weight &weight = *artifact.weights()->Get(operand.index());
    const double all = static_cast<double>(weight.bytes());
    // Of an embedding only the rows of the ids are read.
    return kernel.starts_with("embed")
               ? all / std::max(1.0, static_cast<double>(weight.encoding()->pad_n())) * rows
               : all;
  }
  if (operand.kind() == BufferKind::Argument && viewOf(operand.name()) == "kv_cache") {
    const bool decode = viewOf(program.name()) == "decode";
    const bool attends = reads(command, "block_table");
    return cacheRow() * (attends && decode ? static_cast<double>(workload.contextTokens) : rows);
  }
  // A greedy choice reads what argmax left of the logits; they and what was seen come first.
  if (kernel.starts_with("sample") && qvlrt::isGreedy(qvlrt::defaultSampling(*artifact.model())) &&
      (&operand == &buffer(command.buffers()->Get(0)) ||
       &operand == &buffer(command.buffers()->Get(1))))
    return 0;
  // Splits without keys are neither written nor read.
  if (isOfSplits(operand))
    return splitShare(operand) * bytesOf(operand);
  // Of the pool of features, and of what is gathered from, only as many rows as there are results.
  if ((operand.kind() == BufferKind::Argument && viewOf(operand.name()) == "features") ||
      kernel.starts_with("gather_rows"))
    return std::min(1.0, rows / dim(operand, 0)) * bytesOf(operand);
  return bytesOf(operand);
}

double WorkCounter::flopsOf(const qvlfmt::Command &command, std::string_view family) const {
  const qvlfmt::Buffer &output = buffer(command.buffers()->Get(countOf(command.buffers()) - 1));
  const double rows = dim(output, 0);
  double width = 1; // of a row of the output
  for (std::uint32_t i = 1; i < countOf(output.dims()); ++i)
    width *= dim(output, i);
  if (family == "cached_attention" || family == "cached_attention_splits") {
    width = 1; // of the query
    const qvlfmt::Buffer &query = buffer(command.buffers()->Get(0));
    for (std::uint32_t i = 1; i < countOf(query.dims()); ++i)
      width *= dim(query, i);
    const bool decode = viewOf(program.name()) == "decode";
    const double keys = decode ? static_cast<double>(workload.contextTokens + 1) : (rows + 1) / 2;
    return 4 * rows * keys * width;
  }
  if (family == "attention") {
    double segments = 1;
    for (std::uint32_t number : spanOf(command.buffers()))
      if (buffer(number).kind() == BufferKind::Argument &&
          viewOf(buffer(number).name()) == "windows")
        segments = std::max(1.0, dim(buffer(number), 0) - 1);
    return 4 * rows * rows / segments * width;
  }
  double flops = 0;
  for (std::uint32_t number : spanOf(command.buffers()))
    if (buffer(number).kind() == BufferKind::Weight && !family.starts_with("embed")) {
      const qvlfmt::Weight &weight = *artifact.weights()->Get(buffer(number).index());
      if (weight.encoding()->panel_n() > 0)
        flops += 2 * rows * static_cast<double>(weight.shape()->Get(0)) *
                 static_cast<double>(weight.shape()->Get(1));
    }
  return flops;
}

LaunchWork WorkCounter::count(const qvlfmt::Command &command) const {
  LaunchWork work{.kernel = command.kernel(), .blocks = sizes[command.grid()]};
  if (countOf(command.buffers()) == 0)
    return work;
  for (std::uint32_t number : spanOf(command.buffers()))
    work.bytes += operandBytes(command, buffer(number));
  const std::string family = familyOf(viewOf(target.kernels()->Get(command.kernel())->name()));
  work.flops = flopsOf(command, family);
  // Blocks whose split has no keys return at once.
  if (family == "cached_attention_splits")
    work.blocks =
        std::llround(static_cast<double>(work.blocks) *
                     splitShare(buffer(command.buffers()->Get(countOf(command.buffers()) - 1))));
  return work;
}

} // namespace

std::string familyOf(std::string_view kernel) {
  // The sizes follow the last underscore before a digit, an "nx" or a lone "n".
  for (std::size_t i = 0; i + 1 < kernel.size(); ++i)
    if (kernel[i] == '_' && (std::isdigit(static_cast<unsigned char>(kernel[i + 1])) ||
                             kernel.substr(i + 1).starts_with("nx") || kernel.substr(i + 1) == "n"))
      return std::string(kernel.substr(0, i));
  return std::string(kernel);
}

absl::StatusOr<std::vector<LaunchWork>> launchWork(const qvlfmt::Artifact &artifact,
                                                   const qvlfmt::Target &target,
                                                   const qvlfmt::Program &program,
                                                   const Workload &workload) {
  WorkCounter counter(artifact, target, program, workload);
  QVLRT_RETURN_IF_ERROR(counter.evaluate());
  std::vector<LaunchWork> launches;
  for (std::uint32_t i = 0; i < countOf(program.commands()); ++i)
    if (const qvlfmt::Command &command = *program.commands()->Get(i);
        command.kind() == qvlfmt::CommandKind::Launch)
      launches.push_back(counter.count(command));
  return launches;
}

} // namespace qvlinspect
