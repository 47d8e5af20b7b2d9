#include "ArtifactInput.h"

#include "ArtifactImage.h"
#include "ArtifactMutator.h"
#include "TestArtifacts.h"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace qvlrt::test {

namespace {

/// A file in memory that Module::open can map.
class MemoryFile {
public:
  explicit MemoryFile(const Bytes &bytes) : descriptor(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (write(descriptor, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      std::abort();
  }
  ~MemoryFile() { close(descriptor); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor); }

private:
  int descriptor;
};

/// True when the metadata lie in the file, so that their checksum can be made to match.
bool hasMetadata(const Bytes &file) {
  if (file.size() < sizeof(qvlfmt::FileHeader))
    return false;
  qvlfmt::FileHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  return header.metadata_offset <= file.size() &&
         header.metadata_bytes <= file.size() - header.metadata_offset;
}

/// Changes the artifact that the bytes are, or a new one where they are none.
Bytes changed(std::span<const std::byte> bytes, unsigned seed) {
  qvlfmt::ArtifactT artifact = artifactOfEverything();
  const absl::StatusOr<const qvlfmt::Artifact *> old = verifyArtifact("fuzz", bytes);
  if (old.ok() && seed % 64 != 1)
    (*old)->UnPackTo(&artifact);
  ArtifactMutator mutator(seed);
  for (unsigned changes = 1 + seed / 8 % 3; changes > 0; --changes)
    mutator.change(artifact);
  const std::vector<Bytes> weights = testWeights();
  const bool isPlaced = artifact.weights.size() == weights.size() && seed % 8 != 2;
  return isPlaced ? assembleArtifact(artifact, weights) : assembleUnchanged(artifact, weights);
}

} // namespace

absl::StatusOr<std::unique_ptr<Module>> openSealed(std::span<const std::uint8_t> bytes) {
  const std::span<const std::byte> view = std::as_bytes(bytes);
  Bytes file(view.begin(), view.end());
  if (hasMetadata(file))
    resealMetadata(file);
  const MemoryFile memory(file);
  return Module::open(memory.path());
}

} // namespace qvlrt::test

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size, std::size_t room);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size,
                                               std::size_t room, unsigned seed) {
  if (seed % 8 == 0) // what only bytes can be: damaged headers and flatbuffers
    return LLVMFuzzerMutate(data, size, room);
  const qvlrt::test::Bytes file = qvlrt::test::changed(std::as_bytes(std::span(data, size)), seed);
  if (file.size() > room)
    return LLVMFuzzerMutate(data, size, room);
  std::memcpy(data, file.data(), file.size());
  return file.size();
}
