"""Packed and single half precision: f16 and bf16 arithmetic, minimum and maximum, signs, comparisons, packing conversions."""
from arithmetic import relu, samples
from formats import BF16, F16, F32, add, multiply, negate, saturate
from program import elementwise

SIGN = 0x8000
OPERATIONS = {"add": lambda x, y, z: add(x, y), "sub": lambda x, y, z: add(x, negate(y)), "mul": lambda x, y, z: multiply(x, y),
              "fma": lambda x, y, z: add(multiply(x, y), z)}


def split(word):
    return word & 0xFFFF, word >> 16


def packed(function):
    """A function of halves as one of pairs of halves."""
    def both(*words):
        low, high = (function(*halves) for halves in zip(*(split(word) for word in words)))
        return low | high << 16
    return both


def minimum_maximum(form, greatest, nan=False, xorsign=False, flush=False):
    """PTX ISA 9.0, section 9.7.4.7: a NaN loses against a number, or wins with .NaN; +0 is above -0."""
    def result(x, y):
        values = [form.decode(bits, flush) for bits in (x, y)]
        negative = values[0].negative != values[1].negative if "nan" not in [v.kind for v in values] else (x ^ y) & SIGN != 0
        numbers = [v._replace(negative=False) if xorsign else v for v in values if v.kind != "nan"]
        if not numbers or (nan and len(numbers) == 1):
            return form.nan

        def order(value):
            size = float("inf") if value.kind == "inf" else value.magnitude
            return (-size if value.negative else size, not value.negative)

        chosen = (max if greatest else min)(numbers, key=order)
        return form.encode(chosen._replace(negative=negative) if xorsign else chosen, flush=flush)
    return result


def arithmetic_rows(form, pair):
    """Instructions of one format; bf16 has neither .ftz nor .sat."""
    name, kind, wrap = (f"{form.name}x2", "b32", packed) if pair else (form.name, "b16", lambda f: f)
    rows = []
    for op, function in OPERATIONS.items():
        sources = "%x, %y, %z" if op == "fma" else "%x, %y"
        for flush in (False, True) if form is F16 else (False,):
            for ending in ("", ".sat", ".relu"):
                if (ending == ".sat" and form is BF16) or (ending == ".relu" and op != "fma"):
                    continue

                def result(x, y, z, f=function, flush=flush, ending=ending):
                    value = f(*(form.decode(bits, flush) for bits in (x, y, z)))
                    if ending == ".relu":
                        bits = relu(form, value)
                        return bits if not flush or bits >> form.mantissa_bits else 0
                    return form.encode(saturate(value) if ending else value, flush=flush)

                rows.append((f"{op}.rn{'.ftz' if flush else ''}{ending}.{name} %o, {sources};", kind, wrap(result)))
    return rows


def comparison_rows(form, pair):
    name, kind, wrap = (f"{form.name}x2", "b32", packed) if pair else (form.name, "b16", lambda f: f)
    rows = []
    for op in ("min", "max"):
        for flush in (False, True) if form is F16 else (False,):
            for nan in (False, True):
                for xorsign in (False, True):
                    text = f"{op}{'.ftz' if flush else ''}{'.NaN' if nan else ''}{'.xorsign.abs' if xorsign else ''}.{name}"
                    rows.append((f"{text} %o, %x, %y;", kind, wrap(minimum_maximum(form, op == "max", nan, xorsign, flush))))
    return rows


def operands(form, pair, nan=True):
    def one(index):
        low = samples(form, 192, f"halves {form.name}{index}", nan)
        if not nan:
            low = [bits for bits in low if bits & ~SIGN <= form.infinity]
        low = (low * 2)[:192]
        return [a | b << 16 for a, b in zip(low, low[5:] + low[:5])] if pair else low
    return [("b32" if pair else "b16", one(index)) for index in range(3)]


def family(form, pair):
    name = form.name + ("x2" if pair else "")
    rows = comparison_rows(form, pair)
    yield elementwise(f"half-minmax-{name}", f"min and max of {name}: NaN, signed zeros, .NaN, .xorsign.abs.", operands(form, pair)[:2],
                      rows, "sm_90a")
    if pair or form is BF16:  # float-f16 has the single ones
        yield elementwise(f"half-arithmetic-{name}", f"add, sub, mul and fma of {name}: rounding, .ftz, .sat, .relu.",
                          operands(form, pair), arithmetic_rows(form, pair), "sm_90a")


