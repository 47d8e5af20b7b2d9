"""The rest of cvt (PTX ISA 9.0, section 9.7.9.21): narrow integers, bf16, integral values, pairs, saturation; cvt.pack."""
import random

from arithmetic import INTEGER_MODES, MODES, relu, samples, to_integer
from formats import BF16, E4M3, E5M2, F16, F32, F64, NAN, finite, round_to_integer
from program import elementwise

INTEGERS = [(letter, width) for width in (8, 16, 32, 64) for letter in "us"]
REGISTERS = {8: "b16", 16: "b16", 32: "b32", 64: "b64"}


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def number(bits, letter, width):
    return signed(bits, width) if letter == "s" else bits & ((1 << width) - 1)


def integers_to_integers():
    """All pairs of types, with and without .sat; a signed result narrower than its register fills it with its sign."""
    chosen = random.Random("integer cvt")
    edges = [sign * (1 << bits) + offset for bits in (7, 8, 15, 16, 31, 32, 63) for sign in (1, -1) for offset in (-1, 0, 1)]
    values = [v & (1 << 64) - 1 for v in edges] + [chosen.getrandbits(64) >> chosen.choice((0, 32, 48, 56)) for _ in range(64 - len(edges) % 64)]
    values = values[:len(values) // 32 * 32]
    rows = []
    for to in INTEGERS:
        for source in INTEGERS:
            register = REGISTERS[source[1]]
            narrow = {"b16": "cvt.u16.u64 %n, %x;", "b32": "cvt.u32.u64 %n, %x;", "b64": "mov.b64 %n, %x;"}[register]
            wide = REGISTERS[to[1]]
            for saturating in (False, True):
                ending = ".sat" if saturating else ""
                fits = to[1] >= source[1] and to[0] == source[0] or to[1] > source[1] and source[0] == "u"
                if saturating and fits:
                    continue  # .sat has no meaning, and does not exist
                text = f"{{ .reg .{register} %n; .reg .{wide} %k; {narrow} cvt{ending}.{to[0]}{to[1]}.{source[0]}{source[1]} %k, %n; "
                text += f"cvt.u64.u{int(wide[1:])} %o, %k; }}" if wide != "b64" else "mov.b64 %o, %k; }"

                def result(x, to=to, source=source, saturating=saturating, wide=int(wide[1:])):
                    value = number(x, *source)
                    if saturating:
                        low, high = (-(1 << (to[1] - 1)), (1 << (to[1] - 1)) - 1) if to[0] == "s" else (0, (1 << to[1]) - 1)
                        value = min(max(value, low), high)
                    return number(value, *to) & ((1 << wide) - 1)

                rows.append((text, "b64", result))
    return elementwise("cvt-integer", "Integers to integers: widening, narrowing, saturation.", [("b64", values)], rows)


def floats_to_narrow():
    """f32 and f16 to 8 and 16 bits: clamped to the range of the type."""
    rows = []
    for width in (8, 16):
        for letter in "us":
            for text, mode in INTEGER_MODES.items():
                def result(x, w=width, s=letter == "s", m=mode):
                    value = to_integer(F32, x, w, s, m)
                    return (signed(value, w) if s else value) & 0xFFFF
                rows.append((f"cvt.{text}.{letter}{width}.f32 %o, %x;", "b16", result))
    values = samples(F32, 64, "narrow integers")
    chosen = random.Random("narrow integers")
    values += [F32.encode(finite(chosen.randint(-2**17, 2**17) / 4)) for _ in range(32)] + \
        [F32.encode(finite(chosen.randint(-300 * 4, 300 * 4) / 4)) for _ in range(64)]
    return elementwise("cvt-f32-narrow", "f32 to integers of 8 and 16 bits.", [("b32", values)], rows)


def narrow_to_floats():
    """Integers of 8 and 16 bits to f32, f16 and bf16."""
    chosen = random.Random("narrow to float")
    values = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF] + [chosen.getrandbits(16) for _ in range(88)]
    rows = []
    for form, kind in ((F32, "b32"), (F16, "b16"), (BF16, "b16")):
        for mode in MODES:
            for width in (8, 16) if form is not BF16 else (16,):
                for letter in "us":
                    rows.append((f"cvt.{mode}.{form.name}.{letter}{width} %o, %x;", kind,
                                 lambda x, f=form, w=width, s=letter, m=mode: f.encode(finite(number(x, s, w)), m)))
    return elementwise("cvt-narrow-float", "Integers of 8 and 16 bits to floating point.", [("b16", values)], rows, "sm_90a")


def integral(form, bits, mode):
    value = form.decode(bits)
    if value.kind != "finite":
        return form.encode(value)
    return form.encode(value._replace(magnitude=finite(round_to_integer(value.magnitude, mode, value.negative)).magnitude))


