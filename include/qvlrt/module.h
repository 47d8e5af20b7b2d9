// A `.qvl` artifact opened for running: mapped, verified once, then trusted.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlfmt/artifact_generated.h"
#include "qvlrt/mapped_file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace qvlrt {

/// Checks the bytes of an artifact in structure (header, checksums of header and metadata,
/// flatbuffer) and in meaning (every index, size, life range and offset; see
/// lib/Runtime/Core/ArtifactVerifier.h). The checksums of the weights are not computed. `name`
/// starts every message. The result points into `bytes`. Errors: InvalidArgument ("NAME: truncated:
/// ...", "NAME: not a qvl artifact ...").
absl::StatusOr<const qvlfmt::Artifact *> verifyArtifact(std::string_view name,
                                                        std::span<const std::byte> bytes);

/// An opened artifact. Everything it hands out lies in the mapped file and lives as long as the
/// module; weights are never copied. An artifact contains machine code: opening one is safe,
/// running one is running a program.
class Module {
public:
  /// Maps and verifies `path`. Errors: NotFound, PermissionDenied (the file), InvalidArgument (its
  /// contents).
  static absl::StatusOr<std::unique_ptr<Module>> open(const std::string &path);

  const std::string &path() const { return file.path(); }
  /// Size of the file in bytes.
  std::uint64_t fileBytes() const { return file.bytes().size(); }

  const qvlfmt::Artifact &artifact() const { return *root; }
  const qvlfmt::ModelFacts &facts() const { return *root->model(); }
  const qvlfmt::Tokenizer &tokenizer() const { return *root->tokenizer(); }

  /// The target called `name` ("cpu"). Error: NotFound, naming the targets that the artifact has.
  absl::StatusOr<const qvlfmt::Target *> target(std::string_view name) const;

  std::uint32_t weightCount() const { return root->weights() ? root->weights()->size() : 0; }
  /// Stored bytes of weight `index` (below weightCount()), 64-byte aligned, in its encoding.
  std::span<const std::byte> weightBytes(std::uint32_t index) const;
  /// The file from the start of weight `index` to its end.
  std::span<const std::byte> bytesFromWeight(std::uint32_t index) const;
  /// Sum of the stored bytes of all weights.
  std::uint64_t totalWeightBytes() const;

  /// Reads every weight and compares its XXH3-64. Error: DataLoss, naming the first weight that
  /// differs.
  absl::Status verifyWeights() const;

private:
  Module(MappedFile file, const qvlfmt::Artifact *root) : file(std::move(file)), root(root) {}

  MappedFile file;
  const qvlfmt::Artifact *root; // lies in `file`
};

} // namespace qvlrt
