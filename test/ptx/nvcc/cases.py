"""The cases of kernels that nvcc compiled; expected results by numpy."""
import sys

import numpy as np

sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parents[1]))
from cases import FOLDER, Buffer, Case, Expected, from_bf16, to_bf16  # noqa: E402

M32 = 0xFFFFFFFF


def case(name, kernel, grid, block, arguments, expected, label=""):
    return Case(f"nvcc/{name}{label}", FOLDER / "nvcc" / f"{name}.ptx", kernel, grid, block, arguments, expected)


def reduction(random, n):
    # Whole numbers of any order of summation: the sum is exact.
    x = random.integers(-100, 100, n).astype(np.float32)
    return case("reduction", "reduction", (3,), (256,), [Buffer(x), Buffer(np.zeros(1, np.float32)), f"i32:{x.size}"],
                {1: Expected(np.array([x.sum(dtype=np.float64)], np.float32))}, label=f"-{n}")


def softmax(random, columns):
    x = random.normal(0, 3, (5, columns)).astype(np.float32)
    e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    want = (e / e.sum(axis=1, keepdims=True)).astype(np.float32)
    # expf is ex2.approx of a scaled argument: about 2 units in the last place here, as is the division.
    return case("softmax", "softmax", (5,), (128,), [Buffer(x), Buffer(np.zeros_like(x)), f"i32:{columns}"],
                {1: Expected(want, relative=2e-6)}, label=f"-{columns}")


def gemm(random, m, n, k):
    a, b = (random.integers(-8, 9, shape).astype(np.float32) for shape in ((m, k), (k, n)))
    return case("gemm", "gemm", (3, 3), (16, 16), [Buffer(a), Buffer(b), Buffer(np.zeros((m, n), np.float32)),
                                                 f"i32:{m}", f"i32:{n}", f"i32:{k}"], {2: Expected(a @ b)},
                label=f"-{m}x{n}x{k}")


def scan(random, n, threads):
    x = random.integers(0, 1 << 32, n, dtype=np.uint32)
    return case("scan", "scan", (1,), (threads,), [Buffer(x), Buffer(np.zeros_like(x)), f"i32:{n}"],
                {1: Expected(np.cumsum(x, dtype=np.uint32))}, label=f"-{n}")


def byte_perm(a, b, selector):
    data = a | b << 32
    return sum(((data >> 8 * (selector >> 4 * i & 7)) & 0xFF) << 8 * i for i in range(4))


def hash_step(h, r):
    def rotate(x, y, n):  # the upper half of x:y shifted left
        return ((x << 32 | y) << n) >> 32 & M32

    steps = [
        lambda: h * 2654435761 + 1, lambda: h ^ h >> 15, lambda: h << 7 | h >> 25, lambda: h + h.bit_count() * 40503,
        lambda: int(f"{h:032b}"[::-1], 2) ^ 0x5BD1E995, lambda: h - h // 7, lambda: (h * 0xCC9E2D51 >> 32) + 0x1B873593,
        lambda: h * h + 12345, lambda: h ^ (32 - h.bit_length()) << 20, lambda: (h ^ M32) + (h << 3), lambda: h * 33 + r,
        lambda: byte_perm(h, h * 5 & M32, 0x2761), lambda: rotate(h ^ M32, h, h & 31), lambda: max(h, h * 17 & M32) - 3,
        lambda: abs((h - (1 << 32) if h >> 31 else h) - 0x01234567) + r, lambda: h ^ h << 13]
    return steps[h & 15]() + 0x9E3779B9 & M32


def hash_switch(random):
    x = random.integers(0, 1 << 32, 700, dtype=np.uint32)
    want = []
    for h in map(int, x):
        for r in range(8):
            h = hash_step(h, r)
        want.append(h)
    return case("hash", "hash", (6,), (128,), [Buffer(x), Buffer(np.zeros_like(x)), "i32:700"],
                {1: Expected(np.array(want, np.uint32))})


def half(random):
    # Small multiples of 1/8: every step is exact in f64, so that one rounding to f16 per operation is numpy's.
    x = (random.integers(-64, 65, 2 * 300) / 8).astype(np.float16)

    def rounded(value):
        return value.astype(np.float16).astype(np.float64)

    a = x.astype(np.float64)
    p = rounded(a * 0.25 - 0.5)
    p = rounded(p * a + 1.0)
    p = rounded(p * a)
    p = np.maximum(p, -2.0)
    y = (p - a).astype(np.float16)
    u = to_bf16(random.integers(-64, 65, 300) / 8)
    w = from_bf16(u).astype(np.float64)
    v = to_bf16((w * w + 0.5 * w).astype(np.float32))
    return case("half", "half_arithmetic", (3,), (128,), [Buffer(x), Buffer(np.zeros_like(x)), Buffer(u),
                                                         Buffer(np.zeros_like(u)), "i32:300"],
                {1: Expected(y), 3: Expected(v)})


def median(random, width):
    x = random.integers(-1000, 1000, 500).astype(np.int32)
    count = min(width, 9)
    at = np.clip(np.arange(500)[:, None] + np.arange(count) - count // 2, 0, 499)
    want = np.sort(x[at], axis=1)[:, count // 2].astype(np.int32)
    return case("call", "median_filter", (4,), (128,), [Buffer(x), Buffer(np.zeros_like(x)), "i32:500", f"i32:{width}"],
                {1: Expected(want)}, label=f"-{width}")


def cases():
    # Sizes lie on both sides of what bounds compare with: threads, tiles, steps of unrolled loops.
    random = np.random.default_rng(5)
    return [reduction(random, 5000), reduction(random, 700), softmax(random, 333), softmax(random, 100),
            gemm(random, 37, 45, 50), gemm(random, 16, 16, 1), gemm(random, 16, 16, 33), scan(random, 1000, 1024),
            scan(random, 90, 128), hash_switch(random), half(random),
            *(median(random, width) for width in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12))]
