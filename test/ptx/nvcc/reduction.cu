// Sum of floats: a grid-stride loop, shared memory, a shuffle at the end, one atomic per block.
extern "C" __global__ void reduction(const float *x, float *sum, int n) {
  __shared__ float parts[32];
  float own = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    own += x[i];
  for (int step = 16; step > 0; step /= 2)
    own += __shfl_down_sync(0xffffffff, own, step);
  if (threadIdx.x % 32 == 0)
    parts[threadIdx.x / 32] = own;
  __syncthreads();
  if (threadIdx.x < 32) {
    own = threadIdx.x < blockDim.x / 32 ? parts[threadIdx.x] : 0;
    for (int step = 16; step > 0; step /= 2)
      own += __shfl_down_sync(0xffffffff, own, step);
    if (threadIdx.x == 0)
      atomicAdd(sum, own);
  }
}
