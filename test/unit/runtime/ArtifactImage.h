// Artifacts as bytes, made from the flatbuffer's object form.
#pragma once

#include "qvlfmt/Version.h"
#include "qvlfmt/artifact_generated.h"

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace qvlrt::test {

using Bytes = std::vector<std::byte>;

/// Lays out a whole file: header, metadata, weights. Sets offset, bytes and checksum of weight i
/// from `weights[i]`.
Bytes assembleArtifact(qvlfmt::ArtifactT &artifact, std::span<const Bytes> weights);

/// The same with the metadata as the caller made them: `artifact` is packed without a change.
Bytes assembleUnchanged(const qvlfmt::ArtifactT &artifact, std::span<const Bytes> weights);

/// Rewrites the header of a file after `change`, with a matching checksum.
void changeHeader(Bytes &file, const std::function<void(qvlfmt::FileHeader &)> &change);

/// Makes the checksums of header and metadata match again after the metadata were changed in place.
void resealMetadata(Bytes &file);

/// Writes a file of its own into the test's temporary folder and returns its path.
std::string writeTemporary(std::span<const std::byte> bytes);

/// The bytes of f32 values.
Bytes floatBytes(std::span<const float> values);

} // namespace qvlrt::test
