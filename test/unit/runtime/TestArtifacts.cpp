#include "TestArtifacts.h"

#include "qvlfmt/Sampling.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace qvlrt::test {

using qvlfmt::BufferKind, qvlfmt::CommandKind, qvlfmt::ElementType, qvlfmt::SizeOp;

std::uint32_t ProgramBuilder::size(SizeOp op, std::uint32_t lhs, std::uint32_t rhs) {
  program->sizes.emplace_back(op, lhs, rhs, 0);
  return program->sizes.size() - 1;
}

std::uint32_t ProgramBuilder::constant(std::int64_t value) {
  program->sizes.emplace_back(SizeOp::Constant, 0, 0, value);
  return program->sizes.size() - 1;
}

std::uint32_t ProgramBuilder::dim(std::uint32_t argument, std::uint32_t dimension) {
  return program->buffers[program->arguments[argument]]->dims[dimension];
}

std::uint32_t ProgramBuilder::addBuffer(BufferKind kind, ElementType element,
                                        std::vector<std::uint32_t> dims) {
  auto buffer = std::make_unique<qvlfmt::BufferT>();
  buffer->kind = kind;
  buffer->element = element;
  buffer->dims = std::move(dims);
  program->buffers.push_back(std::move(buffer));
  return program->buffers.size() - 1;
}

std::uint32_t ProgramBuilder::argument(std::string name, ElementType element,
                                       const std::vector<std::int64_t> &dims) {
  std::uint32_t number = program->arguments.size();
  std::vector<std::uint32_t> sizes;
  for (std::uint32_t i = 0; i < dims.size(); ++i)
    sizes.push_back(dims[i] < 0 ? size(SizeOp::Dim, number, i) : constant(dims[i]));
  std::uint32_t buffer = addBuffer(BufferKind::Argument, element, sizes);
  program->buffers[buffer]->name = std::move(name);
  program->buffers[buffer]->index = number;
  program->arguments.push_back(buffer);
  return buffer;
}

std::uint32_t ProgramBuilder::transient(ElementType element, std::vector<std::uint32_t> dims,
                                        std::uint32_t first, std::uint32_t last) {
  std::uint32_t buffer = addBuffer(BufferKind::Transient, element, std::move(dims));
  program->buffers[buffer]->first_command = first;
  program->buffers[buffer]->last_command = last;
  return buffer;
}

std::uint32_t ProgramBuilder::weight(std::uint32_t index, std::vector<std::uint32_t> dims) {
  std::uint32_t buffer = addBuffer(BufferKind::Weight, ElementType::F32, std::move(dims));
  program->buffers[buffer]->index = index;
  return buffer;
}

std::uint32_t ProgramBuilder::view(std::uint32_t of, std::vector<std::uint32_t> dims) {
  std::uint32_t buffer =
      addBuffer(BufferKind::View, program->buffers[of]->element, std::move(dims));
  program->buffers[buffer]->index = of;
  return buffer;
}

std::uint32_t ProgramBuilder::addCommand(CommandKind kind, std::vector<std::uint32_t> buffers) {
  auto command = std::make_unique<qvlfmt::CommandT>();
  command->kind = kind;
  command->buffers = std::move(buffers);
  command->label = "step." + std::to_string(program->commands.size());
  program->commands.push_back(std::move(command));
  return program->commands.size() - 1;
}

std::uint32_t ProgramBuilder::launch(std::uint32_t kernel, std::uint32_t grid,
                                     std::vector<std::uint32_t> buffers,
                                     std::vector<std::uint32_t> scalars) {
  std::uint32_t number = addCommand(CommandKind::Launch, std::move(buffers));
  program->commands[number]->kernel = kernel;
  program->commands[number]->grid = grid;
  program->commands[number]->outputs = 1;
  program->commands[number]->scalars = std::move(scalars);
  return number;
}

