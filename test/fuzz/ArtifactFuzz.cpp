// Artifacts: what verification accepts can be tokenized with and planned. Nothing of an artifact is
// executed. Checksums keep mutated bytes out at the door, so they are made to match first.
#include "ArtifactImage.h"
#include "qvlrt/module.h"
#include "qvlrt/plan.h"
#include "qvlrt/processor.h"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace qvlrt;

namespace {

/// A file in memory that Module::open can map.
class MemoryFile {
public:
  explicit MemoryFile(const test::Bytes &bytes) : descriptor(memfd_create("fuzz", MFD_CLOEXEC)) {
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
bool hasMetadata(const test::Bytes &file) {
  if (file.size() < sizeof(qvlfmt::FileHeader))
    return false;
  qvlfmt::FileHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  return header.metadata_offset <= file.size() &&
         header.metadata_bytes <= file.size() - header.metadata_offset;
}

void planRequest(const Module &module) {
  const absl::StatusOr<Processor> processor = Processor::create(module.facts(), module.tokenizer());
  if (!processor.ok())
    return;
  const absl::StatusOr<ProcessedRequest> request =
      processor->plan({{.role = "user", .content = {{.text = "What is 1 + 1?", .media = {}}}}});
  for (const qvlfmt::Target *target : *module.artifact().targets()) {
    const absl::StatusOr<Planner> planner = Planner::create(module, target->name()->str());
    if (planner.ok() && request.ok())
      (void)planner->plan(*request, {});
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const auto *begin = reinterpret_cast<const std::byte *>(data);
  test::Bytes file(begin, begin + size);
  if (hasMetadata(file))
    test::resealMetadata(file);
  const MemoryFile memory(file);
  const absl::StatusOr<std::unique_ptr<Module>> module = Module::open(memory.path());
  if (module.ok()) {
    (void)(*module)->verifyWeights();
    planRequest(**module);
  }
  return 0;
}
