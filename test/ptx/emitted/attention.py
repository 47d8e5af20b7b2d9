"""Attention over segments and over the paged cache, for many rows and for few, on tensor cores and by multiply-adds.

The tolerance covers roundings of f32 in the scores, the exponential and the sums; bf16 rounds probabilities (for the tensor cores) and
the result.
"""
from typing import NamedTuple

import numpy as np

from cases import Expected, from_bf16, to_bf16
from program import Call, Entry

LAYERS, LAYER = 2, 1
SCALE = 2.0


def uniform(random, element, *shape):
    values = random.uniform(-1, 1, shape)
    return from_bf16(to_bf16(values)).astype(np.float64) if element == "bf16" else values.astype(np.float32).astype(np.float64)


def tolerance(head_dim, narrow_probabilities, narrow_result):
    # The relative error of a probability is the error of its exponent, a score less the largest one: roundings of numbers below
    # SCALE * head_dim. A few of exp, the sums and the quotient follow.
    absolute = 2.0**-24 * (8 + SCALE * head_dim) + (2.0**-8 if narrow_probabilities else 0)
    return {"absolute": absolute + (2.0**-22 if narrow_result else 0), "relative": 2.0**-8 if narrow_result else 0}


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def attend(query, keys, values):
    """Of one head: [rows][head_dim] with [keys][head_dim], key by key."""
    return softmax(SCALE * query @ keys.T) @ values


def segments_text(heads, head_dim, element):
    type_, result = f"tensor<?x{heads}x{head_dim}x{element}>", f"tensor<?x{heads * head_dim}x{element}>"
    return f"""
func.func @vision(%q: {type_} {{qvl.name = "q"}}, %k: {type_} {{qvl.name = "k"}}, %v: {type_} {{qvl.name = "v"}},
                  %s: tensor<?xi32> {{qvl.name = "s"}}) -> ({result} {{qvl.name = "y"}}) {{
  %r = qvl.attention %q, %k, %v segments(%s) {{scale = {SCALE} : f64}} : {type_}, tensor<?xi32> -> {result}
  return %r : {result}
}}
"""


def sequences_text(program, op, heads, kv_heads, head_dim, element, cache_element, page, results, layers=LAYERS, layer=LAYER):
    """A function of one op on queries and a cache."""
    q_type, cache_type = f"tensor<?x{heads}x{head_dim}x{element}>", f"!qvl.cache<{layers}, {kv_heads}, {head_dim}, {page}, {cache_element}>"
    list_, table_type, types = "tensor<?xi32>", "tensor<?x?xi32>", results.split(", ")
    named = ", ".join(f'{type_} {{qvl.name = "y{k}"}}' for k, type_ in enumerate(types))
    values = ", ".join(f"%r{k}" for k in range(len(types)))
    return f"""
func.func @{program}(%q: {q_type} {{qvl.name = "q"}}, %c: {cache_type} {{qvl.name = "c"}}, %o: {list_} {{qvl.name = "o"}},
    %s: {list_} {{qvl.name = "s"}}, %l: {list_} {{qvl.name = "l"}}, %t: {table_type} {{qvl.name = "t"}}) -> ({named}) {{
  %layer = arith.constant {layer} : index
  {values} = qvl.{op} %q, %c layer(%layer) sequences(%o, %s, %l, %t) {{scale = {SCALE} : f64}}
      : {q_type}, {cache_type}, {list_}, {list_}, {list_}, {table_type} -> {results}
  return {values} : {results}
}}
"""


def segments(name, heads, head_dim, element, calls):
    """Each call has other bounds and as many rows behind the last one, which see no key."""
    narrow = element == "bf16"

    def call(bounds, behind):
        random = np.random.default_rng(head_dim)
        query, key, value = (uniform(random, element, bounds[-1] + behind, heads, head_dim) for _ in range(3))
        want = np.zeros_like(query)
        for begin, end in zip(bounds, bounds[1:]):
            for h in range(heads):
                if begin < end:
                    want[begin:end, h] = attend(query[begin:end, h], key[begin:end, h], value[begin:end, h])
        return Call({"q": query, "k": key, "v": value, "s": np.array(bounds)},
                    {"alloc0": Expected(want, **tolerance(head_dim, narrow, narrow))})

    return Entry(f"attention_{name}", segments_text(heads, head_dim, element), [call(*each) for each in calls])


class Row(NamedTuple):
    """A query [heads][head_dim], and the keys and values that it sees, [tokens][kv_heads][head_dim]."""
    query: np.ndarray
    keys: np.ndarray
    values: np.ndarray


