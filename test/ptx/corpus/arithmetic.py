"""Floating-point arithmetic and conversions: every rounding mode, .ftz, .sat, denormals, infinities, NaN."""
import random

from formats import (BF16, E4M3, E5M2, F16, F32, F64, NAN, TF32, add, divide, finite, multiply, negate, round_to_integer,
                     saturate)
from program import elementwise

MODES = ("rn", "rz", "rm", "rp")


def samples(form, count, seed, nan=True):
    """Bits of every class of value: zeros, denormals, limits, ties, infinities, NaN, then random ones."""
    chosen = random.Random(seed)
    sign, one = 1 << (form.bits - 1), form.encode(finite(1))
    special = [0, 1, 2, (1 << form.mantissa_bits) - 1, 1 << form.mantissa_bits, form.largest, form.largest - 1, one, one + 1,
               one - 1, form.encode(finite(2)), form.encode(finite(3))]
    special += [form.infinity, form.nan] if nan and form.infinite else []
    values = [bits | s for bits in special for s in (0, sign)]
    while len(values) < count:
        # Exponents near 1 as often as all the others, so that sums and products are inexact and not only infinite.
        bits = chosen.getrandbits(form.bits)
        if chosen.random() < 0.6:
            near = (one >> form.mantissa_bits) + chosen.randint(-3, 3)
            bits = bits & (sign | (1 << form.mantissa_bits) - 1) | near << form.mantissa_bits
        if nan or bits & ~sign <= form.largest:
            values.append(bits)
    chosen.shuffle(values)
    return values[:count]


def arithmetic_rows(form, kind, modes, flush):
    suffix = ".ftz" if flush else ""
    rows = []
    for mode in modes:
        for saturating in (False, True):
            if saturating and form in (F64, BF16):
                continue

            def result(value, mode=mode, saturating=saturating):
                return form.encode(saturate(value) if saturating else value, mode, flush)

            def read(bits):
                return form.decode(bits, flush)

            tail = f"{suffix}{'.sat' if saturating else ''}.{form.name}"
            rows.append((f"fma.{mode}{tail} %o, %x, %y, %z;", kind,
                         lambda x, y, z, m=mode, r=result: r(add(multiply(read(x), read(y)), read(z), m))))
            if form is BF16:
                continue  # add and mul of bf16 need sm_90
            rows.append((f"add.{mode}{tail} %o, %x, %y;", kind, lambda x, y, z, m=mode, r=result: r(add(read(x), read(y), m))))
            rows.append((f"sub.{mode}{tail} %o, %x, %y;", kind, lambda x, y, z, m=mode, r=result: r(add(read(x), negate(read(y)), m))))
            rows.append((f"mul.{mode}{tail} %o, %x, %y;", kind, lambda x, y, z, r=result: r(multiply(read(x), read(y)))))
    return rows


def division_rows(form, kind):
    rows = []
    for mode in MODES:
        rows.append((f"div.{mode}.{form.name} %o, %x, %y;", kind,
                     lambda x, y, z, m=mode: form.encode(divide(form.decode(x), form.decode(y)), m)))
        rows.append((f"rcp.{mode}.{form.name} %o, %x;", kind,
                     lambda x, y, z, m=mode: form.encode(divide(finite(1), form.decode(x)), m)))
    return rows


def arithmetic(form, kind, modes, flushes, count, nan=True):
    sources = [(kind, samples(form, count, f"{form.name}{i}", nan)) for i in range(3)]
    if not nan:  # the payload of a NaN of f64 is not specified: keep to operands that give none
        def tame(bits):
            exponent = bits >> 52 & 0x7FF
            return bits & ~(0x7FF << 52) | min(max(exponent, 500), 1500) << 52
        sources = [(kind, [tame(bits) for bits in values]) for _, values in sources]
    rows = [row for flush in flushes for row in arithmetic_rows(form, kind, modes, flush)]
    if form in (F32, F64):
        rows += division_rows(form, kind)
    return elementwise(f"float-{form.name}", f"add, sub, mul, fma and division of {form.name}: rounding modes, ftz, sat.",
                       sources, rows)


def to_integer(form, bits, width, signed, mode, flush=False):
    """PTX ISA 9.0, cvt: clamps; NaN gives 0, or the top bit alone when a type has 64 bits."""
    value = form.decode(bits, flush)
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    if value.kind == "nan":
        return 1 << (width - 1) if 64 in (form.bits, width) else 0
    if value.kind == "inf":
        number = low if value.negative else high
    else:
        number = round_to_integer(value.magnitude, mode, value.negative)
        number = min(max(-number if value.negative else number, low), high)
    return number & ((1 << width) - 1)


