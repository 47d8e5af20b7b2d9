// config.json of a Qwen2.5-VL checkpoint (the model specification, section 1).
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <array>
#include <cstdint>
#include <vector>

namespace qvl {

/// Epsilon of every norm of the vision tower; no file holds it.
inline constexpr double kVisionNormEps = 1e-6;

/// Sizes of the vision tower. The initial values are the class defaults, which older exporters
/// leave out of the file (section 1.4, rule 5).
struct VisionConfig {
  int64_t depth = 32;
  int64_t hiddenSize = 3584;
  int64_t heads = 16;
  int64_t headDim = 224; ///< hiddenSize / heads
  int64_t intermediateSize = 3420;
  int64_t outHiddenSize = 3584;  ///< equals TextConfig::hiddenSize
  int64_t patchSize = 14;        ///< pixels
  int64_t temporalPatchSize = 2; ///< frames
  int64_t spatialMergeSize = 2;  ///< patches a side of one language token
  int64_t inChannels = 3;
  int64_t windowSize = 112; ///< pixels a side of one attention window
  std::vector<int64_t> fullAttentionBlocks = {7, 15, 23, 31}; ///< ascending, distinct
  double tokensPerSecond = 4;
  double ropeTheta = 10000;
  double normEps = kVisionNormEps;

  bool isFullAttention(int64_t block) const;
  /// Patches of one language token: spatialMergeSize squared.
  int64_t patchesPerToken() const { return spatialMergeSize * spatialMergeSize; }
  /// Width of the merger: the patches of one language token side by side.
  int64_t mergedSize() const { return hiddenSize * patchesPerToken(); }
  /// Columns of one patch row: channels x frames x pixels.
  int64_t patchRow() const { return inChannels * temporalPatchSize * patchSize * patchSize; }
  /// Language tokens a side of one window.
  int64_t windowTokens() const { return windowSize / spatialMergeSize / patchSize; }
  /// Most patch rows that one window holds.
  int64_t windowRows() const { return windowTokens() * windowTokens() * patchesPerToken(); }
};

/// Sizes of the language model. There are no defaults: every key must be in the file.
struct TextConfig {
  int64_t hiddenSize = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headDim = 0; ///< hiddenSize / heads
  int64_t intermediateSize = 0;
  int64_t vocabSize = 0; ///< rows of the embedding, at least the number of tokens
  double rmsNormEps = 0;
  double ropeTheta = 0;
  std::array<int64_t, 3> mropeSection = {0, 0, 0}; ///< frequencies of T, H, W; sum headDim / 2
  int64_t maxPositionEmbeddings = 0;
  bool tieWordEmbeddings = false;

  /// Columns of the key and of the value projection's output.
  int64_t kvSize() const { return kvHeads * headDim; }
};

/// Ids of config.json that the runtime needs; -1 where the file has none.
struct SpecialIds {
  int64_t visionStart = -1;
  int64_t visionEnd = -1;
  int64_t image = -1;
  int64_t video = -1;
  int64_t bos = -1;
  std::vector<int64_t> eos;
};

struct ModelConfig {
  VisionConfig vision;
  TextConfig text;
  SpecialIds ids;
};

/// Parses and validates the text of a config.json in any layout of section 1.4. `file` names it in
/// errors.
llvm::Expected<ModelConfig> parseModelConfig(llvm::StringRef json, llvm::StringRef file);

/// Reads and parses `directory`/config.json.
llvm::Expected<ModelConfig> readModelConfig(llvm::StringRef directory);

} // namespace qvl
