// The semantic half of an artifact's verification, one function a section.
//
// The flatbuffer verifier has proved that offsets and lengths lie inside the buffer; these
// functions prove that the numbers mean something, so that nothing after them checks again. Their
// statuses say what is wrong ("weight 3 (lm_head): ..."); verifyArtifact() adds the file and the
// way out.
#pragma once

#include "absl/status/status.h"
#include "qvlfmt/artifact_generated.h"

#include <cstdint>

namespace qvlrt {

/// Sizes positive and bounded, ids inside the vocabulary, defaults finite and in range.
absl::Status verifyFacts(const qvlfmt::ModelFacts &facts);

/// Pieces tile the byte pool, byte ids name single-byte pieces, merges are sorted and join their
/// parts.
absl::Status verifyTokenizer(const qvlfmt::Tokenizer &tokenizer);

/// Where weights may lie in the file.
struct WeightArea {
  std::uint64_t begin = 0; // FileHeader::weights_offset
  std::uint64_t end = 0;   // FileHeader::file_bytes
};

/// Names distinct, encodings consistent with shapes, bytes inside `area` and aligned.
absl::Status verifyWeights(const qvlfmt::Artifact &artifact, WeightArea area);

/// That the bytes of one KV page of these elements are known and bounded.
absl::Status verifyPage(const qvlfmt::ModelFacts &facts, qvlfmt::ElementType element);

/// The weights of an artifact, which have been verified; null: there are none.
using WeightTable = flatbuffers::Vector<flatbuffers::Offset<qvlfmt::Weight>>;

/// Objects, kernels, programs and KV cache of one target. `facts` have been verified.
absl::Status verifyTarget(const qvlfmt::Target &target, const qvlfmt::ModelFacts &facts,
                          const WeightTable *weights);

/// Size nodes, buffers, life ranges, commands and results of one program of `target`, whose kernels
/// have been verified.
absl::Status verifyProgram(const qvlfmt::Program &program, const qvlfmt::Target &target,
                           const WeightTable *weights);

// Limits of the format: far above every real artifact, low enough that sums of them do not
// overflow.
inline constexpr std::uint64_t kMaxMetadataBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kMaxTensorBytes = std::uint64_t{1} << 46;
inline constexpr std::uint64_t kMaxScratchBytes = std::uint64_t{1} << 28;
inline constexpr std::uint32_t kMaxKernelOperands = 256;
inline constexpr std::uint32_t kMaxRank = 8;
inline constexpr std::int64_t kMaxModelSize = std::int64_t{1} << 24; // any single size of a model

} // namespace qvlrt
