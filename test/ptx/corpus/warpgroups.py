"""wgmma (PTX ISA 9.0, section 9.7.15): fragments, matrix descriptors of every layout, A in registers, scales.

The generator lays the operands out in shared memory as the descriptors say; the kernel copies that image there. One step of
K is multiplied, so that the values are small and every sum is exact.
"""
import random

from matrix import ELEMENTS, fragment_a, fragment_c, registers
from program import Program, buffer, case, entry, zeros
from tensors import swizzled, words_of

SPANS = {"none": 16, "32": 32, "64": 64, "128": 128}
MODES = {"none": 0, "128": 1, "64": 2, "32": 3}


class Layout:
    """One operand in shared memory: rows along M or N, columns along K, either one contiguous.

    Core matrices have 8 rows of 16 bytes; a swizzled row has the swizzle's span. For K-major operands the stride offset leads
    to the next 8 rows and, without a swizzle, the leading offset to the next 16 bytes of K. For MN-major operands the 8 rows
    of a core matrix are values of K: with a swizzle the leading offset leads to the next span of M or N and the stride offset
    to the next 8 values of K; without one the two offsets change their parts.
    """

    def __init__(self, element, mn_major, swizzle, extent, depth):
        self.element, self.mn_major, self.swizzle = element, mn_major, swizzle
        self.size, self.span = element.bits // 8, SPANS[swizzle]
        each = self.span // self.size
        blocks = -(-extent // each) if mn_major else -(-depth // each)
        # Offsets that differ from each other, with room between blocks, aligned as the swizzle's pattern asks.
        unit = max(8 * self.span, 128)
        if not mn_major:
            self.stride, self.leading = unit * blocks, unit if swizzle == "none" else 16
        elif swizzle == "none":
            self.stride, self.leading = unit, unit * blocks
        else:
            self.leading, self.stride = unit, unit * blocks
        self.bytes = max(self.offset(mn, k) for mn in range(extent) for k in range(depth)) + self.size
        self.bytes = -(-self.bytes // 1024) * 1024

    def offset(self, mn, k):
        each = self.span // self.size
        if self.mn_major:
            to_next, to_k = (self.stride, self.leading) if self.swizzle == "none" else (self.leading, self.stride)
            place = mn % each * self.size + mn // each * to_next + k % 8 * self.span + k // 8 * to_k
        else:
            place = k % each * self.size + k // each * self.leading + mn % 8 * self.span + mn // 8 * self.stride
        return swizzled(place, self.swizzle)

    def descriptor(self):
        return self.leading >> 4 << 16 | self.stride >> 4 << 32 | MODES[self.swizzle] << 62

    def write(self, image, base, values):
        """`values[mn][k]` are whole numbers."""
        for mn, row in enumerate(values):
            for k, value in enumerate(row):
                at = base + self.offset(mn, k)
                image[at:at + self.size] = self.element.encode(value).to_bytes(self.size, "little")


class Form:
    """One wgmma instruction."""

    def __init__(self, element, result, n, a_registers=False, scale_a=1, scale_b=1, a_mn=False, b_mn=False):
        self.element, self.result, self.n, self.a_registers = ELEMENTS[element], result, n, a_registers
        self.scale_a, self.scale_b, self.a_mn, self.b_mn = scale_a, scale_b, a_mn, b_mn
        self.depth = 256 // self.element.bits
        self.shape = f"m64n{n}k{self.depth}"
        self.count = n // (4 if result == "f16" else 2)  # registers of D

    def immediates(self):
        if self.result == "s32":
            return ""
        values = [self.scale_a, self.scale_b]
        if self.element.bits == 16:
            values += [*([] if self.a_registers else [int(self.a_mn)]), int(self.b_mn)]
        return "".join(f", {value}" for value in values)

    def text(self, d, a):
        name = self.element.name
        return f"wgmma.mma_async.sync.aligned.{self.shape}.{self.result}.{name}.{name} {d}, {a}, %rd11, %q0{self.immediates()};"

    def layouts(self, swizzle_a, swizzle_b):
        return Layout(self.element, self.a_mn, swizzle_a, 64, self.depth), Layout(self.element, self.b_mn, swizzle_b, self.n, self.depth)

    def kernel(self, name, image_bytes):
        """p0: image of shared memory; p1: D before, then after; p2: fragments of A."""
        letter = "f" if self.result == "f32" else "r"
        first = 20 if letter == "r" else 0
        d = registers(first, self.count, letter)
        move = ("ld.global.f32", "st.global.f32") if letter == "f" else ("ld.global.b32", "st.global.b32")
        body = f"""  mov.u32 %r8, tile; mad.lo.u32 %r9, %t, 4, %r8; add.u64 %rd8, %p0, %at; mov.u32 %r1, 0;
FILL: ld.global.u32 %r0, [%rd8]; st.shared.u32 [%r9], %r0; add.u64 %rd8, %rd8, 512; add.u32 %r9, %r9, 512;
  add.u32 %r1, %r1, 1; setp.lt.u32 %q0, %r1, {image_bytes // 512}; @%q0 bra FILL;
  fence.proxy.async.shared::cta; bar.sync 0;
  mad.wide.u32 %rd9, %t, {4 * self.count}, %p1;
""" + "\n".join(f"  {move[0]} %{letter}{first + i}, [%rd9+{4 * i}];" for i in range(self.count)) + """
  mad.wide.u32 %rd12, %t, 16, %p2; ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%rd12];
  shr.u32 %r2, %r8, 4; cvt.u64.u32 %rd12, %r2; ld.param.u64 %rd10, [a]; ld.param.u64 %rd11, [b];
  add.u64 %rd10, %rd10, %rd12; add.u64 %rd11, %rd11, %rd12; ld.param.u32 %r3, [scale]; setp.ne.u32 %q0, %r3, 0;
  wgmma.fence.sync.aligned;
""" + f"  {self.text(d, registers(4, 4) if self.a_registers else '%rd10')}" + """
  wgmma.commit_group.sync.aligned;
  wgmma.wait_group.sync.aligned 0;
""" + "\n".join(f"  {move[1]} [%rd9+{4 * i}], %{letter}{first + i};" for i in range(self.count))
        text = entry(name, 3, body, module=f".shared .align 1024 .b8 tile[{image_bytes}];")
        return text.replace(".param .u64 a2)", ".param .u64 a2, .param .u64 a, .param .u64 b, .param .u32 scale)")

    def launch(self, swizzle_a, swizzle_b, image_bytes, scale_d=1):
        chosen = random.Random(f"{self.shape}{swizzle_a}{swizzle_b}{scale_d}{self.scale_a}{self.scale_b}{self.element.name}")
        low = 0 if self.element.name == "u8" else -3
        a = [[chosen.randint(low, 3) for _ in range(self.depth)] for _ in range(64)]
        b = [[chosen.randint(low, 3) for _ in range(self.depth)] for _ in range(self.n)]  # columns of B
        c = [[chosen.randint(-9, 9) for _ in range(self.n)] for _ in range(64)]
        sign = self.scale_a * self.scale_b
        d = [[(c[i][j] if scale_d else 0) + sign * sum(x * y for x, y in zip(a[i], b[j])) for j in range(self.n)] for i in range(64)]
        image = bytearray(image_bytes)
        layout_a, layout_b = self.layouts(swizzle_a, swizzle_b)
        layout_a.write(image, 0, a)
        layout_b.write(image, layout_a.bytes, b)
        descriptors = layout_a.descriptor(), layout_b.descriptor() + (layout_a.bytes >> 4)
        fragments = [word for lane in range(128) for word in fragment_a(a[lane // 32 * 16:], lane % 32, self.element, self.depth)]
        before, after = ([word for lane in range(128) for word in self.fragment_d(values, lane)] for values in (c, d))
        return [buffer(words_of(bytes(image))), buffer(before), buffer(fragments), *(f"u64:{descriptor}" for descriptor in descriptors),
                f"u32:{scale_d}"], {1: buffer(after)}

    def fragment_d(self, values, lane):
        """Warp w holds rows 16w and following; every 8 columns lie as in the accumulators of mma.m16n8."""
        rows = values[lane // 32 * 16:lane // 32 * 16 + 16]
        blocks = [fragment_c([row[j:j + 8] for row in rows], lane % 32, self.result) for j in range(0, self.n, 8)]
        return [word for block in blocks for word in block]


def program(name, about, form, swizzles, replaced=True):
    """A case for each pair of swizzles; the last one again with scale-d 0, which replaces D, if `replaced`."""
    size = max(sum(layout.bytes for layout in form.layouts(*pair)) for pair in swizzles)
    cases = []
    for swizzle_a, swizzle_b, scale in [*((*pair, 1) for pair in swizzles), *([(*swizzles[-1], 0)] if replaced else [])]:
        arguments, expected = form.launch(swizzle_a, swizzle_b, size, scale)
        cases.append(case("test", arguments, expected, block=(128,)))
    return Program(f"wgmma-{name}", about, form.kernel("test", size), cases, "sm_90a")


EVERY = [("none", "none"), ("32", "64"), ("64", "128"), ("128", "32"), ("128", "128")]


def programs():
    yield program("bf16", "bf16, both operands K-major, every swizzle; D replaced or added to.", Form("bf16", "f32", 32), EVERY)
    yield program("bf16-n8", "The narrowest B.", Form("bf16", "f32", 8), [("128", "64"), ("none", "32")])
    yield program("bf16-n256", "The widest B.", Form("bf16", "f32", 256), [("128", "32")], replaced=False)
    yield program("bf16-a-mn", "A is M-major.", Form("bf16", "f32", 16, a_mn=True), EVERY)
    yield program("bf16-b-mn", "B is N-major.", Form("bf16", "f32", 72, b_mn=True), EVERY)
    yield program("f16-both-mn", "Both operands MN-major, sums in f16.", Form("f16", "f16", 40, a_mn=True, b_mn=True), EVERY)
    yield program("f16-registers", "A in registers, B N-major.", Form("f16", "f32", 40, a_registers=True, b_mn=True), [("none", s) for s in SPANS])
    yield program("bf16-negated", "A negated.", Form("bf16", "f32", 24, scale_a=-1), [("128", "128")])
    yield program("f16-negated", "Both operands negated: the product keeps its sign; sums in f16.", Form("f16", "f16", 40, scale_a=-1, scale_b=-1), [("64", "32")])
    yield program("bf16-registers-negated", "A in registers, B negated.", Form("bf16", "f32", 16, a_registers=True, scale_b=-1), [("none", "128")])
    yield program("tf32", "tf32.", Form("tf32", "f32", 16), EVERY)
    yield program("tf32-registers", "tf32, A in registers.", Form("tf32", "f32", 32, a_registers=True), [("none", "128"), ("none", "32")])
    yield program("e4m3", "e4m3.", Form("e4m3", "f32", 24), EVERY)
    yield program("e4m3-registers", "e4m3, A in registers, sums in f16.", Form("e4m3", "f16", 16, a_registers=True), [("none", "64")])
    yield program("e5m2", "e5m2.", Form("e5m2", "f32", 40), [("128", "128"), ("none", "64")])
    yield program("s8", "s8.", Form("s8", "s32", 24), EVERY)
    yield program("u8", "u8, A in registers.", Form("u8", "s32", 32, a_registers=True), [("none", "128")])
