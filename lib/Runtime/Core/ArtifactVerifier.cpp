#include "ArtifactVerifier.h"

#include "FlatbufferViews.h"
#include "qvlfmt/Version.h"
#include "qvlrt/module.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <set>

namespace qvlrt {

namespace {

/// One verification: the file's name and bytes, and its header once that is known to be good.
class Verification {
public:
  Verification(std::string_view name, std::span<const std::byte> bytes)
      : name(name), bytes(bytes) {}

  absl::StatusOr<const qvlfmt::Artifact *> run();

private:
  absl::Status readHeader();
  absl::Status checkVersion(std::uint16_t major, std::uint16_t minor) const;
  absl::Status checkExtents() const;
  absl::StatusOr<const qvlfmt::Artifact *> readMetadata() const;
  absl::Status checkMeaning(const qvlfmt::Artifact &artifact) const;
  absl::Status checkTargets(const qvlfmt::Artifact &artifact) const;

  absl::Status invalid(const std::string &what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(absl::string_view(name.data(), name.size()), ": ", what));
  }
  absl::Status corrupt(absl::string_view what) const {
    return invalid(absl::StrCat("corrupt artifact: ", what, "; copy or compile it again"));
  }
  absl::Status truncated(std::uint64_t expected) const {
    return invalid(absl::StrFormat("truncated: %d of %d bytes; copy or compile it again",
                                   bytes.size(), expected));
  }

  std::string_view name;
  std::span<const std::byte> bytes;
  qvlfmt::FileHeader header = {};
};

absl::Status Verification::checkVersion(std::uint16_t major, std::uint16_t minor) const {
  using qvlfmt::kVersionMajor, qvlfmt::kVersionMinor;
  if (major > kVersionMajor || (major == kVersionMajor && minor > kVersionMinor))
    return invalid(absl::StrFormat("format %d.%d is newer than %d.%d: update qvl-run or recompile",
                                   major, minor, kVersionMajor, kVersionMinor));
  if (major < kVersionMajor)
    return invalid(absl::StrFormat("format %d.%d is older than %d.%d: recompile the checkpoint",
                                   major, minor, kVersionMajor, kVersionMinor));
  return absl::OkStatus();
}

absl::Status Verification::readHeader() {
  std::size_t magicBytes = std::min(bytes.size(), sizeof(qvlfmt::kMagic));
  if (std::memcmp(bytes.data(), qvlfmt::kMagic, magicBytes) != 0)
    return invalid("not a qvl artifact; give the path of a file made by qvl-compile");
  if (bytes.size() < sizeof(header))
    return truncated(sizeof(header));
  std::memcpy(&header, bytes.data(), sizeof(header));
  // The version comes first: another major may mean another header.
  QVLRT_RETURN_IF_ERROR(checkVersion(header.version_major, header.version_minor));
  constexpr std::size_t kChecked = offsetof(qvlfmt::FileHeader, header_checksum);
  if (XXH3_64bits(bytes.data(), kChecked) != header.header_checksum)
    return corrupt("the checksum of the header differs");
  return checkExtents();
}

absl::Status Verification::checkExtents() const {
  if (bytes.size() < header.file_bytes)
    return truncated(header.file_bytes);
  if (bytes.size() > header.file_bytes)
    return corrupt(
        absl::StrCat("the file has ", bytes.size(), " bytes, its header says ", header.file_bytes));
  if (header.metadata_offset < sizeof(header) || header.metadata_offset % 16 != 0 ||
      header.metadata_offset > header.file_bytes || header.metadata_bytes > kMaxMetadataBytes ||
      header.metadata_bytes > header.file_bytes - header.metadata_offset)
    return corrupt(absl::StrCat("metadata of ", header.metadata_bytes, " bytes at ",
                                header.metadata_offset, " of ", header.file_bytes));
  if (header.weights_offset < header.metadata_offset + header.metadata_bytes ||
      header.weights_offset > header.file_bytes)
    return corrupt(absl::StrCat("weights at ", header.weights_offset, " of ", header.file_bytes));
  return absl::OkStatus();
}

absl::StatusOr<const qvlfmt::Artifact *> Verification::readMetadata() const {
  std::span<const std::byte> metadata =
      bytes.subspan(header.metadata_offset, header.metadata_bytes);
  if (XXH3_64bits(metadata.data(), metadata.size()) != header.metadata_checksum)
    return corrupt("the checksum of the metadata differs");
  const auto *data = reinterpret_cast<const std::uint8_t *>(metadata.data());
  constexpr flatbuffers::uoffset_t kMaxDepth = 16;
  constexpr flatbuffers::uoffset_t kMaxTables = 10'000'000;
  flatbuffers::Verifier verifier(data, metadata.size(), kMaxDepth, kMaxTables);
  if (!qvlfmt::VerifyArtifactBuffer(verifier))
    return corrupt("the metadata is not a valid flatbuffer of this schema");
  return qvlfmt::GetArtifact(data);
}

absl::Status Verification::checkMeaning(const qvlfmt::Artifact &artifact) const {
  if (artifact.version_major() != header.version_major ||
      artifact.version_minor() != header.version_minor)
    return absl::InvalidArgumentError("header and metadata name different format versions");
  if (!artifact.model() || !artifact.tokenizer())
    return absl::InvalidArgumentError("model facts or tokenizer are missing");
  if (countOf(artifact.targets()) == 0)
    return absl::InvalidArgumentError("there is no target");
  QVLRT_RETURN_IF_ERROR(verifyFacts(*artifact.model()));
  QVLRT_RETURN_IF_ERROR(verifyTokenizer(*artifact.tokenizer()));
  QVLRT_RETURN_IF_ERROR(verifyWeights(artifact, {header.weights_offset, header.file_bytes}));
  return checkTargets(artifact);
}

absl::Status Verification::checkTargets(const qvlfmt::Artifact &artifact) const {
  std::set<std::string_view> names;
  for (const qvlfmt::Target *target : *artifact.targets()) {
    QVLRT_RETURN_IF_ERROR(verifyTarget(*target, *artifact.model(), artifact.weights()));
    if (!names.insert(viewOf(target->name())).second)
      return absl::InvalidArgumentError(
          absl::StrCat("target ", target->name()->c_str(), ": the name occurs twice"));
  }
  return absl::OkStatus();
}

absl::StatusOr<const qvlfmt::Artifact *> Verification::run() {
  QVLRT_RETURN_IF_ERROR(readHeader());
  QVLRT_ASSIGN_OR_RETURN(const qvlfmt::Artifact *artifact, readMetadata());
  if (absl::Status status = checkMeaning(*artifact); !status.ok())
    return corrupt(status.message());
  return artifact;
}

} // namespace

absl::StatusOr<const qvlfmt::Artifact *> verifyArtifact(std::string_view name,
                                                        std::span<const std::byte> bytes) {
  return Verification(name, bytes).run();
}

} // namespace qvlrt
