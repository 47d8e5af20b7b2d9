"""Forms of ld and st (PTX ISA 9.0, section 9.7.9): widths, sign extension, vectors, cache operators, state spaces."""
import random

from program import Program, buffer, case, elementwise, entry, zeros

M64 = (1 << 64) - 1
RECORD = 32  # bytes a thread
THREADS = 32


def integer(data, offset, size, is_signed=False):
    value = int.from_bytes(data[offset:offset + size], "little", signed=is_signed)
    return value & M64


def combine(values):
    return sum((2 * i + 1) * value for i, value in enumerate(values)) & M64


def load_row(operation, type_, base, offset, length, register):
    """One load whose elements are joined in %v; its meaning on the record's bytes."""
    size, is_signed = int(type_[1:]) // 8, type_[0] == "s"
    names = [f"%l{i}" for i in range(length)]
    target = names[0] if length == 1 else "{" + ", ".join(names) + "}"
    vector = f".v{length}" if length > 1 else ""
    lines = [f".reg .b{register} %l<{length}>; {operation}{vector}.{type_} {target}, [{base}+{offset}]; mov.u64 %v, 0;"]
    widen = {16: "cvt.u64.u16", 32: "cvt.u64.u32", 64: "mov.b64"}[register]
    lines += [f"{widen} %w, {name}; mad.lo.u64 %v, %w, {2 * i + 1}, %v;" for i, name in enumerate(names)]

    def result(data):
        # A signed element fills the register with its sign; what is above a register is zero.
        mask = (1 << register) - 1
        return combine([integer(data, offset + size * i, size, is_signed) & mask for i in range(length)])

    return " ".join(lines), result


def records(name, about, prologue, rows, module="", target="sm_80"):
    """Every thread has a record in p0 and one u64 result a row; %rd8 is the address of its record."""
    chosen = random.Random(name)
    data = [bytes(chosen.getrandbits(8) for _ in range(RECORD)) for _ in range(THREADS)]
    lines = [f"  .reg .b64 %v, %w; mad.wide.u32 %rd8, %t, {RECORD}, %p0; mad.wide.u32 %rd9, %t, 8, %p1;", prologue]
    results = []
    for index, (text, function) in enumerate(rows):
        lines.append(f"  {{ {text} st.global.u64 [%rd9+{index * 8 * THREADS}], %v; }}")
        results += [function(record) for record in data]
    words = [integer(record, i, 4) for record in data for i in range(0, RECORD, 4)]
    return Program(name, about, entry("test", 2, "\n".join(lines), module=module),
                   [case("test", [buffer(words), zeros(len(results), "u64")], {1: buffer(results, "u64")})], target)


WIDTHS = [("u8", 16), ("s8", 16), ("u8", 32), ("s8", 32), ("u8", 64), ("s8", 64), ("b8", 32), ("u16", 16), ("s16", 32), ("u16", 64),
          ("s16", 64), ("b16", 16), ("u32", 32), ("s32", 32), ("s32", 64), ("u32", 64), ("b32", 32), ("u64", 64), ("s64", 64), ("b64", 64)]
VECTORS = [("u8", 2, 16), ("s8", 4, 32), ("b8", 4, 16), ("u16", 2, 32), ("s16", 4, 64), ("b16", 4, 16), ("u32", 2, 32), ("b32", 4, 32),
           ("s32", 4, 64), ("b64", 2, 64), ("s64", 2, 64)]


