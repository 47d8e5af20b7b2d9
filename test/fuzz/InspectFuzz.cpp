// Artifacts that verification accepts can be shown, in every way that qvl-inspect has.
#include "ArtifactInput.h"

#include "lib/Runtime/Core/FlatbufferViews.h"
#include "tools/qvl-inspect/CostReport.h"
#include "tools/qvl-inspect/JsonDescription.h"
#include "tools/qvl-inspect/KernelFacts.h"
#include "tools/qvl-inspect/ProgramListing.h"
#include "tools/qvl-inspect/PtxFacts.h"
#include "tools/qvl-inspect/Summary.h"

using namespace qvlinspect;

static void showCosts(const qvlrt::Module &module) {
  const Assembler none("/nonexistent");
  const absl::StatusOr<CostReport> all = predictCosts(module, Workload(), "", none);
  if (!all.ok())
    return;
  (void)textOf(*all);
  (void)jsonOf(*all);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const absl::StatusOr<std::unique_ptr<qvlrt::Module>> module =
      qvlrt::test::openSealed({data, size});
  if (!module.ok())
    return 0;
  (void)summarize(**module, {});
  (void)describeArtifact(**module, {})
      .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  for (const qvlfmt::Target *target : *(*module)->artifact().targets()) {
    for (std::uint32_t i = 0; i < qvlrt::countOf(target->programs()); ++i)
      (void)listProgram((*module)->artifact(), *target, *target->programs()->Get(i));
    for (std::uint32_t i = 0; i < qvlrt::countOf(target->kernels()); ++i) {
      (void)kernelText(*target, i, {});
      (void)readPtx(ptxText(*target, *target->kernels()->Get(i)));
    }
  }
  showCosts(**module);
  return 0;
}
