#include "ArtifactMutator.h"

#include "TestArtifacts.h"

#include <cstring>
#include <elf.h>
#include <limits>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace qvlrt::test {

using qvlfmt::ElementType;

namespace {

template <typename T> std::unique_ptr<T> copyOf(const std::unique_ptr<T> &entry) {
  return std::make_unique<T>(*entry);
}
template <typename T> T copyOf(const T &entry) { return entry; }

} // namespace

template <typename Number> void ArtifactMutator::number(Number &value) {
  using Bits = std::make_unsigned_t<Number>;
  const Bits bits = static_cast<Bits>(value);
  const Bits choices[] = {static_cast<Bits>(bits + 1),
                          static_cast<Bits>(bits - 1),
                          static_cast<Bits>(bits * 2),
                          static_cast<Bits>(0),
                          static_cast<Bits>(below(16)),
                          static_cast<Bits>(below(4096)),
                          static_cast<Bits>(Bits{1} << below(std::numeric_limits<Bits>::digits)),
                          static_cast<Bits>(std::numeric_limits<Number>::max()),
                          static_cast<Bits>(std::numeric_limits<Number>::min()),
                          static_cast<Bits>(-1)};
  value = static_cast<Number>(choices[below(std::size(choices))]);
}

/// Now and then a value that has no name.
template <typename Enum> void ArtifactMutator::kind(Enum &value) {
  value = static_cast<Enum>(below(static_cast<std::size_t>(Enum::MAX) + 2));
}

void ArtifactMutator::real(double &value) {
  const double choices[] = {0.0,
                            1.0,
                            -1.0,
                            0.5,
                            value * 2,
                            1e-7,
                            1e300,
                            -value,
                            std::numeric_limits<double>::quiet_NaN(),
                            std::numeric_limits<double>::infinity()};
  value = choices[below(std::size(choices))];
}

template <typename Entry, typename Change>
void ArtifactMutator::list(std::vector<Entry> &entries, Change entry) {
  if (entries.empty())
    return;
  const std::size_t place = below(entries.size());
  switch (below(12)) {
  case 0:
    entries.erase(entries.begin() + place);
    return;
  case 1:
    entries.insert(entries.begin() + place, copyOf(entries[below(entries.size())]));
    return;
  case 2:
    std::swap(entries[place], entries[below(entries.size())]);
    return;
  default:
    entry(entries[place]);
  }
}

template <typename Number> void ArtifactMutator::numbers(std::vector<Number> &values) {
  if (values.empty())
    values.push_back(0);
  list(values, [&](Number &value) { number(value); });
}

void ArtifactMutator::facts(qvlfmt::ModelFactsT &facts) {
  std::int32_t *const sizes[] = {&facts.hidden_size,     &facts.layers,        &facts.heads,
                                 &facts.kv_heads,        &facts.head_dim,      &facts.vocab_size,
                                 &facts.max_context,     &facts.page_size,     &facts.patch_row,
                                 &facts.vision_start_id, &facts.vision_end_id, &facts.image_pad_id,
                                 &facts.video_pad_id};
  switch (below(8)) {
  case 0:
    return kind(facts.kv_element);
  case 1:
    return processor(*facts.processor);
  case 2:
    return generation(*facts.generation);
  default:
    return number(*sizes[below(std::size(sizes))]);
  }
}

void ArtifactMutator::processor(qvlfmt::ProcessorFactsT &facts) {
  std::int32_t *const sizes[] = {&facts.patch_size, &facts.temporal_patch_size, &facts.merge_size,
                                 &facts.window_size};
  switch (below(4)) {
  case 0:
    return number(facts.min_pixels);
  case 1:
    return number(facts.max_pixels);
  case 2:
    return real(below(2) ? facts.tokens_per_second : facts.rescale_factor);
  default:
    return number(*sizes[below(std::size(sizes))]);
  }
}

