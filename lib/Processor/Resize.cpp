#include "qvlrt/resize.h"

#include <algorithm>
#include <cmath>

#include "ResizeWeights.h"
#include "absl/strings/str_format.h"

/// Compiles a row kernel twice and picks the AVX2 form where the machine has it: the tree is built
/// for the base x86-64.
#define QVLRT_ROW_KERNEL __attribute__((target_clones("avx2", "default")))

namespace qvlrt {
namespace {

constexpr std::int64_t kChannels = 3;

/// RGB rows of any element type between the passes.
template <typename T> struct Plane {
  ImageSize size;
  std::vector<T> data;
  const T *row(std::int64_t y) const { return data.data() + y * size.width * kChannels; }
  T *row(std::int64_t y) { return data.data() + y * size.width * kChannels; }
};

template <typename T> Plane<T> makePlane(ImageSize size) {
  return {size, std::vector<T>(static_cast<std::size_t>(size.height * size.width * kChannels))};
}

// Sums of at most 255 * 2^22 * 1.3 fit 32 bits: the absolute weights of an output add up to less
// than 1.3.
std::uint8_t roundSum(std::int32_t sum, int precision) {
  return static_cast<std::uint8_t>(std::clamp(sum >> precision, 0, 255));
}

/// 2^(precision - 1), the half that makes the shift round.
std::int32_t half(int precision) { return precision > 0 ? 1 << (precision - 1) : 0; }

void horizontalRow(const std::uint8_t *in, std::uint8_t *out,
                   const AxisWeights<std::int32_t> &weights) {
  const std::int32_t start = half(weights.precision);
  for (std::size_t x = 0; x < weights.start.size(); ++x) {
    const std::int32_t *weight = weights.weight.data() + x * weights.taps;
    const std::uint8_t *pixel = in + weights.start[x] * kChannels;
    std::int32_t red = start, green = start, blue = start;
    for (std::int64_t j = 0; j < weights.count[x]; ++j, pixel += kChannels) {
      red += pixel[0] * weight[j];
      green += pixel[1] * weight[j];
      blue += pixel[2] * weight[j];
    }
    *out++ = roundSum(red, weights.precision);
    *out++ = roundSum(green, weights.precision);
    *out++ = roundSum(blue, weights.precision);
  }
}

void horizontalRow(const float *in, float *out, const AxisWeights<float> &weights) {
  for (std::size_t x = 0; x < weights.start.size(); ++x)
    for (std::int64_t c = 0; c < kChannels; ++c) {
      float sum = 0;
      for (std::int64_t j = 0; j < weights.count[x]; ++j)
        sum += in[(weights.start[x] + j) * kChannels + c] * weights.weight[x * weights.taps + j];
      *out++ = sum;
    }
}

QVLRT_ROW_KERNEL void addScaledRow(const std::uint8_t *in, std::int32_t weight, std::int32_t *sums,
                                   std::int64_t elements) {
  for (std::int64_t i = 0; i < elements; ++i)
    sums[i] += in[i] * weight;
}

QVLRT_ROW_KERNEL void roundRow(const std::int32_t *sums, int precision, std::uint8_t *out,
                               std::int64_t elements) {
  for (std::int64_t i = 0; i < elements; ++i)
    out[i] = roundSum(sums[i], precision);
}

Plane<std::uint8_t> horizontalPass(const Plane<std::uint8_t> &in,
                                   const AxisWeights<std::int32_t> &weights) {
  auto out =
      makePlane<std::uint8_t>({in.size.height, static_cast<std::int64_t>(weights.start.size())});
  for (std::int64_t y = 0; y < in.size.height; ++y)
    horizontalRow(in.row(y), out.row(y), weights);
  return out;
}

Plane<std::uint8_t> verticalPass(const Plane<std::uint8_t> &in,
                                 const AxisWeights<std::int32_t> &weights) {
  auto out =
      makePlane<std::uint8_t>({static_cast<std::int64_t>(weights.start.size()), in.size.width});
  const std::int64_t elements = in.size.width * kChannels;
  std::vector<std::int32_t> sums(static_cast<std::size_t>(elements));
  for (std::int64_t y = 0; y < out.size.height; ++y) {
    std::fill(sums.begin(), sums.end(), half(weights.precision));
    for (std::int64_t j = 0; j < weights.count[y]; ++j)
      addScaledRow(in.row(weights.start[y] + j), weights.weight[y * weights.taps + j], sums.data(),
                   elements);
    roundRow(sums.data(), weights.precision, out.row(y), elements);
  }
  return out;
}

using RoundWeights = AxisWeights<std::int32_t> (*)(const AxisWeights<double> &);

/// Both passes with a rounded and clamped result between them; a pass whose dimension stays is
/// skipped.
Plane<std::uint8_t> resizeInteger(Plane<std::uint8_t> plane, ImageSize size,
                                  RoundWeights roundWeights, bool verticalFirst) {
  const auto horizontal = [&] {
    if (plane.size.width != size.width)
      plane = horizontalPass(plane, roundWeights(bicubicWeights(plane.size.width, size.width)));
  };
  const auto vertical = [&] {
    if (plane.size.height != size.height)
      plane = verticalPass(plane, roundWeights(bicubicWeights(plane.size.height, size.height)));
  };
  if (verticalFirst)
    vertical();
  horizontal();
  vertical();
  return plane;
}

/// Both passes in f32, clamped and rounded half to even at the end.
Plane<std::uint8_t> resizeFloat(const Plane<std::uint8_t> &in, ImageSize size) {
  const auto across = roundToFloat(bicubicWeights(in.size.width, size.width));
  const auto down = roundToFloat(bicubicWeights(in.size.height, size.height));
  auto wide = makePlane<float>({in.size.height, size.width});
  std::vector<float> row(static_cast<std::size_t>(in.size.width * kChannels));
  for (std::int64_t y = 0; y < in.size.height; ++y) {
    std::copy_n(in.row(y), row.size(), row.begin());
    horizontalRow(row.data(), wide.row(y), across);
  }
  auto out = makePlane<std::uint8_t>(size);
  for (std::int64_t y = 0; y < size.height; ++y)
    for (std::int64_t i = 0; i < size.width * kChannels; ++i) {
      float sum = 0;
      for (std::int64_t j = 0; j < down.count[y]; ++j)
        sum += wide.row(down.start[y] + j)[i] * down.weight[y * down.taps + j];
      out.row(y)[i] = static_cast<std::uint8_t>(std::nearbyint(std::clamp(sum, 0.0F, 255.0F)));
    }
  return out;
}

/// When Pillow 13 runs the vertical pass first (the model specification, section 0).
bool pillow13VerticalFirst(ImageSize in, ImageSize out) {
  const std::int64_t lost = in.height - out.height;
  return lost > 0 && lost > 2 * (in.width - out.width);
}

} // namespace

absl::StatusOr<Image> resizeBicubic(const Image &image, ImageSize size, ResizeMode mode) {
  if (image.size.height <= 0 || image.size.width <= 0 || size.height <= 0 || size.width <= 0)
    return absl::InvalidArgumentError(absl::StrFormat("cannot resize %d x %d to %d x %d",
                                                      image.size.height, image.size.width,
                                                      size.height, size.width));
  if (size == image.size)
    return image;
  Plane<std::uint8_t> plane{image.size, image.pixels};
  if (mode == ResizeMode::Float)
    plane = resizeFloat(plane, size);
  else
    plane = resizeInteger(std::move(plane), size,
                          mode == ResizeMode::Fast ? roundTo16Bits : roundToPillow,
                          mode == ResizeMode::Pillow13 && pillow13VerticalFirst(image.size, size));
  return Image{plane.size, std::move(plane.data)};
}

} // namespace qvlrt
