"""Integer, bit and permutation instructions."""
import random

from program import elementwise

M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def signed(x, width=32):
    x &= (1 << width) - 1
    return x - (1 << width) if x >> (width - 1) else x


def clamp(value, width=32):
    return min(max(value, -(1 << (width - 1))), (1 << (width - 1)) - 1) & ((1 << width) - 1)


def truncated(a, b, remainder=False):
    """Division toward zero; by zero it is unspecified and not asked for."""
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return a - quotient * b if remainder else quotient


def bit_field_extract(x, position, length, is_signed):
    """PTX ISA 9.0, section 9.7.1.20: bits beyond the word are copies of the sign (or 0)."""
    position, length = position & 0xFF, length & 0xFF
    if length == 0:
        return 0
    sign = is_signed and x >> min(position + length - 1, 31) & 1
    bits = [x >> position + i & 1 if i < length and position + i < 32 else sign for i in range(32)]
    return sum(bit << i for i, bit in enumerate(bits))


def bit_field_insert(x, y, position, length):
    """Inserts the low bits of x into y."""
    position, length = position & 0xFF, length & 0xFF
    for i in range(length):
        if position + i < 32:
            y = y & ~(1 << position + i) | (x >> i & 1) << position + i
    return y


def permute(a, b, selector, mode):
    """prmt: section 9.7.9.7 of the PTX ISA 9.0."""
    data = [(a | b << 32) >> 8 * i & 0xFF for i in range(8)]
    n = selector & 3
    choices = {"f4e": [n, n + 1, n + 2, n + 3], "b4e": [n, (n - 1) % 8, (n - 2) % 8, (n - 3) % 8], "rc8": [n] * 4,
               "ecl": [0 if i < n else i for i in range(4)], "ecr": [i if i < n else n for i in range(4)],
               "rc16": [0, 1, 0, 1] if not n & 1 else [2, 3, 2, 3]}
    if mode == "ecl":
        picked = [max(i, n) for i in range(4)]
    elif mode == "ecr":
        picked = [min(i, n) for i in range(4)]
    elif mode:
        picked = choices[mode]
    else:
        result = 0
        for i in range(4):
            nibble = selector >> 4 * i & 15
            byte = data[nibble & 7]
            result |= ((0xFF if byte & 0x80 else 0) if nibble & 8 else byte) << 8 * i
        return result
    return sum(data[k] << 8 * i for i, k in enumerate(picked))


def dot4(a, b, c, signed_a, signed_b):
    def byte(x, i, is_signed):
        value = x >> 8 * i & 0xFF
        return value - 256 if is_signed and value > 127 else value

    return sum(byte(a, i, signed_a) * byte(b, i, signed_b) for i in range(4)) + c & M32


def dot2(a, b, c, signed_a, signed_b, high):
    def part(x, i, bits, is_signed):
        value = x >> bits * i & (1 << bits) - 1
        return value - (1 << bits) if is_signed and value >> (bits - 1) else value

    return sum(part(a, i, 16, signed_a) * part(b, i + 2 * high, 8, signed_b) for i in range(2)) + c & M32


def logic3(a, b, c, table):
    return sum((table >> ((a >> i & 1) << 2 | (b >> i & 1) << 1 | c >> i & 1) & 1) << i for i in range(32))


def operands(count, seed):
    chosen = random.Random(seed)
    special = [0, 1, 2, 31, 32, 33, M32, M32 - 1, 1 << 31, (1 << 31) - 1, (1 << 31) + 1, 0xFF, 0x80808080, 0x55555555]
    values = special + [chosen.getrandbits(32) >> chosen.choice((0, 0, 0, 8, 16, 24)) for _ in range(count - len(special))]
    chosen.shuffle(values)
    return values


