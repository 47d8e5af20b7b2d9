// What a kernel of target cuda occupies and executes.
#include "KernelCost.h"

#include "KernelFacts.h"
#include "Names.h"
#include "lib/Runtime/Core/FlatbufferViews.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace qvlinspect {
namespace {

using qvlrt::countOf, qvlrt::viewOf;
using Json = nlohmann::ordered_json;

std::int64_t residentBlocks(const CardCode &code, std::uint32_t sharedBytes, std::int64_t threads) {
  constexpr std::int64_t kReserved = 1024; // shared memory that the system takes a block
  constexpr std::int64_t kRegisterUnit = 8;
  threads = std::max<std::int64_t>(threads, 32);
  std::int64_t blocks =
      std::min(code.card->sharedBytes / (sharedBytes + kReserved), code.card->threads / threads);
  if (code.assembled && code.assembled->registers > 0) {
    const std::int64_t each = (code.assembled->registers + kRegisterUnit - 1) / kRegisterUnit;
    blocks = std::min(blocks, kRegisters / (each * kRegisterUnit * threads));
  }
  return std::clamp<std::int64_t>(blocks, 1, 32);
}

double threadShare(const KernelCode &code, const CardCode &card) {
  return static_cast<double>(card.blocks * code.facts.threads) /
         static_cast<double>(card.card->threads);
}

/// "64 mma.sync, 16 ldmatrix.sync.shared".
std::string mixText(const InstructionMix &mix) {
  return mix.empty() ? "none" : absl::StrJoin(mix, ", ", [](std::string *out, const auto &entry) {
    absl::StrAppend(out, entry.second, " ", entry.first);
  });
}

Json mixJson(const InstructionMix &mix) {
  Json json = Json::object();
  for (const auto &[name, count] : mix)
    json[name] = count;
  return json;
}

std::string assembledText(const std::optional<AssembledKernel> &assembled) {
  if (!assembled)
    return "    registers and machine code: unknown, there is no ptxas that takes it\n";
  std::string text = absl::StrFormat("    ptxas: %d registers, %d bytes of spills\n",
                                     assembled->registers, assembled->spillBytes);
  if (assembled->code.all.empty())
    return text + "    machine code: unknown, there is neither nvdisasm nor cuobjdump\n";
  return absl::StrCat(text,
                      "    inner loop of the machine code: ", mixText(assembled->code.innerLoop),
                      "\n    all of it: ", mixText(assembled->code.all), "\n");
}

Json cardJson(const KernelCode &code, const CardCode &card) {
  Json json = {{"card", card.card->name},
               {"architecture", card.architecture},
               {"blocks_per_multiprocessor", card.blocks},
               {"thread_share", threadShare(code, card)},
               {"registers", nullptr},
               {"spill_bytes", nullptr},
               {"inner_loop", nullptr},
               {"instructions", nullptr}};
  if (!card.assembled)
    return json;
  json["registers"] = card.assembled->registers;
  json["spill_bytes"] = card.assembled->spillBytes;
  if (!card.assembled->code.all.empty()) {
    json["inner_loop"] = mixJson(card.assembled->code.innerLoop);
    json["instructions"] = mixJson(card.assembled->code.all);
  }
  return json;
}

std::vector<CardCode> codeOnCards(const KernelCode &code, const std::string &ptx,
                                  const Assembler &assembler) {
  std::vector<CardCode> cards;
  for (const GpuCard &card : kCards) {
    const auto architecture = architectureOn(card, code.chip);
    if (!architecture)
      continue;
    CardCode onCard{.card = &card,
                    .architecture = *architecture,
                    .assembled = assembler.assemble(ptx, *architecture)};
    onCard.blocks = residentBlocks(onCard, code.sharedBytes, code.facts.threads);
    cards.push_back(std::move(onCard));
  }
  return cards;
}

} // namespace

std::optional<std::string> architectureOn(const GpuCard &card, const std::string &chip) {
  // A name that ends in "a" is for one architecture alone.
  if (chip == absl::StrCat(card.architecture, "a"))
    return chip;
  const bool runs = !chip.ends_with("a") && chip <= card.architecture;
  return runs ? std::optional<std::string>(card.architecture) : std::nullopt;
}

KernelCost kernelCost(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel,
                      const Assembler &assembler) {
  KernelCost cost{.name = kernel.name()->str(), .variants = {}};
  auto add = [&](KernelCode code, const std::string &ptx) {
    code.chip = architectureOf(ptx);
    if (code.chip.empty()) // no PTX
      return;
    code.facts = readPtx(ptx);
    code.cards = codeOnCards(code, ptx, assembler);
    cost.variants.push_back(std::move(code));
  };
  for (std::uint32_t i = 0; i < countOf(kernel.variants()); ++i)
    add({.symbol = cost.name, .sharedBytes = static_cast<std::uint32_t>(kernel.scratch_bytes())},
        ptxText(target, kernel, i));
  for (std::uint32_t i = 0; i < countOf(kernel.wide()); ++i) {
    const qvlfmt::WideForm &form = *kernel.wide()->Get(i);
    add({.symbol = form.symbol()->str(),
         .leastTiles = static_cast<std::uint32_t>(form.least_tiles()),
         .sharedBytes = static_cast<std::uint32_t>(form.shared_bytes())},
        ptxOf(target, form.object(), viewOf(form.symbol())));
  }
  return cost;
}

std::string textOf(const KernelCost &cost) {
  std::string text;
  for (const KernelCode &code : cost.variants) {
    absl::StrAppendFormat(
        &text, "\nkernel %s for %s%s: %d threads and %u bytes of shared memory a block\n",
        printable(code.symbol), code.chip,
        code.leastTiles > 0 ? absl::StrCat(" from ", code.leastTiles, " tiles on") : "",
        code.facts.threads, code.sharedBytes);
    absl::StrAppend(&text, "  inner loop of the PTX: ", mixText(code.facts.innerLoop), "\n");
    for (const CardCode &card : code.cards)
      absl::StrAppendFormat(&text,
                            "  %s (%s): %d blocks a multiprocessor, %.0f%% of its threads\n%s",
                            card.card->name, card.architecture, card.blocks,
                            100 * threadShare(code, card), assembledText(card.assembled));
  }
  return text;
}

Json jsonOf(const KernelCost &cost) {
  Json variants = Json::array();
  for (const KernelCode &code : cost.variants) {
    Json cards = Json::array();
    for (const CardCode &card : code.cards)
      cards.push_back(cardJson(code, card));
    variants.push_back({{"symbol", printable(code.symbol)},
                        {"chip", code.chip},
                        {"least_tiles", code.leastTiles},
                        {"shared_bytes", code.sharedBytes},
                        {"threads", code.facts.threads},
                        {"ptx_inner_loop", mixJson(code.facts.innerLoop)},
                        {"cards", std::move(cards)}});
  }
  return {{"name", printable(cost.name)}, {"variants", std::move(variants)}};
}

} // namespace qvlinspect
