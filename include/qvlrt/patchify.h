// Pixels to rows of normalised patches.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "qvlfmt/artifact_generated.h"
#include "qvlrt/image.h"

namespace qvlrt {

/// Sizes of one medium in patches: temporal patches, rows, columns.
struct Grid {
  std::int64_t t = 0;
  std::int64_t h = 0;
  std::int64_t w = 0;
  std::int64_t patches() const { return t * h * w; }
  friend bool operator==(const Grid &, const Grid &) = default;
};

/// How bytes become normalised values (the model specification, section 4.5).
enum class NormalizeMode {
  Slow, ///< canonical: rescale, then normalise
  Fast  ///< both in one step
};

/// Normalised value of each byte of each channel: exact, because there are only 256.
using NormalizationTable = std::array<std::array<float, 256>, 3>;
NormalizationTable makeNormalizationTable(const qvlfmt::ProcessorFacts &facts,
                                          NormalizeMode mode = NormalizeMode::Slow);

/// Sizes that fix the order of rows and columns.
struct PatchLayout {
  std::int64_t patchSize;         ///< pixels
  std::int64_t temporalPatchSize; ///< frames
  std::int64_t mergeSize;         ///< patches a side of one language token
  std::int64_t rowElements() const { return 3 * temporalPatchSize * patchSize * patchSize; }
};
PatchLayout patchLayout(const qvlfmt::ProcessorFacts &facts);

/// Writes the patch rows of one temporal patch: `frames` are its temporalPatchSize pictures, all of
/// one size that is a multiple of patchSize * mergeSize; `rows` receives f32 [h * w, rowElements]
/// in the order of section 4.6 (blocks of mergeSize x mergeSize patches, columns channel, frame, y,
/// x).
void patchify(std::span<const Image *const> frames, const PatchLayout &layout,
              const NormalizationTable &table, std::span<float> rows);

} // namespace qvlrt
