// Predicted times of a GPU target.
#include "CostReport.h"

#include "Assembler.h"
#include "GpuCard.h"
#include "KernelFacts.h"
#include "Names.h"
#include "PtxFacts.h"
#include "lib/Runtime/Core/FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <vector>

namespace qvlinspect {
namespace {

using qvlrt::countOf, qvlrt::viewOf;

/// Blocks of a kernel that one multiprocessor holds by shared memory and threads. Registers would
/// need an assembler.
std::int64_t residentBlocks(const GpuCard &card, const qvlfmt::Kernel &kernel,
                            const PtxFacts &facts) {
  constexpr std::int64_t kReserved = 1024; // shared memory that the system takes a block
  const std::int64_t shared =
      card.sharedBytes / (static_cast<std::int64_t>(kernel.scratch_bytes()) + kReserved);
  const std::int64_t threads = card.threads / std::max<std::int64_t>(facts.threads, 32);
  return std::clamp<std::int64_t>(std::min(shared, threads), 1, 32);
}

/// Seconds of one launch.
struct Prediction {
  double roofline = 0; // bytes or operations alone, at the card's peaks
  double expected = 0;
};

Prediction predict(const GpuCard &card, const LaunchWork &work, bool tensor, bool wide) {
  constexpr double kTilesOfWideBlock = 2; // of the grid
  wide &= card.wideShare > 0;
  const double peak = tensor ? card.tensorFlops : card.fmaFlops;
  const double tensorShare = wide ? card.wideShare : card.tensorShare;
  const double reached = tensor ? tensorShare * peak : kFmaShare * peak;
  const double memory = work.bytes / card.bytesPerSecond;
  // Blocks spread evenly: the fullest multiprocessor sets the time of arithmetic, and fewer blocks
  // than multiprocessors leave memory bandwidth unused.
  const double tiles = std::max<double>(static_cast<double>(work.blocks), 1);
  const double blocks = wide ? std::ceil(tiles / kTilesOfWideBlock) : tiles;
  const double each = blocks / card.multiprocessors;
  const double compute = work.flops / reached * std::ceil(each) / each;
  return {.roofline = std::max(memory, work.flops / peak),
          .expected =
              std::max(memory / kBandwidthShare / std::min(1.0, each), compute) + kLaunchGap};
}

/// Sums over launches of kernels of one kind.
struct Row {
  std::int64_t launches = 0;
  double bytes = 0, flops = 0;
  std::array<Prediction, std::size(kCards)> times;

  void add(const Row &other) {
    launches += other.launches;
    bytes += other.bytes;
    flops += other.flops;
    for (std::size_t i = 0; i < times.size(); ++i) {
      times[i].roofline += other.times[i].roofline;
      times[i].expected += other.times[i].expected;
    }
  }
  std::string text(const std::string &name) const {
    std::string line =
        absl::StrFormat("  %-28s %8d %10.2f %10.2f", name, launches, flops / 1e9, bytes / 1e6);
    for (const Prediction &time : times)
      absl::StrAppendFormat(&line, " %10.3f %7.0f%%", time.expected * 1e3,
                            time.expected > 0 ? 100 * time.roofline / time.expected : 0);
    return line + "\n";
  }
};

std::string heading(const std::string &program) {
  std::string line = absl::StrFormat("\nprogram %s\n  %-28s %8s %10s %10s", program, "kernels",
                                     "launches", "GFLOP", "MB");
  for (const GpuCard &card : kCards)
    absl::StrAppendFormat(&line, " %7s ms %8s", card.name, "roofline");
  return line + "\n";
}

/// The report of one target.
class Reporter {
public:
  Reporter(const qvlrt::Module &module, const qvlfmt::Target &target, const Workload &workload)
      : module(module), target(target), workload(workload) {}

  /// Rows by name: of all kernels by kind, or of one.
  absl::StatusOr<std::string> programText(const qvlfmt::Program &program,
                                          std::optional<std::uint32_t> only) const;
  std::string kernelText(std::uint32_t number) const;
  std::string wideText(const qvlfmt::WideForm &form) const;

private:
  Row rowOf(const LaunchWork &work) const {
    Row row{.launches = 1, .bytes = work.bytes, .flops = work.flops, .times = {}};
    const bool tensor = viewOf(target.precision()) == "bf16";
    for (std::size_t i = 0; i < std::size(kCards); ++i)
      row.times[i] = predict(kCards[i], work, tensor, isWide(work));
    return row;
  }
  /// Whether a wide form runs the launch, where the card does.
  bool isWide(const LaunchWork &work) const {
    const auto *forms = target.kernels()->Get(work.kernel)->wide();
    return countOf(forms) > 0 &&
           static_cast<std::uint64_t>(work.blocks) >= forms->Get(0)->least_tiles();
  }

