"""cp.async.bulk.tensor through tensor maps: boxes, what lies outside the tensor, element strides, swizzles, stores, reductions.

PTX ISA 9.0, sections 5.5 and 9.7.9.25.5; the meaning of a tensor map's fields is that of cuTensorMapEncodeTiled (CUDA driver API).
"""
import itertools
import math
import random

from bulk import integer_reductions, number_bits
from copies import words_of
from formats import BF16, F16, F32, add
from program import Program, buffer, case, zeros

BYTES = {"u8": 1, "u16": 2, "u32": 4, "i32": 4, "u64": 8, "i64": 8, "f16": 2, "bf16": 2, "f32": 4, "f64": 8, "tf32": 4}
TILE_BYTES = 8192


class Map:
    """A tensor in memory and a box of it. Innermost dimension first, `padding` bytes behind every row."""

    def __init__(self, type_, dims, box, swizzle="none", fill="zero", steps=(), padding=0, seed=0):
        self.type, self.dims, self.box, self.swizzle, self.fill = type_, dims, box, swizzle, fill
        self.bytes = BYTES[type_]
        # The first element stride has no effect without interleaving.
        self.steps = (1, *steps[1:]) if steps else (1,) * len(dims)
        self.written_steps = steps
        self.strides, pitch = [], dims[0] * self.bytes + padding
        for extent in dims[1:]:
            self.strides.append(pitch)
            pitch *= extent
        chosen = random.Random(f"{type_}{dims}{seed}")
        size = pitch if len(dims) > 1 else dims[0] * self.bytes
        self.memory = bytes(chosen.getrandbits(8) for _ in range(-(-size // 16) * 16))

    def argument(self, memory=None):
        fields = {"type": self.type, "dims": list(self.dims), "strides": self.strides, "box": list(self.box), "swizzle": self.swizzle,
                  "fill": self.fill}
        if self.written_steps:
            fields["steps"] = list(self.written_steps)
        return {**buffer(words_of(memory or self.memory)), "tensormap": fields}

    def counts(self):
        """Elements that a copy moves along each dimension."""
        return [-(-extent // step) for extent, step in zip(self.box, self.steps)]

    def box_bytes(self):
        return math.prod(self.counts()) * self.bytes

    def places(self, start):
        """For every element of the box in the order of shared memory: its offset there, and in the tensor or None outside."""
        counts = self.counts()
        for number, index in enumerate(itertools.product(*(range(count) for count in reversed(counts)))):
            position = [s + i * step for s, i, step in zip(start, reversed(index), self.steps)]
            inside = all(0 <= p < extent for p, extent in zip(position, self.dims))
            address = position[0] * self.bytes + sum(p * stride for p, stride in zip(position[1:], self.strides))
            yield swizzled(number * self.bytes, self.swizzle), address if inside else None

    def loaded(self, start):
        """The shared memory after a load of the box at `start`; what lies outside is zero."""
        image = bytearray(self.box_bytes())
        for offset, address in self.places(start):
            if address is not None:
                image[offset:offset + self.bytes] = self.memory[address:address + self.bytes]
        return bytes(image)


def swizzled(offset, mode):
    """The number of a 16-byte chunk changes by the number of its row of 128 bytes: 1, 2 or 3 bits of it."""
    bits = {"none": 0, "32": 1, "64": 2, "128": 3}[mode]
    return offset ^ (offset >> 7 & (1 << bits) - 1) << 4


def kernel(name, rank, parameters, body):
    coordinates = "".join(f", .param .s32 c{i}" for i in range(rank))
    loads = "\n".join(f"  ld.param.s32 %c{i}, [c{i}];" for i in range(rank))
    more = "".join(f", {parameter}" for parameter in parameters)
    addresses = "\n".join(f"  ld.param.u64 %p{i}, [a{i}]; cvta.to.global.u64 %p{i}, %p{i};" for i, p in enumerate(parameters) if p.startswith(".param .u64"))
    return f"""
.visible .entry {name}(.param .align 64 .b8 map[128]{more}{coordinates})
{{
  .reg .b64 %p<4>, %rd<8>, %m;
  .reg .b32 %t, %c<5>, %r<16>;
  .reg .pred %q<4>;
  mov.b64 %m, map; cvta.param.u64 %m, %m;
{addresses}
{loads}
  mov.u32 %t, %tid.x;
{body}
  ret;
}}
"""


def coordinates(rank):
    return "{" + ", ".join(f"%c{i}" for i in range(rank)) + "}"


MODULE = f".shared .align 8 .b64 bar;\n.shared .align 1024 .b8 tile[{TILE_BYTES}];\n"


def load_kernel(rank):
    body = f"""  ld.param.u32 %r1, [bytes]; mov.u32 %r8, tile;
  setp.ne.u32 %q0, %t, 0; @%q0 bra READY; mbarrier.init.shared.b64 [bar], 1; fence.mbarrier_init.release.cluster;
READY: bar.sync 0;
  @%q0 bra WAIT;
  mbarrier.arrive.expect_tx.shared.b64 _, [bar], %r1;
  cp.async.bulk.tensor.{rank}d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r8], [%m, {coordinates(rank)}], [bar];
WAIT: mbarrier.try_wait.parity.shared.b64 %q1, [bar], 0; @!%q1 bra WAIT;
  shl.b32 %r3, %t, 2;
COPY: setp.ge.u32 %q2, %r3, %r1; @%q2 bra DONE;
  add.u32 %r4, %r8, %r3; ld.shared.u32 %r5, [%r4]; cvt.u64.u32 %rd2, %r3; add.u64 %rd2, %p0, %rd2; st.global.u32 [%rd2], %r5;
  add.u32 %r3, %r3, 512; bra COPY;
DONE:"""
    return MODULE + kernel("load", rank, [".param .u64 a0", ".param .u32 bytes"], body)


def load_case(tensor, start, image=None, **tolerance):
    image = image or buffer(words_of(tensor.loaded(start)))
    empty = zeros(tensor.box_bytes() // 4, image["dtype"])
    return case("load", [tensor.argument(), empty, f"u32:{tensor.box_bytes()}", *(f"i32:{c}" for c in start)], {1: image}, block=(128,), **tolerance)


def load_program(name, about, rank, cases):
    return Program(name, about, load_kernel(rank), cases, "sm_90a")


def loads():
    line = Map("u32", (100,), (64,))
    yield load_program("tensor-load-1d", "Boxes of a line, inside, across both ends and outside of it.", 1,
                       [load_case(line, (start,)) for start in (0, 36, 37, 80, -8, -64, 200)] +
                       [load_case(Map("u8", (333,), (128,)), (start,)) for start in (1, 299, -100)])
    yield load_program("tensor-load-2d", "Boxes of a matrix: pitch, types, the edges of the tensor.", 2,
                       [load_case(Map("u16", (40, 20), (16, 8), padding=16), start) for start in ((0, 0), (5, 3), (33, 15), (-3, -2), (36, -7))] +
                       [load_case(Map(type_, (24, 9), (16, 5)), (7, 2)) for type_ in ("i32", "u64", "f64", "bf16")] +
                       [load_case(Map("u8", (48, 9), (32, 5)), (17, 6))])
    yield load_program("tensor-load-3d", "Boxes of three dimensions and element strides.", 3,
                       [load_case(Map("u32", (12, 7, 5), (8, 4, 3)), start) for start in ((0, 0, 0), (3, 2, 1), (6, 5, 3), (-2, -1, -1))] +
                       [load_case(Map("u16", (16, 12, 9), (8, 8, 6), steps=steps), start)
                        for steps, start in (((1, 2, 1), (0, 0, 0)), ((1, 3, 4), (4, 1, 2)), ((2, 2, 2), (-3, -1, 5)))])
    yield load_program("tensor-load-4d", "Boxes of four dimensions.", 4,
                       [load_case(Map("u8", (32, 4, 3, 5), (16, 3, 2, 2)), start) for start in ((0, 0, 0, 0), (20, 2, 2, 4), (-4, -1, 1, 2))])
    yield load_program("tensor-load-5d", "Boxes of five dimensions.", 5,
                       [load_case(Map("f32", (8, 3, 4, 3, 2), (4, 2, 3, 2, 2)), start) for start in ((0, 0, 0, 0, 0), (5, 2, 3, -1, 1))])


def swizzles():
    """The innermost row of the box fills the span of the swizzle; plain loads of shared memory see where the chunks went."""
    for mode, span in (("32", 32), ("64", 64), ("128", 128)):
        cases = [load_case(Map(type_, (2 * span // BYTES[type_], 24), (span // BYTES[type_], 16), mode), start)
                 for type_, start in (("bf16", (0, 0)), ("u8", (16, 5)), ("f32", (2, 20)))]
        yield load_program(f"tensor-swizzle-{mode}", f"The swizzle of {mode} bytes.", 2, cases)


def not_a_number_fill():
    """Elements outside become NaN: which one is not specified, so numbers are compared and not bits."""
    tensor = Map("f32", (20, 6), (8, 4), fill="nan")
    chosen = random.Random("nan fill")
    tensor.memory = b"".join(number_bits(F32, chosen).to_bytes(4, "little") for _ in range(120))
    cases = []
    for start in ((16, 4), (-2, 1)):
        words = words_of(tensor.loaded(start))
        for offset, address in tensor.places(start):
            if address is None:
                words[offset // 4] = F32.nan
        cases.append(load_case(tensor, start, buffer(words, "f32"), absolute=2.0**-149))
    return load_program("tensor-fill-nan", "NaN outside of the tensor.", 2, cases)


OPERATIONS = ("add", "min", "max", "inc", "dec", "and", "or", "xor")


def store_kernel(name, rank, operation):
    """Fills the tile from a0 as it lies there, then stores or reduces it through the map."""
    action = f"cp.reduce.async.bulk.tensor.{rank}d.global.shared::cta.{operation}.tile.bulk_group" if operation else \
        f"cp.async.bulk.tensor.{rank}d.global.shared::cta.tile.bulk_group"
    body = f"""  ld.param.u32 %r1, [bytes]; mov.u32 %r8, tile; shl.b32 %r3, %t, 2;
COPY: setp.ge.u32 %q2, %r3, %r1; @%q2 bra FULL;
  cvt.u64.u32 %rd2, %r3; add.u64 %rd2, %p0, %rd2; ld.global.u32 %r5, [%rd2]; add.u32 %r4, %r8, %r3; st.shared.u32 [%r4], %r5;
  add.u32 %r3, %r3, 512; bra COPY;
FULL: fence.proxy.async.shared::cta; bar.sync 0;
  setp.ne.u32 %q0, %t, 0; @%q0 bra DONE;
  {action} [%m, {coordinates(rank)}], [%r8];
  cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0;
DONE:"""
    return kernel(name, rank, [".param .u64 a0", ".param .u32 bytes"], body)


def store_case(name, tensor, start, function=None, contents=None):
    """`function` joins what is there and what is stored; without it the store replaces."""
    image = contents or Map(tensor.type, (tensor.box_bytes() // tensor.bytes,), (1,), seed="image").memory
    memory = bytearray(tensor.memory)
    for offset, address in tensor.places(start):
        if address is not None:
            new = int.from_bytes(image[offset:offset + tensor.bytes], "little")
            old = int.from_bytes(memory[address:address + tensor.bytes], "little")
            memory[address:address + tensor.bytes] = (function(old, new) if function else new).to_bytes(tensor.bytes, "little")
    return case(name, [tensor.argument(), buffer(words_of(image)), f"u32:{tensor.box_bytes()}", *(f"i32:{c}" for c in start)],
                {0: buffer(words_of(bytes(memory)))}, block=(128,))


def stores():
    yield Program("tensor-store-1d", "Stores of a line; elements outside are dropped.", MODULE + store_kernel("store", 1, None),
                  [store_case("store", Map("u32", (100,), (64,)), (start,)) for start in (0, 70, -10)], "sm_90a")
    yield Program("tensor-store-2d", "Stores of matrices, from swizzled tiles too.", MODULE + store_kernel("store", 2, None),
                  [store_case("store", Map("u16", (40, 20), (16, 8), padding=16), start) for start in ((8, 4), (33, 15), (-3, -2))] +
                  [store_case("store", Map("bf16", (80, 20), (span // 2, 16), str(span)), (10, 7)) for span in (32, 64, 128)], "sm_90a")
    yield Program("tensor-store-3d", "Stores of three dimensions, with element strides.", MODULE + store_kernel("store", 3, None),
                  [store_case("store", Map("u8", (32, 7, 5), (16, 4, 3)), (5, 2, 1)),
                   store_case("store", Map("u32", (8, 9, 9), (4, 6, 6), steps=(1, 2, 3)), (2, 4, -3))], "sm_90a")


MAP_TYPES = {"u32": ("u32", "b32"), "i32": ("s32",), "u64": ("u64", "b64")}


def float_operations(form):
    yield "add", lambda a, b: form.encode(add(form.decode(a), form.decode(b)))
    if form.bits == 16:
        yield "min", lambda a, b: min(a, b, key=lambda v: form.decode(v).exact())
        yield "max", lambda a, b: max(a, b, key=lambda v: form.decode(v).exact())


def reductions():
    """Every operation with the types of tensor maps that it exists for; the type is the map's."""
    cases = []
    for type_, names in MAP_TYPES.items():
        for name, instruction_type, function in integer_reductions(8 * BYTES[type_]):
            if instruction_type in names:
                cases.append(store_case(name, Map(type_, (16, 6), (8, 4), seed=name), (10, 1), function))
    for type_, form in (("f16", F16), ("bf16", BF16), ("f32", F32)):
        for name, function in float_operations(form):
            chosen = random.Random(f"{name}{type_}")
            tensor = Map(type_, (16, 6), (8, 4))
            tensor.memory = b"".join(number_bits(form, chosen).to_bytes(tensor.bytes, "little") for _ in range(96))
            image = b"".join(number_bits(form, chosen).to_bytes(tensor.bytes, "little") for _ in range(32))
            cases.append(store_case(name, tensor, (10, 1), function, image))
    return Program("tensor-reduce", "cp.reduce.async.bulk.tensor: every operation and type.",
                   MODULE + "".join(store_kernel(name, 2, name) for name in OPERATIONS), cases, "sm_90a")


def programs():
    yield from loads()
    yield from swizzles()
    yield not_a_number_fill()
    yield from stores()
    yield reductions()
