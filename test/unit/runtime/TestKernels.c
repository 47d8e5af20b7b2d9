/* Kernels of the runtime's tests, in the calling convention of qvlfmt/KernelAbi.h. */
#include "qvlfmt/KernelAbi.h"

#define EXPORT __attribute__((visibility("default")))
#define UNUSED(x) (void)(x)

/* y = 2 x + 1 on rows of f32; scalars: rows and width of x, rows and width of y. */
EXPORT void affine(const qvl_kernel_context *context, void *const *buffers, const int64_t *scalars,
                   int64_t begin, int64_t end) {
  UNUSED(context);
  const float *x = buffers[0];
  float *y = buffers[1];
  for (int64_t i = begin * scalars[1]; i < end * scalars[1]; ++i)
    y[i] = 2 * x[i] + 1;
}

/* y[row] = sum of x[row, k] * w[k]; scalars: rows and width of x, rows of y. */
EXPORT void dot_weight(const qvl_kernel_context *context, void *const *buffers,
                       const int64_t *scalars, int64_t begin, int64_t end) {
  UNUSED(context);
  const float *x = buffers[0], *w = buffers[1];
  float *y = buffers[2];
  for (int64_t row = begin; row < end; ++row) {
    float sum = 0;
    for (int64_t k = 0; k < scalars[1]; ++k)
      sum += x[row * scalars[1] + k] * w[k];
    y[row] = sum;
  }
}

/* counts[tile] += 1: every tile runs exactly once. */
EXPORT void count_tiles(const qvl_kernel_context *context, void *const *buffers,
                        const int64_t *scalars, int64_t begin, int64_t end) {
  UNUSED(context), UNUSED(scalars);
  int32_t *counts = buffers[0];
  for (int64_t tile = begin; tile < end; ++tile)
    counts[tile] += 1;
}

/* ok[tile] = 1 when the scratch is aligned, large enough (scalars[0] bytes) and this worker's own
 * during the call. */
EXPORT void probe_scratch(const qvl_kernel_context *context, void *const *buffers,
                          const int64_t *scalars, int64_t begin, int64_t end) {
  int32_t *ok = buffers[0];
  volatile unsigned char *scratch = context->scratch;
  for (int64_t tile = begin; tile < end; ++tile) {
    int good = (uintptr_t)scratch % 64 == 0 && context->scratch_bytes >= scalars[0];
    for (int64_t i = 0; i < scalars[0]; ++i)
      scratch[i] = (unsigned char)context->worker;
    for (int64_t i = 0; i < scalars[0]; ++i)
      good = good && scratch[i] == (unsigned char)context->worker;
    ok[tile] = good;
  }
}

/* out[0] = number of the variant that was built. */
EXPORT void variant(const qvl_kernel_context *context, void *const *buffers, const int64_t *scalars,
                    int64_t begin, int64_t end) {
  UNUSED(context), UNUSED(scalars), UNUSED(begin), UNUSED(end);
  *(int32_t *)buffers[0] = QVL_TEST_VARIANT;
}

/* A language model with one number a token: the cache holds the embedding of each token (its id, or
 * column 0 of its feature), a logit row holds the sum of what its sequence has cached up to that
 * row, plus the column. Buffers in the order of the language programs, then logits [R, vocab].
 * Scalars: T, hidden, page tokens, page elements, pages of a sequence, R, vocab. One tile. */
EXPORT void tiny_language(const qvl_kernel_context *context, void *const *buffers,
                          const int64_t *scalars, int64_t begin, int64_t end) {
  UNUSED(context), UNUSED(begin), UNUSED(end);
  const int32_t *ids = buffers[0], *feature_rows = buffers[3], *row_offsets = buffers[4],
                *row_sequence = buffers[5], *cache_lengths = buffers[6], *block_table = buffers[7],
                *logit_rows = buffers[10];
  const float *features = buffers[2];
  const int64_t *slots = buffers[8];
  float *cache = buffers[9], *logits = buffers[11];
  int64_t rows = scalars[0], hidden = scalars[1], page = scalars[2], page_elements = scalars[3],
          table_width = scalars[4], logit_count = scalars[5], vocab = scalars[6];
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

/* features[g, h] = sum of the pixels of group window[g] + h. Buffers: pixels, positions, window,
 * windows, frames, features. Scalars: patch_row, rows of a group, hidden. A tile is a group. */
EXPORT void tiny_vision(const qvl_kernel_context *context, void *const *buffers,
                        const int64_t *scalars, int64_t begin, int64_t end) {
  UNUSED(context);
  const float *pixels = buffers[0];
  const int32_t *window = buffers[2];
  float *features = buffers[5];
  int64_t columns = scalars[0] * scalars[1], hidden = scalars[2];
  for (int64_t g = begin; g < end; ++g) {
    float sum = 0;
    for (int64_t i = 0; i < columns; ++i)
      sum += pixels[window[g] * columns + i];
    for (int64_t h = 0; h < hidden; ++h)
      features[g * hidden + h] = sum + (float)h;
  }
}
