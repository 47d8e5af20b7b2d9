// Matrix product with tiles in shared memory; extents need not be multiples of the tile.
constexpr int kTile = 16;

extern "C" __global__ void gemm(const float *a, const float *b, float *c, int m, int n, int k) {
  __shared__ float tileA[kTile][kTile], tileB[kTile][kTile + 1];
  const int x = threadIdx.x, y = threadIdx.y;
  const int row = blockIdx.y * kTile + y, column = blockIdx.x * kTile + x;
  float sum = 0;
  for (int begin = 0; begin < k; begin += kTile) {
    tileA[y][x] = row < m && begin + x < k ? a[row * k + begin + x] : 0;
    tileB[y][x] = begin + y < k && column < n ? b[(begin + y) * n + column] : 0;
    __syncthreads();
    for (int i = 0; i < kTile; ++i)
      sum += tileA[y][i] * tileB[i][x];
    __syncthreads();
  }
  if (row < m && column < n)
    c[row * n + column] = sum;
}