def signs():
    """neg and abs of numbers; of NaN they are unspecified."""
    rows = []
    for form in (F16, BF16):
        for op, change in (("neg", lambda b: b ^ SIGN), ("abs", lambda b: b & ~SIGN)):
            rows.append((f"{op}.{form.name}x2 %o, %x;", "b32", packed(lambda b, c=change: c(b))))
    for op, change in (("neg", lambda b: b ^ SIGN), ("abs", lambda b: b & ~SIGN)):
        rows.append((f"{op}.ftz.f16x2 %o, %x;", "b32", packed(lambda b, c=change: c(b if b & 0x7C00 else b & SIGN))))
    words = [a | b << 16 for a, b in zip(operands(F16, False, nan=False)[0][1], operands(F16, False, nan=False)[1][1])]
    # The same bits are numbers of bf16 as well: a number of f16 has an exponent field below 31.
    words = [word for word in words if all(half & 0x7F80 != 0x7F80 for half in split(word))]
    return elementwise("half-signs", "neg and abs of pairs of halves.", [("b32", (words * 2)[:160])], rows, "sm_90a")


RELATIONS = {"eq": (0,), "ne": (-1, 1), "lt": (-1,), "le": (-1, 0), "gt": (1,), "ge": (0, 1)}


def relation(form, name):
    """Whether two bit patterns stand in a relation; the forms with u also hold when one is NaN (section 5.2.3)."""
    def holds(x, y):
        a, b = form.decode(x), form.decode(y)
        unordered = "nan" in (a.kind, b.kind)
        if name in ("num", "nan"):
            return unordered == (name == "nan")
        if unordered:
            return name.endswith("u")

        def order(value):
            size = float("inf") if value.kind == "inf" else value.magnitude
            return -size if value.negative else size

        sign = (order(a) > order(b)) - (order(a) < order(b))
        return sign in RELATIONS[name.removesuffix("u")]
    return holds


def comparisons(form, kind):
    names = [*RELATIONS, *(f"{name}u" for name in RELATIONS), "num", "nan"]
    rows = []
    for name in names:
        holds = relation(form, name)
        rows.append((f"{{ .reg .pred %m; setp.{name}.{form.name} %m, %x, %y; selp.u32 %o, 3, 4, %m; }}", "b32",
                     lambda x, y, h=holds: 3 if h(x, y) else 4))
        if form is F32:
            rows.append((f"set.{name}.u32.f32 %o, %x, %y;", "b32", lambda x, y, h=holds: 0xFFFFFFFF if h(x, y) else 0))
            rows.append((f"set.{name}.f32.f32 %o, %x, %y;", "b32", lambda x, y, h=holds: 0x3F800000 if h(x, y) else 0))
    first, second = (samples(form, 96, f"compare {form.name}{i}") for i in range(2))
    second = [x if i % 4 == 0 else y for i, (x, y) in enumerate(zip(first, second))]
    return elementwise(f"compare-{form.name}", f"Ordered and unordered comparisons of {form.name}.", [(kind, first), (kind, second)],
                       rows, "sm_90a")


def pairwise_comparisons():
    rows = []
    for form in (F16, BF16):
        for name in ("lt", "geu"):
            holds = relation(form, name)
            rows.append((f"{{ .reg .pred %m, %n; setp.{name}.{form.name}x2 %m|%n, %x, %y; selp.u32 %o, 1, 0, %m; @%n or.b32 %o, %o, 2; }}",
                         "b32", lambda x, y, h=holds: int(h(x & 0xFFFF, y & 0xFFFF)) | h(x >> 16, y >> 16) << 1))
    return elementwise("compare-half-pairs", "Comparisons of pairs of halves into two predicates.", operands(F16, True)[:2], rows, "sm_90a")


def packing():
    """Two f32 to a pair: the first source goes to the upper half (section 9.7.9.21)."""
    rows = []
    for form in (F16, BF16):
        for mode in ("rn", "rz"):
            for ending in ("", ".relu"):
                def half(bits, f=form, m=mode, e=ending):
                    value = F32.decode(bits)
                    return relu(f, value, m) if e else f.encode(value, m)
                rows.append((f"cvt.{mode}{ending}.{form.name}x2.f32 %o, %x, %y;", "b32", lambda x, y, h=half: h(x) << 16 | h(y)))
    sources = [("b32", samples(F32, 160, f"packing{i}")) for i in range(2)]
    return elementwise("cvt-half-pairs", "Two f32 to a pair of halves.", sources, rows, "sm_90a")


def programs():
    for form in (F16, BF16):
        for pair in (False, True):
            yield from family(form, pair)
    yield signs()
    yield comparisons(F16, "b16")
    yield comparisons(BF16, "b16")
    yield comparisons(F32, "b32")
    yield pairwise_comparisons()
    yield packing()