def forms(operation, base, limit=RECORD):
    """All widths and vectors at offsets below `limit`."""
    places = [(type_, 1, register, (3 * i % 4 + 1) * int(type_[1:]) // 8) for i, (type_, register) in enumerate(WIDTHS)]
    places += [(type_, length, register, 16 * (i % 2)) for i, (type_, length, register) in enumerate(VECTORS)]
    return [load_row(operation, type_, base, at % limit, length, register) for type_, length, register, at in places]


# The copy of a thread's record in another space, word by word.
def copied(store, base, first="%rd8"):
    return "\n".join(f"  ld.global.b64 %w, [{first}+{i}]; {store} [{base}+{i}], %w;" for i in range(0, RECORD, 8))


SHARED = "  mov.u32 %r8, tile; mad.lo.u32 %r8, %t, 32, %r8;\n" + copied("st.shared.b64", "%r8")
LOCAL = "  mov.u64 %rd10, stack;\n" + copied("st.local.b64", "%rd10")


def loads():
    tile, stack = ".shared .align 16 .b8 tile[1024];", "  .local .align 16 .b8 stack[32];\n"
    yield records("load-global", "ld.global: widths, sign extension, vectors.", "", forms("ld.global", "%rd8"))
    yield records("load-shared", "ld.shared: widths, sign extension, vectors.", SHARED, forms("ld.shared", "%r8"), tile)
    yield records("load-local", "ld.local: widths, sign extension, vectors.", stack + LOCAL, forms("ld.local", "%rd10"))
    generic = stack + SHARED + "\n" + LOCAL + """
  cvta.local.u64 %rd11, %rd10; mov.u64 %rd12, tile; cvta.shared.u64 %rd12, %rd12; mad.wide.u32 %rd12, %t, 32, %rd12; cvta.global.u64 %rd13, %rd8;"""
    rows = [*forms("ld", "%rd11"), *forms("ld", "%rd12"), *forms("ld", "%rd13")]
    for number, register in enumerate(("%rd11", "%rd12", "%rd13")):
        for index, space in enumerate(("local", "shared", "global")):
            text = f".reg .pred %m; isspacep.{space} %m, {register}; selp.u64 %v, 7, 9, %m;"
            rows.append((text, lambda data, inside=number == index: 7 if inside else 9))
    back = "cvta.to.shared.u64 %w, %rd12; cvt.u32.u64 %r9, %w; ld.shared.u64 %v, [%r9+8];"
    rows.append((back, lambda data: integer(data, 8, 8)))
    yield records("load-generic", "ld of generic addresses of local, shared and global memory.", generic, rows, tile)


def hints():
    policy = ".reg .b64 %y; createpolicy.fractional.L2::evict_last.b64 %y, 1.0;"
    plain = ["ld.global.ca", "ld.global.cg", "ld.global.cs", "ld.global.lu", "ld.global.cv", "ld.global.nc", "ld.global.nc.L1::no_allocate",
             "ld.global.L1::evict_last", "ld.global.nc.L1::evict_first.L2::128B", "ld.global.L2::256B", "ld.volatile.global", "ld.relaxed.gpu.global",
             "ld.acquire.sys.global", "ld.relaxed.cta.global", "ldu.global", "ld.weak.global"]
    rows = []
    for index, operation in enumerate(plain):
        rows.append(load_row(operation, ("u32", "s16", "u64", "b32")[index % 4], "%rd8", 8, 2 if index % 2 and "acquire" not in operation else 1,
                             (32, 32, 64, 32)[index % 4]))
    for operation in ("ld.global.L2::cache_hint", "ld.global.nc.L1::no_allocate.L2::cache_hint.L2::128B"):
        text, result = load_row(operation, "b32", "%rd8", 16, 4, 32)
        rows.append((policy + text.replace("[%rd8+16]", "[%rd8+16], %y"), result))
    rows.append(("prefetch.global.L2 [%rd8]; prefetchu.L1 [%rd8]; mov.u64 %v, 1;", lambda data: 1))
    return records("load-hints", "Cache operators, orderings and hints change no value.", "", rows, target="sm_90a")


def constants():
    """Constant and global variables with initial values, addresses of variables among them."""
    values = [0x11223344, 0xFFFFFF85, 0x7FFF8000, 5]
    words = ", ".join(str(v) for v in values)
    module = f""".const .align 8 .u32 table[4] = {{{words}}};
.const .align 2 .s16 odd[3] = {{-1, 258, -32768}};
.global .align 8 .u32 counters[4] = {{{words}}};
.global .align 8 .u64 pointer = counters+4;
.global .align 8 .u64 place = generic(counters)+8;
.global .f32 real = 0f40490FDB;
.const .f64 wide = 0d400921FB54442D18;"""
    data = b"".join(v.to_bytes(4, "little") for v in values)
    rows = [(text, lambda _, f=function: f(data)) for text, function in forms("ld.const", "%rd10", limit=16)]
    rows += [("ld.const.s16 %v, [odd+2];", lambda _: 258), ("ld.const.s16 %v, [odd];", lambda _: M64),
             (".reg .b64 %k; ld.global.u64 %k, [pointer]; cvta.to.global.u64 %k, %k; ld.global.s32 %v, [%k];", lambda _: values[1] | 0xFFFFFFFF << 32),
             (".reg .b64 %k; ld.global.u64 %k, [place]; ld.u32 %v, [%k];", lambda _: values[2]),
             ("ld.global.u32 %v, [real];", lambda _: 0x40490FDB), ("ld.const.u64 %v, [wide];", lambda _: 0x400921FB54442D18),
             (".reg .b32 %k; and.b32 %k, %t, 0; mul.wide.u32 %w, %k, 4; mov.u64 %v, table; add.u64 %w, %w, %v; ld.const.u32 %v, [%w+12];",
              lambda _: 5)]
    return records("load-constant", "Constant memory and initial values of variables.", "  mov.u64 %rd10, table;", rows, module)


def parameters():
    """A structure passed by value: ld.param of every width, and vectors."""
    chosen = random.Random("parameters")
    data = bytes(chosen.getrandbits(8) for _ in range(RECORD))
    rows = forms("ld.param", "record")
    rows.append(("mov.b64 %w, record; ld.param.u16 %v, [%w+6];", lambda record: integer(record, 6, 2)))
    lines = ["  .reg .b64 %v, %w;"]
    results = []
    for index, (text, function) in enumerate(rows):
        lines.append(f"  {{ {text} st.global.u64 [%p0+{8 * index}], %v; }}")
        results.append(function(data))
    lines.append(f"  {{ ld.param.u8 %v, [small]; st.global.u64 [%p0+{8 * len(rows)}], %v; }}")
    results.append(0xFE)
    text = entry("test", 1, "\n".join(lines)).replace("(.param .u64 a0)", "(.param .u64 a0, .param .u8 small, .param .align 16 .b8 record[32])")
    return Program("load-parameter", "ld.param of a structure passed by value.", text,
                   [case("test", [zeros(len(results), "u64"), "bytes:fe", f"bytes:{data.hex()}"], {0: buffer(results, "u64")}, block=(1,))])


STORES = [("st.global", "b8", 1, 16), ("st.global", "u8", 2, 32), ("st.global.cs", "s8", 4, 32), ("st.global.wb", "b16", 1, 16), ("st.global", "u16", 2, 32),
          ("st.global.cg", "b16", 4, 16), ("st.global.wt", "b32", 1, 32), ("st.global", "s32", 2, 64), ("st.global.L1::no_allocate", "b32", 4, 32),
          ("st.volatile.global", "u64", 1, 64), ("st.relaxed.gpu.global", "b64", 1, 64), ("st.release.sys.global", "u32", 1, 32), ("st.global", "b64", 2, 64),
          ("st.weak.global", "u8", 1, 64), ("st", "u16", 1, 64), ("st", "b32", 4, 64)]


def stores():
    """Narrow elements take the low bits of wider registers; the bytes beside them keep their value."""
    chosen = random.Random("stores")
    count = len(STORES) * THREADS
    before = [chosen.getrandbits(8) for _ in range(32 * count)]
    sources = [chosen.getrandbits(64) for _ in range(4 * THREADS)]
    after, lines = list(before), ["  mad.wide.u32 %rd8, %t, 32, %p0; mad.wide.u32 %rd9, %t, 32, %p1; cvta.global.u64 %rd10, %rd8;",
                                  *[f"  ld.global.u64 %rd{20 + i}, [%rd9+{8 * i}];" for i in range(4)]]
    for index, (operation, type_, length, register) in enumerate(STORES):
        size = int(type_[1:]) // 8
        offset = 32 * THREADS * index + size * length
        names = [f"%s{i}" for i in range(length)]
        convert = {16: "cvt.u16.u64", 32: "cvt.u32.u64", 64: "mov.b64"}[register]
        value = names[0] if length == 1 else "{" + ", ".join(names) + "}"
        vector = f".v{length}" if length > 1 else ""
        base = "%rd10" if operation == "st" else "%rd8"
        moves = " ".join(f"{convert} {name}, %rd{20 + i};" for i, name in enumerate(names))
        lines.append(f"  {{ .reg .b{register} %s<{length}>; {moves} {operation}{vector}.{type_} [{base}+{offset}], {value}; }}")
        for thread in range(THREADS):
            written = b"".join((sources[4 * thread + i] & (1 << 8 * size) - 1).to_bytes(size, "little") for i in range(length))
            at = 32 * thread + offset
            after[at:at + len(written)] = written
    return Program("store-global", "st: widths, vectors, cache operators, orderings.", entry("test", 2, "\n".join(lines)),
                   [case("test", [buffer(before, "u8"), buffer(sources, "u64")], {0: buffer(after, "u8")})])


def spaces():
    """Stores to shared and local memory of every width, read back as words."""
    rows = []
    for space, base in (("shared", "%r8"), ("local", "%rd10"), ("shared::cta", "%r8")):
        for size in (1, 2, 4, 8):
            for length in (1, 2, 4) if size < 8 else (1, 2):
                at = size * length if size * length < 16 else 16
                names = [f"%s{i}" for i in range(length)]
                value = names[0] if length == 1 else "{" + ", ".join(names) + "}"
                vector = f".v{length}" if length > 1 else ""
                moves = " ".join(f"ld.global.u{8 * size} {name}, [%rd8+{(7 * i + 3) * size % (32 - size) // size * size}];" for i, name in enumerate(names))
                load = f"ld.{space}.v2.b64 {{%a, %b}}, [{base}]; ld.{space}.v2.b64 {{%c, %d}}, [{base}+16];"
                join = "mad.lo.u64 %v, %b, 3, %a; mad.lo.u64 %v, %c, 5, %v; mad.lo.u64 %v, %d, 7, %v;"
                text = f".reg .b64 %s<{length}>, %a, %b, %c, %d; {moves} st.{space}{vector}.b{8 * size} [{base}+{at}], {value}; {load} {join} " + \
                    copied(f"st.{space}.b64", base).replace("\n", " ")

                def result(record, size=size, length=length, at=at):
                    image = bytearray(record)
                    for i in range(length):
                        source = (7 * i + 3) * size % (32 - size) // size * size
                        image[at + size * i:at + size * i + size] = record[source:source + size]
                    return combine([integer(image, 8 * i, 8) for i in range(4)])
                rows.append((text, result))
    return records("store-shared-local", "st to shared and local memory: widths and vectors.", "  .local .align 16 .b8 stack[32];\n" + SHARED + "\n" + LOCAL,
                   rows, ".shared .align 16 .b8 tile[1024];", "sm_90a")


def programs():
    yield from loads()
    yield hints()
    yield constants()
    yield parameters()
    yield stores()
    yield spaces()
