"""Approximate instructions within the errors that the PTX ISA 9.0 documents for each (sections 9.7.3 and 9.7.4).

Expectations are f64 values of the host's mathematical library, far more exact than any error here.
"""
import math
import random

from formats import BF16, F16, F32, finite
from program import elementwise

INFINITY, NAN = math.inf, math.nan


def value(form, bits):
    decoded = form.decode(bits)
    if decoded.kind == "finite":
        return math.copysign(float(decoded.magnitude), -1 if decoded.negative else 1)
    return NAN if decoded.kind == "nan" else -INFINITY if decoded.negative else INFINITY


def bits_of(form, number):
    """The nearest value of the format, for use as an operand or as an expectation with a tolerance."""
    if math.isnan(number):
        return form.nan
    if math.isinf(number):
        return form.infinity | (number < 0) << (form.bits - 1)
    return form.encode(finite(number, math.copysign(1, number) < 0))


def spread(name, count, exponents, signed=True):
    """Random numbers with exponents from a range, as f32 bits."""
    chosen = random.Random(name)
    return [bits_of(F32, math.ldexp(chosen.uniform(1, 2), chosen.randint(*exponents)) * (chosen.choice((-1, 1)) if signed else 1))
            for _ in range(count)]


def uniform(name, count, low, high):
    chosen = random.Random(name)
    return [bits_of(F32, chosen.uniform(low, high)) for _ in range(count)]


SPECIALS = [0, 1 << 31, F32.infinity, F32.infinity | 1 << 31, F32.nan, F32.encode(finite(1)), F32.encode(finite(-1))]


def reciprocal(x):
    return NAN if math.isnan(x) else math.copysign(INFINITY, x) if x == 0 else 1 / x


def root(x):
    return x if x == 0 else NAN if not x >= 0 else math.sqrt(x)


def reciprocal_root(x):
    return math.copysign(INFINITY, x) if x == 0 else NAN if not x > 0 else 0.0 if math.isinf(x) else 1 / math.sqrt(x)


def logarithm(x):
    return -INFINITY if x == 0 else NAN if not x > 0 else math.log2(x) if math.isfinite(x) else x


def power(x):
    return x if math.isnan(x) else INFINITY if x >= 1024 else 0.0 if x <= -1100 else 2.0**x


def division(x, y):
    if math.isnan(x) or math.isnan(y) or (math.isinf(x) and math.isinf(y)) or x == y == 0:
        return NAN
    sign = math.copysign(1, x) * math.copysign(1, y)
    if math.isinf(x) or y == 0:
        return sign * INFINITY
    return sign * abs(x) / abs(y) if math.isfinite(y) else sign * 0.0


def periodic(function):
    return lambda x: function(x) if math.isfinite(x) else NAN


def as_numbers(program, tolerance):
    """The program with its last argument, the result, as f32, for a tolerance compares numbers.

    The tolerance grows by what rounding the expectation to f32 may cost: half a unit, of results up to one where it is absolute.
    """
    tolerance = {kind: error + {"relative": 2.0**-24, "absolute": 2.0**-25}[kind] for kind, error in tolerance.items()}
    *sources, result = program.cases[0]["arguments"]
    expected = {index: {**want, "dtype": "f32"} for index, want in program.cases[0]["expected"].items()}
    return program._replace(cases=[{**program.cases[0], "arguments": [*sources, {**result, "dtype": "f32"}], "expected": expected, **tolerance}])


def approximate(name, text, function, sources, note, **tolerance):
    """One instruction over f32 words."""
    rows = [(f"{text} %o, {', '.join(f'%{letter}' for letter in 'xyz'[:len(sources)])};", "b32",
             lambda *words: bits_of(F32, function(*(value(F32, word) for word in words))))]
    length = len(sources[0]) // 32 * 32
    made = elementwise(f"approx-{name}", f"{text}: {note}.", [("b32", words[:length]) for words in sources], rows, "sm_90a")
    return as_numbers(made, tolerance)


