// What a kernel of target cuda occupies and executes.
#pragma once

#include "Assembler.h"
#include "GpuCard.h"
#include "PtxFacts.h"
#include "qvlfmt/artifact_generated.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qvlinspect {

/// Code of a kernel on a card.
struct CardCode {
  const GpuCard *card;
  std::string architecture; // that it is assembled for
  std::optional<AssembledKernel> assembled;
  /// That one multiprocessor holds, by shared memory, threads and, where they are known, registers.
  std::int64_t blocks = 0;
};

/// One variant or wide form of a kernel that is there as PTX, and the cards that take it.
struct KernelCode {
  std::string symbol;
  std::string chip;
  std::uint32_t leastTiles = 0;  // of a grid that a wide form is for
  std::uint32_t sharedBytes = 0; // a block
  PtxFacts facts;
  std::vector<CardCode> cards;
};

struct KernelCost {
  std::string name;
  std::vector<KernelCode> variants; // then the wide forms
};

KernelCost kernelCost(const qvlfmt::Target &target, const qvlfmt::Kernel &kernel,
                      const Assembler &assembler);

std::string textOf(const KernelCost &cost);
nlohmann::ordered_json jsonOf(const KernelCost &cost);

/// The architecture that PTX or machine code for `chip` is assembled for on a card: "sm_90" for
/// sm_80 on a H100. Nothing where the card does not take it.
std::optional<std::string> architectureOn(const GpuCard &card, const std::string &chip);

} // namespace qvlinspect
