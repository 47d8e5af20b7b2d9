// The semantic half of verification: one wrong number at a time, and the message for it.
#include "qvlrt/module.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <cstddef>
#include <cstdint>
#include <elf.h>
#include <gtest/gtest.h>
#include <limits>

namespace qvlrt {
namespace {

using namespace qvlfmt;

struct MeaningCase {
  const char *name;
  void (*damage)(ArtifactT &artifact);
  const char *message;
};

ProgramT &dense(ArtifactT &artifact) { return *artifact.targets[0]->programs[0]; }
KernelT &kernel(ArtifactT &artifact) { return *artifact.targets[0]->kernels[0]; }
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void expectRefused(const MeaningCase &c, const std::string &place) {
  ArtifactT artifact = test::testArtifact();
  std::vector<test::Bytes> weights = test::testWeights();
  ASSERT_OK(verifyArtifact("m.qvl", test::assembleArtifact(artifact, weights)).status());
  c.damage(artifact);
  EXPECT_THAT(verifyArtifact("m.qvl", test::assembleUnchanged(artifact, weights)).status(),
              test::FailsWith(absl::StatusCode::kInvalidArgument,
                              "m.qvl: corrupt artifact: " + place + c.message));
}

class ArtifactMeaning : public testing::TestWithParam<MeaningCase> {};
TEST_P(ArtifactMeaning, IsChecked) { expectRefused(GetParam(), ""); }

/// Messages behind the name of the first tensor map.
class TensorMapMeaning : public testing::TestWithParam<MeaningCase> {};
TEST_P(TensorMapMeaning, IsChecked) {
  expectRefused(GetParam(),
                "target cpu: kernel 0 (affine): wide form 0 (affine_wide): tensor map 0: ");
}

std::string nameOf(const testing::TestParamInfo<MeaningCase> &info) { return info.param.name; }

const MeaningCase kArtifactCases[] = {
    {"Version", [](ArtifactT &a) { a.version_minor = 9; }, "header and metadata name different"},
    {"NoFacts", [](ArtifactT &a) { a.model.reset(); }, "model facts or tokenizer are missing"},
    {"NoTokenizer", [](ArtifactT &a) { a.tokenizer.reset(); }, "model facts or tokenizer"},
    {"NoTarget", [](ArtifactT &a) { a.targets.clear(); }, "there is no target"},
    {"TargetTwice",
     [](ArtifactT &a) {
       a.targets.push_back(std::make_unique<TargetT>());
       a.targets[1]->name = "cpu";
     },
     "target cpu: the name occurs twice"},
    {"TargetKvElement", [](ArtifactT &a) { a.targets[0]->kv_element = ElementType(77); },
     "target cpu: kv_element is 77"},
};
INSTANTIATE_TEST_SUITE_P(Artifact, ArtifactMeaning, testing::ValuesIn(kArtifactCases), nameOf);

/// An ELF file as ptxas makes them, with one section and one segment of 8 bytes each.
struct Cubin {
  Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                       .e_type = ET_EXEC,
                       .e_machine = 190,
                       .e_version = EV_CURRENT,
                       .e_entry = 0,
                       .e_phoff = offsetof(Cubin, segment),
                       .e_shoff = offsetof(Cubin, sections),
                       .e_flags = 0,
                       .e_ehsize = sizeof(Elf64_Ehdr),
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 1,
                       .e_shentsize = sizeof(Elf64_Shdr),
                       .e_shnum = 2,
                       .e_shstrndx = 0};
  Elf64_Shdr sections[2] = {};
  Elf64_Phdr segment = {};
  std::uint64_t code = 0;