def half_precision(form, text, function, low, high, tolerance, note):
    """Values of a half format travel as words of one half; the result is widened, which is exact."""
    chosen = random.Random(text)
    halves = [bits_of(form, chosen.uniform(low, high)) for _ in range(96)]
    widen = f"cvt.f32.{form.name} %o, %c;"
    rows = [(f"{{ .reg .b16 %c; {text}.{form.name} %c, %x; {widen} }}", "b32", lambda x: bits_of(F32, function(value(form, x))))]
    made = elementwise(f"approx-{text.split('.')[0]}-{form.name}", f"{text}.{form.name}: {note}.", [("b16", halves)], rows, "sm_90a")
    return as_numbers(made, tolerance)


def ulps(count):
    """An error of `count` units in the last place is at most this, relative to a normal value."""
    return {"relative": count * 2.0**-23}


def programs():
    wide = SPECIALS + spread("wide", 121, (-120, 120))
    positive = SPECIALS + spread("positive", 121, (-120, 120), signed=False)
    yield approximate("rcp", "rcp.approx.ftz.f32", reciprocal, [wide], "1 ulp", **ulps(1))
    yield approximate("sqrt", "sqrt.approx.f32", root, [positive], "relative error 2^-23", relative=2.0**-23)
    yield approximate("rsqrt", "rsqrt.approx.ftz.f32", reciprocal_root, [positive], "relative error 2^-22.9", relative=2.0**-22.9)
    yield approximate("lg2-near-one", "lg2.approx.f32", logarithm, [uniform("lg2", 128, 0.51, 1.99)], "absolute error 2^-22 between 0.5 and 2",
                      absolute=2.0**-22)
    yield approximate("lg2", "lg2.approx.ftz.f32", logarithm,
                      [SPECIALS[:5] + [w for w in spread("lg2", 200, (-120, 120), False) if not 0.5 <= value(F32, w) <= 2][:91]],
                      "relative error 2^-22 outside of 0.5 to 2", relative=2.0**-22)
    yield approximate("ex2", "ex2.approx.ftz.f32", power, [SPECIALS + uniform("ex2", 121, -125, 127)], "2 ulp", **ulps(2))
    yield approximate("sin", "sin.approx.ftz.f32", periodic(math.sin), [[F32.nan, F32.infinity, 0, 1 << 31] + uniform("sin", 124, -math.pi, math.pi)],
                      "absolute error 2^-20.5 within two pi", absolute=2.0**-20.5)
    yield approximate("cos", "cos.approx.ftz.f32", periodic(math.cos), [[F32.nan, F32.infinity, 0, 1 << 31] + uniform("cos", 124, -math.pi, math.pi)],
                      "absolute error 2^-20.5 within two pi", absolute=2.0**-20.5)
    yield approximate("tanh", "tanh.approx.f32", math.tanh, [SPECIALS + uniform("tanh", 121, -6, 6)], "relative error 2^-11", relative=2.0**-11)
    numerators, denominators = (spread(f"div{i}", 153, (-60, 60)) for i in range(2))
    pairs = [(x, y) for x in SPECIALS[:5] for y in SPECIALS[:5]]
    sources = [[*(pair[i] for pair in pairs), *words][:160] for i, words in enumerate((numerators, denominators))]
    yield approximate("div", "div.approx.ftz.f32", division, sources, "2 ulp for denominators between 2^-126 and 2^126", **ulps(2))
    yield approximate("div-full", "div.full.ftz.f32", division, sources, "2 ulp", **ulps(2))
    yield half_precision(F16, "ex2.approx", power, -13, 15, {"relative": 2.0**-9.9}, "relative error 2^-9.9")
    yield half_precision(BF16, "ex2.approx.ftz", power, -120, 120, {"relative": 2.0**-7}, "relative error 2^-7")
    yield half_precision(F16, "tanh.approx", math.tanh, -4, 4, {"absolute": 2.0**-10.987}, "absolute error 2^-10.987")
    yield half_precision(BF16, "tanh.approx", math.tanh, -4, 4, {"absolute": 2.0**-8}, "absolute error 2^-8")
