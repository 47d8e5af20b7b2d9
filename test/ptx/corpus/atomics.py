"""atom and red (PTX ISA 9.0, sections 9.7.13.3 and 9.7.13.4): every operation and type, and threads that compete."""
import random

from arithmetic import samples
from formats import BF16, F16, F32, F64, add, finite
from program import Program, buffer, case, elementwise, entry, zeros

M32, M64 = (1 << 32) - 1, (1 << 64) - 1
ORDERS = ["", ".relaxed.gpu", ".acquire.cta", ".release.sys", ".acq_rel.gpu", ".relaxed.sys", ".acq_rel.cta"]
SPACES = {"global": ("%rd8", "[%rd8]"), "shared": ("%r8", "[%r8]"), "": ("%rd9", "[%rd9]"), "shared::cta": ("%r8", "[%r8]")}
MODULE = ".global .align 16 .b8 slots[8192];\n.shared .align 16 .b8 tile[2048];"
PROLOGUE = """  mul.wide.u32 %rd8, %r0, 16; mov.u64 %rd9, slots; add.u64 %rd8, %rd8, %rd9; cvta.global.u64 %rd9, %rd8;
  mov.u32 %r8, tile; mad.lo.u32 %r8, %t, 16, %r8;"""


def signed(x, bits):
    return x - (1 << bits) if x >> (bits - 1) else x


def integer_operations(bits):
    """Operation, type, new value of (old, b)."""
    mask = (1 << bits) - 1
    return [("and", f"b{bits}", lambda a, b: a & b), ("or", f"b{bits}", lambda a, b: a | b), ("xor", f"b{bits}", lambda a, b: a ^ b),
            ("exch", f"b{bits}", lambda a, b: b), ("add", f"u{bits}", lambda a, b: a + b & mask),
            *([("add", "s32", lambda a, b: a + b & mask), ("inc", "u32", lambda a, b: 0 if a >= b else a + 1),
               ("dec", "u32", lambda a, b: b if a == 0 or a > b else a - 1)] if bits == 32 else []),
            *[(name, f"{letter}{bits}", lambda a, b, f=f, s=letter == "s": f(a, b, key=lambda v: signed(v, bits) if s else v))
              for name, f in (("min", min), ("max", max)) for letter in "us"]]


def float_operations(form, space):
    """add.f32 flushes subnormal operands and results in global memory and keeps them in shared memory."""
    flush = form is F32 and space != "shared" and space != "shared::cta"
    suffix = ".noftz" if form in (F16, BF16) else ""
    return [("add" + suffix, form.name, lambda a, b: form.encode(add(form.decode(a, flush), form.decode(b, flush)), flush=flush))]


def rows_of(operations, space, kind, order=0):
    """Two rows an operation: what atom returns, and what red (or atom, where red has no such operation) leaves in memory."""
    _, address = SPACES[space]
    dot = f".{space}" if space else ""
    rows = []
    for number, (name, type_, function) in enumerate(operations):
        ordering = ORDERS[(number + order) % len(ORDERS)]
        start = f"st{dot}.{kind} {address}, %x;"
        rows.append((f"{start} atom{ordering}{dot}.{name}.{type_} %o, {address}, %y;", kind, lambda a, b, *_: a))
        relaxed = ordering.replace("acquire", "relaxed").replace("acq_rel", "release")
        change = f"atom{ordering}{dot}.{name}.{type_} %o, {address}, %y;" if name == "exch" else \
            f"red{relaxed}{dot}.{name}.{type_} {address}, %y;"
        rows.append((f"{start} {change} ld{dot}.{kind} %o, {address};", kind, lambda a, b, *_, f=function: f(a, b)))
    return rows


def swap_rows(space, kind):
    """cas: every other thread compares with what is there."""
    _, address = SPACES[space]
    dot = f".{space}" if space else ""
    swap = f"{{ .reg .{kind} %s; mov.{kind} %s, %x; and.b32 %r9, %t, 1; setp.eq.u32 %q0, %r9, 0; @%q0 mov.{kind} %s, %y; st{dot}.{kind} {address}, %x; " \
           f"atom{dot}.cas.{kind} %o, {address}, %s, %z; "

    def matches(thread, x, y):
        return thread % 2 == 1 or x == y

    return [(swap + "}", kind, lambda t, x, y, z: x),
            (swap + f"ld{dot}.{kind} %o, {address}; }}", kind, lambda t, x, y, z: z if matches(t, x, y) else x)]


