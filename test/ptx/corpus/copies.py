"""cp.async (PTX ISA 9.0, section 9.7.9.25.3): sizes, zero fill, groups, and arrival at mbarriers."""
import random

from program import Program, buffer, case, entry, zeros

# cp.async ..., its size in the text, how many source bytes arrive for a thread (None: all)
FORMS = [("ca", 4, None), ("ca", 8, None), ("ca", 16, None), ("cg", 16, None), ("cg", 16, lambda t: t % 17), ("ca", 4, lambda t: t % 5),
         ("ca", 8, lambda t: t % 9), ("ca", 16, lambda t: 0 if t % 3 else 16)]


def random_words(name, count):
    chosen = random.Random(name)
    return [chosen.getrandbits(32) for _ in range(count)]


def little(words):
    return b"".join(word.to_bytes(4, "little") for word in words)


def words_of(data):
    return [int.from_bytes(data[i:i + 4], "little") for i in range(0, len(data), 4)]


def sizes():
    """Every thread copies 16 bytes or less to its own place, which held ones before; src-size fills up with zeros."""
    count = len(FORMS) + 1
    source = random_words("cp.async", 4 * 32 * count)
    data = little(source)
    lines = ["  mov.u32 %r8, tile; mad.lo.u32 %r8, %t, 16, %r8; mad.wide.u32 %rd8, %t, 16, %p0; mad.wide.u32 %rd9, %t, 16, %p1; mov.u32 %r0, 0xffffffff;"]
    lines += [f"  st.shared.v4.b32 [%r8+{512 * row}], {{%r0, %r0, %r0, %r0}};" for row in range(count)]
    result = bytearray()
    for row, (cache, size, arriving) in enumerate(FORMS):
        argument = ""
        if arriving:
            modulus = {16: 17, 4: 5, 8: 9}[size]
            compute = f"rem.u32 %r1, %t, {modulus};" if not (cache == "ca" and size == 16) else \
                "rem.u32 %r1, %t, 3; setp.ne.u32 %q0, %r1, 0; selp.u32 %r1, 0, 16, %q0;"
            lines.append(f"  {compute}")
            argument = ", %r1"
        lines.append(f"  cp.async.{cache}.shared.global [%r8+{512 * row}], [%rd8+{512 * row}], {size}{argument};")
        for t in range(32):
            place = data[512 * row + 16 * t:][:16]
            kept = size if arriving is None else arriving(t)
            result += (place[:kept] + bytes(size - kept)).ljust(16, b"\xff")
    # ignore-src: zeros where the predicate holds.
    row = len(FORMS)
    lines.append(f"  and.b32 %r1, %t, 1; setp.eq.u32 %q0, %r1, 1; cp.async.ca.shared.global [%r8+{512 * row}], [%rd8+{512 * row}], 8, %q0;")
    for t in range(32):
        result += (bytes(8) if t % 2 else data[512 * row + 16 * t:][:8]).ljust(16, b"\xff")
    lines.append("  cp.async.wait_all;")
    for row in range(count):
        lines.append(f"  ld.shared.v4.b32 {{%r0, %r1, %r2, %r3}}, [%r8+{512 * row}]; st.global.v4.b32 [%rd9+{512 * row}], {{%r0, %r1, %r2, %r3}};")
    return Program("cp-async-sizes", "cp.async of 4, 8 and 16 bytes, zero fill by src-size and ignore-src.",
                   entry("test", 2, "\n".join(lines), module=f".shared .align 16 .b8 tile[{512 * count}];"),
                   [case("test", [buffer(source), zeros(4 * 32 * count)], {1: buffer(words_of(bytes(result)))})])


STEPS = 8


def pipeline():
    """Three stages; a thread reads what its neighbour has copied. One barrier a step orders both the reads and the next copy."""
    source = random_words("stages", 64 * STEPS)
    body = f"""  mov.u32 %r8, tile; add.u32 %r9, %t, 1; and.b32 %r9, %r9, 63; mad.lo.u32 %r9, %r9, 4, %r8; mad.lo.u32 %r8, %t, 4, %r8;
  add.u64 %rd8, %p0, %at; add.u64 %rd9, %p1, %at;
  cp.async.ca.shared.global [%r8], [%rd8], 4; cp.async.commit_group;
  cp.async.ca.shared.global [%r8+256], [%rd8+256], 4; cp.async.commit_group;
  mov.u32 %r0, 0;
STEP: cp.async.wait_group 1; bar.sync 0;
  rem.u32 %r1, %r0, 3; mad.lo.u32 %r2, %r1, 256, %r9; ld.shared.u32 %r3, [%r2]; mad.wide.u32 %rd0, %r0, 256, %rd9; st.global.u32 [%rd0], %r3;
  add.u32 %r4, %r0, 2; setp.ge.u32 %q0, %r4, {STEPS}; @%q0 bra LAST;
  rem.u32 %r5, %r4, 3; mad.lo.u32 %r5, %r5, 256, %r8; mad.wide.u32 %rd0, %r4, 256, %rd8; cp.async.ca.shared.global [%r5], [%rd0], 4;
LAST: cp.async.commit_group;
  add.u32 %r0, %r0, 1; setp.lt.u32 %q1, %r0, {STEPS}; @%q1 bra STEP;"""
    want = [source[64 * step + (t + 1) % 64] for step in range(STEPS) for t in range(64)]
    return Program("cp-async-pipeline", "A ring of three stages with one group a step, the last groups empty.",
                   entry("test", 2, body, module=".shared .align 16 .b8 tile[768];"),
                   [case("test", [buffer(source), zeros(len(want))], {1: buffer(want)}, block=(64,))])


def arrival(noinc):
    """The copies of a thread arrive at an mbarrier. Without .noinc they raise the pending count, so that the thread arrives too."""
    source = random_words(f"arrive{noinc}", 4 * 64)
    own = "" if noinc else " mbarrier.arrive.shared.b64 _, [bar];"
    body = f"""  setp.ne.u32 %q0, %t, 0; @%q0 bra READY; mbarrier.init.shared.b64 [bar], 64;
READY: bar.sync 0;
  mov.u32 %r8, tile; mad.lo.u32 %r9, %t, 16, %r8; mad.wide.u32 %rd8, %t, 16, %p0;
  cp.async.cg.shared.global [%r9], [%rd8], 16;
  cp.async.mbarrier.arrive{'.noinc' if noinc else ''}.shared.b64 [bar];{own}
WAIT: mbarrier.test_wait.parity.shared.b64 %q1, [bar], 0; @!%q1 bra WAIT;
  sub.u32 %r0, 63, %t; mad.lo.u32 %r9, %r0, 16, %r8; ld.shared.v4.b32 {{%r0, %r1, %r2, %r3}}, [%r9];
  mad.wide.u32 %rd9, %t, 16, %p1; st.global.v4.b32 [%rd9], {{%r0, %r1, %r2, %r3}};"""
    want = [source[4 * (63 - t) + i] for t in range(64) for i in range(4)]
    name = f"cp-async-arrive{'-noinc' if noinc else ''}"
    return Program(name, f"cp.async.mbarrier.arrive{'.noinc' if noinc else ''}.",
                   entry("test", 2, body, module=".shared .align 8 .b64 bar;\n.shared .align 16 .b8 tile[1024];"),
                   [case("test", [buffer(source), zeros(len(want))], {1: buffer(want)}, block=(64,))], "sm_90a")


def programs():
    yield sizes()
    yield pipeline()
    yield arrival(True)
    yield arrival(False)
