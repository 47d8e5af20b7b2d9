"""Kernels that work row by row: a warp takes a row, four rows a block; every case ends within a block and within a warp's chunk."""
import math

import numpy as np

from cases import Expected, from_bf16, to_bf16
from program import Call, Entry

ROWS = 6
ROUNDING = 2.0**-24  # of f32


def uniform(random, *shape):
    return random.uniform(-1, 1, shape).astype(np.float32).astype(np.float64)


def entry(name, arguments, body, result, operands, expected, parameters=()):
    """`arguments` are (name, type) pairs, `parameters` likewise; `body` defines %z."""
    declared = ", ".join(f'%{n}: {type_} {{qvl.name = "{n}"}}' for n, type_ in arguments)
    loads = "".join(f"  %{n} = qvl.load @{n} : {type_}\n" for n, type_ in parameters)
    made = "".join(f"qvl.parameter @{n} : {type_}\n" for n, type_ in parameters)
    results = result if isinstance(result, tuple) else (result,)
    named = ", ".join(f'{type_} {{qvl.name = "z{k}"}}' for k, type_ in enumerate(results))
    values = "%z" if len(results) == 1 else ", ".join(f"%z#{k}" for k in range(len(results)))
    text = f"func.func @program({declared}) -> ({named}) {{\n{loads}{body}\n  return {values} : {', '.join(results)}\n}}\n{made}"
    return Entry(f"rows_{name}", text, [Call(operands, expected)])


