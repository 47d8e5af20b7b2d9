// A Processor over the files of a checkpoint folder, without the compiler in between.
#pragma once

#include <optional>
#include <string>

#include "TokenizerTables.h"
#include "qvlrt/processor.h"

namespace qvlrt::testing {

/// Numbers of a checkpoint that the processor needs.
struct CheckpointFacts {
  std::int64_t minPixels = 3136;
  std::int64_t maxPixels = 12845056;
  int maxContext = 32768;
  int visionStartId = 0, visionEndId = 0, imagePadId = 0, videoPadId = 0;
  double tokensPerSecond = 2;
  int patchSize = 14, temporalPatchSize = 2, mergeSize = 2, windowSize = 112;
  int patchRow = 1176;
  double standardDeviation = 0.26862954; ///< of red
  std::string chatTemplate = "qwen2_5_vl";
};

/// Reads the facts of a folder (config.json, preprocessor_config.json).
CheckpointFacts readCheckpointFacts(const std::string &folder);

/// Owns everything a Processor looks at.
class CheckpointProcessor {
public:
  CheckpointProcessor(const CheckpointFacts &facts, const Vocabulary &vocabulary);
  explicit CheckpointProcessor(const std::string &folder)
      : CheckpointProcessor(readCheckpointFacts(folder),
                            readTokenizerJson(folder + "/tokenizer.json")) {}

  const absl::StatusOr<Processor> &get() const { return *processor; }
  const Processor *operator->() const { return &**processor; }

private:
  TokenizerTables tables;
  flatbuffers::DetachedBuffer model;
  std::optional<absl::StatusOr<Processor>> processor;
};

} // namespace qvlrt::testing
