"""Fragments of mma.sync and ldmatrix (PTX ISA 9.0, sections 9.7.14.5 and following): which lane holds which element."""
import random

from formats import BF16, E4M3, E5M2, F16, F32, TF32, finite
from program import Program, buffer, case, entry, zeros


class Element:
    """An element type of a multiplicand: its width in bits and the bits of a small whole number."""

    def __init__(self, name, bits, encode):
        self.name, self.bits, self.encode = name, bits, encode


def of_format(form, bits, shift=0):
    return Element(form.name, bits, lambda number: form.encode(finite(number)) << shift)


ELEMENTS = {"f16": of_format(F16, 16), "bf16": of_format(BF16, 16), "tf32": of_format(TF32, 32, 13), "e4m3": of_format(E4M3, 8),
            "e5m2": of_format(E5M2, 8), "s8": Element("s8", 8, lambda n: n & 0xFF), "u8": Element("u8", 8, lambda n: n)}

# shape, element, element of the accumulator; target
FORMS = [("m16n8k8", "f16", "f32", "sm_80"), ("m16n8k16", "f16", "f32", "sm_80"), ("m16n8k16", "f16", "f16", "sm_80"),
         ("m16n8k8", "bf16", "f32", "sm_80"), ("m16n8k16", "bf16", "f32", "sm_80"), ("m16n8k4", "tf32", "f32", "sm_80"),
         ("m16n8k8", "tf32", "f32", "sm_80"), ("m16n8k16", "s8", "s32", "sm_80"), ("m16n8k32", "s8", "s32", "sm_80"),
         ("m16n8k32", "u8", "s32", "sm_80"), ("m16n8k32", "e4m3", "f32", "sm_90a"), ("m16n8k32", "e5m2", "f32", "sm_90a")]


def pack(values, bits):
    return sum(value << bits * i for i, value in enumerate(values))


def fragment_a(a, lane, element, depth):
    """Registers of the 16 x depth multiplicand: row groups of 8 first, then columns."""
    group, thread, each = lane >> 2, lane & 3, 32 // element.bits
    registers = 16 * depth * element.bits // 1024
    return [pack([element.encode(a[group + 8 * (r & 1)][(r >> 1) * 4 * each + thread * each + j]) for j in range(each)], element.bits)
            for r in range(registers)]


def fragment_b(b, lane, element, depth):
    group, thread, each = lane >> 2, lane & 3, 32 // element.bits
    registers = 8 * depth * element.bits // 1024
    return [pack([element.encode(b[r * 4 * each + thread * each + j][group]) for j in range(each)], element.bits)
            for r in range(registers)]


def fragment_c(c, lane, type_):
    group, thread = lane >> 2, lane & 3
    values = [c[group + 8 * (i >> 1)][2 * thread + (i & 1)] for i in range(4)]
    if type_ == "s32":
        return [v & 0xFFFFFFFF for v in values]
    if type_ == "f32":
        return [F32.encode(finite(v)) for v in values]
    halves = [F16.encode(finite(v)) for v in values]
    return [halves[0] | halves[1] << 16, halves[2] | halves[3] << 16]


def registers(first, count, letter="r"):
    return "{" + ", ".join(f"%{letter}{first + i}" for i in range(count)) + "}"