void ArtifactMutator::generation(qvlfmt::GenerationDefaultsT &defaults) {
  double *const reals[] = {&defaults.temperature, &defaults.top_p, &defaults.min_p,
                           &defaults.repetition_penalty};
  switch (below(4)) {
  case 0:
    defaults.do_sample = !defaults.do_sample;
    return;
  case 1:
    return number(below(2) ? defaults.top_k : defaults.pad_id);
  case 2:
    return numbers(defaults.eos_ids);
  default:
    return real(*reals[below(std::size(reals))]);
  }
}

void ArtifactMutator::tokenizer(qvlfmt::TokenizerT &tokenizer) {
  switch (below(5)) {
  case 0:
    return numbers(tokenizer.byte_ids);
  case 1:
    return numbers(tokenizer.piece_offsets);
  case 2:
    return numbers(tokenizer.piece_bytes);
  case 3:
    return list(tokenizer.merges, [&](qvlfmt::Merge &merge) {
      std::uint32_t parts[] = {merge.left(), merge.right(), merge.result(), merge.rank()};
      number(parts[below(std::size(parts))]);
      merge = {parts[0], parts[1], parts[2], parts[3]};
    });
  default:
    return list(tokenizer.added_tokens, [&](auto &token) {
      if (below(2))
        number(token->id);
      else
        token->content.resize(below(4), 'a');
    });
  }
}

void ArtifactMutator::weight(qvlfmt::WeightT &weight) {
  const qvlfmt::Encoding old = *weight.encoding;
  std::int32_t panels[] = {old.panel_n(), old.k_group()};
  std::int64_t pads[] = {old.pad_n(), old.pad_k()};
  ElementType element = old.element();
  switch (below(7)) {
  case 0:
    return numbers(weight.shape);
  case 1:
    return number(weight.offset);
  case 2:
    return number(weight.bytes);
  case 3:
    return number(weight.interleave);
  case 4:
    number(panels[below(2)]);
    break;
  case 5:
    number(pads[below(2)]);
    break;
  default:
    kind(element);
  }
  *weight.encoding = {panels[0], panels[1], pads[0], pads[1], element};
}

void ArtifactMutator::map(qvlfmt::TensorMapT &map) {
  switch (below(6)) {
  case 0:
    return number(map.buffer);
  case 1:
    return kind(map.element);
  case 2:
    return numbers(map.sizes);
  case 3:
    return numbers(map.box);
  case 4:
    return number(map.scalar);
  default:
    return number(map.swizzle);
  }
}

void ArtifactMutator::wideForm(qvlfmt::WideFormT &form) {
  switch (below(4)) {
  case 0:
    return number(form.object);
  case 1:
    return number(below(2) ? form.least_tiles : form.shared_bytes);
  default:
    return list(form.maps, [&](auto &entry) { map(*entry); });
  }
}

void ArtifactMutator::kernel(qvlfmt::KernelT &kernel) {
  // By these names costs are counted.
  static constexpr const char *kNames[] = {"cached_attention_splits_4",
                                           "cached_attention_4",
                                           "attention_4",
                                           "gather_rows_8",
                                           "embed_8",
                                           "sample_300",
                                           "fused_linear_8x8"};
  switch (below(7)) {
  case 6:
    kernel.name = kNames[below(std::size(kNames))];
    return;
  case 0:
    return number(below(2) ? kernel.buffer_count : kernel.scalar_count);
  case 1:
    return number(kernel.scratch_bytes);
  case 2:
    return list(kernel.variants, [&](qvlfmt::KernelVariant &variant) {
      std::uint32_t object = variant.object();
      number(object);
      variant = qvlfmt::KernelVariant(object);
    });
  default:
    return list(kernel.wide, [&](auto &form) { wideForm(*form); });
  }
}

void ArtifactMutator::sizeNode(qvlfmt::SizeNode &node) {
  qvlfmt::SizeOp op = node.op();
  std::uint32_t operands[] = {node.lhs(), node.rhs()};
  std::int64_t value = node.value();
  switch (below(3)) {
  case 0:
    kind(op);
    break;
  case 1:
    number(operands[below(2)]);
    break;
  default:
    number(value);
  }
  node = {op, operands[0], operands[1], value};
}