def arithmetic():
    s = signed
    rows = [
        ("add.u32 %o, %x, %y;", lambda x, y, z: x + y), ("sub.u32 %o, %x, %y;", lambda x, y, z: x - y),
        ("add.sat.s32 %o, %x, %y;", lambda x, y, z: clamp(s(x) + s(y))), ("sub.sat.s32 %o, %x, %y;", lambda x, y, z: clamp(s(x) - s(y))),
        ("mul.lo.u32 %o, %x, %y;", lambda x, y, z: x * y), ("mul.hi.u32 %o, %x, %y;", lambda x, y, z: x * y >> 32),
        ("mul.hi.s32 %o, %x, %y;", lambda x, y, z: s(x) * s(y) >> 32), ("mad.lo.s32 %o, %x, %y, %z;", lambda x, y, z: x * y + z),
        ("mad.hi.s32 %o, %x, %y, %z;", lambda x, y, z: (s(x) * s(y) >> 32) + s(z)),
        ("mad.hi.sat.s32 %o, %x, %y, %z;", lambda x, y, z: clamp((s(x) * s(y) >> 32) + s(z))),
        ("mul24.lo.u32 %o, %x, %y;", lambda x, y, z: (x & 0xFFFFFF) * (y & 0xFFFFFF)),
        ("mul24.hi.s32 %o, %x, %y;", lambda x, y, z: s(x, 24) * s(y, 24) >> 16),
        ("sad.s32 %o, %x, %y, %z;", lambda x, y, z: z + abs(s(x) - s(y))), ("sad.u32 %o, %x, %y, %z;", lambda x, y, z: z + abs(x - y)),
        ("or.b32 %w, %y, 1; div.s32 %o, %x, %w;", lambda x, y, z: truncated(s(x), s(y | 1))),
        ("or.b32 %w, %y, 1; rem.s32 %o, %x, %w;", lambda x, y, z: truncated(s(x), s(y | 1), True)),
        ("or.b32 %w, %y, 1; div.u32 %o, %x, %w;", lambda x, y, z: x // (y | 1)),
        ("or.b32 %w, %y, 1; rem.u32 %o, %x, %w;", lambda x, y, z: x % (y | 1)),
        ("abs.s32 %o, %x;", lambda x, y, z: abs(s(x))), ("neg.s32 %o, %x;", lambda x, y, z: -x),
        ("min.s32 %o, %x, %y;", lambda x, y, z: min(s(x), s(y))), ("max.u32 %o, %x, %y;", lambda x, y, z: max(x, y)),
        ("popc.b32 %o, %x;", lambda x, y, z: bin(x).count("1")), ("clz.b32 %o, %x;", lambda x, y, z: 32 - x.bit_length()),
        ("bfind.u32 %o, %x;", lambda x, y, z: x.bit_length() - 1),
        ("bfind.s32 %o, %x;", lambda x, y, z: (x ^ M32 if x >> 31 else x).bit_length() - 1),
        ("bfind.shiftamt.u32 %o, %x;", lambda x, y, z: 32 - x.bit_length() if x else M32),
        ("brev.b32 %o, %x;", lambda x, y, z: int(f"{x:032b}"[::-1], 2)),
        ("add.cc.u32 %w, %x, %y; addc.u32 %o, %z, 0;", lambda x, y, z: z + (x + y >> 32)),
        ("sub.cc.u32 %w, %x, %y; subc.u32 %o, %z, 0;", lambda x, y, z: z - (x < y)),
        ("mad.lo.cc.u32 %w, %x, %y, %z; madc.hi.u32 %o, %x, %y, 0;", lambda x, y, z: x * y + z >> 32),
        ("dp4a.s32.s32 %o, %x, %y, %z;", lambda x, y, z: dot4(x, y, z, True, True)),
        ("dp4a.u32.s32 %o, %x, %y, %z;", lambda x, y, z: dot4(x, y, z, False, True)),
        ("dp2a.lo.s32.u32 %o, %x, %y, %z;", lambda x, y, z: dot2(x, y, z, True, False, 0)),
        ("dp2a.hi.u32.u32 %o, %x, %y, %z;", lambda x, y, z: dot2(x, y, z, False, False, 1)),
        ("cvt.s32.s8 %o, %x;", lambda x, y, z: s(x, 8)), ("cvt.u32.u16 %o, %x;", lambda x, y, z: x & 0xFFFF),
        ("cvt.sat.s8.s32 %o, %x;", lambda x, y, z: min(max(s(x), -128), 127)), ("cvt.sat.u16.s32 %o, %x;", lambda x, y, z: min(max(s(x), 0), 65535)),
    ]
    return build("integer-arithmetic", "Integer arithmetic: carries, saturation, division, dot products, narrow types.", rows)


def bits():
    s = signed
    rows = [
        ("and.b32 %o, %x, %y;", lambda x, y, z: x & y), ("xor.b32 %o, %x, %y;", lambda x, y, z: x ^ y), ("not.b32 %o, %x;", lambda x, y, z: ~x),
        ("cnot.b32 %o, %x;", lambda x, y, z: int(x == 0)), ("shl.b32 %o, %x, %y;", lambda x, y, z: x << y if y < 32 else 0),
        ("shr.u32 %o, %x, %y;", lambda x, y, z: x >> y if y < 32 else 0), ("shr.s32 %o, %x, %y;", lambda x, y, z: s(x) >> min(y, 31)),
        ("shf.l.wrap.b32 %o, %x, %y, %z;", lambda x, y, z: (y << 32 | x) << (z & 31) >> 32),
        ("shf.l.clamp.b32 %o, %x, %y, %z;", lambda x, y, z: (y << 32 | x) << min(z, 32) >> 32),
        ("shf.r.wrap.b32 %o, %x, %y, %z;", lambda x, y, z: (y << 32 | x) >> (z & 31)),
        ("shf.r.clamp.b32 %o, %x, %y, %z;", lambda x, y, z: (y << 32 | x) >> min(z, 32)),
        ("bfe.u32 %o, %x, %y, %z;", lambda x, y, z: bit_field_extract(x, y, z, False)),
        ("bfe.s32 %o, %x, %y, %z;", lambda x, y, z: bit_field_extract(x, y, z, True)),
        ("bfe.s32 %o, %x, 5, 9;", lambda x, y, z: bit_field_extract(x, 5, 9, True)),
        ("bfi.b32 %o, %x, %y, 7, 12;", lambda x, y, z: bit_field_insert(x, y, 7, 12)),
        ("bfi.b32 %o, %x, %y, %z, 40;", lambda x, y, z: bit_field_insert(x, y, z, 40)),
        ("prmt.b32 %o, %x, %y, %z;", lambda x, y, z: permute(x, y, z, "")),
        *[(f"prmt.b32.{mode} %o, %x, %y, %z;", lambda x, y, z, m=mode: permute(x, y, z, m)) for mode in ("f4e", "b4e", "rc8", "ecl", "ecr", "rc16")],
        *[(f"lop3.b32 %o, %x, %y, %z, {table};", lambda x, y, z, t=table: logic3(x, y, z, t)) for table in (0x96, 0xE8, 0xCA, 0x1E)],
    ]
    return build("integer-bits", "Logic, shifts, bit fields, byte permutation, three-input logic.", rows)


def comparisons():
    tests = {"eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
             "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b}
    rows = []
    for name, test in tests.items():
        rows.append((f"{{ .reg .pred %m; setp.{name}.s32 %m, %x, %y; selp.u32 %o, %z, 7, %m; }}",
                     lambda x, y, z, t=test: z if t(signed(x), signed(y)) else 7))
        rows.append((f"set.{name}.u32.u32 %o, %x, %y;", lambda x, y, z, t=test: M32 if t(x, y) else 0))
    for name, base in {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}.items():
        rows.append((f"set.{name}.u32.u32 %o, %x, %y;", lambda x, y, z, t=tests[base]: M32 if t(x, y) else 0))
    for name, join in {"and": lambda a, b: a and b, "or": lambda a, b: a or b, "xor": lambda a, b: a != b}.items():
        rows.append((f"{{ .reg .pred %m, %n; setp.lt.u32 %m, %z, 77; setp.gt.{name}.u32 %m|%n, %x, %y, %m; selp.u32 %o, 1, 0, %m; "
                     "selp.u32 %w, 2, 0, %n; or.b32 %o, %o, %w; }",
                     lambda x, y, z, j=join: j(x > y, z < 77) | j(not x > y, z < 77) << 1))
    rows.append(("slct.s32.s32 %o, %x, %y, %z;", lambda x, y, z: y if z >> 31 else x))
    return build("integer-compare", "Comparisons of integers into predicates and words.", rows)


def build(name, about, rows):
    sources = [("b32", operands(96, f"{name}{i}")) for i in range(3)]
    return elementwise(name, about, sources, [(text, "b32", lambda x, y, z, f=f: int(f(x, y, z)) & M32) for text, f in rows])


def programs():
    yield arithmetic()
    yield bits()
    yield comparisons()
