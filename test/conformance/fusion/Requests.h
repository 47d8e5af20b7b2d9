// Operands of both functions of a model, planned as the runtime plans them.
#pragma once

#include "Layouts.h"
#include "qvl/Import/ModelConfig.h"
#include "qvl/Reference/ModelRun.h"

namespace mlir::qvl::reference {

/// The operands of @vision for the media of a layout, with random pixels.
NamedArguments visionArguments(const Layout &layout, const ::qvl::ModelConfig &config,
                               uint32_t seed);

/// The columns of the first frame of patch rows [P, patch_row]; a row is [channel][frame][pixel].
Tensor firstFrames(const Tensor &rows, const ::qvl::VisionConfig &config);

/// Patch rows whose frames all are that one.
Tensor repeatFrames(const Tensor &frame, const ::qvl::VisionConfig &config);

/// A ragged batch of three sequences on one cache: one with the media of a layout, one of a single
/// token, one of text. Their pages are mixed up.
class RaggedBatch {
public:
  RaggedBatch(const Layout &layout, const ::qvl::ModelConfig &config, CacheType cache,
              uint32_t seed);

  /// The operands of @language for all prompts at once, over `features` of the media; logits of
  /// every third row and of the last ones.
  NamedArguments prefill(const Tensor &features, const Cache &cache) const;

  /// Those of one more token of each sequence behind the prompts.
  NamedArguments decode(const Cache &cache) const;

private:
  struct Sequence {
    std::vector<int64_t> ids, featureRows;
    std::vector<int32_t> positions; ///< [3, T]
    int64_t next = 0;               ///< position of the first generated token
    std::vector<int64_t> pages;

    int64_t length() const { return static_cast<int64_t>(ids.size()); }
    int64_t slot(int64_t token, int64_t pageSize) const {
      return pages[token / pageSize] * pageSize + token % pageSize;
    }
  };

  void addSequence(std::vector<int64_t> ids, const Layout *media);
  void assignPages();
  /// What both steps pass: `counts` new tokens of each sequence behind `lengths` old ones.
  NamedArguments batchArguments(llvm::ArrayRef<int64_t> counts,
                                llvm::ArrayRef<int64_t> lengths) const;

  const ::qvl::ModelConfig &config;
  int64_t pageSize;
  std::vector<Sequence> sequences;
};

} // namespace mlir::qvl::reference