void ArtifactMutator::buffer(qvlfmt::BufferT &buffer) {
  switch (below(6)) {
  case 0:
    return kind(buffer.kind);
  case 1:
    return kind(buffer.element);
  case 2:
    return numbers(buffer.dims);
  case 3:
    return number(buffer.index);
  case 4:
    return number(buffer.first_command);
  default:
    return number(buffer.last_command);
  }
}

void ArtifactMutator::command(qvlfmt::CommandT &command) {
  switch (below(6)) {
  case 0:
    return kind(command.kind);
  case 1:
    return number(command.kernel);
  case 2:
    return number(command.grid);
  case 3:
    return numbers(command.buffers);
  case 4:
    return number(command.outputs);
  default:
    return numbers(command.scalars);
  }
}

void ArtifactMutator::program(qvlfmt::ProgramT &program) {
  switch (below(8)) {
  case 0:
    return numbers(program.arguments);
  case 1:
    program.results.clear();
    program.result_names.clear();
    return;
  case 2:
    return numbers(program.results);
  case 3:
  case 4:
    return list(program.sizes, [&](qvlfmt::SizeNode &node) { sizeNode(node); });
  case 5:
    return list(program.commands, [&](auto &entry) { command(*entry); });
  default:
    return list(program.buffers, [&](auto &entry) { buffer(*entry); });
  }
}

void ArtifactMutator::target(qvlfmt::TargetT &target) {
  switch (below(10)) {
  case 0: {
    ElementType element = ElementType::F32;
    kind(element);
    target.kv_element = element;
    return;
  }
  case 1:
    return list(target.objects, [&](auto &object) { numbers(object->bytes); });
  case 2:
  case 3:
    return list(target.kernels, [&](auto &entry) { kernel(*entry); });
  default:
    return list(target.programs, [&](auto &entry) { program(*entry); });
  }
}

void ArtifactMutator::change(qvlfmt::ArtifactT &artifact) {
  switch (below(8)) {
  case 0:
    return artifact.model ? facts(*artifact.model) : void();
  case 1:
    return artifact.tokenizer ? tokenizer(*artifact.tokenizer) : void();
  case 2:
    return list(artifact.weights, [&](auto &entry) { weight(*entry); });
  default:
    return list(artifact.targets, [&](auto &entry) { target(*entry); });
  }
}

namespace {

using CodeBytes = std::vector<std::uint8_t>;

/// The text of "affine" with a loop.
CodeBytes ptx() {
  static constexpr std::string_view kText = ".version 8.6\n.target sm_80\n.address_size 64\n"
                                            ".visible .entry affine(\n)\n.reqntid 128, 1, 1\n{\n"
                                            "$L1:\n  add.s32 %r1, %r1, 1;\n  @%p1 bra $L1;\n}\n";
  return {kText.begin(), kText.end()};
}

/// The headers of an ELF file for a GPU, with one segment and one section.
CodeBytes cubin() {
  constexpr std::uint16_t kMachine = 190; // EM_CUDA
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = kMachine;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  header.e_shoff = sizeof header + sizeof(Elf64_Phdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 1;
  CodeBytes bytes(header.e_shoff + sizeof(Elf64_Shdr));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

} // namespace

qvlfmt::ArtifactT artifactOfEverything() {
  qvlfmt::ArtifactT artifact = testArtifact();
  qvlfmt::TargetT &cpu = *artifact.targets[0];
  cpu.programs.push_back(visionProgram("vision_still", kPatchRow / 2));
  cpu.kernels[kAffine]->wide.push_back(wideAffine());
  for (auto &object : cpu.objects)
    object->bytes.assign(64, 0x90);
  chooseIds(cpu.programs[3], 1);
  auto cuda = std::make_unique<qvlfmt::TargetT>(cpu);
  cuda->name = "cuda";
  cuda->objects[0]->feature_set = "sm_90";
  cuda->objects[0]->bytes = cubin();
  cuda->objects[1]->feature_set = "sm_80";
  cuda->objects[1]->bytes = ptx();
  cuda->kv_element = ElementType::BF16;
  artifact.targets.push_back(std::move(cuda));
  return artifact;
}

} // namespace qvlrt::test
