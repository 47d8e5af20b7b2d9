// The miniature model of appendix A of the model specification: its configuration, its inputs, and
// the plans of its grids.
#pragma once

#include "qvl/Import/ModelConfig.h"
#include "qvl/Reference/ModelRun.h"

namespace mlir::qvl::reference {

/// The appendix's configuration.
::qvl::ModelConfig miniatureConfig();

/// 80 patch rows of one picture of 8 x 10 patches, tensor number 1000.
VisionOperands miniatureImage();

/// 48 patch rows of two frames of 4 x 6 patches, tensor number 1001.
VisionOperands miniatureVideo();

/// The 43 ids of the prompt with their positions, over features of image, then video; logits of
/// `logitRows`.
TokenRows miniaturePrompt(Tensor features, std::vector<int64_t> logitRows);

} // namespace mlir::qvl::reference
