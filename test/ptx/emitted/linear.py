"""Projections in every form: tensor cores, multiply-adds and warpgroups for many rows, and both forms for few.

Values are small whole numbers, so that sums are exact in f32 and results are compared bit for bit; only the gated unit, with its
exponential, has a tolerance. The depth goes through more stages than the pipeline has, and the numbers of rows end in each part of a tile.
In every other call odd rows and the columns of the second panel on are NaN: what a kernel reads too far reaches a result.
"""
import numpy as np

from cases import Expected, from_bf16
from program import UNWRITTEN, Call, Entry

BIAS = """
  ^bb0(%sum: f32, %bias: f32, %residual: f32):
    %0 = arith.addf %sum, %bias : f32
    %1 = arith.addf %residual, %0 : f32
    qvl.yield %1 : f32
  }"""
GATED = """
  ^bb0(%gate: f32, %up: f32):
    %0 = arith.negf %gate : f32
    %1 = math.exp %0 : f32
    %c = arith.constant 1.0 : f32
    %2 = arith.addf %c, %1 : f32
    %3 = arith.divf %gate, %2 : f32
    %4 = arith.mulf %3, %up : f32
    qvl.yield %4 : f32
  }"""


EXACT = 2.0**-60  # equal, where a NaN is a NaN whatever its bits
# A lane of a tile of 64 rows has four rows, eight apart, and copies two, 32 apart. Of 128 rows it has eight so, or (wgmma) every second
# pair from a multiple of eight on. Few rows are up to eight a tile.
TILE, FEW = (68, 76, 84, 92, 100), (9, 5, 3)
FMA_TILE = TILE + (116,)  # four rows, 16 apart
# The first block is enough for rows: LARGE_COLUMNS is what it computes.
LARGE_COLUMNS = 128
LARGE_TILE = (124, 92, *range(4, 64, 8))
WARPGROUP_TILE = tuple(rows + odd for odd in (0, 1) for rows in range(4, 128, 8))

WIDE_COLUMNS = 256  # what a block of the wide form computes


def whole(random, *shape):
    return random.integers(-2, 3, shape).astype(np.float64)


def groups_of(index, group):
    """The row that each row of a permutation of groups stands for."""
    return (index[:, None] * group + np.arange(group)).reshape(-1)


def first_block(number, want, columns):
    """In all calls but the first, one block computes the first columns, and the others stay as they were."""
    if not columns or not number:
        return want, 0
    want[:, columns:] = from_bf16(np.full(1, UNWRITTEN * 0x0101, np.uint16))
    return want, 1


def poisoned(x, w):
    """Odd rows of the input and columns behind the first panel are no numbers."""
    x[1::2] = np.nan
    w[32:] = np.nan
    return x, w


def biased_text(program, columns, depth, element, weight, group):
    x_type, y_type = f"tensor<?x{depth}x{element}>", f"tensor<?x{columns}x{element}>"
    w_type, b_type = f"tensor<{columns}x{depth}x{weight}>", f"tensor<{columns}xf32>"
    return f"""
func.func @{program}(%x: {x_type} {{qvl.name = "x"}}, %r: {y_type} {{qvl.name = "r"}}{', %i: tensor<?xi32> {qvl.name = "i"}' if group else ''})
    -> ({y_type} {{qvl.name = "y"}}) {{
  %w = qvl.load @w : {w_type}
  %b = qvl.load @b : {b_type}
  %y = qvl.fused_linear %x, (%w) with(%b, %r){f' load(%i group {group} : tensor<?xi32>)' if group else ''}
      : {x_type}, ({w_type}) with({b_type}, {y_type}) -> {y_type} {{{BIAS}
  return %y : {y_type}
}}
qvl.parameter @w : {w_type}
qvl.parameter @b : {b_type}
"""


def gated_text(program, columns, depth, element, weight):
    x_type, y_type, w_type = f"tensor<?x{depth}x{element}>", f"tensor<?x{columns}x{element}>", f"tensor<{2 * columns}x{depth}x{weight}>"
    group = 2 if weight == "bf16" else 1
    encoding = (f"#qvl.panel<n = 32, k_group = {group}, element = {weight}, pad_n = {-(-columns // 16) * 32}, "
                f"pad_k = {-(-depth // group) * group}, interleave = 8>")
    return f"""
func.func @{program}(%x: {x_type} {{qvl.name = "x"}}) -> ({y_type} {{qvl.name = "y"}}) {{
  %w = qvl.load @w : {w_type}
  %y = qvl.fused_linear %x, (%w) : {x_type}, ({w_type}) -> {y_type} {{{GATED}
  return %y : {y_type}
}}
qvl.parameter @w : {w_type} encoding({encoding})
"""


