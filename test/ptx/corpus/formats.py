"""Binary floating-point formats in exact arithmetic, written from their definitions (IEEE 754; PTX ISA 9.0, section 5.2).

Values are (kind, negative, magnitude) with kind "finite", "inf" or "nan" and an exact magnitude; nothing here uses the
floating-point arithmetic of the machine.
"""
from fractions import Fraction
from typing import NamedTuple


class Value(NamedTuple):
    kind: str
    negative: bool = False
    magnitude: Fraction = Fraction(0)

    def exact(self):
        return -self.magnitude if self.negative else self.magnitude


NAN = Value("nan")


def finite(number, negative_zero=False):
    number = Fraction(number)
    return Value("finite", number < 0 or (number == 0 and negative_zero), abs(number))


def round_to_integer(number, mode, negative):
    """Rounds a magnitude; `mode` is rn (nearest even), rna (nearest, ties away), rz, rm or rp."""
    whole, rest = divmod(number, 1)
    half = Fraction(1, 2)
    up = {"rn": rest > half or (rest == half and whole % 2 == 1), "rna": rest >= half, "rz": False,
          "rm": negative and rest > 0, "rp": not negative and rest > 0}[mode]
    return int(whole) + up


class Format(NamedTuple):
    name: str
    exponent_bits: int
    mantissa_bits: int
    nan: int  # the NaN that instructions produce
    infinite: bool = True  # e4m3 has no infinities, and one NaN a sign

    @property
    def bits(self):
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def minimum_exponent(self):
        return 2 - (1 << (self.exponent_bits - 1))

    @property
    def infinity(self):
        return ((1 << self.exponent_bits) - 1) << self.mantissa_bits

    @property
    def largest(self):
        return self.infinity - 1 if self.infinite else (1 << (self.bits - 1)) - 2

    def decode(self, bits, flush=False):
        negative, rest = bool(bits >> (self.bits - 1)), bits & ((1 << (self.bits - 1)) - 1)
        if rest > self.largest:
            return Value("inf", negative) if self.infinite and rest == self.infinity else NAN
        exponent, mantissa = rest >> self.mantissa_bits, rest & ((1 << self.mantissa_bits) - 1)
        if exponent:
            mantissa += 1 << self.mantissa_bits
        elif flush:
            mantissa = 0
        scale = max(exponent, 1) - 1 + self.minimum_exponent - self.mantissa_bits
        return Value("finite", negative, mantissa * Fraction(2)**scale)

    def encode(self, value, mode="rn", flush=False, saturate_finite=False):
        sign = value.negative << (self.bits - 1)
        if value.kind == "nan":
            return self.nan
        if value.kind == "inf":
            if saturate_finite or not self.infinite:
                return sign | (self.largest if saturate_finite else self.nan)
            return sign | self.infinity
        if value.magnitude == 0:
            return sign
        exponent = self.minimum_exponent
        if value.magnitude >= Fraction(2)**exponent:
            # One of the two: the quotient of the lengths is off by at most one.
            exponent = value.magnitude.numerator.bit_length() - value.magnitude.denominator.bit_length()
            exponent -= value.magnitude < Fraction(2)**exponent
        mantissa = round_to_integer(value.magnitude / Fraction(2)**(exponent - self.mantissa_bits), mode, value.negative)
        rest = ((exponent - self.minimum_exponent) << self.mantissa_bits) + mantissa
        if rest > self.largest:
            away = mode in ("rn", "rna") or mode == ("rm" if value.negative else "rp")
            overflow = self.infinity if self.infinite else self.nan
            rest = self.largest if saturate_finite or not away else overflow
        if flush and rest < 1 << self.mantissa_bits:
            rest = 0
        return sign | rest


F16 = Format("f16", 5, 10, 0x7FFF)
BF16 = Format("bf16", 8, 7, 0x7FFF)
F32 = Format("f32", 8, 23, 0x7FFFFFFF)
F64 = Format("f64", 11, 52, 0x7FF8000000000000)
TF32 = Format("tf32", 8, 10, 0x3FFFF)  # the upper 19 bits of a word
E4M3 = Format("e4m3", 4, 3, 0x7F, infinite=False)
E5M2 = Format("e5m2", 5, 2, 0x7F)


def add(a, b, mode="rn"):
    """The exact sum with the sign of zero that IEEE 754, section 6.3, gives."""
    if "nan" in (a.kind, b.kind):
        return NAN
    if "inf" in (a.kind, b.kind):
        if a.kind == b.kind and a.negative != b.negative:
            return NAN
        return a if a.kind == "inf" else b
    total = a.exact() + b.exact()
    if total == 0:
        return Value("finite", a.negative if a.negative == b.negative and not (a.magnitude or b.magnitude) else mode == "rm")
    return finite(total)


def multiply(a, b):
    negative = a.negative != b.negative
    if "nan" in (a.kind, b.kind):
        return NAN
    if "inf" in (a.kind, b.kind):
        zero = any(v.kind == "finite" and v.magnitude == 0 for v in (a, b))
        return NAN if zero else Value("inf", negative)
    return Value("finite", negative, a.magnitude * b.magnitude)


def negate(a):
    return a._replace(negative=not a.negative) if a.kind != "nan" else a


def divide(a, b):
    negative = a.negative != b.negative
    if "nan" in (a.kind, b.kind):
        return NAN
    zero_b = b.kind == "finite" and b.magnitude == 0
    if a.kind == "inf":
        return NAN if b.kind == "inf" else Value("inf", negative)
    if b.kind == "inf":
        return Value("finite", negative)
    if zero_b:
        return NAN if a.magnitude == 0 else Value("inf", negative)
    return Value("finite", negative, a.magnitude / b.magnitude)


def saturate(value):
    """.sat: clamps to [0, 1]; NaN becomes +0."""
    if value.kind == "nan" or value.negative:
        return finite(0)
    return finite(1) if value.kind == "inf" or value.magnitude > 1 else value
