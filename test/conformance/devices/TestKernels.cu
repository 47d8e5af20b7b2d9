// The kernels of test/unit/runtime/TestKernels.c for GPUs; TestKernels.ptx is made of it by
//   nvcc -ptx -arch=compute_80 TestKernels.cu
// A block is a tile. Parameters are the buffers, then the scalars.
#include <cstdint>

#define KERNEL extern "C" __global__ void __launch_bounds__(32)

KERNEL affine(const float *x, float *y, int64_t, int64_t width, int64_t, int64_t) {
  for (int64_t i = threadIdx.x; i < width; i += blockDim.x)
    y[blockIdx.x * width + i] = 2 * x[blockIdx.x * width + i] + 1;
}

KERNEL dot_weight(const float *x, const float *w, float *y, int64_t, int64_t width, int64_t) {
  if (threadIdx.x != 0)
    return;
  float sum = 0;
  for (int64_t k = 0; k < width; ++k)
    sum += x[blockIdx.x * width + k] * w[k];
  y[blockIdx.x] = sum;
}

KERNEL count_tiles(int32_t *counts) {
  if (threadIdx.x == 0)
    counts[blockIdx.x] += 1;
}

KERNEL probe_scratch(int32_t *ok, int64_t bytes) {
  extern __shared__ __align__(64) unsigned char scratch[];
  int good = (uintptr_t)scratch % 64 == 0;
  for (int64_t i = threadIdx.x; i < bytes; i += blockDim.x)
    scratch[i] = (unsigned char)(blockIdx.x + i);
  __syncthreads();
  for (int64_t i = threadIdx.x; i < bytes; i += blockDim.x)
    good = good && scratch[bytes - 1 - i] == (unsigned char)(blockIdx.x + bytes - 1 - i);
  good = __syncthreads_and(good);
  if (threadIdx.x == 0)
    ok[blockIdx.x] = good;
}

KERNEL variant(int32_t *out) {
  if (threadIdx.x == 0)
    *out = 80;
}

KERNEL tiny_language(const int32_t *ids, const int32_t *, const float *features,
                     const int32_t *feature_rows, const int32_t *row_offsets,
                     const int32_t *row_sequence, const int32_t *cache_lengths,
                     const int32_t *block_table, const int64_t *slots, float *cache,
                     const int32_t *logit_rows, float *logits, int64_t rows, int64_t hidden,
                     int64_t page, int64_t page_elements, int64_t table_width, int64_t logit_count,
                     int64_t vocab) {
  if (threadIdx.x != 0)
    return;
  for (int64_t t = 0; t < rows; ++t)
    cache[slots[t] / page * page_elements + slots[t] % page] =
        feature_rows[t] < 0 ? (float)ids[t] : features[feature_rows[t] * hidden];
  for (int64_t r = 0; r < logit_count; ++r) {
    int64_t row = logit_rows[r], sequence = row_sequence[row];
    int64_t length = cache_lengths[sequence] + row - row_offsets[sequence] + 1;
    float sum = 0;
    for (int64_t i = 0; i < length; ++i)
      sum += cache[block_table[sequence * table_width + i / page] * page_elements + i % page];
    for (int64_t v = 0; v < vocab; ++v)
      logits[r * vocab + v] = sum + (float)v;
  }
}

KERNEL tiny_vision(const float *pixels, const int32_t *, const int32_t *window, const int32_t *,
                   const int32_t *, float *features, int64_t patch_row, int64_t group_rows,
                   int64_t hidden) {
  int64_t columns = patch_row * group_rows;
  float sum = 0;
  for (int64_t i = 0; i < columns; ++i)
    sum += pixels[window[blockIdx.x] * columns + i];
  for (int64_t h = threadIdx.x; h < hidden; h += blockDim.x)
    features[blockIdx.x * hidden + h] = sum + (float)h;
}
