// A hash whose steps depend on the data: the switch becomes a branch table (brx.idx).
extern "C" __global__ void hash(const unsigned *x, unsigned *y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  unsigned h = x[i];
#pragma unroll 1
  for (int round = 0; round < 8; ++round) {
    switch (h & 15) {
    case 0: h = h * 2654435761u + 1; break;
    case 1: h ^= h >> 15; break;
    case 2: h = (h << 7) | (h >> 25); break;
    case 3: h += __popc(h) * 40503u; break;
    case 4: h = __brev(h) ^ 0x5bd1e995u; break;
    case 5: h -= h / 7; break;
    case 6: h = __umulhi(h, 0xcc9e2d51u) + 0x1b873593u; break;
    case 7: h = h * h + 12345; break;
    case 8: h ^= __clz(h) << 20; break;
    case 9: h = ~h + (h << 3); break;
    case 10: h = h * 33 + round; break;
    case 11: h = __byte_perm(h, h * 5, 0x2761); break;
    case 12: h = __funnelshift_l(h, ~h, h & 31); break;
    case 13: h = max(h, h * 17) - 3; break;
    case 14: h = __sad(h, 0x01234567, round); break;
    case 15: h ^= h << 13; break;
    }
    h += 0x9e3779b9u;
  }
  y[i] = h;
}
