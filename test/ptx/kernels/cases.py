"""The cases of model kernels (RMSNorm, GEMM, GEMV, SwiGLU, flash attention); expected results in f64 by numpy.

README.md says what each kernel is. Inputs are random; results are bf16 but for one, so the tolerance is one rounding to
bf16 (2^-8 relative) plus the error of f32 sums in another order and of approximate instructions, which is far below it.
"""
import sys

import numpy as np

sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parents[1]))
from cases import FOLDER, Buffer, Case, Expected, TensorMap, from_bf16, to_bf16  # noqa: E402

BF16_ROUNDING = 2.0**-8


def case(name, kernel, grid, block, arguments, expected, shared=0, label=""):
    return Case(f"kernels/{name}{label}", FOLDER / "kernels" / f"{name}.ptx", kernel, grid, block, arguments, expected, shared)


def random_bf16(random, *shape):
    return to_bf16(random.normal(size=shape))


def f64(bits):
    return from_bf16(bits).astype(np.float64)


def bf16_result(values, scale=1.0):
    """The expected bf16 buffer; `scale` is the size of the terms that a sum adds up."""
    return Expected(values, relative=BF16_ROUNDING, absolute=1e-5 * scale, bf16=True)


def scalar(value):
    return f"f32:{value!r}"


def rms_norm(random):
    x, w = random_bf16(random, 64, 2048), random_bf16(random, 2048)
    want = f64(x) / np.sqrt((f64(x)**2).mean(axis=1, keepdims=True) + 1e-6) * f64(w)
    return case("rms_norm", "rmsnorm", (64,), (256,), [Buffer(x), Buffer(w), Buffer(np.zeros_like(x)), scalar(1e-6)],
                {2: bf16_result(want)})


def swiglu(random):
    g, u = random_bf16(random, 64, 2048), random_bf16(random, 64, 2048)
    want = f64(g) / (1 + np.exp(-f64(g))) * f64(u)
    return case("swiglu", "swiglu", (1, 64), (256,), [Buffer(g), Buffer(u), Buffer(np.zeros_like(g))], {2: bf16_result(want)})


def gemv(random):
    # A quarter of the rows that the kernel is made for.
    w, x = random_bf16(random, 1024, 2048), random_bf16(random, 2048)
    return case("gemv", "gemv", (256,), (128,), [Buffer(w), Buffer(x), Buffer(np.zeros(1024, np.uint16))],
                {2: bf16_result(f64(w) @ f64(x), scale=45)})


def gemm_mma(random):
    a, b = random_bf16(random, 256, 512), random_bf16(random, 256, 512)
    return case("gemm_mma", "gemm", (2, 2), (128,), [Buffer(a), Buffer(b), Buffer(np.zeros((256, 256), np.uint16))],
                {2: bf16_result(f64(a) @ f64(b).T, scale=23)}, shared=61440)


def gemm_tma_wgmma(random):
    m, n, k = 256, 256, 512
    a, b = random_bf16(random, m, k), random_bf16(random, k, n)
    maps = [TensorMap(a, "bf16", (k, m), (2 * k,), (64, 128), swizzle="128", by_address=True),
            TensorMap(b, "bf16", (n, k), (2 * n,), (64, 64), swizzle="128", by_address=True)]
    want = (f64(a) @ f64(b)).astype(np.float32)
    return case("gemm_tma_wgmma", "hgemm", (2, 2), (128,), [*maps, Buffer(np.zeros((m, n), np.float32))],
                {2: Expected(want, relative=1e-5, absolute=1e-3)}, shared=4 * 32768)


def e4m3_values(bytes_):
    """Values of e4m3 bytes: bias 7, three bits of mantissa, no infinities; NaN is not among these inputs."""
    exponent, mantissa = (bytes_ >> 3 & 15).astype(np.int64), (bytes_ & 7).astype(np.float64)
    size = np.where(exponent == 0, mantissa * 2.0**-9, (8 + mantissa) * 2.0**(exponent - 10))
    return np.where(bytes_ >> 7, -size, size)


def gemm_warp_specialised(random, element):
    m, n, k = 256, 512, 1024
    if element == "bf16":
        a, b = random_bf16(random, m, k), random_bf16(random, n, k)
        want, bytes_, element_type = f64(a) @ f64(b).T, 2, "bf16"
    else:
        a, b = (random.integers(0, 88, shape, np.uint8) | random.integers(0, 2, shape, np.uint8) << 7
                for shape in ((m, k), (n, k)))
        want, bytes_, element_type = e4m3_values(a) @ e4m3_values(b).T, 1, "u8"
    step = 128 // bytes_
    maps = [TensorMap(a, element_type, (k, m), (k * bytes_,), (step, 128), swizzle="128"),
            TensorMap(b, element_type, (k, n), (k * bytes_,), (step, 256), swizzle="128")]
    return case(f"gemm_warp_specialised_{element}", "ws", (2, 2), (384,), [*maps, Buffer(np.zeros((m, n), np.uint16))],
                {2: bf16_result(want, scale=np.abs(want).max())}, shared=4 * 49152)


def flash(random, name, head, causal, shared, lengths):
    """Attention over sequences of these lengths up to 128; four query heads share two key heads."""
    tokens, queries, keys = sum(lengths), 4, 2
    q, k, v = (random_bf16(random, tokens, heads, head) for heads in (queries, keys, keys))
    bounds = np.cumsum([0, *lengths])
    want = np.zeros((tokens, queries, head))
    for begin, end in zip(bounds, bounds[1:]):
        for h in range(queries):
            scores = f64(q[begin:end, h]) @ f64(k[begin:end, h // 2]).T / np.sqrt(head)
            if causal:
                scores = np.where(np.tri(end - begin, dtype=bool), scores, -np.inf)
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            want[begin:end, h] = weights / weights.sum(axis=1, keepdims=True) @ f64(v[begin:end, h // 2])
    starts = np.zeros(64, np.int32)
    starts[:len(bounds)] = bounds
    scale = np.float32(np.log2(np.e) / np.sqrt(head))
    # The weights are rounded to bf16 before they meet v: 2^-9 of each, so of the size of v.
    expected = Expected(want, relative=BF16_ROUNDING, absolute=4 * 2.0**-9, bf16=True)
    return case(name, "fa", (2, 4, len(lengths)), (128,),
                [Buffer(q), Buffer(k), Buffer(v), Buffer(np.zeros_like(q)), Buffer(starts), scalar(float(scale))], {3: expected},
                shared=shared, label="-" + "-".join(map(str, lengths)))


# Two sequences; then one that ends, with its buffers, in each group of eight rows, and around the tile of 64.
FLASH_LENGTHS = [(70, 122), *((length,) for length in (1, 4, 12, 20, 28, 36, 44, 52, 60, 63, 64, 65, 100))]


def cases():
    random = np.random.default_rng(7)
    return [rms_norm(random), swiglu(random), gemv(random), gemm_mma(random), gemm_tma_wgmma(random),
            gemm_warp_specialised(random, "bf16"), gemm_warp_specialised(random, "e4m3"),
            *(flash(random, "flash_causal_d128", 128, True, 52224, lengths) for lengths in FLASH_LENGTHS),
            *(flash(random, "flash_full_d80", 80, False, 33792, lengths) for lengths in FLASH_LENGTHS)]
