// The tensors of the model, by name and shape (the model specification, sections 2.1 and 2.2), and
// the strict comparison of a checkpoint with them.

#include "qvl/Import/Checkpoint.h"
#include "qvl/Import/Failure.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace qvl;

static constexpr llvm::StringLiteral kHead = "lm_head.weight";
static constexpr llvm::StringLiteral kEmbedding = "model.embed_tokens.weight";

std::string qvl::toString(llvm::ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << '[';
  llvm::interleaveComma(shape, stream);
  stream << ']';
  return text;
}

//===----------------------------------------------------------------------===//
// Names and shapes
//===----------------------------------------------------------------------===//

namespace {
/// Collects tensors below a module path.
class TensorList {
public:
  void add(const llvm::Twine &name, std::initializer_list<int64_t> shape) {
    tensors.push_back({name.str(), Shape(shape)});
  }
  /// weight [out, in] and, with `bias`, bias [out].
  void addLinear(const llvm::Twine &module, int64_t out, int64_t in, bool bias) {
    const std::string path = module.str();
    add(path + ".weight", {out, in});
    if (bias)
      add(path + ".bias", {out});
  }
  std::vector<ExpectedTensor> take() { return std::move(tensors); }

private:
  std::vector<ExpectedTensor> tensors;
};
} // namespace

static void addVisionBlock(TensorList &list, const std::string &block, const VisionConfig &v) {
  list.add(block + ".norm1.weight", {v.hiddenSize});
  list.add(block + ".norm2.weight", {v.hiddenSize});
  list.addLinear(block + ".attn.qkv", 3 * v.hiddenSize, v.hiddenSize, true);
  list.addLinear(block + ".attn.proj", v.hiddenSize, v.hiddenSize, true);
  list.addLinear(block + ".mlp.gate_proj", v.intermediateSize, v.hiddenSize, true);
  list.addLinear(block + ".mlp.up_proj", v.intermediateSize, v.hiddenSize, true);
  list.addLinear(block + ".mlp.down_proj", v.hiddenSize, v.intermediateSize, true);
}

static void addVision(TensorList &list, const VisionConfig &v) {
  list.add("visual.patch_embed.proj.weight",
           {v.hiddenSize, v.inChannels, v.temporalPatchSize, v.patchSize, v.patchSize});
  for (int64_t block = 0; block < v.depth; ++block)
    addVisionBlock(list, "visual.blocks." + std::to_string(block), v);
  list.add("visual.merger.ln_q.weight", {v.hiddenSize});
  list.addLinear("visual.merger.mlp.0", v.mergedSize(), v.mergedSize(), true);
  list.addLinear("visual.merger.mlp.2", v.outHiddenSize, v.mergedSize(), true);
}

static void addTextLayer(TensorList &list, const std::string &layer, const TextConfig &t) {
  list.add(layer + ".input_layernorm.weight", {t.hiddenSize});
  list.addLinear(layer + ".self_attn.q_proj", t.hiddenSize, t.hiddenSize, true);
  list.addLinear(layer + ".self_attn.k_proj", t.kvSize(), t.hiddenSize, true);
  list.addLinear(layer + ".self_attn.v_proj", t.kvSize(), t.hiddenSize, true);
  list.addLinear(layer + ".self_attn.o_proj", t.hiddenSize, t.hiddenSize, false);
  list.add(layer + ".post_attention_layernorm.weight", {t.hiddenSize});
  list.addLinear(layer + ".mlp.gate_proj", t.intermediateSize, t.hiddenSize, false);
  list.addLinear(layer + ".mlp.up_proj", t.intermediateSize, t.hiddenSize, false);
  list.addLinear(layer + ".mlp.down_proj", t.hiddenSize, t.intermediateSize, false);
}

static void addText(TensorList &list, const TextConfig &t) {
  list.add(kEmbedding, {t.vocabSize, t.hiddenSize});
  for (int64_t layer = 0; layer < t.layers; ++layer)
    addTextLayer(list, "model.layers." + std::to_string(layer), t);
  list.add("model.norm.weight", {t.hiddenSize});
  if (!t.tieWordEmbeddings)
    list.add(kHead, {t.vocabSize, t.hiddenSize});
}

std::vector<ExpectedTensor> qvl::expectedTensors(const ModelConfig &config) {
  TensorList list;
  addVision(list, config.vision);
  addText(list, config.text);
  return list.take();
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// "; 2 missing: a, b", or nothing.
static std::string describe(llvm::StringRef kind, llvm::ArrayRef<std::string> problems) {
  if (problems.empty())
    return "";
  return "; " + std::to_string(problems.size()) + " " + kind.str() + ": " +
         llvm::join(problems, ", ");
}

llvm::Error Checkpoint::matches(const ModelConfig &config,
                                std::vector<std::string> &warnings) const {
  std::vector<std::string> missing, misshapen, surplus;
  llvm::StringSet<> known;
  for (const ExpectedTensor &expected : expectedTensors(config)) {
    known.insert(expected.name);
    const TensorInfo *tensor = find(expected.name);
    if (!tensor)
      missing.push_back(expected.name);
    else if (tensor->shape != expected.shape)
      misshapen.push_back(expected.name + " is " + toString(tensor->shape) + " instead of " +
                          toString(expected.shape));
  }
  for (const TensorInfo &tensor : infos) {
    if (known.contains(tensor.canonicalName))
      continue;
    if (tensor.canonicalName == kHead && config.text.tieWordEmbeddings)
      warnings.push_back(tensor.file + ": '" + tensor.sourceName +
                         "' is ignored: config.json ties the head to the embedding");
    else
      surplus.push_back(tensor.sourceName);
  }
  const std::string problems = describe("missing", missing) +
                               describe("wrongly shaped", misshapen) +
                               describe("not part of the model", surplus);
  if (problems.empty())
    return llvm::Error::success();
  return badInput(root, "the tensors do not fit config.json" + llvm::Twine(problems));
}