def with_threads(rows):
    """Rows of cas see the thread's index, which elementwise does not pass: they count for themselves."""
    def counted(function):
        state = {"next": 0}

        def call(*words):
            thread = state["next"]
            state["next"] += 1
            return function(thread, *words)
        return call
    return [(text, kind, counted(function)) for text, kind, function in rows]


def words(bits, seed):
    chosen = random.Random(seed)
    special = [0, 1, 2, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1]
    values = special + [chosen.getrandbits(bits) >> chosen.choice((0, 0, bits // 2, bits - 3)) for _ in range(122)]
    chosen.shuffle(values)
    return values


def integers(bits):
    kind = f"b{bits}"
    rows = []
    for index, space in enumerate(SPACES):
        rows += rows_of(integer_operations(bits), space, kind, index)
        rows += with_threads(swap_rows(space, kind))
    sources = [(kind, words(bits, f"atomics{bits}{i}")) for i in range(3)]
    return elementwise(f"atomic-b{bits}", f"atom and red of {bits} bits in every space, orders and scopes in turn.", sources, rows, "sm_90a",
                       PROLOGUE, MODULE)


def swaps16():
    rows = [row for space in SPACES for row in with_threads(swap_rows(space, "b16"))]
    return elementwise("atomic-b16", "cas of 16 bits in every space.", [("b16", words(16, f"swaps{i}")) for i in range(3)], rows, "sm_90a",
                       PROLOGUE, MODULE)


def floats(form, kind):
    rows = []
    for index, space in enumerate(SPACES):
        # A generic address of global memory is global memory.
        rows += rows_of(float_operations(form, space), space, kind, index)
    sources = [(kind, samples(form, 128, f"atomics {form.name}{i}", nan=False)) for i in range(2)]
    if form is F32:  # sums of two subnormals that are normal, and of one and the smallest normal
        extra = [0x00700000, 0x00400001, 0x00800000, 0x80800000] * 4
        sources = [(kind, (extra if i else extra[::-1]) + values[16:]) for i, (_, values) in enumerate(sources)]
    if form is F64:  # keep away from sums that are NaN
        sources = [(kind, [bits & ~(0x7FF << 52) | min(max(bits >> 52 & 0x7FF, 900), 1100) << 52 for bits in values]) for _, values in sources]
    return elementwise(f"atomic-{form.name}", f"atom and red add.{form.name} in every space.", sources, rows, "sm_90a", PROLOGUE, MODULE)


def pairs(form):
    def both(a, b):
        total = [form.encode(add(form.decode(a >> s & 0xFFFF), form.decode(b >> s & 0xFFFF))) for s in (0, 16)]
        return total[0] | total[1] << 16
    rows = []
    for index, space in enumerate(SPACES):
        rows += rows_of([("add.noftz", f"{form.name}x2", both)], space, "b32", index)
    halves = [samples(form, 128, f"atomics pairs {form.name}{i}", nan=False) for i in range(4)]
    sources = [("b32", [low | high << 16 for low, high in zip(*halves[i:i + 2])]) for i in (0, 2)]
    return elementwise(f"atomic-{form.name}x2", f"atom and red add.noftz.{form.name}x2 in every space.", sources, rows, "sm_90a", PROLOGUE, MODULE)


def wide():
    """cas and exch of 128 bits; both halves of a result show in one word."""
    address = "[%rd8]"
    setup = f"{{ .reg .b128 %a, %b, %c; .reg .b64 %l, %u; mov.b128 %a, {{%x, %y}}; mov.b128 %b, {{%y, %z}}; st.global.v2.b64 {address}, {{%x, %y}}; "
    read = "mov.b128 {%l, %u}, %c; mad.lo.u64 %o, %u, 3, %l; }"
    load = f"ld.global.v2.b64 {{%l, %u}}, {address}; mad.lo.u64 %o, %u, 3, %l; }}"

    def join(low, high):
        return low + 3 * high & M64

    rows = [(f"{setup} atom.global.exch.b128 %c, {address}, %b; {read}", "b64", lambda x, y, z: join(x, y)),
            (f"{setup} atom.global.exch.b128 %c, {address}, %b; {load}", "b64", lambda x, y, z: join(y, z)),
            (f"{setup} atom.global.cas.b128 %c, {address}, %a, %b; {load}", "b64", lambda x, y, z: join(y, z)),
            (f"{setup} atom.global.cas.b128 %c, {address}, %b, %a; {read}", "b64", lambda x, y, z: join(x, y))]
    sources = [("b64", words(64, f"wide{i}")) for i in range(3)]
    return elementwise("atomic-b128", "cas and exch of 128 bits.", sources, rows, "sm_90a", PROLOGUE, MODULE)


# Type, format, operation, its meaning on numbers.
VECTORS = [("v2.f32", F32, "add", lambda a, b: a + b), ("v4.f32", F32, "add", lambda a, b: a + b),
           ("v4.f16", F16, "add.noftz", lambda a, b: a + b), ("v2.bf16", BF16, "max.noftz", max), ("v4.f16", F16, "min.noftz", min)]


def vectors():
    """Vector forms on global memory: every element by itself. A record of 32 bytes a thread and form."""
    chosen = random.Random("vector atomics")
    before, operand, after, body = [], [], [], []
    for index, (type_, form, operation, function) in enumerate(VECTORS):
        length, letter, at = int(type_[1]), "f" if form is F32 else "h", 1024 * index

        def record(numbers):
            packed = b"".join(form.encode(finite(number)).to_bytes(form.bits // 8, "little") for number in numbers).ljust(32, b"\0")
            return [int.from_bytes(packed[i:i + 4], "little") for i in range(0, 32, 4)]

        for _ in range(32):
            old, new = ([chosen.randint(-50, 50) for _ in range(length)] for _ in range(2))
            before += record(old)
            operand += record(new)
            after += record([function(a, b) for a, b in zip(old, new)])
        places = [(f"[%rd1+{at + form.bits // 8 * i}]", f"%{letter}{i}") for i in range(length)]
        registers = "{" + ", ".join(register for _, register in places) + "}"
        body += [f"  ld.global.b{form.bits} {register}, {place};" for place, register in places]
        body.append(f"  atom.global.{operation}.{type_} {registers}, [%rd0+{at}], {registers};")
        body += [f"  st.global.b{form.bits} {place}, {register};" for place, register in places]
    text = "  mad.wide.u32 %rd0, %t, 32, %p0; mad.wide.u32 %rd1, %t, 32, %p1;\n" + "\n".join(body)
    return Program("atomic-vectors", "Vector forms of atom: each element changes by itself.", entry("test", 2, text),
                   [case("test", [buffer(before), buffer(operand)], {0: buffer(after), 1: buffer(before)})], "sm_90a")


def contention():
    """Threads of two blocks compete for one word: what they get is a permutation, what remains a sum."""
    threads = 256
    body = """  mov.u32 %r0, %ctaid.x; mad.lo.u32 %r0, %r0, 128, %t;
  atom.global.add.u32 %r1, [%p0], 1; mad.wide.u32 %rd0, %r1, 4, %p1; mov.u32 %r2, 1; st.global.u32 [%rd0], %r2;
  atom.global.inc.u32 %r3, [%p0+4], 100;
  atom.global.dec.u32 %r3, [%p0+8], 99;
  red.relaxed.gpu.global.max.s32 [%p0+12], %r0;
  neg.s32 %r4, %r0; red.global.min.s32 [%p0+16], %r4;
  red.global.xor.b32 [%p0+20], %r0;
  cvt.u64.u32 %rd1, %r0; red.global.add.u64 [%p0+24], %rd1;
  ld.relaxed.gpu.global.u32 %r5, [%p0+32];
AGAIN: mad.lo.u32 %r6, %r0, 3, %r5; atom.global.cas.b32 %r7, [%p0+32], %r5, %r6; setp.ne.u32 %q0, %r7, %r5; mov.u32 %r5, %r7; @%q0 bra AGAIN;
  shl.b32 %r8, 1, %r0; atom.global.or.b32 %r9, [%p0+36], %r8; mov.f32 %f0, 0f3E800000; red.global.add.f32 [%p0+40], %f0;"""
    xor = 0
    for t in range(threads):
        xor ^= t
    final = [threads, threads % 101, (-threads) % 100, threads - 1, -(threads - 1) & M32, xor, sum(range(threads)), 0,
             3 * sum(range(threads)) & M32, M32, F32.encode(finite(64))]
    return Program("atomic-contention", "Threads of two blocks that compete for the same words.", entry("test", 2, body),
                   [case("test", [zeros(11), zeros(threads)], {0: buffer(final), 1: buffer([1] * threads)}, grid=(2,), block=(128,))])


def programs():
    yield integers(32)
    yield integers(64)
    yield floats(F32, "b32")
    yield floats(F64, "b64")
    yield floats(F16, "b16")
    yield floats(BF16, "b16")
    yield swaps16()
    yield wide()
    yield pairs(F16)
    yield pairs(BF16)
    yield vectors()
    yield contention()