  Cubin() {
    // Of memory that the file does not hold, as large as it likes.
    sections[0].sh_type = SHT_NOBITS;
    sections[0].sh_size = std::uint64_t{1} << 40;
    sections[1].sh_type = SHT_PROGBITS;
    sections[1].sh_offset = segment.p_offset = offsetof(Cubin, code);
    sections[1].sh_size = segment.p_filesz = sizeof code;
  }
};

/// Gives an artifact a target for GPUs whose code is this file.
void addCubin(ArtifactT &artifact, const Cubin &cubin, std::size_t bytes = sizeof(Cubin)) {
  artifact.targets.push_back(std::make_unique<TargetT>());
  TargetT &target = *artifact.targets.back();
  target.name = "cuda";
  target.precision = "f32";
  target.objects.push_back(std::make_unique<CodeObjectT>());
  target.objects[0]->feature_set = "sm_90";
  const auto *begin = reinterpret_cast<const std::uint8_t *>(&cubin);
  target.objects[0]->bytes.assign(begin, begin + bytes);
}

template <typename Change> void addDamaged(ArtifactT &artifact, Change change) {
  Cubin cubin;
  change(cubin);
  addCubin(artifact, cubin);
}

TEST(ArtifactCubin, IsTakenAsAFile) {
  ArtifactT artifact = test::testArtifact();
  addCubin(artifact, Cubin());
  EXPECT_OK(
      verifyArtifact("m.qvl", test::assembleArtifact(artifact, test::testWeights())).status());
}

TEST(ArtifactCubin, IsNotLookedForInTextAndCodeForCpus) {
  ArtifactT artifact = test::testArtifact();
  addCubin(artifact, Cubin());
  artifact.targets[1]->objects[0]->bytes = {0x7f, 'E', 'L'};
  artifact.targets[0]->objects[0]->bytes = {0x7f, 'E', 'L', 'F'};
  EXPECT_OK(
      verifyArtifact("m.qvl", test::assembleArtifact(artifact, test::testWeights())).status());
}

constexpr std::uint64_t kHuge = ~std::uint64_t{0};
const MeaningCase kCubinCases[] = {
    {"Short", [](ArtifactT &a) { addCubin(a, Cubin(), sizeof(Elf64_Ehdr) - 1); },
     "target cuda: code object 0 (sm_90): a cubin is shorter than its header"},
    {"Cut", [](ArtifactT &a) { addCubin(a, Cubin(), sizeof(Cubin) - 1); },
     "target cuda: code object 0 (sm_90): section 1 of a cubin ends outside of it"},
    {"Class",
     [](ArtifactT &a) { addDamaged(a, [](Cubin &c) { c.header.e_ident[EI_CLASS] = ELFCLASS32; }); },
     "target cuda: code object 0 (sm_90): an ELF file that is no cubin"},
    {"Machine",
     [](ArtifactT &a) { addDamaged(a, [](Cubin &c) { c.header.e_machine = EM_X86_64; }); },
     "target cuda: code object 0 (sm_90): an ELF file that is no cubin"},
    {"SectionTable",
     [](ArtifactT &a) { addDamaged(a, [](Cubin &c) { c.header.e_shnum = 0xffff; }); },
     "target cuda: code object 0 (sm_90): a table of headers ends outside"},
    {"SectionTableOffset",
     [](ArtifactT &a) { addDamaged(a, [](Cubin &c) { c.header.e_shoff = kHuge - 8; }); },
     "target cuda: code object 0 (sm_90): a table of headers ends outside"},
    {"SectionEntry",
     [](ArtifactT &a) { addDamaged(a, [](Cubin &c) { c.header.e_shentsize = 1; }); },
     "target cuda: code object 0 (sm_90): a table of headers ends outside"},
    {"SegmentTable",
     [](ArtifactT &a) { addDamaged(a, [](Cubin &c) { c.header.e_phoff = sizeof(Cubin); }); },
     "target cuda: code object 0 (sm_90): a table of headers ends outside"},
    {"SectionOffset",
     [](ArtifactT &a) { addDamaged(a, [](Cubin &c) { c.sections[1].sh_offset = kHuge; }); },
     "target cuda: code object 0 (sm_90): section 1 of a cubin ends outside of it"},
    {"SectionSize",
     [](ArtifactT &a) { addDamaged(a, [](Cubin &c) { c.sections[1].sh_size = kHuge; }); },
     "target cuda: code object 0 (sm_90): section 1 of a cubin ends outside of it"},
    {"SegmentSize", [](ArtifactT &a) { addDamaged(a, [](Cubin &c) { ++c.segment.p_filesz; }); },
     "target cuda: code object 0 (sm_90): segment 0 of a cubin ends outside of it"},
};
INSTANTIATE_TEST_SUITE_P(Cubin, ArtifactMeaning, testing::ValuesIn(kCubinCases), nameOf);

const MeaningCase kFactCases[] = {
    {"NoProcessor", [](ArtifactT &a) { a.model->processor.reset(); }, "model facts: processor"},
    {"HiddenSize", [](ArtifactT &a) { a.model->hidden_size = 0; }, "model facts: hidden_size is 0"},
    {"Layers", [](ArtifactT &a) { a.model->layers = -1; }, "model facts: layers is -1"},
    {"Heads", [](ArtifactT &a) { a.model->kv_heads = 3; }, "model facts: 2 heads over 3 kv_heads"},
    {"PageSize", [](ArtifactT &a) { a.model->page_size = 0; }, "model facts: page_size is 0"},
    {"PageBytes",
     [](ArtifactT &a) { a.model->page_size = a.model->head_dim = a.model->layers = 1 << 24; },
     "model facts: one KV page"},
    {"ContextBytes",
     [](ArtifactT &a) {
       a.model->head_dim = a.model->max_context = 1 << 24;
       a.model->layers = 1 << 12;
     },
     "model facts: the KV cache of a context is larger than any memory"},
    {"KvElement", [](ArtifactT &a) { a.model->kv_element = ElementType(77); },
     "model facts: kv_element is 77"},
    {"ImagePad", [](ArtifactT &a) { a.model->image_pad_id = 300; },
     "model facts: image_pad_id is 300, the vocabulary has 300"},
    {"VisionStart", [](ArtifactT &a) { a.model->vision_start_id = -1; },
     "model facts: vision_start_id is -1"},
    {"VisionEnd", [](ArtifactT &a) { a.model->vision_end_id = 1000; },
     "model facts: vision_end_id is 1000"},
    {"VideoPad", [](ArtifactT &a) { a.model->video_pad_id = 1000; },
     "model facts: video_pad_id is 1000"},
    {"PatchRow", [](ArtifactT &a) { a.model->patch_row = 25; }, "model facts: patch_row is 25"},
    {"MergeSize", [](ArtifactT &a) { a.model->processor->merge_size = 65; },
     "model facts: merge_size is 65"},
    {"WindowSize", [](ArtifactT &a) { a.model->processor->window_size = 3; },
     "model facts: window_size is 3"},
    {"Pixels", [](ArtifactT &a) { a.model->processor->max_pixels = 2; },
     "model facts: pixels from 16 to 2"},
    {"TokensPerSecond", [](ArtifactT &a) { a.model->processor->tokens_per_second = kNan; },
     "model facts: tokens_per_second is nan"},
    {"NoMean", [](ArtifactT &a) { a.model->processor->image_mean.reset(); },
     "model facts: image_mean is missing"},
    {"Std", [](ArtifactT &a) { *a.model->processor->image_std = Vec3(1, 0, 1); },
     "model facts: image_std is 0"},
    {"Temperature", [](ArtifactT &a) { a.model->generation->temperature = -1; },
     "model facts: temperature is -1"},
    {"TopP", [](ArtifactT &a) { a.model->generation->top_p = 1.5; }, "model facts: top_p is 1.5"},
    {"Penalty", [](ArtifactT &a) { a.model->generation->repetition_penalty = 0; },
     "model facts: repetition_penalty is 0"},
    {"Eos", [](ArtifactT &a) { a.model->generation->eos_ids = {1, 400}; },
     "model facts: eos_ids is 400"},
    {"Pad", [](ArtifactT &a) { a.model->generation->pad_id = -2; }, "model facts: pad_id is -2"},
};
INSTANTIATE_TEST_SUITE_P(Facts, ArtifactMeaning, testing::ValuesIn(kFactCases), nameOf);

const MeaningCase kTokenizerCases[] = {
    {"NoPieces", [](ArtifactT &a) { a.tokenizer->piece_offsets.clear(); },
     "tokenizer: piece_offsets do not span"},
    {"PiecesEnd", [](ArtifactT &a) { a.tokenizer->piece_offsets.back() += 1; },
     "tokenizer: piece_offsets do not span"},
    {"PiecesFall", [](ArtifactT &a) { a.tokenizer->piece_offsets[7] = 300; },
     "tokenizer: piece_offsets[8] is smaller"},
    {"ByteCount", [](ArtifactT &a) { a.tokenizer->byte_ids.pop_back(); },
     "tokenizer: byte_ids has 255 entries"},
    {"ByteId", [](ArtifactT &a) { a.tokenizer->byte_ids[3] = 257; },
     "tokenizer: byte_ids[3] is 257 of 257"},
    {"OtherByte", [](ArtifactT &a) { a.tokenizer->byte_ids[3] = 4; },
     "tokenizer: byte_ids[3] is 4, the piece of another byte"},
    {"MergeId", [](ArtifactT &a) { a.tokenizer->merges[0] = Merge('a', 'b', 999, 0); },
     "tokenizer: merges[0] names piece 999 of 257"},
    {"MergeLength", [](ArtifactT &a) { a.tokenizer->merges[0] = Merge('a', 'b', 'c', 0); },
     "tokenizer: merges[0] does not join"},
    {"MergeOrder", [](ArtifactT &a) { a.tokenizer->merges.emplace_back('a', 'b', 256, 1); },
     "tokenizer: merges[1] is not sorted"},
    {"AddedText", [](ArtifactT &a) { a.tokenizer->added_tokens[0]->content.clear(); },
     "tokenizer: added_tokens[0] has no text"},
    {"AddedId", [](ArtifactT &a) { a.tokenizer->added_tokens[0]->id = UINT32_MAX; },
     "tokenizer: added_tokens[0] has id 4294967295"},
    {"AddedOrder",
     [](ArtifactT &a) {
       a.tokenizer->added_tokens.push_back(std::make_unique<AddedTokenT>());
       a.tokenizer->added_tokens[1]->content = "x";
     },
     "tokenizer: added_tokens[1] is not sorted"},
};
INSTANTIATE_TEST_SUITE_P(Tokenizer, ArtifactMeaning, testing::ValuesIn(kTokenizerCases), nameOf);

const MeaningCase kWeightCases[] = {
    {"Bytes", [](ArtifactT &a) { a.weights[0]->bytes = 31; },
     "weight 0 (scale): 31 bytes, its encoding stores 32"},
    {"PanelBytes", [](ArtifactT &a) { a.weights[1]->bytes = 3 * 5 * 2; },
     "weight 1 (panel): 30 bytes, its encoding stores 48"},
    {"Alignment", [](ArtifactT &a) { a.weights[0]->offset += 64; }, "weight 0 (scale): offset"},
    {"BeforeWeights", [](ArtifactT &a) { a.weights[0]->offset = 0; },
     "weight 0 (scale): 32 bytes at 0 leave the weights"},
    {"BehindFile", [](ArtifactT &a) { a.weights[1]->offset = std::uint64_t{1} << 63; },
     "weight 1 (panel): 48 bytes at 9223372036854775808 leave"},
    {"Shape", [](ArtifactT &a) { a.weights[0]->shape = {1ll << 40, 1ll << 40}; },
     "weight 0 (scale): a shape that no memory holds"},
    {"NegativeShape", [](ArtifactT &a) { a.weights[0]->shape = {-8}; },
     "weight 0 (scale): a shape that no memory holds"},
    {"Rank", [](ArtifactT &a) { a.weights[0]->shape.assign(9, 1); }, "weight 0 (scale): rank 9"},
    {"NoEncoding", [](ArtifactT &a) { a.weights[0]->encoding.reset(); },
     "weight 0 (scale): no valid encoding"},
    {"Element",
     [](ArtifactT &a) { *a.weights[0]->encoding = Encoding(0, 1, 8, 1, ElementType(9)); },
     "weight 0 (scale): no valid encoding"},
    {"PanelRank", [](ArtifactT &a) { a.weights[1]->shape = {15}; },
     "weight 1 (panel): panels of 4 x 2 for rank 1"},
    {"NegativePanel",
     [](ArtifactT &a) { *a.weights[1]->encoding = Encoding(-4, 2, 4, 6, ElementType::BF16); },
     "weight 1 (panel): panels of -4 x 2"},
    {"ZeroGroup",
     [](ArtifactT &a) { *a.weights[1]->encoding = Encoding(4, 0, 4, 6, ElementType::BF16); },
     "weight 1 (panel): panels of 4 x 0"},
    {"SmallPad",
     [](ArtifactT &a) { *a.weights[1]->encoding = Encoding(4, 2, 4, 4, ElementType::BF16); },
     "weight 1 (panel): padding 4 x 4 does not fit shape 3 x 5"},
    {"OddPad",
     [](ArtifactT &a) { *a.weights[1]->encoding = Encoding(4, 2, 6, 6, ElementType::BF16); },
     "weight 1 (panel): padding 6 x 6 does not fit"},
    {"HugePad",
     [](ArtifactT &a) {
       *a.weights[1]->encoding = Encoding(4, 2, 1ll << 40, 1ll << 40, ElementType::BF16);
     },
     "weight 1 (panel): a padded shape that no memory holds"},
    {"Interleave", [](ArtifactT &a) { a.weights[1]->interleave = 2; },
     "weight 1 (panel): blocks of 2 rows do not take turns in panels of 4 for 3"},
    {"InterleaveOfFlat", [](ArtifactT &a) { a.weights[0]->interleave = 8; },
     "weight 0 (scale): panels of 0 x 1"},
    {"NegativeInterleave", [](ArtifactT &a) { a.weights[1]->interleave = -2; },
     "weight 1 (panel): blocks of -2 rows"},
    {"Twice", [](ArtifactT &a) { a.weights[1]->name = "scale"; },
     "weight 1 (scale): the name occurs twice"},
};
INSTANTIATE_TEST_SUITE_P(Weights, ArtifactMeaning, testing::ValuesIn(kWeightCases), nameOf);

/// A wide form of the kernel "affine", whose first buffer in the program "dense" is f32 [R, 8], and
/// of "dot_weight", whose second one is the weight "scale", 32 bytes.
WideFormT &wideForm(ArtifactT &artifact, int kernel = 0) {
  KernelT &owner = *artifact.targets[0]->kernels[kernel];
  auto map = std::make_unique<TensorMapT>();
  map->buffer = kernel == 0 ? 0 : 1;
  map->element = ElementType::F32;
  map->sizes = kernel == 0 ? std::vector<std::uint64_t>{8, 0} : std::vector<std::uint64_t>{8};
  map->box.assign(map->sizes.size(), 8);
  map->swizzle = 32;
  auto form = std::make_unique<WideFormT>();
  form->symbol = owner.name + "_wide";
  form->maps.push_back(std::move(map));
  owner.wide.push_back(std::move(form));
  return *owner.wide.back();
}
TensorMapT &tensorMap(ArtifactT &artifact, int kernel = 0) {
  return *wideForm(artifact, kernel).maps[0];
}

TEST(ArtifactWideForms, WithMapsInTheirBuffersAreAccepted) {
  ArtifactT artifact = test::testArtifact();
  wideForm(artifact).object = 1;
  wideForm(artifact, 1);
  EXPECT_OK(
      verifyArtifact("m.qvl", test::assembleArtifact(artifact, test::testWeights())).status());
}

const MeaningCase kWideCases[] = {
    {"Object", [](ArtifactT &a) { wideForm(a).object = 2; },
     "target cpu: kernel 0 (affine): wide form 0 (affine_wide): no variant in object 2"},
    {"Twice", [](ArtifactT &a) { wideForm(a), wideForm(a); },
     "target cpu: kernel 0 (affine): wide form 1 (affine_wide): a second one in object 0"},
    {"Shared", [](ArtifactT &a) { wideForm(a).shared_bytes = UINT64_MAX; },
     "target cpu: kernel 0 (affine): wide form 0 (affine_wide): shared memory of "
     "18446744073709551615 bytes"},
    {"Maps",
     [](ArtifactT &a) {
       WideFormT &form = wideForm(a);
       while (form.maps.size() < 9)
         form.maps.push_back(std::make_unique<TensorMapT>(*form.maps[0]));
     },
     "target cpu: kernel 0 (affine): wide form 0 (affine_wide): 9 tensor maps"},
    // What a launch gives a map is looked at where it is launched.
    {"OtherRows", [](ArtifactT &a) { tensorMap(a).scalar = 1; },
     "target cpu: program dense: command 0: tensor map 0 of affine_wide does not lie in buffer 0"},
    {"LongRows", [](ArtifactT &a) { tensorMap(a).sizes[0] = 12; },
     "target cpu: program dense: command 0: tensor map 0 of affine_wide does not lie in buffer 0"},
    {"StaticRows", [](ArtifactT &a) { tensorMap(a).sizes[1] = 1; },
     "target cpu: program dense: command 0: tensor map 0 of affine_wide does not lie in buffer 0"},
    {"LongWeight", [](ArtifactT &a) { tensorMap(a, 1).sizes[0] = 12; },
     "target cpu: program dense: command 2: tensor map 0 of dot_weight_wide does not lie in buffer "
     "4"},
    {"WeightOfAnySize",
     [](ArtifactT &a) {
       TensorMapT &map = tensorMap(a, 1);
       map.sizes = {8, 0};
       map.box = {8, 8};
       map.scalar = 2;
       ProgramT &dense = *a.targets[0]->programs[0];
       const std::vector<std::uint32_t> &scalars = dense.commands[2]->scalars;
       dense.buffers[4]->dims = {scalars[2], scalars[1]}; // rows of the argument
     },
     "target cpu: program dense: command 2: tensor map 0 of dot_weight_wide does not lie in buffer "
     "4"},
};
INSTANTIATE_TEST_SUITE_P(WideForms, ArtifactMeaning, testing::ValuesIn(kWideCases), nameOf);

const MeaningCase kMapCases[] = {
    {"Buffer", [](ArtifactT &a) { tensorMap(a).buffer = 2; }, "buffer 2 of 2"},
    {"Element", [](ArtifactT &a) { tensorMap(a).element = ElementType(9); }, "element type 9"},
    {"NoSizes", [](ArtifactT &a) { tensorMap(a).sizes.clear(); }, "0 sizes and a box of 2"},
    {"Rank",
     [](ArtifactT &a) {
       TensorMapT &map = tensorMap(a);
       map.sizes.assign(6, 8), map.box.assign(6, 8);
     },
     "6 sizes and a box of 6"},
    {"BoxRank", [](ArtifactT &a) { tensorMap(a).box.pop_back(); }, "2 sizes and a box of 1"},
    {"InnerSize", [](ArtifactT &a) { tensorMap(a).sizes[0] = 0; }, "size 0 is 0"},
    {"Size", [](ArtifactT &a) { tensorMap(a).sizes[1] = (std::uint64_t{1} << 32) + 1; },
     "size 1 is 4294967297"},
    {"Bytes",
     [](ArtifactT &a) {
       // The product is zero modulo 2^64.
       TensorMapT &map = tensorMap(a);
       map.sizes.assign(5, std::uint64_t{1} << 32), map.box.assign(5, 8);
     },
     "more than the 70368744177664 bytes of a tensor"},
    {"Stride", [](ArtifactT &a) { tensorMap(a).sizes[0] = 7; }, "a stride of 28 bytes"},
    {"BoxSize", [](ArtifactT &a) { tensorMap(a).box[1] = 257; }, "box 1 is 257"},
    {"NoBox", [](ArtifactT &a) { tensorMap(a).box[0] = 0; }, "box 0 is 0"},
    {"Scalar", [](ArtifactT &a) { tensorMap(a).scalar = 4; }, "scalar 4 of 4"},
    {"Swizzle", [](ArtifactT &a) { tensorMap(a).swizzle = 48; }, "a swizzle of 48 bytes"},
    {"Line", [](ArtifactT &a) { tensorMap(a).box[0] = 7; },
     "lines of 28 bytes with a swizzle of 32"},
    {"LongLine", [](ArtifactT &a) { tensorMap(a).box[0] = 16; },
     "lines of 64 bytes with a swizzle of 32"},
};
INSTANTIATE_TEST_SUITE_P(Maps, TensorMapMeaning, testing::ValuesIn(kMapCases), nameOf);

const MeaningCase kKernelCases[] = {
    {"Operands", [](ArtifactT &a) { kernel(a).buffer_count = 10000; },
     "target cpu: kernel 0 (affine): 10000 buffers"},
    {"Scratch", [](ArtifactT &a) { kernel(a).scratch_bytes = UINT64_MAX; },
     "target cpu: kernel 0 (affine): scratch of 18446744073709551615 bytes"},
    {"NoVariant", [](ArtifactT &a) { kernel(a).variants.clear(); },
     "target cpu: kernel 0 (affine): no variant"},
    {"Object", [](ArtifactT &a) { kernel(a).variants[1] = KernelVariant(2); },
     "target cpu: kernel 0 (affine): a variant in object 2 of 2"},
    {"Twice", [](ArtifactT &a) { kernel(a).name = "variant"; },
     "target cpu: kernel 4 (variant): the name occurs twice"},
    {"ProgramTwice", [](ArtifactT &a) { dense(a).name = "decode"; },
     "target cpu: program decode: the name occurs twice"},
};
INSTANTIATE_TEST_SUITE_P(Kernels, ArtifactMeaning, testing::ValuesIn(kKernelCases), nameOf);

// The program "dense": sizes 0 dim, 1 constant 8, 2 product; buffers 0 x, 1 once, 2 wide, 3 view, 4
// weight, 5 y.
const MeaningCase kProgramCases[] = {
    {"SizeOperation", [](ArtifactT &a) { dense(a).sizes[2].mutate_op(SizeOp(40)); },
     "target cpu: program dense: size 2: operation 40"},
    {"SizeOperand", [](ArtifactT &a) { dense(a).sizes[2].mutate_rhs(2); },
     "target cpu: program dense: size 2: operand 2 of 2"},
    {"SizeArgument", [](ArtifactT &a) { dense(a).sizes[0].mutate_lhs(1); },
     "target cpu: program dense: size 0: argument 1 of 1"},
    {"SizeDimension", [](ArtifactT &a) { dense(a).sizes[0].mutate_rhs(2); },
     "target cpu: program dense: size 0: dimension 2 of 2"},
    {"BufferKind", [](ArtifactT &a) { dense(a).buffers[1]->kind = BufferKind(9); },
     "target cpu: program dense: buffer 1: kind 9"},
    {"BufferElement", [](ArtifactT &a) { dense(a).buffers[1]->element = ElementType(9); },
     "target cpu: program dense: buffer 1: element type 9"},
    {"BufferRank", [](ArtifactT &a) { dense(a).buffers[1]->dims.assign(9, 0); },
     "target cpu: program dense: buffer 1: rank 9 of 8"},
    {"BufferSize", [](ArtifactT &a) { dense(a).buffers[1]->dims = {0, 3}; },
     "target cpu: program dense: buffer 1: size 3 of 3"},
    {"Life", [](ArtifactT &a) { dense(a).buffers[1]->first_command = 2; },
     "target cpu: program dense: buffer 1: life from 2 to 1 of 3"},
    {"LifeEnd", [](ArtifactT &a) { dense(a).buffers[1]->last_command = 3; },
     "target cpu: program dense: buffer 1: life from 0 to 3 of 3"},
    {"UseBeforeLife", [](ArtifactT &a) { dense(a).buffers[1]->first_command = 1; },
     "target cpu: program dense: command 0: buffer 1 is used outside its life, 1 to 1"},
    {"UseOfViewAfterLife", [](ArtifactT &a) { dense(a).buffers[2]->last_command = 1; },
     "target cpu: program dense: command 2: buffer 3 is used outside its life, 1 to 1"},
    {"ViewOfItself", [](ArtifactT &a) { dense(a).buffers[3]->index = 3; },
     "target cpu: program dense: buffer 3: view of buffer 3 of 3"},
    {"WeightIndex", [](ArtifactT &a) { dense(a).buffers[4]->index = 2; },
     "target cpu: program dense: buffer 4: weight 2 of 2"},
    {"ArgumentIndex", [](ArtifactT &a) { dense(a).buffers[0]->index = 1; },
     "target cpu: program dense: argument 0 is another buffer"},
    {"ArgumentBuffer", [](ArtifactT &a) { dense(a).arguments[0] = 6; },
     "target cpu: program dense: argument buffer 6 of 6"},
    {"ArgumentKind", [](ArtifactT &a) { dense(a).arguments[0] = 1; },
     "target cpu: program dense: argument 0 is another buffer"},
    {"ArgumentName", [](ArtifactT &a) { dense(a).buffers[0]->name.clear(); },
     "target cpu: program dense: argument 0 has no name"},
    {"UnlistedArgument", [](ArtifactT &a) { dense(a).buffers[1]->kind = BufferKind::Argument; },
     "target cpu: program dense: buffer 1: argument 0 of 1"},
    {"ArgumentTwice", [](ArtifactT &a) { a.targets[0]->programs[1]->buffers[1]->name = "pixels"; },
     "target cpu: program vision: two arguments are called pixels"},
    {"CommandKind", [](ArtifactT &a) { dense(a).commands[1]->kind = CommandKind(9); },
     "target cpu: program dense: command 1: kind 9"},
    {"CommandBuffer", [](ArtifactT &a) { dense(a).commands[1]->buffers[0] = 6; },
     "target cpu: program dense: command 1: buffer 6 of 6"},
    {"Kernel", [](ArtifactT &a) { dense(a).commands[1]->kernel = 7; },
     "target cpu: program dense: command 1: kernel 7 of 7"},
    {"Grid", [](ArtifactT &a) { dense(a).commands[1]->grid = 3; },
     "target cpu: program dense: command 1: grid size 3 of 3"},
    {"Scalar", [](ArtifactT &a) { dense(a).commands[1]->scalars[3] = 3; },
     "target cpu: program dense: command 1: scalar size 3 of 3"},
    {"ScalarCount", [](ArtifactT &a) { dense(a).commands[1]->scalars.pop_back(); },
     "target cpu: program dense: command 1: 2 buffers and 3 scalars for kernel affine with 2 and "
     "4"},
    {"BufferCount", [](ArtifactT &a) { dense(a).commands[1]->buffers.pop_back(); },
     "target cpu: program dense: command 1: 1 buffers and 4 scalars"},
    {"Outputs", [](ArtifactT &a) { dense(a).commands[1]->outputs = 3; },
     "target cpu: program dense: command 1: output 3 of 2"},
    {"WrittenWeight", [](ArtifactT &a) { dense(a).commands[2]->outputs = 2; },
     "target cpu: program dense: command 2: buffer 4 is a weight and written"},
    {"FilledWeight",
     [](ArtifactT &a) {
       dense(a).commands[0]->kind = CommandKind::Fill;
       dense(a).commands[0]->buffers = {4};
     },
     "target cpu: program dense: command 0: buffer 4 is a weight and written"},
    {"FillCount", [](ArtifactT &a) { dense(a).commands[0]->kind = CommandKind::Fill; },
     "target cpu: program dense: command 0: 2 buffers instead of 1"},
    {"CopyCount",
     [](ArtifactT &a) {
       dense(a).commands[0]->kind = CommandKind::Copy;
       dense(a).commands[0]->buffers = {0};
     },
     "target cpu: program dense: command 0: 1 buffers instead of 2"},
    {"Result", [](ArtifactT &a) { dense(a).results[0] = 6; },
     "target cpu: program dense: result buffer 6 of 6"},
    {"ResultNames", [](ArtifactT &a) { dense(a).result_names.pop_back(); },
     "target cpu: program dense: 2 results with 1 names"},
};
INSTANTIATE_TEST_SUITE_P(Programs, ArtifactMeaning, testing::ValuesIn(kProgramCases), nameOf);

} // namespace
} // namespace qvlrt
