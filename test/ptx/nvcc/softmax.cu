// Softmax of the rows of a matrix: one block a row, a tree in shared memory.
#include <math.h>

extern "C" __global__ void softmax(const float *x, float *y, int columns) {
  __shared__ float tree[128];
  const float *row = x + blockIdx.x * columns;
  const int t = threadIdx.x;
  float own = -INFINITY;
  for (int i = t; i < columns; i += blockDim.x)
    own = fmaxf(own, row[i]);
  tree[t] = own;
  __syncthreads();
  for (int half = 64; half > 0; half /= 2) {
    if (t < half)
      tree[t] = fmaxf(tree[t], tree[t + half]);
    __syncthreads();
  }
  const float largest = tree[0];
  __syncthreads();
  own = 0;
  for (int i = t; i < columns; i += blockDim.x)
    own += expf(row[i] - largest);
  tree[t] = own;
  __syncthreads();
  for (int half = 64; half > 0; half /= 2) {
    if (t < half)
      tree[t] += tree[t + half];
    __syncthreads();
  }
  for (int i = t; i < columns; i += blockDim.x)
    y[blockIdx.x * columns + i] = expf(row[i] - largest) / tree[0];
}
