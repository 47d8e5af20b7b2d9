// Damaged files: always one clear error, never a crash. Run with AddressSanitizer in the sanitizer
// build.
#include "qvlrt/executor.h"
#include "qvlrt/module.h"
#include "qvlrt/null_device.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <cstring>
#include <gtest/gtest.h>
#include <unistd.h>

namespace qvlrt {
namespace {

using test::Bytes, test::FailsWith;

/// A whole artifact whose code objects are replaced by a few bytes: what is damaged here is never
/// executed, and the loops over every byte stay short.
Bytes fileWithoutCode() {
  qvlfmt::ArtifactT artifact = test::testArtifact();
  for (auto &object : artifact.targets[0]->objects)
    object->bytes.assign(8, 0x90);
  return test::assembleArtifact(artifact, test::testWeights());
}

qvlfmt::FileHeader headerOf(const Bytes &file) {
  qvlfmt::FileHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  return header;
}

TEST(ArtifactCorruption, EveryFlippedByteOfHeaderAndMetadataIsFound) {
  const Bytes good = fileWithoutCode();
  ASSERT_OK(verifyArtifact("good.qvl", good).status());
  qvlfmt::FileHeader header = headerOf(good);
  for (std::uint64_t i = 0; i < header.metadata_offset + header.metadata_bytes; ++i) {
    Bytes bad = good;
    bad[i] ^= std::byte{0xff};
    EXPECT_THAT(verifyArtifact("bad.qvl", bad).status(),
                FailsWith(absl::StatusCode::kInvalidArgument, "bad.qvl: "))
        << "byte " << i;
  }
}

TEST(ArtifactCorruption, EveryTruncationIsFound) {
  const Bytes good = fileWithoutCode();
  for (int part = 0; part < 64; ++part) {
    std::span<const std::byte> cut = std::span(good).first(good.size() * part / 64);
    if (cut.empty())
      continue; // an empty file is refused before: ModuleTest
    EXPECT_THAT(verifyArtifact("cut.qvl", cut).status(),
                FailsWith(absl::StatusCode::kInvalidArgument, "cut.qvl: truncated: "))
        << part << " / 64";
  }
}

/// What a run would do with metadata that pass the checks: plan every program for shapes of small
/// numbers.
void planPrograms(const Bytes &file) {
  std::string path = test::writeTemporary(file);
  absl::StatusOr<std::unique_ptr<Module>> module = Module::open(path);
  unlink(path.c_str());
  ASSERT_OK(module.status());
  std::unique_ptr<Device> device = createNullDevice();
  absl::StatusOr<std::unique_ptr<Executor>> executor = Executor::create(**module, *device);
  if (!executor.ok())
    return;
  const auto *programs = (*executor)->target().programs();
  for (std::uint32_t number = 0; programs && number < programs->size(); ++number) {
    const qvlfmt::Program &program = *programs->Get(number);
    std::vector<ArgumentShape> shapes;
    for (std::uint32_t i = 0; program.arguments() && i < program.arguments()->size(); ++i) {
      const qvlfmt::Buffer &buffer = *program.buffers()->Get(program.arguments()->Get(i));
      shapes.push_back({buffer.name()->c_str(), buffer.element(),
                        Shape(buffer.dims() ? buffer.dims()->size() : 0, 8)});
    }
    (void)(*executor)->planMemory(number, shapes);
  }
}

TEST(ArtifactCorruption, DamageBehindMatchingChecksumsNeverCrashes) {
  const Bytes good = fileWithoutCode();
  qvlfmt::FileHeader header = headerOf(good);
  int refused = 0, accepted = 0;
  for (std::uint64_t i = 0; i < header.metadata_bytes; ++i) {
    for (std::byte pattern : {std::byte{0xff}, std::byte{0x01}, std::byte{0x80}}) {
      Bytes bad = good;
      bad[header.metadata_offset + i] ^= pattern;
      test::resealMetadata(bad);
      if (!verifyArtifact("bad.qvl", bad).ok()) {
        ++refused;
        continue;
      }
      // A changed name or constant is no error; a few of these go on to planning.
      if (++accepted % 8 == 0)
        planPrograms(bad);
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(accepted, 100);
}

} // namespace
} // namespace qvlrt
