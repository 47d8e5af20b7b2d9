#include "qvlrt/patchify.h"

#include <algorithm>

namespace qvlrt {
namespace {

std::array<double, 3> components(const qvlfmt::Vec3 *vector) {
  return vector ? std::array{vector->x(), vector->y(), vector->z()} : std::array{0.0, 0.0, 0.0};
}

/// One channel of one patch: patchSize rows of normalised values.
void writePatchChannel(const Image &frame, std::int64_t top, std::int64_t left, int channel,
                       std::int64_t patchSize, const std::array<float, 256> &table, float *out) {
  for (std::int64_t y = 0; y < patchSize; ++y) {
    const std::uint8_t *pixel =
        frame.pixels.data() + ((top + y) * frame.size.width + left) * 3 + channel;
    for (std::int64_t x = 0; x < patchSize; ++x, pixel += 3)
      *out++ = table[*pixel];
  }
}

/// One row of the result: channel, frame, y, x.
void writePatch(std::span<const Image *const> frames, std::int64_t top, std::int64_t left,
                std::int64_t patchSize, const NormalizationTable &table, float *out) {
  const std::int64_t area = patchSize * patchSize;
  for (int channel = 0; channel < 3; ++channel)
    for (std::size_t i = 0; i < frames.size(); ++i, out += area) {
      if (i > 0 && frames[i] == frames[i - 1]) // a still image stands for all frames of its patch
        std::copy_n(out - area, area, out);
      else
        writePatchChannel(*frames[i], top, left, channel, patchSize, table[channel], out);
    }
}

} // namespace

NormalizationTable makeNormalizationTable(const qvlfmt::ProcessorFacts &facts, NormalizeMode mode) {
  const auto mean = components(facts.image_mean());
  const auto deviation = components(facts.image_std());
  // The reference computes the fast constants as f32 products with the number of levels.
  const auto levels = static_cast<float>(1.0 / facts.rescale_factor());
  NormalizationTable table;
  for (int c = 0; c < 3; ++c)
    for (int value = 0; value < 256; ++value) {
      const auto m = static_cast<float>(mean[c]);
      const auto s = static_cast<float>(deviation[c]);
      table[c][value] = mode == NormalizeMode::Slow
                            ? (static_cast<float>(value * facts.rescale_factor()) - m) / s
                            : (static_cast<float>(value) - m * levels) / (s * levels);
    }
  return table;
}

PatchLayout patchLayout(const qvlfmt::ProcessorFacts &facts) {
  return {facts.patch_size(), facts.temporal_patch_size(), facts.merge_size()};
}

void patchify(std::span<const Image *const> frames, const PatchLayout &layout,
              const NormalizationTable &table, std::span<float> rows) {
  const ImageSize size = frames.front()->size;
  const std::int64_t block = layout.patchSize * layout.mergeSize;
  float *out = rows.data();
  for (std::int64_t blockTop = 0; blockTop < size.height; blockTop += block)
    for (std::int64_t blockLeft = 0; blockLeft < size.width; blockLeft += block)
      for (std::int64_t top = blockTop; top < blockTop + block; top += layout.patchSize)
        for (std::int64_t left = blockLeft; left < blockLeft + block; left += layout.patchSize) {
          writePatch(frames, top, left, layout.patchSize, table, out);
          out += layout.rowElements();
        }
}

} // namespace qvlrt
