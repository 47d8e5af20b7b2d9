#include "RandomModel.h"

#include "Layouts.h"
#include "qvl/Reference/GeneratedWeights.h"

#include "llvm/Support/xxhash.h"

#include <random>

namespace mlir::qvl::reference {

namespace {
/// Chooses sizes; the same seed gives the same ones with every standard library.
class Chooser {
public:
  explicit Chooser(uint32_t seed) : engine(seed) {}
  /// One of `low .. high`.
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine() % static_cast<uint32_t>(high - low + 1));
  }

private:
  std::mt19937 engine;
};
} // namespace

static ::qvl::VisionConfig randomVision(Chooser &choose, int64_t windowSize) {
  ::qvl::VisionConfig vision;
  vision.depth = 3;
  vision.heads = choose.between(1, 3);
  vision.headDim = 4 * choose.between(1, 3); // two axes, half-split
  vision.hiddenSize = vision.heads * vision.headDim;
  vision.intermediateSize = choose.between(5, 40);
  vision.patchSize = kPatchLayout.patchSize;
  vision.temporalPatchSize = kPatchLayout.temporalPatchSize;
  vision.spatialMergeSize = kPatchLayout.mergeSize;
  vision.windowSize = windowSize;
  vision.fullAttentionBlocks = {choose.between(0, vision.depth - 1)};
  return vision;
}

static ::qvl::TextConfig randomText(Chooser &choose) {
  ::qvl::TextConfig text;
  text.layers = 2;
  text.kvHeads = choose.between(1, 2);
  text.heads = text.kvHeads * choose.between(1, 3);
  text.mropeSection = {choose.between(1, 2), choose.between(1, 2), choose.between(1, 2)};
  text.headDim = 2 * (text.mropeSection[0] + text.mropeSection[1] + text.mropeSection[2]);
  text.hiddenSize = text.heads * text.headDim;
  text.intermediateSize = choose.between(5, 40);
  text.vocabSize = 64;
  text.rmsNormEps = 1e-6;
  text.ropeTheta = 1e6;
  text.maxPositionEmbeddings = 4096;
  text.tieWordEmbeddings = choose.between(0, 1) == 1;
  return text;
}

::qvl::ModelConfig randomConfig(uint32_t seed, int64_t windowSize) {
  Chooser choose(seed);
  ::qvl::ModelConfig config;
  config.vision = randomVision(choose, windowSize);
  config.text = randomText(choose);
  config.vision.outHiddenSize = config.text.hiddenSize;
  config.ids = {/*visionStart=*/62, /*visionEnd=*/63, /*image=*/60,
                /*video=*/61,       /*bos=*/-1,       {}};
  return config;
}

ParameterProvider randomParameters(uint32_t seed) {
  return [seed](ParameterOp, StringRef name, RankedTensorType type) -> FailureOr<Tensor> {
    auto number = static_cast<uint32_t>(llvm::xxh3_64bits(name)) ^ seed;
    bool isNorm = name.contains("norm") || name.contains("ln_q");
    return generateTensor(number, type.getShape().vec(), isNorm ? 0.1 : 0.5, isNorm ? 1 : 0);
  };
}

} // namespace mlir::qvl::reference