std::uint32_t ProgramBuilder::fill(std::uint32_t buffer, std::uint8_t value) {
  std::uint32_t number = addCommand(CommandKind::Fill, {buffer});
  program->commands[number]->fill = value;
  return number;
}

std::uint32_t ProgramBuilder::copy(std::uint32_t from, std::uint32_t to) {
  return addCommand(CommandKind::Copy, {from, to});
}

void ProgramBuilder::result(std::string name, std::uint32_t buffer) {
  program->results.push_back(buffer);
  program->result_names.push_back(std::move(name));
}

static std::unique_ptr<qvlfmt::ModelFactsT> testFacts() {
  auto facts = std::make_unique<qvlfmt::ModelFactsT>();
  facts->name = "test";
  facts->architecture = "qwen2_5_vl";
  facts->hidden_size = kHidden;
  facts->layers = kLayers;
  facts->heads = 2;
  facts->kv_heads = kKvHeads;
  facts->head_dim = kHeadDim;
  facts->vocab_size = kVocab;
  facts->max_context = kMaxContext;
  facts->page_size = kPageTokens;
  facts->patch_row = kPatchRow;
  facts->vision_start_id = 290;
  facts->vision_end_id = 291;
  facts->image_pad_id = 292;
  facts->video_pad_id = 293;
  facts->chat_template = "qwen2_5_vl";
  facts->processor = std::make_unique<qvlfmt::ProcessorFactsT>();
  qvlfmt::ProcessorFactsT &processor = *facts->processor;
  processor.min_pixels = 16;
  processor.max_pixels = 4096;
  processor.patch_size = 2;
  processor.temporal_patch_size = 2;
  processor.merge_size = 2;
  processor.window_size = 8;
  processor.tokens_per_second = 2;
  processor.image_mean = std::make_unique<qvlfmt::Vec3>(0.5, 0.5, 0.5);
  processor.image_std = std::make_unique<qvlfmt::Vec3>(0.25, 0.25, 0.25);
  processor.rescale_factor = 1.0 / 255;
  facts->generation = std::make_unique<qvlfmt::GenerationDefaultsT>();
  facts->generation->eos_ids = {295, 294};
  return facts;
}

/// One piece a byte, the merge "ab", and one added token.
static std::unique_ptr<qvlfmt::TokenizerT> testTokenizer() {
  auto tokenizer = std::make_unique<qvlfmt::TokenizerT>();
  tokenizer->piece_offsets.push_back(0);
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    tokenizer->byte_ids.push_back(byte);
    tokenizer->piece_bytes.push_back(static_cast<std::uint8_t>(byte));
    tokenizer->piece_offsets.push_back(byte + 1);
  }
  for (char letter : {'a', 'b'})
    tokenizer->piece_bytes.push_back(letter);
  tokenizer->piece_offsets.push_back(258);
  tokenizer->merges.emplace_back('a', 'b', 256, 0);
  auto added = std::make_unique<qvlfmt::AddedTokenT>();
  added->id = 295;
  added->content = "<|end|>";
  added->special = true;
  tokenizer->added_tokens.push_back(std::move(added));
  return tokenizer;
}

static std::unique_ptr<qvlfmt::WeightT>
testWeight(std::string name, std::vector<std::int64_t> shape, qvlfmt::Encoding encoding) {
  auto weight = std::make_unique<qvlfmt::WeightT>();
  weight->name = std::move(name);
  weight->shape = std::move(shape);
  weight->encoding = std::make_unique<qvlfmt::Encoding>(encoding);
  return weight;
}

static std::unique_ptr<qvlfmt::CodeObjectT> codeObject(std::string featureSet, const char *path) {
  auto object = std::make_unique<qvlfmt::CodeObjectT>();
  object->feature_set = std::move(featureSet);
  std::ifstream file(path, std::ios::binary);
  object->bytes.assign(std::istreambuf_iterator<char>(file), {});
  return object;
}

