// Half-precision arithmetic: a polynomial in f16x2, comparison, conversion, and the same in bf16.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

extern "C" __global__ void half_arithmetic(const __half2 *x, __half2 *y, const __nv_bfloat16 *u,
                                           __nv_bfloat16 *v, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  const __half2 a = x[i];
  __half2 p = __hfma2(a, __float2half2_rn(0.25f), __float2half2_rn(-0.5f));
  p = __hfma2(p, a, __float2half2_rn(1.0f));
  p = __hmul2(p, a);
  p = __hmax2(p, __float2half2_rn(-2.0f));
  y[i] = __hadd2(p, __hneg2(a));
  const float w = __bfloat162float(u[i]);
  v[i] = __float2bfloat16_rn(w * w + 0.5f * w);
}
