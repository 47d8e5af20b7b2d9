#include "ArtifactImage.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <unistd.h>

namespace qvlrt::test {

static std::uint64_t roundUp(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

static void sealHeader(qvlfmt::FileHeader &header) {
  header.header_checksum = XXH3_64bits(&header, offsetof(qvlfmt::FileHeader, header_checksum));
}

static Bytes pack(const qvlfmt::ArtifactT &artifact) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(qvlfmt::Artifact::Pack(builder, &artifact), qvlfmt::ArtifactIdentifier());
  const auto *data = reinterpret_cast<const std::byte *>(builder.GetBufferPointer());
  return {data, data + builder.GetSize()};
}

/// Places the weights one after the other from `begin` and returns the end of the file.
static std::uint64_t placeWeights(qvlfmt::ArtifactT &artifact, std::span<const Bytes> weights,
                                  std::uint64_t begin) {
  std::uint64_t end = begin;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    qvlfmt::WeightT &weight = *artifact.weights[i];
    weight.offset = roundUp(end, qvlfmt::kWeightAlignment);
    weight.bytes = weights[i].size();
    weight.checksum = XXH3_64bits(weights[i].data(), weights[i].size());
    end = weight.offset + weight.bytes;
  }
  return end;
}

static Bytes assemble(const Bytes &metadata, std::span<const Bytes> weights) {
  qvlfmt::FileHeader header = {};
  std::memcpy(header.magic, qvlfmt::kMagic, sizeof(header.magic));
  header.version_major = qvlfmt::kVersionMajor;
  header.version_minor = qvlfmt::kVersionMinor;
  header.metadata_offset = sizeof(header);
  header.metadata_bytes = metadata.size();
  header.metadata_checksum = XXH3_64bits(metadata.data(), metadata.size());
  header.weights_offset = roundUp(sizeof(header) + metadata.size(), qvlfmt::kWeightAlignment);
  header.file_bytes = header.weights_offset;
  for (const Bytes &weight : weights)
    header.file_bytes = roundUp(header.file_bytes, qvlfmt::kWeightAlignment) + weight.size();
  sealHeader(header);

  Bytes file(header.file_bytes);
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + header.metadata_offset, metadata.data(), metadata.size());
  std::uint64_t place = header.weights_offset;
  for (const Bytes &weight : weights) {
    place = roundUp(place, qvlfmt::kWeightAlignment);
    std::memcpy(file.data() + place, weight.data(), weight.size());
    place += weight.size();
  }
  return file;
}

Bytes assembleArtifact(qvlfmt::ArtifactT &artifact, std::span<const Bytes> weights) {
  // Offsets do not change the size of the metadata once they are not their default, 0.
  placeWeights(artifact, weights, qvlfmt::kWeightAlignment);
  std::uint64_t metadataBytes = pack(artifact).size();
  placeWeights(artifact, weights,
               roundUp(sizeof(qvlfmt::FileHeader) + metadataBytes, qvlfmt::kWeightAlignment));
  return assemble(pack(artifact), weights);
}

Bytes assembleUnchanged(const qvlfmt::ArtifactT &artifact, std::span<const Bytes> weights) {
  return assemble(pack(artifact), weights);
}

void changeHeader(Bytes &file, const std::function<void(qvlfmt::FileHeader &)> &change) {
  qvlfmt::FileHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  change(header);
  sealHeader(header);
  std::memcpy(file.data(), &header, sizeof(header));
}

void resealMetadata(Bytes &file) {
  changeHeader(file, [&](qvlfmt::FileHeader &header) {
    header.metadata_checksum =
        XXH3_64bits(file.data() + header.metadata_offset, header.metadata_bytes);
  });
}

std::string writeTemporary(std::span<const std::byte> bytes) {
  const char *folder = std::getenv("TEST_TMPDIR");
  std::string path = std::string(folder ? folder : "/tmp") + "/qvl-test-XXXXXX";
  int file = mkstemp(path.data());
  if (file >= 0)
    close(file);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path;
}

Bytes floatBytes(std::span<const float> values) {
  std::span<const std::byte> bytes = std::as_bytes(values);
  return {bytes.begin(), bytes.end()};
}

} // namespace qvlrt::test