def multiply_program(shape, name, accumulator, target):
    """One warp multiplies; values are so small that every sum is exact in any order."""
    element, depth = ELEMENTS[name], int(shape.split("k")[1])
    chosen = random.Random(f"{shape}{name}{accumulator}")
    low = 0 if name == "u8" else -3
    a = [[chosen.randint(low, 3) for _ in range(depth)] for _ in range(16)]
    b = [[chosen.randint(low, 3) for _ in range(8)] for _ in range(depth)]
    c = [[chosen.randint(-9, 9) for _ in range(8)] for _ in range(16)]
    d = [[c[i][j] + sum(a[i][k] * b[k][j] for k in range(depth)) for j in range(8)] for i in range(16)]
    parts = [[word for lane in range(32) for word in words(lane)] for words in
             (lambda l: fragment_a(a, l, element, depth), lambda l: fragment_b(b, l, element, depth), lambda l: fragment_c(c, l, accumulator))]
    want = [word for lane in range(32) for word in fragment_c(d, lane, accumulator)]
    counts = [len(part) // 32 for part in parts]
    lines, first, firsts = [], 0, []
    for index, count in enumerate(counts):
        lines.append(f"  mad.wide.u32 %rd0, %t, {4 * count}, %p{index};")
        lines += [f"  ld.global.b32 %r{first + i}, [%rd0+{4 * i}];" for i in range(count)]
        firsts.append(first)
        first += count
    float_c = accumulator == "f32"
    if float_c:
        lines += [f"  mov.b32 %f{i}, %r{firsts[2] + i};" for i in range(4)]
    letter, base = ("f", 0) if float_c else ("r", firsts[2])
    sums = registers(base, counts[2], letter)
    lines.append(f"  mma.sync.aligned.{shape}.row.col.{accumulator}.{name}.{name}.{accumulator} {sums}, {registers(0, counts[0])}, "
                 f"{registers(firsts[1], counts[1])}, {sums};")
    lines.append(f"  mad.wide.u32 %rd0, %t, {4 * counts[2]}, %p3;")
    lines += [f"  st.global.b32 [%rd0+{4 * i}], %{letter}{base + i};" for i in range(counts[2])]
    return Program(f"mma-{shape}-{name}-{accumulator}", f"Fragments of mma.sync {shape} {name}, sums in {accumulator}.",
                   entry("test", 4, "\n".join(lines)),
                   [case("test", [buffer(part) for part in parts] + [zeros(len(want))], {3: buffer(want)})], target)


def load_matrix(count, transposed):
    """Row r of matrix m is at the address of lane 8m + r; lane l gets elements 2(l mod 4) and the next of row l div 4."""
    chosen = random.Random(f"ldmatrix{count}{transposed}")
    matrices = [[[chosen.getrandbits(16) for _ in range(8)] for _ in range(8)] for _ in range(4)]
    words = [row[j] | row[j + 1] << 16 for matrix in matrices for row in matrix for j in range(0, 8, 2)]
    want = []
    for lane in range(32):
        for matrix in matrices[:count]:
            row, column = lane >> 2, 2 * (lane & 3)
            pair = [(matrix[column + i][row] if transposed else matrix[row][column + i]) for i in range(2)]
            want.append(pair[0] | pair[1] << 16)
    body = f"""  .shared .align 16 .b8 tile[512];
  mad.wide.u32 %rd0, %t, 16, %p0; ld.global.v4.b32 {{%r0, %r1, %r2, %r3}}, [%rd0];
  mov.u32 %r8, tile; mad.lo.u32 %r9, %t, 16, %r8; st.shared.v4.b32 [%r9], {{%r0, %r1, %r2, %r3}}; bar.sync 0;
  ldmatrix.sync.aligned.m8n8.x{count}{'.trans' if transposed else ''}.shared.b16 {registers(4, count)}, [%r9];
  mad.wide.u32 %rd0, %t, {4 * count}, %p1;
""" + "\n".join(f"  st.global.b32 [%rd0+{4 * i}], %r{4 + i};" for i in range(count))
    name = f"ldmatrix-x{count}{'-trans' if transposed else ''}"
    return Program(name, f"ldmatrix of {count} matrices{', transposed' if transposed else ''}.", entry("test", 2, body),
                   [case("test", [buffer(words), zeros(len(want))], {1: buffer(want)})])


def programs():
    for form in FORMS:
        yield multiply_program(*form)
    for count in (1, 2, 4):
        for transposed in (False, True):
            yield load_matrix(count, transposed)