  const qvlrt::Module &module;
  const qvlfmt::Target &target;
  const Workload &workload;
};

absl::StatusOr<std::string> Reporter::programText(const qvlfmt::Program &program,
                                                  std::optional<std::uint32_t> only) const {
  QVLRT_ASSIGN_OR_RETURN(const std::vector<LaunchWork> launches,
                         launchWork(module.artifact(), target, program, workload));
  std::map<std::string, Row> rows;
  Row sum;
  for (const LaunchWork &work : launches) {
    if (only && work.kernel != *only)
      continue;
    const std::string name = target.kernels()->Get(work.kernel)->name()->str();
    rows[only ? name : familyOf(name)].add(rowOf(work));
    sum.add(rowOf(work));
  }
  if (rows.empty())
    return std::string();
  std::string text = heading(printable(program.name()));
  for (const auto &[name, row] : rows)
    text += row.text(printable(name));
  return only ? text : text + sum.text("sum");
}

/// "64 mma.sync, 16 ldmatrix.sync.shared".
std::string mixText(const std::vector<std::pair<std::string, int>> &mix) {
  return mix.empty() ? "none" : absl::StrJoin(mix, ", ", [](std::string *out, const auto &entry) {
    absl::StrAppend(out, entry.second, " ", entry.first);
  });
}

std::string assembledText(const std::optional<AssembledKernel> &assembled) {
  if (!assembled)
    return "  registers: unknown, there is no ptxas\n";
  return absl::StrFormat("  ptxas: %d registers, %d bytes of spills; machine instructions: %s\n",
                         assembled->registers, assembled->spillBytes,
                         assembled->instructions.empty()
                             ? "unknown, there is neither nvdisasm nor cuobjdump"
                             : mixText(assembled->instructions));
}

std::string Reporter::kernelText(std::uint32_t number) const {
  const qvlfmt::Kernel &kernel = *target.kernels()->Get(number);
  const std::string ptx = ptxText(target, kernel);
  const PtxFacts facts = readPtx(ptx);
  const std::optional<AssembledKernel> assembled = assemble(ptx);
  std::string text =
      absl::StrFormat("\nkernel %s: %d threads and %u bytes of shared memory a block\n",
                      printable(kernel.name()), facts.threads, kernel.scratch_bytes());
  for (const GpuCard &card : kCards) {
    std::int64_t blocks = residentBlocks(card, kernel, facts);
    if (assembled && assembled->registers > 0)
      blocks = std::min(
          blocks, kRegisters / (assembled->registers * std::max<std::int64_t>(facts.threads, 32)));
    absl::StrAppendFormat(
        &text, "  %s: %d blocks a multiprocessor, %.0f%% of its threads\n", card.name, blocks,
        100.0 * static_cast<double>(blocks * facts.threads) / static_cast<double>(card.threads));
  }
  absl::StrAppend(&text, "  inner loop: ", mixText(facts.innerLoop), "\n",
                  assembledText(assembled));
  for (std::uint32_t i = 0; i < countOf(kernel.wide()); ++i)
    text += wideText(*kernel.wide()->Get(i));
  return text;
}

std::string Reporter::wideText(const qvlfmt::WideForm &form) const {
  const std::string ptx = ptxOf(target, form.object(), viewOf(form.symbol()));
  const PtxFacts facts = readPtx(ptx);
  return absl::StrFormat("  from %u tiles on %s: %d threads and %u bytes of shared memory a block\n"
                         "  inner loop: %s\n%s",
                         form.least_tiles(), printable(form.symbol()), facts.threads,
                         form.shared_bytes(), mixText(facts.innerLoop),
                         assembledText(assemble(ptx)));
}

std::string assumptions() {
  std::string text = absl::StrFormat(
      "\nassumptions: each operand crosses the memory once, at %.0f%% of its bandwidth, or less in "
      "proportion where there are fewer\nblocks than multiprocessors; the fullest multiprocessor "
      "sets "
      "the time of arithmetic; f32 products reach %.0f%% of the\nFMA peak; %.1f us between "
      "kernels.\n",
      100 * kBandwidthShare, 100 * kFmaShare, 1e6 * kLaunchGap);
  for (const GpuCard &card : kCards)
    absl::StrAppendFormat(
        &text,
        "%s: %.0f TFLOP/s tensor (%.0f%% of it by mma.sync%s), %.1f FMA, "
        "%.0f GB/s, %d multiprocessors\n",
        card.name, card.tensorFlops / 1e12, 100 * card.tensorShare,
        card.wideShare > 0 ? absl::StrFormat(", %.0f%% by wide forms", 100 * card.wideShare) : "",
        card.fmaFlops / 1e12, card.bytesPerSecond / 1e9, card.multiprocessors);
  return text;
}

std::optional<std::uint32_t> kernelNumber(const qvlfmt::Target &target, const std::string &name) {
  for (std::uint32_t i = 0; i < countOf(target.kernels()); ++i)
    if (viewOf(target.kernels()->Get(i)->name()) == name)
      return i;
  return std::nullopt;
}

} // namespace

absl::StatusOr<std::string> costReport(const qvlrt::Module &module, const Workload &workload,
                                       const std::string &kernel) {
  QVLRT_ASSIGN_OR_RETURN(const qvlfmt::Target *target, module.target("cuda"));
  std::optional<std::uint32_t> only;
  if (!kernel.empty()) {
    only = kernelNumber(*target, kernel);
    if (!only)
      return absl::NotFoundError(
          absl::StrCat(module.path(), ": target cuda has no kernel ", kernel));
  }
  std::string text = absl::StrFormat(
      "%s: predicted, not measured. Target cuda, precision %s; a prompt of %d tokens, a picture of "
      "%d x %d pixels, a token decoded behind %d.\n",
      printable(module.path()), printable(target->precision()), workload.promptTokens,
      workload.pictureHeight, workload.pictureWidth, workload.contextTokens);
  const Reporter reporter(module, *target, workload);
  for (std::uint32_t i = 0; i < countOf(target->programs()); ++i) {
    QVLRT_ASSIGN_OR_RETURN(const std::string program,
                           reporter.programText(*target->programs()->Get(i), only));
    text += program;
  }
  if (only)
    text += reporter.kernelText(*only);
  return text + assumptions();
}

} // namespace qvlinspect