def biased(name, rows, columns, depth, element, program="prefill", weight=None, chip="sm_80", group=0, block_columns=0, wide=False):
    """x W^T + bias + residual, once for each number of rows; with `group`, rows are read through a permutation of groups."""
    def call(number, rows):
        random = np.random.default_rng(rows * depth)
        x, w, b, r = whole(random, rows, depth), whole(random, columns, depth), whole(random, columns), whole(random, rows, columns)
        if number % 2:
            x, w = poisoned(x, w)
        index = random.permutation(rows // group) if group else np.arange(rows)
        operands = {"x": x, "w": w, "b": b, "r": r} | ({"i": index} if group else {})
        want, blocks = first_block(number, x[groups_of(index, group or 1)] @ w.T + b + r, block_columns)
        return Call(operands, {"alloc0": Expected(want, relative=EXACT)}, blocks)

    text = biased_text(program, columns, depth, element, weight or element, group)
    return Entry(f"linear_{name}", text, [call(*item) for item in enumerate(rows)], chip, wide)


def plain(name, rows, columns, depth, element):
    """x W^T, a projection without an epilogue."""
    def call(number, rows):
        random = np.random.default_rng(rows * depth + 2)
        x, w = whole(random, rows, depth), whole(random, columns, depth)
        if number % 2:
            x, w = poisoned(x, w)
        return Call({"x": x, "w": w}, {"alloc0": Expected(x @ w.T, relative=EXACT)})

    x_type, y_type, w_type = f"tensor<?x{depth}x{element}>", f"tensor<?x{columns}x{element}>", f"tensor<{columns}x{depth}x{element}>"
    text = f"""
func.func @prefill(%x: {x_type} {{qvl.name = "x"}}) -> ({y_type} {{qvl.name = "y"}}) {{
  %w = qvl.load @w : {w_type}
  %y = qvl.linear %x, %w : {x_type}, {w_type} -> {y_type}
  return %y : {y_type}
}}
qvl.parameter @w : {w_type}
"""
    return Entry(f"linear_{name}", text, [call(*item) for item in enumerate(rows)])


def gated(name, rows, columns, depth, element, program="prefill", weight=None):
    """silu(x G^T) * (x U^T), the weights in one parameter whose panels hold them in turns."""
    def call(number, rows):
        random = np.random.default_rng(rows * depth + 1)
        x, w = whole(random, rows, depth) / 4, whole(random, 2 * columns, depth)
        if number % 2:
            x, w[:columns] = poisoned(x, w[:columns])
        gate, up = x @ w[:columns].T, x @ w[columns:].T
        # The sums are exact; exp, the sum, the quotient and the product round a few times in f32, and a bf16 result once more.
        rounding = 2.0**-8 if element == "bf16" else 2.0**-20
        return Call({"x": x, "w": w}, {"alloc0": Expected(gate / (1 + np.exp(-gate)) * up, relative=rounding, absolute=2.0**-100)})

    text = gated_text(program, columns, depth, element, weight or element)
    return Entry(f"gated_{name}", text, [call(*item) for item in enumerate(rows)])


def entries():
    odd_tile = [rows - 3 for rows in TILE]
    yield biased("mma", TILE, 40, 168, "bf16", group=4)
    yield biased("mma_words", odd_tile, 36, 166, "bf16")  # rows of x in units of 4 bytes
    yield biased("mma_odd", odd_tile, 33, 165, "bf16")  # and through registers
    yield biased("mma_large", LARGE_TILE, 1032, 168, "bf16", block_columns=LARGE_COLUMNS)
    yield biased("wgmma", WARPGROUP_TILE, 1032, 168, "bf16", chip="sm_90a", group=1, block_columns=LARGE_COLUMNS)
    # Nine stages of 64 k: each place of the ring of four is filled again.
    yield biased("wide", WARPGROUP_TILE, 1032, 520, "bf16", chip="sm_90a", block_columns=WIDE_COLUMNS, wide=True)
    yield biased("fma", FMA_TILE, 40, 100, "f32", group=2)
    yield plain("plain", TILE, 40, 168, "bf16")
    yield biased("few_mma", FEW, 40, 592, "bf16", program="decode")
    yield biased("few_mma_odd", FEW, 33, 591, "bf16", program="decode")
    yield biased("few_fma", FEW, 40, 300, "f32", program="decode")
    yield biased("few_fma_odd", FEW, 33, 301, "f32", program="decode", weight="bf16")
    yield gated("mma", odd_tile, 40, 168, "bf16")
    yield gated("fma", [rows - 3 for rows in FMA_TILE], 40, 100, "f32")
    yield gated("few_mma", FEW, 40, 592, "bf16", program="decode")
    yield gated("few_fma", FEW, 40, 300, "f32", program="decode", weight="bf16")
