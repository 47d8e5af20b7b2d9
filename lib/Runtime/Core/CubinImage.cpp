// Machine code for NVIDIA GPUs among the code objects of an artifact.
#include "CubinImage.h"

#include "FlatbufferViews.h"

#include "absl/strings/str_cat.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace qvlrt {
namespace {

using Image = const flatbuffers::Vector<std::uint8_t>;

bool isInside(std::uint64_t offset, std::uint64_t size, const Image &image) {
  return offset <= image.size() && size <= image.size() - offset;
}

/// Entry `number` of a table of headers that lies inside the image.
template <typename Entry>
Entry entryOf(const Image &image, std::uint64_t offset, std::uint32_t number) {
  Entry entry;
  std::memcpy(&entry, image.data() + offset + number * sizeof entry, sizeof entry);
  return entry;
}

absl::Status outside(std::string_view what, std::uint32_t number) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(what), " ", number, " of a cubin ends outside of it"));
}

absl::Status checkSections(const Image &image, const Elf64_Ehdr &header) {
  for (std::uint32_t i = 0; i < header.e_shnum; ++i) {
    const auto section = entryOf<Elf64_Shdr>(image, header.e_shoff, i);
    const bool stored = section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL;
    if (stored && !isInside(section.sh_offset, section.sh_size, image))
      return outside("section", i);
  }
  return absl::OkStatus();
}

absl::Status checkSegments(const Image &image, const Elf64_Ehdr &header) {
  for (std::uint32_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = entryOf<Elf64_Phdr>(image, header.e_phoff, i);
    if (!isInside(segment.p_offset, segment.p_filesz, image))
      return outside("segment", i);
  }
  return absl::OkStatus();
}

} // namespace

bool isCubin(const qvlfmt::CodeObject &object) {
  return countOf(object.bytes()) >= SELFMAG &&
         std::equal(ELFMAG, ELFMAG + SELFMAG, object.bytes()->data());
}

absl::Status checkCubin(const qvlfmt::CodeObject &object) {
  constexpr std::uint16_t kMachine = 190; // EM_CUDA
  const Image &image = *object.bytes();
  if (image.size() < sizeof(Elf64_Ehdr))
    return absl::InvalidArgumentError("a cubin is shorter than its header");
  const auto header = entryOf<Elf64_Ehdr>(image, 0, 0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != kMachine)
    return absl::InvalidArgumentError("an ELF file that is no cubin");
  if ((header.e_shnum > 0 && header.e_shentsize != sizeof(Elf64_Shdr)) ||
      (header.e_phnum > 0 && header.e_phentsize != sizeof(Elf64_Phdr)) ||
      !isInside(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr), image) ||
      !isInside(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), image))
    return absl::InvalidArgumentError("a table of headers ends outside of its cubin");
  const absl::Status sections = checkSections(image, header);
  return sections.ok() ? checkSegments(image, header) : sections;
}

} // namespace qvlrt
