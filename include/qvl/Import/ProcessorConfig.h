// Image preprocessing of a checkpoint (the model specification, sections 4.2 and 4.5).
#pragma once

#include "qvl/Import/ModelConfig.h"

#include <string>

namespace qvl {

/// The initial values are the class defaults, which stand in for missing keys and files.
struct ProcessorConfig {
  int64_t minPixels = 56 * 56;
  int64_t maxPixels = 28 * 28 * 1280;
  int64_t patchSize = 14;        ///< pixels
  int64_t temporalPatchSize = 2; ///< frames
  int64_t mergeSize = 2;         ///< patches a side of one language token
  std::array<double, 3> imageMean = {0.48145466, 0.4578275, 0.40821073}; ///< RGB
  std::array<double, 3> imageStd = {0.26862954, 0.26130258, 0.27577711};
  double rescaleFactor = 1.0 / 255.0;
};

/// Reads preprocessor_config.json, else the `image_processor` of processor_config.json, and
/// compares the patch sizes with `vision`. Without either file the class defaults hold, with a
/// warning.
llvm::Expected<ProcessorConfig> readProcessorConfig(llvm::StringRef directory,
                                                    const VisionConfig &vision,
                                                    std::vector<std::string> &warnings);

} // namespace qvl
