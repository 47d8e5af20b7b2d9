"""The choice of token ids: the largest logit of each block of columns, and the id of a row.

Loops of a thread block go round once more for a few of its threads. Draws lie close to the borders of the ids that they choose, nearer than
the probability of any other: a logit that is left out or counted twice moves the choice. Each case asserts that no rounding can.
"""
import numpy as np

from cases import Expected
from program import Call, Entry

SEEN_BITS, DRAW_BITS, NO_ID = 32, 53, -1
UNIT = 4  # columns that a thread reads at once
WARP_UNITS, CHUNK = 33, 3  # of the row of units: what a warp has of it, and what it has of that in the second step of a search
MARGIN = 2.0**-18  # of a probability; the device's errors are below 2^-19 (test/conformance/gpu_kernels/SamplingTest.cpp)


def words(seen, columns):
    """A bit for each column, from the lowest one of a word on."""
    bits = np.zeros(-(-columns // SEEN_BITS) * SEEN_BITS, np.uint64)
    bits[np.asarray(seen, int)] = 1
    return (bits.reshape(-1, SEEN_BITS) << np.arange(SEEN_BITS, dtype=np.uint64)).sum(axis=1).astype(np.uint32).view(np.int32)


def penalized(logits, seen, penalty):
    after = logits.astype(np.float32)
    seen, penalty = np.asarray(seen, int), np.float32(penalty)
    chosen = after[seen]
    after[seen] = np.where(chosen < 0, chosen * penalty, chosen / penalty)
    return after


def best_of(row, columns):
    """The largest of each block of columns, the first of equal ones; of a NaN no id."""
    blocks = [row[first:first + columns] for first in range(0, len(row), columns)]
    values = np.array([np.nan if np.isnan(block).any() else block.max() for block in blocks], np.float32)
    return values, np.array([NO_ID if np.isnan(value) else number * columns + int(np.argmax(block))
                             for number, (value, block) in enumerate(zip(values, blocks))], np.int32)


def operand_types(columns):
    return [("l", f"tensor<?x{columns}xf32>"), ("s", f"tensor<?x{-(-columns // SEEN_BITS)}xi32>"), ("p", "tensor<?x5xf32>")]


def declared(arguments):
    return ", ".join(f'%{name}: {type_} {{qvl.name = "{name}"}}' for name, type_ in arguments)


def argmax(name, vocabulary, columns):
    """Rows whose largest logit is at each end of a block or of one block alone, tied, penalized or no number."""
    random = np.random.default_rng(vocabulary)
    last = vocabulary - 1
    logits = random.uniform(-1, 1, (6, vocabulary)).astype(np.float32)
    for row, places in enumerate([(columns - 1, last), (0, columns), (columns,), (columns - 2, columns - 1, last - 1, last), (3, last)]):
        logits[row, list(places)] = 2 + row
    logits[5, [7, last]] = np.nan, -np.inf
    third = random.permutation(vocabulary)[:vocabulary // 3]
    seen = [np.array(ids) for ids in ([0], [columns], [], [columns - 2, last - 1], third, [last])]
    settings = np.zeros((6, 5))
    settings[:, 4] = 1.25, 2, 1, 4, 1.5, 3
    after = [penalized(*row) for row in zip(logits, seen, settings[:, 4])]
    values, ids = zip(*(best_of(row, columns) for row in after))
    arguments, blocks = operand_types(vocabulary), -(-vocabulary // columns)
    results = f"tensor<?x{blocks}xf32>, tensor<?x{blocks}xi32>"
    text = f"""
func.func @decode({declared(arguments)}) -> (tensor<?x{blocks}xf32> {{qvl.name = "v"}}, tensor<?x{blocks}xi32> {{qvl.name = "i"}}) {{
  %v, %i = qvl.argmax %l seen(%s) settings(%p) {{columns = {columns} : i64}} : {", ".join(type_ for _, type_ in arguments)} -> {results}
  return %v, %i : {results}
}}
"""
    operands = {"l": logits, "s": np.array([words(ids, vocabulary) for ids in seen]), "p": settings}
    expected = {"alloc0": Expected(np.array(values), relative=2.0**-60), "alloc1": Expected(np.array(ids))}
    return Entry(f"argmax_{name}", text, [Call(operands, expected)])


def border_among(order, count, row, logits):
    """How many ids to drop instead of `count`, so that the search for the first of equal ones that stays depends on a penalty: in front of
    it lies a unit whose first id was seen and would be equal without its penalty. The two numbers are for an id in that unit with another
    equal one between, and for one in the next unit of the chunk."""
    def is_penalized(unit, value):
        return unit % 2 and logits[UNIT * unit] == value and row[UNIT * unit] != value

    equal = [c for c in range(1, len(order)) if row[order[c]] == row[order[count]] == row[order[c - 1]]]
    inside, behind = [], []
    for c in equal:
        unit, before = order[c] // UNIT, order[c - 1] // UNIT
        if unit == before and is_penalized(unit, row[order[c]]):
            inside.append(c)
        if unit != before and unit % WARP_UNITS % CHUNK and is_penalized(unit - 1, row[order[c]]):
            behind.append(c)
    return inside[0], behind[0]


def kept(row, top_k, dropped_share, min_p, border=lambda order, count: count):
    """The probabilities, relative to the largest, that settings leave of a row behind penalty and temperature; others are 0. And the share
    that is to be dropped, moved halfway between two running sums, those at `border`."""
    likely = np.exp(row.astype(np.float64) - row.max())
    if 0 < top_k < len(row):
        likely[row < np.sort(row)[-int(top_k)]] = 0
    if dropped_share > 0:
        order, total = np.lexsort((np.arange(len(row)), row)), likely.sum()
        sums = np.cumsum(likely[order])
        count = border(order, np.searchsorted(sums, dropped_share * total))
        dropped_share = (sums[count - 1] + sums[count]) / 2 / total
        assert sums[count] - sums[count - 1] > 2 * MARGIN * total, "the border of top-p is too close"
        likely[order[:count]] = 0
    assert min_p == 0 or np.abs(likely - min_p).min() > MARGIN, "the border of min-p is too close"
    return np.where(likely < min_p, 0, likely), dropped_share


def draw_of(likely, place, part):
    """A draw for an id at a part of its share, and the id: one not too small for MARGIN, from a place among the kept ones on and round. But
    for the first place it lies, where there is one, in a unit of which the first id alone was seen, behind that."""
    total, ids = likely.sum(), np.flatnonzero(likely)
    large = [i for i in np.roll(ids, -int(place * (len(ids) - 1))) if min(part, 1 - part) * likely[i] > MARGIN * total]
    id_ = next((i for i in large if place and i // UNIT % 2 and i % UNIT), large[0])
    return int((likely[:id_].sum() + part * likely[id_]) / total * 2**DRAW_BITS), id_


# Temperature, top_k, dropped share, min_p, penalty; and the step of the logits: with one, many are equal, at the borders as well.
SETTINGS = [((1, 0, 0, 0, 1.25), 0), ((0.5, 0, 0, 0, 1), 0), ((2, 0, 0, 0, 1.5), 0), ((1, 1000, 0, 0, 1), 0), ((1, 40, 0, 0, 2), 0),
            ((1, 0, 0.3, 0, 1), 0), ((1, 0, 0.75, 0, 1.25), 0), ((1, 0, 0, 0.3, 1), 0), ((0.75, 900, 0.25, 0.25, 1.5), 0),
            ((1, 40, 0, 0, 1), 1 / 8), ((1, 0, 0.31, 0, 1), 1 / 8), ((1, 0, 0.71, 0, 1), 1 / 2), ((1, 0, 0.51, 0, 1.25), 1 / 4), ((1, 500, 0.27, 0, 1.5), 1 / 4)]
AMONG_EQUAL = (1, 0, 0.8, 0, 1.5), 1
# Where among the kept ids, and where in its share. What appears or is lost behind an id moves the draw up, in front of it down.
DRAWS = [(0, 0.9), (0.5, 0.03), (0.5, 0.97), (0.97, 0.03)]


def sampled_row(random, vocabulary, settings, step, seen, draw, number=None):
    """Logits, settings, draw and id. The ends of a row weigh the most: they count for every setting. With a `number` the border of top-p is
    that one of border_among()."""
    temperature, top_k, dropped_share, min_p, penalty = settings
    logits = random.uniform(-1, 1, vocabulary).astype(np.float32)
    logits = np.round(logits / step).astype(np.float32) * np.float32(step) if step else logits
    logits[[0, -1]] = 2.5
    row = penalized(logits, seen, penalty) / np.float32(temperature)
    borders = {} if number is None else {"border": lambda order, count: border_among(order, count, row, logits)[number]}
    likely, dropped_share = kept(row, top_k, dropped_share, min_p, **borders)
    return logits, (temperature, top_k, dropped_share, min_p, penalty), *draw_of(likely, *draw)


def greedy_rows(random, vocabulary):
    """Rows whose largest logit is chosen without a draw: at a temperature of zero, and where it is not finite."""
    for temperature, place, value in ((0, vocabulary - 1, 2), (0, 5, np.nan), (1, 3, np.inf)):
        logits = random.uniform(-1, 1, vocabulary).astype(np.float32)
        logits[place] = value
        yield logits, (temperature, 0, 0, 0, 1), 0, NO_ID if np.isnan(value) else place


def seen_ids(random, vocabulary):
    """A third of the ids. Of every second unit it is the first one alone."""
    some, ids = random.permutation(vocabulary)[:vocabulary // 3], np.arange(vocabulary)
    return np.flatnonzero(np.where(ids // UNIT % 2, ids % UNIT == 0, np.isin(ids, some)))


def sample(name, vocabulary, columns):
    random = np.random.default_rng(vocabulary)
    seen = seen_ids(random, vocabulary)
    # The last row is one that goes through its logits: behind them lies no other row.
    rows = list(greedy_rows(random, vocabulary))
    rows += [sampled_row(random, vocabulary, *settings, seen, draw) for settings in SETTINGS for draw in DRAWS]
    rows += [sampled_row(random, vocabulary, *AMONG_EQUAL, seen, draw, number) for number in range(2) for draw in DRAWS]
    logits, settings, draws, ids = (np.array(part) for part in zip(*rows))
    values, best = zip(*(best_of(penalized(row, seen, penalty), columns) for row, penalty in zip(logits, settings[:, 4])))
    operands = {"l": logits, "s": np.array([words(seen, vocabulary)] * len(rows)), "p": settings, "d": draws,
                "v": np.array(values), "b": np.array(best)}
    blocks = -(-vocabulary // columns)
    arguments = [*operand_types(vocabulary), ("d", "tensor<?xi64>"), ("v", f"tensor<?x{blocks}xf32>"), ("b", f"tensor<?x{blocks}xi32>")]
    text = f"""
func.func @decode({declared(arguments)}) -> (tensor<?xi32> {{qvl.name = "y"}}) {{
  %y = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%v, %b) : {", ".join(type_ for _, type_ in arguments)} -> tensor<?xi32>
  return %y : tensor<?xi32>
}}
"""
    return Entry(f"sample_{name}", text, [Call(operands, {"alloc0": Expected(ids)})])


def entries():
    # 264 units of four columns for 256 threads, then 11; single columns.
    yield argmax("units", 1100, 1056)
    yield argmax("columns", 589, 288)
    # 525 units of four columns for 512 threads, 66 blocks for 32 lanes; single columns.
    yield sample("units", 2100, 32)
    yield sample("columns", 1031, 512)
