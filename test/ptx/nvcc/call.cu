// A function that is not inlined, and an array in local memory with indices known only at run time.
__device__ __noinline__ int median(int *values, int count) {
  for (int i = 1; i < count; ++i) {
    const int value = values[i];
    int j = i;
    for (; j > 0 && values[j - 1] > value; --j)
      values[j] = values[j - 1];
    values[j] = value;
  }
  return values[count / 2];
}

extern "C" __global__ void median_filter(const int *x, int *y, int n, int width) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  int window[9];
  const int count = width < 9 ? width : 9;
  for (int k = 0; k < count; ++k) {
    const int at = i + k - count / 2;
    window[k] = x[at < 0 ? 0 : at >= n ? n - 1 : at];
  }
  y[i] = median(window, count);
}
