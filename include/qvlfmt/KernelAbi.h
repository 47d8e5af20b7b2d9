/* The calling convention between a `.qvl` kernel and the runtime on CPUs.
 *
 * A kernel covers the tiles [begin, end) of a one-dimensional grid; tiles are independent, so the
 * runtime may split the grid between workers in any way. Plain C: generated code and both halves of
 * the project agree on this file.
 */
#ifndef QVLFMT_KERNELABI_H
#define QVLFMT_KERNELABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a worker lends to a kernel for the duration of one call. */
typedef struct qvl_kernel_context {
  void *scratch; /* at least the kernel's scratch_bytes, 64-byte aligned; contents undefined */
  int64_t scratch_bytes;
  int64_t worker; /* number of the worker, from 0 */
} qvl_kernel_context;

/* buffers: base addresses, 64-byte aligned, in the order arguments, results of the kernel's
 * function. scalars: first one value per dynamic dimension of each tensor argument and then of each
 * tensor result, in order and dimension by dimension, then the function's index operands in order.
 * Weights and caches have no dynamic dimension here. */
typedef void (*qvl_kernel)(const qvl_kernel_context *context, void *const *buffers,
                           const int64_t *scalars, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