static void addKernel(qvlfmt::TargetT &target, std::string name, std::uint32_t buffers,
                      std::uint32_t scalars, std::uint64_t scratch = 0) {
  auto kernel = std::make_unique<qvlfmt::KernelT>();
  kernel->name = std::move(name);
  kernel->buffer_count = buffers;
  kernel->scalar_count = scalars;
  kernel->scratch_bytes = scratch;
  kernel->variants.emplace_back(0);
  kernel->variants.emplace_back(1);
  target.kernels.push_back(std::move(kernel));
}

static std::unique_ptr<qvlfmt::TargetT> testTarget() {
  auto target = std::make_unique<qvlfmt::TargetT>();
  target->name = "cpu";
  target->precision = "f32";
  target->objects.push_back(codeObject("v4", QVL_TEST_KERNELS_V4));
  target->objects.push_back(codeObject("v3", QVL_TEST_KERNELS_V3));
  addKernel(*target, "affine", 2, 4);
  addKernel(*target, "dot_weight", 3, 3);
  addKernel(*target, "count_tiles", 1, 0);
  addKernel(*target, "probe_scratch", 1, 1, kScratchBytes);
  addKernel(*target, "variant", 1, 0);
  addKernel(*target, "tiny_language", 12, 7);
  addKernel(*target, "tiny_vision", 6, 3);
  return target;
}

qvlfmt::ArtifactT emptyArtifact() {
  qvlfmt::ArtifactT artifact;
  artifact.version_major = qvlfmt::kVersionMajor;
  artifact.version_minor = qvlfmt::kVersionMinor;
  artifact.producer = "test";
  artifact.model = testFacts();
  artifact.tokenizer = testTokenizer();
  artifact.weights.push_back(testWeight("scale", {8}, {0, 1, 8, 1, ElementType::F32}));
  artifact.weights.push_back(testWeight("panel", {3, 5}, {4, 2, 4, 6, ElementType::BF16}));
  artifact.targets.push_back(testTarget());
  return artifact;
}

static std::unique_ptr<qvlfmt::ProgramT> denseProgram() {
  ProgramBuilder b("dense");
  std::uint32_t x = b.argument("x", ElementType::F32, {-1, 8});
  std::uint32_t rows = b.dim(0, 0), width = b.dim(0, 1);
  std::uint32_t elements = b.size(SizeOp::Mul, rows, width);
  std::uint32_t once = b.transient(ElementType::F32, {rows, width}, 0, 1);
  std::uint32_t wide = b.transient(ElementType::F32, {elements}, 1, 2);
  std::uint32_t rowsOfWide = b.view(wide, {rows, width});
  std::uint32_t scale = b.weight(0, {width});
  std::uint32_t y = b.transient(ElementType::F32, {rows}, 2, 2);
  b.launch(kAffine, rows, {x, once}, {rows, width, rows, width});
  b.launch(kAffine, rows, {once, rowsOfWide}, {rows, width, rows, width});
  b.launch(kDotWeight, rows, {rowsOfWide, scale, y}, {rows, width, rows});
  b.result("y", y);
  b.result("wide", rowsOfWide);
  return b.take();
}

static std::unique_ptr<qvlfmt::ProgramT> languageProgram(std::string name) {
  ProgramBuilder b(std::move(name));
  std::vector<std::uint32_t> operands = {
      b.argument("ids", ElementType::I32, {-1}),
      b.argument("positions", ElementType::I32, {3, -1}),
      b.argument("features", ElementType::F32, {-1, kHidden}),
      b.argument("feature_rows", ElementType::I32, {-1}),
      b.argument("row_offsets", ElementType::I32, {-1}),
      b.argument("row_sequence", ElementType::I32, {-1}),
      b.argument("cache_lengths", ElementType::I32, {-1}),
      b.argument("block_table", ElementType::I32, {-1, -1}),
      b.argument("slots", ElementType::I64, {-1}),
      b.argument("kv_cache", ElementType::F32, {-1, kPageElements}),
      b.argument("logit_rows", ElementType::I32, {-1})};
  std::uint32_t vocab = b.constant(kVocab);
  std::uint32_t logits = b.transient(ElementType::F32, {b.dim(10, 0), vocab}, 0, 0);
  operands.push_back(logits);
  b.launch(kTinyLanguage, b.constant(1), operands,
           {b.dim(0, 0), b.dim(2, 1), b.constant(kPageTokens), b.dim(9, 1), b.dim(7, 1),
            b.dim(10, 0), vocab});
  b.result("logits", logits);
  return b.take();
}