INTEGER_MODES = {"rni": "rn", "rzi": "rz", "rmi": "rm", "rpi": "rp"}


def float_to_integer(form, kind, count=96):
    rows = []
    for text, mode in INTEGER_MODES.items():
        for width in (32, 64):
            for letter in "su":
                rows.append((f"cvt.{text}.{letter}{width}.{form.name} %o, %x;", f"b{width}",
                             lambda x, w=width, s=letter == "s", m=mode: to_integer(form, x, w, s, m)))
    if form is F32:
        rows.append(("cvt.rzi.ftz.s32.f32 %o, %x;", "b32", lambda x: to_integer(F32, x, 32, True, "rz", True)))
    values = samples(form, count // 2, "integers")
    chosen = random.Random("halves")
    while len(values) < count:
        values.append(form.encode(finite(chosen.randint(-2**chosen.randint(1, 34), 2**chosen.randint(1, 34)) / 2)))
    return elementwise(f"cvt-{form.name}-integer", f"{form.name} to integers: clamping, NaN, four rounding modes.",
                       [(kind, values)], rows)


def narrowing(source, target, modes, extra=()):
    """Rows from f32 to a smaller format."""
    rows = [(f"cvt.{mode}.{target.name}.{source.name} %o, %x;", "b16",
             lambda x, m=mode: target.encode(source.decode(x), m)) for mode in modes]
    rows += [(f"cvt.{mode}.relu.{target.name}.{source.name} %o, %x;", "b16", lambda x, m=mode: relu(target, source.decode(x), m))
             for mode in modes if mode in extra]
    return rows


def relu(form, value, mode="rn", saturate_finite=False):
    """.relu: negative results become +0; NaN the canonical one."""
    if value.kind != "nan" and value.negative:
        return 0
    return form.encode(value, mode, saturate_finite=saturate_finite)


def conversions_f32():
    values = samples(F32, 128, "narrow")
    chosen = random.Random("ties")
    # Values between two neighbours of f16 and bf16, at and near the middle.
    for form in (F16, BF16):
        for _ in range(48):
            low = F32.encode(form.decode(chosen.randrange(form.largest)))
            step = 1 << (23 - form.mantissa_bits)
            values.append(min(low + step // 2 + chosen.choice((-1, 0, 1)), F32.largest) | chosen.getrandbits(1) << 31)
    rows = narrowing(F32, F16, MODES, ("rn", "rz")) + narrowing(F32, BF16, ("rn", "rz"), ("rn", "rz"))
    # The low 13 bits of a tf32 word are not specified.
    rows.append(("cvt.rna.tf32.f32 %o, %x; and.b32 %o, %o, 0xffffe000;", "b32", lambda x: TF32.encode(F32.decode(x), "rna") << 13))
    rows.append(("cvt.rn.sat.f16.f32 %o, %x;", "b16", lambda x: F16.encode(saturate(F32.decode(x)))))
    rows.append(("cvt.rn.ftz.f16.f32 %o, %x;", "b16", lambda x: F16.encode(F32.decode(x, True))))
    for text, mode in INTEGER_MODES.items():
        rows.append((f"cvt.{text}.f32.f32 %o, %x;", "b32", lambda x, m=mode: integral(x, m)))
    rows.append(("cvt.sat.f32.f32 %o, %x;", "b32", lambda x: F32.encode(saturate(F32.decode(x)))))
    return elementwise("cvt-f32", "f32 to f16, bf16, tf32 and to integral f32.", [("b32", values[:224])], rows)


def integral(bits, mode):
    value = F32.decode(bits)
    if value.kind != "finite":
        return F32.encode(value)
    return F32.encode(value._replace(magnitude=finite(round_to_integer(value.magnitude, mode, value.negative)).magnitude))


def widening():
    rows = [("cvt.f32.f16 %o, %x;", "b32", lambda x: F32.encode(F16.decode(x))),
            ("cvt.f64.f16 %o, %x;", "b64", lambda x: F64.encode(F16.decode(x)))]
    return elementwise("cvt-f16-wider", "f16 to f32 and f64, denormals included.",
                       [("b16", [b for b in samples(F16, 128, "wider") if F16.decode(b) != NAN][:96])], rows)


def from_f64():
    values = samples(F64, 96, "f64", nan=False)
    chosen = random.Random("f64 ties")
    for _ in range(64):
        low = F64.encode(F32.decode(chosen.randrange(F32.largest)))
        values.append(low + (1 << 28) + chosen.choice((-1, 0, 1)) | chosen.getrandbits(1) << 63)
    rows = [(f"cvt.{m}.f32.f64 %o, %x;", "b32", lambda x, m=m: F32.encode(F64.decode(x), m)) for m in MODES]
    rows += [(f"cvt.{m}.f16.f64 %o, %x;", "b16", lambda x, m=m: F16.encode(F64.decode(x), m)) for m in MODES]
    return elementwise("cvt-f64", "f64 to f32 and f16 in four rounding modes.", [("b64", values)], rows)


def from_integers():
    chosen = random.Random("integers")
    values = [0, 1, 2**31, 2**31 - 1, 2**32 - 1, 2**24 + 1, 2**63, 2**64 - 1, 2**63 - 1, 2**53 + 1]
    values += [chosen.getrandbits(64) >> chosen.randint(0, 63) for _ in range(86)]

    def signed(x, width):
        x &= (1 << width) - 1
        return x - (1 << width) if x >> (width - 1) else x

    rows = []
    for mode in MODES:
        for form, kind in ((F32, "b32"), (F64, "b64"), (F16, "b16")):
            for width in (32, 64):
                source = "%x" if width == 64 else "%s"
                prefix = "" if width == 64 else "{ .reg .b32 %s; cvt.u32.u64 %s, %x; "
                for letter in "su":
                    rows.append((f"{prefix}cvt.{mode}.{form.name}.{letter}{width} %o, {source};{' }' if prefix else ''}", kind,
                                 lambda x, f=form, w=width, s=letter == "s", m=mode:
                                 f.encode(finite(signed(x, w) if s else x & ((1 << w) - 1)), m)))
    return elementwise("cvt-integer-float", "Integers to f16, f32 and f64 in four rounding modes.", [("b64", values)], rows)


def eight_bit():
    x, y = (samples(F32, 96, f"eight{i}") for i in range(2))
    chosen = random.Random("eight")
    near = [F32.encode(finite(E4M3.decode(chosen.randrange(0x7E)).exact())) + (1 << 19) + chosen.choice((-1, 0, 1)) for _ in range(96)]
    rows = []
    for form in (E4M3, E5M2):
        name = f"{form.name}x2"
        rows.append((f"cvt.rn.satfinite.{name}.f32 %o, %x, %y;", "b16",
                     lambda a, b, f=form: f.encode(F32.decode(a), saturate_finite=True) << 8 | f.encode(F32.decode(b), saturate_finite=True)))
        rows.append((f"cvt.rn.satfinite.relu.{name}.f32 %o, %x, %y;", "b16",
                     lambda a, b, f=form: relu(f, F32.decode(a), saturate_finite=True) << 8 | relu(f, F32.decode(b), saturate_finite=True)))
    return elementwise("cvt-eight-bit", "Pairs of f32 to e4m3 and e5m2, saturating.", [("b32", x + near), ("b32", y + near[::-1])],
                       rows, "sm_90a")


def eight_bit_wider():
    pairs = [low | ((low * 7 + 13) & 0xFF) << 8 for low in range(256)]
    rows = [(f"cvt.rn.f16x2.{f.name}x2 %o, %x;", "b32",
             lambda x, f=f: F16.encode(f.decode(x >> 8)) << 16 | F16.encode(f.decode(x & 0xFF))) for f in (E4M3, E5M2)]
    return elementwise("cvt-eight-bit-wider", "Every e4m3 and e5m2 to f16.", [("b16", pairs)], rows, "sm_90a")


def programs():
    yield arithmetic(F32, "b32", MODES, (False, True), 192)
    yield arithmetic(F16, "b16", ("rn",), (False, True), 192)
    yield arithmetic(BF16, "b16", ("rn",), (False,), 192)
    yield arithmetic(F64, "b64", MODES, (False,), 128, nan=False)
    yield conversions_f32()
    yield widening()
    yield from_f64()
    yield from_integers()
    yield float_to_integer(F32, "b32")
    yield float_to_integer(F64, "b64")
    yield float_to_integer(F16, "b16")
    yield eight_bit()
    yield eight_bit_wider()
