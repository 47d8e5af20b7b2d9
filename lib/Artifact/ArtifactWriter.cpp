#include "qvl/Artifact/ArtifactWriter.h"
#include "qvl/Artifact/BlockWriter.h"
#include "qvl/Artifact/WeightPacker.h"
#include "qvl/Import/Failure.h"
#include "qvlfmt/Version.h"

#include "llvm/Support/MathExtras.h"
#include <cstddef>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace qvl;

/// Flatbuffers address 2 GiB; what precedes the machine code stays far below the rest.
static constexpr uint64_t kMaxObjectBytes = uint64_t{3} << 29;

namespace {
/// XXH3-64 of bytes that arrive in pieces.
class Checksum {
public:
  Checksum() { XXH3_64bits_reset(&state); }
  void add(llvm::ArrayRef<char> bytes) { XXH3_64bits_update(&state, bytes.data(), bytes.size()); }
  uint64_t value() const { return XXH3_64bits_digest(&state); }

private:
  XXH3_state_t state;
};

/// One run of the writer.
class ArtifactWriter {
public:
  ArtifactWriter(ArtifactDescription description, llvm::StringRef path,
                 const ArtifactWriteOptions &options)
      : description(std::move(description)), path(path), options(options) {}

  llvm::Error write();

private:
  llvm::Error layOut();
  llvm::Error writeWeights(AtomicFile &file);
  llvm::Error writeWeight(BlockWriter &file, const WeightDescription &weight,
                          qvlfmt::WeightT &entry);
  llvm::Error writeMetadata(AtomicFile &file);
  llvm::Error checkObjects() const;
  flatbuffers::DetachedBuffer serialize() const;

  ArtifactDescription description;
  llvm::StringRef path;
  const ArtifactWriteOptions &options;
  TensorReader reader;
  uint64_t metadataBytes = 0;
  uint64_t weightsOffset = 0;
  uint64_t fileBytes = 0;
  uint64_t storedTotal = 0; // bytes of all weights
  uint64_t storedDone = 0;
};
} // namespace

/// Bytes do not depend on the values of scalars: the layout is planned before checksums are known.
flatbuffers::DetachedBuffer ArtifactWriter::serialize() const {
  flatbuffers::FlatBufferBuilder builder(1 << 20);
  builder.ForceDefaults(true);
  builder.Finish(qvlfmt::Artifact::Pack(builder, &description.metadata),
                 qvlfmt::ArtifactIdentifier());
  return builder.Release();
}

llvm::Error ArtifactWriter::checkObjects() const {
  uint64_t bytes = 0;
  for (const auto &target : description.metadata.targets)
    for (const auto &object : target->objects)
      bytes += object->bytes.size();
  if (bytes > kMaxObjectBytes)
    return internalFailure(path, llvm::Twine(bytes) + " bytes of machine code do not fit");
  return llvm::Error::success();
}

/// Fills the weight table except for checksums, and the offsets of the file's parts.
llvm::Error ArtifactWriter::layOut() {
  qvlfmt::ArtifactT &metadata = description.metadata;
  metadata.version_major = qvlfmt::kVersionMajor;
  metadata.version_minor = qvlfmt::kVersionMinor;
  metadata.weights.clear();
  for (const WeightDescription &weight : description.weights) {
    llvm::Expected<uint64_t> bytes = storedBytes(weight);
    if (!bytes)
      return bytes.takeError();
    auto entry = std::make_unique<qvlfmt::WeightT>();
    entry->name = weight.name;
    entry->shape.assign(weight.shape.begin(), weight.shape.end());
    entry->encoding = std::make_unique<qvlfmt::Encoding>(weight.encoding);
    entry->bytes = *bytes;
    entry->interleave = static_cast<int32_t>(weight.interleave);
    storedTotal += *bytes;
    metadata.weights.push_back(std::move(entry));
  }
  if (llvm::Error error = checkObjects())
    return error;
  metadataBytes = serialize().size();
  weightsOffset =
      llvm::alignTo(sizeof(qvlfmt::FileHeader) + metadataBytes, qvlfmt::kWeightAlignment);
  fileBytes = weightsOffset;
  for (const auto &entry : metadata.weights) {
    entry->offset = llvm::alignTo(fileBytes, qvlfmt::kWeightAlignment);
    fileBytes = entry->offset + entry->bytes;
  }
  return llvm::Error::success();
}

llvm::Error ArtifactWriter::writeWeight(BlockWriter &file, const WeightDescription &weight,
                                        qvlfmt::WeightT &entry) {
  Checksum checksum;
  uint64_t offset = entry.offset;
  const auto sink = [&](llvm::ArrayRef<char> block) -> llvm::Error {
    checksum.add(block);
    if (llvm::Error error = file.writeAt(offset, block))
      return error;
    offset += block.size();
    storedDone += block.size();
    if (options.progress)
      options.progress(storedDone, storedTotal);
    return llvm::Error::success();
  };
  if (llvm::Error error = packWeight(weight, reader, options.blockBytes, sink))
    return error;
  entry.checksum = checksum.value();
  return llvm::Error::success();
}

/// Writes the file up to its end; the header and the metadata in front of the weights are zero for
/// the time being.
llvm::Error ArtifactWriter::writeWeights(AtomicFile &file) {
  BlockWriter blocks(file);
  for (size_t i = 0; i < description.weights.size(); ++i)
    if (llvm::Error error =
            writeWeight(blocks, description.weights[i], *description.metadata.weights[i]))
      return error;
  return blocks.finish();
}

llvm::Error ArtifactWriter::writeMetadata(AtomicFile &file) {
  const flatbuffers::DetachedBuffer metadata = serialize();
  if (metadata.size() != metadataBytes)
    return internalFailure(path, "the metadata changed its size");
  qvlfmt::FileHeader header = {};
  std::memcpy(header.magic, qvlfmt::kMagic, sizeof(header.magic));
  header.version_major = qvlfmt::kVersionMajor;
  header.version_minor = qvlfmt::kVersionMinor;
  header.metadata_offset = sizeof(header);
  header.metadata_bytes = metadataBytes;
  header.metadata_checksum = XXH3_64bits(metadata.data(), metadata.size());
  header.weights_offset = weightsOffset;
  header.file_bytes = fileBytes;
  header.header_checksum = XXH3_64bits(&header, offsetof(qvlfmt::FileHeader, header_checksum));
  const auto *headerBytes = reinterpret_cast<const char *>(&header);
  const auto *metadataStart = reinterpret_cast<const char *>(metadata.data());
  if (llvm::Error error = file.writeAt(0, {headerBytes, sizeof(header)}))
    return error;
  return file.writeAt(header.metadata_offset, {metadataStart, metadata.size()});
}

llvm::Error ArtifactWriter::write() {
  if (llvm::Error error = layOut())
    return error;
  llvm::Expected<std::unique_ptr<AtomicFile>> file = AtomicFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = (*file)->reserve(fileBytes))
    return error;
  if (llvm::Error error = writeWeights(**file))
    return error;
  if (llvm::Error error = writeMetadata(**file))
    return error;
  return (*file)->commit();
}

llvm::Error qvl::writeArtifact(ArtifactDescription description, llvm::StringRef path,
                               const ArtifactWriteOptions &options) {
  return ArtifactWriter(std::move(description), path, options).write();
}