std::unique_ptr<qvlfmt::ProgramT> visionProgram(const char *name, int patchRow) {
  ProgramBuilder b(name);
  std::vector<std::uint32_t> operands = {b.argument("pixels", ElementType::F32, {-1, patchRow}),
                                         b.argument("positions", ElementType::I32, {2, -1}),
                                         b.argument("window", ElementType::I32, {-1}),
                                         b.argument("windows", ElementType::I32, {-1}),
                                         b.argument("frames", ElementType::I32, {-1})};
  std::uint32_t four = b.constant(4), hidden = b.constant(kHidden);
  std::uint32_t groups = b.size(SizeOp::FloorDiv, b.dim(0, 0), four);
  std::uint32_t features = b.transient(ElementType::F32, {groups, hidden}, 0, 0);
  operands.push_back(features);
  b.launch(kTinyVision, groups, operands, {b.dim(0, 1), four, hidden});
  b.result("features", features);
  return b.take();
}

std::unique_ptr<qvlfmt::WideFormT> wideAffine() {
  auto map = std::make_unique<qvlfmt::TensorMapT>();
  map->element = ElementType::F32;
  map->sizes = {8, 0};
  map->scalar = 2;
  map->box = {4, 16};
  map->swizzle = 32;
  auto form = std::make_unique<qvlfmt::WideFormT>();
  form->symbol = "affine_wide";
  form->least_tiles = 4;
  form->maps.push_back(std::move(map));
  return form;
}

void chooseIds(std::unique_ptr<qvlfmt::ProgramT> &program, std::uint8_t byte) {
  const std::uint32_t draws = program->arguments.size() + 2, command = program->commands.size();
  ProgramBuilder b(std::move(program));
  b.argument("seen", ElementType::I32, {-1, qvlfmt::seenWords(kVocab)});
  b.argument("sampling", ElementType::F32, {-1, qvlfmt::kSamplingSettings});
  b.argument("draws", ElementType::I64, {-1});
  const std::uint32_t ids = b.transient(ElementType::I32, {b.dim(draws, 0)}, command, command);
  b.fill(ids, byte);
  b.result("ids", ids);
  program = b.take();
}

qvlfmt::ArtifactT testArtifact() {
  qvlfmt::ArtifactT artifact = emptyArtifact();
  qvlfmt::TargetT &target = *artifact.targets[0];
  target.programs.push_back(denseProgram());
  target.programs.push_back(visionProgram("vision", kPatchRow));
  target.programs.push_back(languageProgram("prefill"));
  target.programs.push_back(languageProgram("decode"));
  return artifact;
}

std::vector<Bytes> testWeights() {
  const float scale[] = {1, 2, 3, 4, 5, 6, 7, 8};
  return {floatBytes(scale), Bytes(4 * 6 * 2, std::byte{0x3f})};
}

std::unique_ptr<Module> openArtifact(qvlfmt::ArtifactT artifact) {
  std::string path = writeTemporary(assembleArtifact(artifact, testWeights()));
  absl::StatusOr<std::unique_ptr<Module>> module = Module::open(path);
  unlink(path.c_str());
  if (!module.ok()) {
    std::fprintf(stderr, "%s\n", module.status().ToString().c_str());
    std::abort();
  }
  return *std::move(module);
}

} // namespace qvlrt::test
