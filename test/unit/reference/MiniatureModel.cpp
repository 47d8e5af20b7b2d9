// Written from the appendix and from sections 6.2, 6.3 and 7.2, not with the project's planners.

#include "MiniatureModel.h"

#include "qvl/Reference/GeneratedWeights.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

::qvl::ModelConfig reference::miniatureConfig() {
  ::qvl::ModelConfig config;
  config.vision.depth = 2;
  config.vision.hiddenSize = 32;
  config.vision.heads = 2;
  config.vision.headDim = 16;
  config.vision.intermediateSize = 24;
  config.vision.outHiddenSize = 32;
  config.vision.patchSize = 2;
  config.vision.windowSize = 16;
  config.vision.fullAttentionBlocks = {1};
  config.vision.tokensPerSecond = 2;
  config.text.hiddenSize = 32;
  config.text.layers = 2;
  config.text.heads = 2;
  config.text.kvHeads = 1;
  config.text.headDim = 16;
  config.text.intermediateSize = 48;
  config.text.vocabSize = 64;
  config.text.rmsNormEps = 1e-6;
  config.text.ropeTheta = 1e6;
  config.text.mropeSection = {2, 3, 3};
  config.text.maxPositionEmbeddings = 128;
  config.ids = {/*visionStart=*/62, /*visionEnd=*/63, /*image=*/60,
                /*video=*/61,       /*bos=*/-1,       {}};
  return config;
}

/// Row and column of each patch of `frames` frames: two by two patches, one after the other.
static Tensor patchPositions(int64_t frames, int64_t height, int64_t width) {
  Tensor positions({2, frames * height * width});
  int64_t patch = 0;
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int64_t y = 0; y < height; y += 2)
      for (int64_t x = 0; x < width; x += 2)
        for (int64_t inner = 0; inner < 4; ++inner, ++patch) {
          positions.row(0)[patch] = static_cast<double>(y + inner / 2);
          positions.row(1)[patch] = static_cast<double>(x + inner % 2);
        }
  return positions;
}

VisionOperands reference::miniatureImage() {
  // Grid 1 x 8 x 10: two windows, 4 x 4 and 4 x 1 tokens (section 9, C10).
  return {generateTensor(1000, {80, 24}), patchPositions(1, 8, 10),
          indexTensor({0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18, 4, 9, 14, 19}),
          indexTensor({0, 64, 80}), indexTensor({0, 80})};
}

VisionOperands reference::miniatureVideo() {
  // Grid 2 x 4 x 6: each frame of 2 x 3 tokens is one window.
  return {generateTensor(1001, {48, 24}), patchPositions(2, 4, 6),
          indexTensor({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), indexTensor({0, 24, 48}),
          indexTensor({0, 24, 48})};
}

namespace {
/// Collects ids and positions of the prompt.
struct PromptBuilder {
  std::vector<int64_t> ids, featureRows;
  std::vector<double> axes[3];
  int64_t features = 0;

  /// Text stands at one position on all axes.
  void text(ArrayRef<int64_t> tokens, int64_t position) {
    for (int64_t id : tokens) {
      add(id, -1, position, position, position);
      ++position;
    }
  }
  /// One frame of height x width tokens at time `t`, its corner at `base`.
  void frame(int64_t id, int64_t t, int64_t base, int64_t height, int64_t width) {
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < width; ++x)
        add(id, features++, t, base + y, base + x);
  }

private:
  void add(int64_t id, int64_t featureRow, int64_t t, int64_t h, int64_t w) {
    ids.push_back(id);
    featureRows.push_back(featureRow);
    for (auto [axis, position] : llvm::zip(axes, std::array{t, h, w}))
      axis.push_back(static_cast<double>(position));
  }
};
} // namespace

TokenRows reference::miniaturePrompt(Tensor features, std::vector<int64_t> logitRows) {
  PromptBuilder prompt;
  prompt.text({1, 2, 3, 62}, 0);
  prompt.frame(60, 4, 4, 4, 5);
  prompt.text({63, 7, 62}, 9);
  prompt.frame(61, 12, 12, 2, 3);
  prompt.frame(61, 14, 12, 2, 3);
  prompt.text({63, 4, 5, 6}, 15);
  Tensor positions({3, static_cast<int64_t>(prompt.ids.size())});
  for (int64_t axis = 0; axis < 3; ++axis)
    llvm::copy(prompt.axes[axis], positions.row(axis));
  return {std::move(prompt.ids), std::move(positions), std::move(features),
          std::move(prompt.featureRows), std::move(logitRows)};
}