def integral_values(form, kind):
    rows = [(f"cvt.{text}.{form.name}.{form.name} %o, %x;", kind, lambda x, m=mode: integral(form, x, m)) for text, mode in INTEGER_MODES.items()]
    values = samples(form, 64, f"integral {form.name}", nan=form is not F64)
    chosen = random.Random(f"integral {form.name}")
    values += [form.encode(finite(chosen.randint(-200, 200) / 4, chosen.random() < 0.5)) for _ in range(32)]
    return elementwise(f"cvt-{form.name}-integral", f"{form.name} to integral {form.name}: the sign of zero stays.", [(kind, values)], rows, "sm_90a")


def brain_floats():
    """bf16 to and from the other formats and integers."""
    rows = [("cvt.f32.bf16 %o, %x;", "b32", lambda x: F32.encode(BF16.decode(x)))]
    rows += [(f"cvt.{mode}.f16.bf16 %o, %x;", "b16", lambda x, m=mode: F16.encode(BF16.decode(x), m)) for mode in MODES]
    for text, mode in INTEGER_MODES.items():
        for letter, width in (("s", 32), ("u", 16)):
            rows.append((f"cvt.{text}.{letter}{width}.bf16 %o, %x;", REGISTERS[width],
                         lambda x, s=letter == "s", w=width, m=mode: to_integer(BF16, x, w, s, m)))
    values = [bits for bits in samples(BF16, 160, "brain") if BF16.decode(bits) != NAN][:96]
    return elementwise("cvt-bf16", "bf16 to other formats and to integers.", [("b16", values)], rows, "sm_90a")


def to_brain_floats():
    rows = [(f"cvt.{mode}.bf16.f16 %o, %x;", "b16", lambda x, m=mode: BF16.encode(F16.decode(x), m)) for mode in MODES]
    values = [bits for bits in samples(F16, 160, "to brain") if F16.decode(bits) != NAN][:96]
    return elementwise("cvt-f16-bf16", "f16 to bf16 in four rounding modes.", [("b16", values)], rows, "sm_90a")


def eight_bit_pairs():
    """Pairs of f16 to e4m3 and e5m2: the upper half stays above."""
    low, high = samples(F16, 128, "eight low"), samples(F16, 128, "eight high")
    rows = []
    for form in (E4M3, E5M2):
        for ending in ("", ".relu"):
            def half(bits, f=form, e=ending):
                value = F16.decode(bits)
                return relu(f, value, saturate_finite=True) if e else f.encode(value, saturate_finite=True)
            rows.append((f"cvt.rn.satfinite{ending}.{form.name}x2.f16x2 %o, %x;", "b16", lambda x, h=half: h(x >> 16) << 8 | h(x & 0xFFFF)))
    return elementwise("cvt-eight-bit-halves", "Pairs of f16 to e4m3 and e5m2, saturating.", [("b32", [a | b << 16 for a, b in zip(low, high)])],
                       rows, "sm_90a")


def packs():
    """cvt.pack: the first source goes to the upper place, the third fills what is left."""
    chosen = random.Random("pack")
    sources = [("b32", [0x7FFF, 0x8000, 0xFFFF, 0x10000, 0xFFFFFFFF, 0x7F, 0x80, 0xFF, 0x100] + [chosen.getrandbits(32) >> chosen.choice((0, 15, 16, 23, 25))
                        for _ in range(87)]) for _ in range(3)]

    def clamp(x, letter, width):
        low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if letter == "s" else (0, (1 << width) - 1)
        return min(max(signed(x, 32), low), high) & ((1 << width) - 1)

    rows = [(f"cvt.pack.sat.{letter}16.s32 %o, %x, %y;", "b32", lambda x, y, z, s=letter: clamp(x, s, 16) << 16 | clamp(y, s, 16)) for letter in "su"]
    rows += [(f"cvt.pack.sat.{letter}8.s32.b32 %o, %x, %y, %z;", "b32",
              lambda x, y, z, s=letter: (z & 0xFFFF) << 16 | clamp(x, s, 8) << 8 | clamp(y, s, 8)) for letter in "su"]
    return elementwise("cvt-pack", "cvt.pack: saturated pairs.", sources, rows)


def wider():
    """f32 to f64; .ftz reads subnormals as zero."""
    values = [bits for bits in samples(F32, 160, "f64") if F32.decode(bits) != NAN][:96]
    rows = [("cvt.f64.f32 %o, %x;", "b64", lambda x: F64.encode(F32.decode(x))), ("cvt.ftz.f64.f32 %o, %x;", "b64", lambda x: F64.encode(F32.decode(x, True)))]
    return elementwise("cvt-f32-f64", "f32 to f64.", [("b32", values)], rows)


def programs():
    yield integers_to_integers()
    yield floats_to_narrow()
    yield narrow_to_floats()
    yield integral_values(F16, "b16")
    yield integral_values(F64, "b64")
    yield brain_floats()
    yield to_brain_floats()
    yield eight_bit_pairs()
    yield packs()
    yield wider()
