"""Attention of few rows over the cache whose keys are dealt to splits, and the joining of splits.

Blocks of 64 keys go to the splits in turn: sequences have fewer blocks than splits, as many, and more. What lies behind the keys and in
the outputs of splits without keys is NaN.
"""
import numpy as np

from attention import SCALE, attend, cached_operands, sequences_text, tolerance
from cases import Expected
from program import UNWRITTEN, Call, Entry

BLOCK = 64  # keys


def part_of(query, keys, values):
    """Maximum, sum of powers and weighted values of one head."""
    scores = SCALE * keys @ query
    powers = np.exp(scores - scores.max())
    return scores.max(), powers.sum(), powers @ values


def splits_of_row(row, splits, group):
    """[splits][heads][2] and [splits][heads][head_dim] of a row; nothing is written to the outputs of splits without keys."""
    heads, head_dim = row.query.shape
    weights = np.tile([-np.inf, 0.0], (splits, heads, 1))
    outputs = np.full((splits, heads, head_dim), np.full(4, UNWRITTEN, np.uint8).view(np.float32)[0], np.float64)
    for split in range(min(splits, -(-len(row.keys) // BLOCK))):
        own = np.arange(len(row.keys)) // BLOCK % splits == split
        for h in range(heads):
            *weights[split, h], outputs[split, h] = part_of(row.query[h], row.keys[own, h // group], row.values[own, h // group])
    return weights, outputs


def splits_call(kv_heads, group, head_dim, element, cache_element, splits, parts):
    operands, rows = cached_operands(kv_heads, group, head_dim, element, cache_element, parts, page=64)
    weights, outputs = zip(*(splits_of_row(row, splits, group) for row in rows))
    # Sums are not divided yet: errors are those of attention times the sum of powers.
    absolute = tolerance(head_dim, False, False)["absolute"] * max(w[..., 1].max() for w in weights)
    return Call(operands, {f"alloc{k}": Expected(np.array(part), absolute=absolute) for k, part in enumerate((weights, outputs))})


def splits(name, kv_heads, group, head_dim, element, cache_element, count, calls):
    heads = kv_heads * group
    results = f"tensor<?x{count}x{heads}x2xf32>, tensor<?x{count}x{heads}x{head_dim}xf32>"
    text = sequences_text("decode", "cached_attention_splits", heads, kv_heads, head_dim, element, cache_element, 64, results)
    made = [splits_call(kv_heads, group, head_dim, element, cache_element, count, parts) for parts in calls]
    return Entry(f"splits_{name}", text, made)


def merge(name, rows, count, heads, head_dim, element):
    """Weights and outputs as splits leave them: the last ones of a row have no keys."""
    random = np.random.default_rng(head_dim)
    maxima, sums = random.uniform(-3, 3, (rows, count, heads)), random.uniform(1, 4, (rows, count, heads))
    weights = np.stack([maxima, sums], axis=-1).astype(np.float32)
    outputs = (weights[..., 1:] * random.uniform(-1, 1, (rows, count, heads, head_dim))).astype(np.float32)
    for row, filled in zip(range(rows), [count, 1, count - 1]):
        weights[row, filled:], outputs[row, filled:] = (-np.inf, 0), np.nan
    factors = np.exp(weights[..., 0] - weights[..., 0].max(axis=1, keepdims=True).astype(np.float64))[..., None]
    want = (factors * np.nan_to_num(outputs)).sum(axis=1) / (factors * weights[..., 1:]).sum(axis=1)
    # Quotients of at most one: exponents below 6 round, then exp, a product and a sum for each split, and the quotient.
    narrow = element == "bf16"
    expected = Expected(want, absolute=2.0**-24 * (16 + count), relative=2.0**-8 if narrow else 0)
    w_type, o_type, result = (f"tensor<?x{count}x{heads}x2xf32>", f"tensor<?x{count}x{heads}x{head_dim}xf32>",
                              f"tensor<?x{heads * head_dim}x{element}>")
    text = f"""
func.func @decode(%w: {w_type} {{qvl.name = "w"}}, %o: {o_type} {{qvl.name = "o"}}) -> ({result} {{qvl.name = "y"}}) {{
  %r = qvl.merge_splits %w, %o : {w_type}, {o_type} -> {result}
  return %r : {result}
}}
"""
    return Entry(f"merge_splits_{name}", text, [Call({"w": weights, "o": outputs}, {"alloc0": expected})])


def entries():
    ragged = [((139, 140), (0, 1), (63, 64), (300, 301)), ((64, 65), (191, 192), (192, 193)), ((39, 40), (103, 104), (231, 232))]
    yield splits("bf16", 1, 7, 32, "bf16", "bf16", 3, ragged)
    yield splits("f32_odd", 2, 3, 17, "f32", "f32", 3, ragged)
    # More splits than lanes, and runs of four of which the last one is not full; then single elements.
    yield merge("bf16", 3, 37, 2, 96, "bf16")
    yield merge("f32_odd", 3, 3, 2, 17, "f32")