def norm(name, columns, merge=1):
    random = np.random.default_rng(columns)
    rows = ROWS // merge * merge + merge // 2  # rows behind the last whole group are left out
    x, w = uniform(random, rows, columns), uniform(random, columns)
    want = (x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6) * w)[:rows // merge * merge].reshape(-1, columns * merge)
    type_, w_type, result = f"tensor<?x{columns}xf32>", f"tensor<{columns}xf32>", f"tensor<?x{columns * merge}xf32>"
    body = f"  %z = qvl.rms_norm %x, %w {{eps = 1.0e-6 : f64{f', merge = {merge} : i64' if merge > 1 else ''}}} : {type_}, {w_type} -> {result}"
    # A lane adds columns / 32 squares, six levels of a tree follow; mean, eps, root and two products round a few times.
    expected = Expected(want, relative=ROUNDING * (columns / 32 + 12), absolute=2.0**-120)
    return entry(name, [("x", type_)], body, result, {"x": x, "w": w}, {"alloc0": expected}, [("w", w_type)])


def pointwise(name, op, operands, columns, element, function, **tolerance):
    random = np.random.default_rng(columns)
    type_ = f"tensor<?x{columns}x{element}>"
    values = {n: uniform(random, ROWS - 1, columns) for n in "xy"[:operands]}
    if element == "bf16":
        values = {n: from_bf16(to_bf16(v)).astype(np.float64) for n, v in values.items()}
    body = f"  %z = qvl.{op} {', '.join(f'%{n}' for n in values)} : {type_}"
    return entry(name, [(n, type_) for n in values], body, type_, values, {"alloc0": Expected(function(*values.values()), **tolerance)})


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return x / 2 * (1 + np.vectorize(math.erf)(x / 2**0.5))


def cast(name, from_, to, columns):
    x = uniform(np.random.default_rng(columns), ROWS, columns)
    if from_ == "bf16":
        x = from_bf16(to_bf16(x)).astype(np.float64)
    type_, result = f"tensor<?x{columns}x{from_}>", f"tensor<?x{columns}x{to}>"
    return entry(name, [("x", type_)], f"  %z = qvl.cast %x : {type_} -> {result}", result, {"x": x}, {"alloc0": Expected(x)})


def embed(name, columns, element):
    random = np.random.default_rng(columns)
    table, ids = from_bf16(to_bf16(uniform(random, 67, columns))).astype(np.float64), random.integers(0, 67, ROWS)
    ids[:2] = 0, 66
    w_type, result = f"tensor<67x{columns}x{element}>", f"tensor<?x{columns}xf32>"
    return entry(name, [("ids", "tensor<?xi32>")], f"  %z = qvl.embed %ids, %t : tensor<?xi32>, {w_type} -> {result}", result,
                 {"ids": ids, "t": table}, {"alloc0": Expected(table[ids])}, [("t", w_type)])


def gather_rows(name, columns):
    random = np.random.default_rng(columns)
    x, rows = uniform(random, 29, columns), random.integers(0, 29, ROWS)
    rows[:2] = 0, 28
    type_ = f"tensor<?x{columns}xf32>"
    return entry(name, [("x", type_), ("r", "tensor<?xi32>")], f"  %z = qvl.gather_rows %x, %r : {type_}, tensor<?xi32> -> {type_}", type_,
                 {"x": x, "r": rows}, {"alloc0": Expected(x[rows])})


def merge_features(name, columns):
    random = np.random.default_rng(columns)
    x, features = from_bf16(to_bf16(uniform(random, ROWS, columns))), uniform(random, 3, columns)
    rows = np.array([-1, 0, 2, -1, 1, -1])
    want = np.where(rows[:, None] < 0, x, features[np.maximum(rows, 0)])
    types = [f"tensor<?x{columns}xbf16>", f"tensor<?x{columns}xf32>", "tensor<?xi32>"]
    return entry(name, list(zip("xfr", types)), f"  %z = qvl.merge_features %x, %f, %r : {', '.join(types)}", types[0],
                 {"x": x, "f": features, "r": rows}, {"alloc0": Expected(want)})


def regroup(name, inverse):
    random = np.random.default_rng(5)
    index, x = random.permutation(3), uniform(random, 6, 2, 20)
    read = (index[:, None] * 2 + np.arange(2)).reshape(-1)
    want = np.empty_like(x)
    want[read if inverse else slice(None)] = x if inverse else x[read]
    type_ = "tensor<?x2x20xf32>"
    body = f"  %z = qvl.regroup %x, %i preserving(%s) {{group = 2 : i64{', inverse' if inverse else ''}}} : {type_}, tensor<?xi32>, tensor<?xi32>"
    return entry(name, [("x", type_), ("i", "tensor<?xi32>"), ("s", "tensor<?xi32>")], body, type_,
                 {"x": x, "i": index, "s": np.array([0, 6])}, {"alloc0": Expected(want)})


def split_heads(name, head_dim):
    columns = 10 * head_dim
    x = uniform(np.random.default_rng(6), ROWS, columns)
    types = tuple(f"tensor<?x{heads}x{head_dim}xf32>" for heads in (6, 2, 2))
    body = (f"  %z:3 = qvl.split_heads %x {{heads = array<i64: 6, 2, 2>, head_dim = {head_dim} : i64}} : tensor<?x{columns}xf32> -> "
            f"{', '.join(types)}")
    bounds = [0, 6 * head_dim, 8 * head_dim, columns]
    return entry(name, [("x", f"tensor<?x{columns}xf32>")], body, types, {"x": x},
                 {f"alloc{k}": Expected(x[:, begin:end]) for k, (begin, end) in enumerate(zip(bounds, bounds[1:]))})


def rope_table(name):
    random = np.random.default_rng(8)
    positions, sections, index = random.integers(0, 1000, (2, 6)), (5, 5), random.permutation(3)
    powers = np.power(1e4, (np.arange(5, dtype=np.float32) / np.float32(5)).astype(np.float64))
    inverse = np.float32(1) / powers.astype(np.float32)  # each step in f32
    angles = np.concatenate([np.float32(positions[axis])[:, None] * inverse for axis in range(2)], axis=1)
    angles = angles[(index[:, None] * 2 + np.arange(2)).reshape(-1)].astype(np.float64)
    table = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    result = "tensor<?x10x2xf32>"
    body = (f"  %z = qvl.rope_table %p rows(%i group 2 : tensor<?xi32>) {{theta = 1.0e4 : f64, sections = array<i64: {sections[0]}, "
            f"{sections[1]}>, frequencies = #qvl.frequencies<per_axis>}} : tensor<2x?xi32> -> {result}")
    # Angles are f32 in both; sine and cosine are rounded once from f64.
    return entry(name, [("p", "tensor<2x?xi32>"), ("i", "tensor<?xi32>")], body, result, {"p": positions, "i": index},
                 {"alloc0": Expected(table, relative=2 * ROUNDING, absolute=2.0**-40)})


def turns(random, rows, angles):
    a = random.uniform(-3, 3, (rows, angles))
    return np.stack([np.cos(a), np.sin(a)], axis=-1).astype(np.float32).astype(np.float64)


def rotated(x, table):
    """Heads [rows][heads][2n] by angles [rows][n]."""
    n = x.shape[2] // 2
    low, high, cos, sin = x[..., :n], x[..., n:], table[:, None, :, 0], table[:, None, :, 1]
    return np.concatenate([low * cos - high * sin, high * cos + low * sin], axis=2)


ROTATION = {"absolute": 2.0**-23, "relative": 0}  # two products of numbers up to one and their sum, each rounded


def rotate(name):
    random = np.random.default_rng(9)
    x, table = uniform(random, ROWS, 2, 40), turns(random, ROWS, 20)
    types = ["tensor<?x2x40xf32>", "tensor<?x20x2xf32>"]
    return entry(name, list(zip("xt", types)), f"  %z = qvl.rotate %x, %t : {', '.join(types)}", types[0], {"x": x, "t": table},
                 {"alloc0": Expected(rotated(x, table), **ROTATION)})


def rope_qk(name):
    random = np.random.default_rng(10)
    x, table = uniform(random, ROWS, 8, 24), turns(random, ROWS, 12)
    types = ("tensor<?x4x24xf32>", "tensor<?x2x24xf32>", "tensor<?x2x24xf32>")
    body = (f"  %z:3 = qvl.rope_qk %x, %t {{heads = array<i64: 4, 2, 2>, head_dim = 24 : i64}} : tensor<?x192xf32>, tensor<?x12x2xf32> "
            f"-> {', '.join(types)}")
    expected = {"alloc0": Expected(rotated(x[:, :4], table), **ROTATION), "alloc1": Expected(rotated(x[:, 4:6], table), **ROTATION),
                "alloc2": Expected(x[:, 6:])}
    return entry(name, [("x", "tensor<?x192xf32>"), ("t", "tensor<?x12x2xf32>")], body, types,
                 {"x": x.reshape(ROWS, -1), "t": table}, expected)


LAYERS, LAYER, KV, DIM, PAGE, PAGES = 2, 1, 2, 20, 64, 2


def cache_type(head_dim):
    return f"!qvl.cache<{LAYERS}, {KV}, {head_dim}, {PAGE}, f32>"


def appended(cache, slots, keys, values):
    after = cache.copy()
    for token, slot in enumerate(slots):
        after[slot // PAGE, LAYER, :, :, slot % PAGE] = keys[token], values[token]
    return after


def cache_before(head_dim):
    return np.full((PAGES, LAYERS, 2, KV, PAGE, head_dim), 7.0)


def cache_append(name, head_dim):
    random = np.random.default_rng(11)
    key, value = uniform(random, ROWS, KV, head_dim), uniform(random, ROWS, KV, head_dim)
    slots = random.permutation(PAGES * PAGE)[:ROWS]
    slots[:2] = 0, PAGES * PAGE - 1
    type_, cache, before = f"tensor<?x{KV}x{head_dim}xf32>", cache_type(head_dim), cache_before(head_dim)
    text = f"""
func.func @program(%k: {type_} {{qvl.name = "k"}}, %v: {type_} {{qvl.name = "v"}}, %c: {cache} {{qvl.name = "c"}},
                   %slots: tensor<?xi64> {{qvl.name = "slots"}}) {{
  %layer = arith.constant {LAYER} : index
  %r = qvl.cache_append %k, %v, %c layer(%layer) slots(%slots) : {type_}, tensor<?xi64>, {cache}
  return
}}
"""
    operands = {"k": key, "v": value, "c": before.reshape(PAGES, -1), "slots": slots}
    return Entry(f"rows_{name}", text, [Call(operands, {"c": Expected(appended(before, slots, key, value))})])


def rope_append(name):
    random = np.random.default_rng(12)
    x, table, before = uniform(random, ROWS, 8, DIM), turns(random, ROWS, DIM // 2), cache_before(DIM)
    slots = random.permutation(PAGES * PAGE)[:ROWS]
    slots[:2] = 0, PAGES * PAGE - 1
    body = (f"  %layer = arith.constant {LAYER} : index\n"
            f"  %z, %n = qvl.rope_append %x, %t, %c layer(%layer) slots(%slots) {{q_heads = 4 : i64}} "
            f": tensor<?x160xf32>, tensor<?x10x2xf32>, {cache_type(DIM)}, tensor<?xi64> -> tensor<?x4x20xf32>")
    arguments = [("x", "tensor<?x160xf32>"), ("t", "tensor<?x10x2xf32>"), ("c", cache_type(DIM)), ("slots", "tensor<?xi64>")]
    after = appended(before, slots, rotated(x[:, 4:6], table), x[:, 6:])
    return entry(name, arguments, body, "tensor<?x4x20xf32>",
                 {"x": x.reshape(ROWS, -1), "t": table, "c": before.reshape(PAGES, -1), "slots": slots},
                 {"alloc0": Expected(rotated(x[:, :4], table), **ROTATION), "c": Expected(after, **ROTATION)})


def entries():
    yield norm("norm", 80)
    yield norm("norm_odd", 31)
    yield norm("norm_merged", 20, merge=4)
    yield pointwise("add", "add", 2, 112, "bf16", lambda x, y: x + y)
    yield pointwise("mul", "mul", 2, 20, "f32", lambda x, y: np.float32(x) * np.float32(y))
    # exp within 2 ulp, then a sum and a quotient.
    yield pointwise("silu", "silu", 1, 112, "f32", silu, relative=2.0**-21)
    # 1 + erf cancels for negative x: the error is that of numbers near one.
    yield pointwise("gelu", "gelu", 1, 80, "f32", gelu, absolute=2.0**-23)
    yield cast("narrow", "f32", "bf16", 80)
    yield cast("widen", "bf16", "f32", 20)
    yield embed("embed", 80, "bf16")
    yield embed("embed_odd", 21, "f32")
    yield gather_rows("gather", 80)
    yield merge_features("merge_features", 192)
    yield regroup("regroup", False)
    yield regroup("regroup_inverse", True)
    yield split_heads("split_heads", 20)
    yield split_heads("split_heads_odd", 7)  # element by element
    yield rope_table("rope_table")
    yield rotate("rotate")
    yield rope_qk("rope_qk")
    yield cache_append("cache_append", DIM)
    yield cache_append("cache_append_odd", 21)
    yield rope_append("rope_append")