def queries(random, element, heads, last_key):
    """Every second head of a row prefers its last key, [kv_heads][head_dim], which then counts whatever the tolerance."""
    query = uniform(random, "f32", heads, last_key.shape[1])
    query[1::2] = np.clip(query + np.repeat(last_key, heads // len(last_key), axis=0) / 4, -1, 1)[1::2]
    return from_bf16(to_bf16(query)).astype(np.float64) if element == "bf16" else query.astype(np.float32).astype(np.float64)


def cached_operands(kv_heads, group, head_dim, element, cache_element, parts, page):
    """The operands of a call, and its rows."""
    random = np.random.default_rng(head_dim + len(parts))
    heads, width = kv_heads * group, max(-(-end // page) for _, end in parts)
    table = random.permutation(width * len(parts)).astype(np.int32).reshape(len(parts), width)
    # Nothing may be read where no token was written: NaN.
    cache = np.full((table.size + 1, LAYERS, 2, kv_heads, page, head_dim), np.nan, np.float32)
    rows, row_sequence = [], []
    for b, (begin, end) in enumerate(parts):
        keys, values = (uniform(random, cache_element, end, kv_heads, head_dim) for _ in range(2))
        for token in range(end):
            cache[table[b, token // page], LAYER, :, :, token % page] = keys[token], values[token]
        for token in range(begin, end):
            rows.append(Row(queries(random, element, heads, keys[token]), keys[:token + 1], values[:token + 1]))
            row_sequence.append(b)
    if cache_element == "bf16":
        with np.errstate(invalid="ignore"):
            cache = np.where(np.isnan(cache), np.uint16(0x7FC0), to_bf16(np.nan_to_num(cache)))
    lengths = [end - begin for begin, end in parts]
    return {"q": np.array([row.query for row in rows]), "c": cache.reshape(len(cache), -1), "o": np.cumsum([0, *lengths]),
            "s": np.array(row_sequence), "l": np.array([begin for begin, _ in parts]), "t": table}, rows


def cached_call(program, kv_heads, group, head_dim, element, cache_element, parts, page):
    operands, rows = cached_operands(kv_heads, group, head_dim, element, cache_element, parts, page)
    want = [[attend(row.query[h:h + 1], row.keys[:, h // group], row.values[:, h // group])[0] for h in range(kv_heads * group)]
            for row in rows]
    narrow = element == cache_element == "bf16" and program == "prefill"
    return Call(operands, {"alloc0": Expected(np.array(want), **tolerance(head_dim, narrow, element == "bf16"))})


def cached_text(program, heads, kv_heads, head_dim, element, cache_element, page, **layers):
    """A function of cached attention; layers=, layer=: how many the cache has, and whose keys and values are read."""
    return sequences_text(program, "cached_attention", heads, kv_heads, head_dim, element, cache_element, page,
                          f"tensor<?x{heads * head_dim}x{element}>", **layers)


def cached(name, program, kv_heads, group, head_dim, element, cache_element, calls, page=64):
    """Each call has parts: the tokens [begin, end) of each sequence whose rows are computed."""
    made = [cached_call(program, kv_heads, group, head_dim, element, cache_element, parts, page) for parts in calls]
    text = cached_text(program, kv_heads * group, kv_heads, head_dim, element, cache_element, page)
    return Entry(f"cached_{name}", text, made)


# Bounds of segments and rows behind them: tiles of several segments; keys that end in each part of a tile, of the first one and of a
# further one; a single key, and a single one in a further tile; segments that begin or end beside a tile; rows and a
# whole tile without keys, which the runtime refuses.
SEGMENTS = [((0, 0, 16, 17, 81, 150, 150), 0), ((0, 68, 73), 0), ((0, 92), 0), ((0, 11, 39, 119), 0), ((0, 150), 0), ((0, 180), 0),
            *(((0, keys), 0) for keys in (1, 9, 25, 41, 57, 65, 105)), ((0, 1, 66), 0), ((0, 63, 130), 0), ((0, 30), 10), ((0, 9, 30), 100), ((0, 0), 5)]
# The same of tokens of sequences; a sequence without rows between others.
PARTS = [((60, 70), (0, 1), (40, 64), (128, 131)), ((0, 19),), ((30, 35), (12, 12), (0, 43)), ((64, 65),), ((150, 171),),
         *(((begin, end),) for begin, end in ((0, 9), (20, 25), (37, 41), (52, 57), (62, 70), (60, 73), (85, 89), (96, 105), (104, 121)))]


def entries():
    yield segments("mma", 1, 32, "bf16", SEGMENTS)
    yield segments("fma", 1, 32, "f32", SEGMENTS)
    # Heads in copies of one element, four lines at a time.
    yield segments("fma_odd", 2, 17, "f32", SEGMENTS + [((0, keys), 0) for keys in (15, *range(2, 128, 4))])
    yield cached("prefill_mma", "prefill", 2, 3, 32, "bf16", "bf16", PARTS)
    yield cached("prefill_fma", "prefill", 2, 3, 32, "f32", "f32", PARTS)
    yield cached("prefill_fma_mixed", "prefill", 1, 5, 16, "f32", "bf16", PARTS)
    # 40 and 104 keys: where the keys of a warp would begin.
    one_each = [((139, 140), (0, 1), (63, 64), (300, 301)), ((30, 31),), ((599, 600), (64, 65)), ((511, 512), (512, 513), (96, 97)),
                ((39, 40), (103, 104))]
    yield cached("decode_bf16", "decode", 1, 7, 32, "bf16", "bf16", one_each)
    yield cached("decode_f32", "decode", 2, 3, 32, "f32", "f32", one_each)
    yield cached("decode_mixed", "decode", 1, 8, 18, "bf16", "f32", one_each)
    yield cached("decode_odd", "decode", 1, 3, 17, "bf16", "bf16", one_each)
