// Inclusive prefix sums of one block: shuffles within warps, then over the warps' totals.
extern "C" __global__ void scan(const unsigned *x, unsigned *y, int n) {
  __shared__ unsigned totals[32];
  const int t = threadIdx.x, lane = t % 32, warp = t / 32;
  unsigned own = t < n ? x[t] : 0;
  for (int step = 1; step < 32; step *= 2) {
    const unsigned other = __shfl_up_sync(0xffffffff, own, step);
    if (lane >= step)
      own += other;
  }
  if (lane == 31)
    totals[warp] = own;
  __syncthreads();
  if (warp == 0) {
    unsigned total = lane < blockDim.x / 32 ? totals[lane] : 0;
    for (int step = 1; step < 32; step *= 2) {
      const unsigned other = __shfl_up_sync(0xffffffff, total, step);
      if (lane >= step)
        total += other;
    }
    totals[lane] = total;
  }
  __syncthreads();
  if (t < n)
    y[t] = own + (warp > 0 ? totals[warp - 1] : 0);
}
