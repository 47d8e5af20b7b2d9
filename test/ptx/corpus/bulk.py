"""cp.async.bulk and cp.reduce.async.bulk between global memory and the shared memory of a CTA (PTX ISA 9.0, section 9.7.9.25.4)."""
import random

from copies import random_words, words_of
from formats import BF16, F16, F32, F64, add, finite
from program import Program, buffer, case, entry, zeros

TILE = ".shared .align 8 .b64 bar;\n.shared .align 128 .b8 tile[2048];"
# One thread makes the mbarrier and shows it to the async proxy; a barrier shows it to the others.
MAKE_BARRIER = """  setp.ne.u32 %q0, %t, 0; @%q0 bra READY; mbarrier.init.shared.b64 [bar], 1; fence.mbarrier_init.release.cluster;
READY: bar.sync 0;"""


def wait(label, parity=0):
    return f"{label}: mbarrier.try_wait.parity.shared.b64 %q1, [bar], {parity}; @!%q1 bra {label};"


def loads():
    """Copies to a part of the tile; the kernel's size and offset are arguments."""
    source = random_words("bulk load", 512)
    body = f"""{MAKE_BARRIER}
  ld.param.u32 %r1, [bytes]; ld.param.u32 %r2, [offset]; cvt.u64.u32 %rd1, %r2; add.u64 %rd1, %p0, %rd1; mov.u32 %r8, tile;
  @%q0 bra WAIT;
  mbarrier.arrive.expect_tx.shared.b64 _, [bar], %r1;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r8], [%rd1], %r1, [bar];
{wait("WAIT")}
  shl.b32 %r3, %t, 2; setp.ge.u32 %q2, %r3, %r1; @%q2 bra DONE;
COPY: add.u32 %r4, %r8, %r3; ld.shared.u32 %r5, [%r4]; cvt.u64.u32 %rd2, %r3; add.u64 %rd2, %p1, %rd2; st.global.u32 [%rd2], %r5;
  add.u32 %r3, %r3, 128; setp.lt.u32 %q2, %r3, %r1; @%q2 bra COPY;
DONE:"""
    text = entry("test", 2, body, module=TILE).replace(".param .u64 a1)", ".param .u64 a1, .param .u32 bytes, .param .u32 offset)")
    made = [case("test", [buffer(source), zeros(512), f"u32:{size}", f"u32:{offset}"],
                 {1: buffer((source[offset // 4:(offset + size) // 4] + [0] * 512)[:512])}) for size, offset in ((16, 0), (48, 32), (1008, 1024), (2048, 0))]
    return Program("bulk-load", "cp.async.bulk from global to shared memory, completing at an mbarrier.", text, made, "sm_90a")


def phases():
    """One buffer, one mbarrier and four phases: a barrier keeps the next copy behind the reads of the one before."""
    source = random_words("bulk phases", 4 * 64)
    body = f"""{MAKE_BARRIER}
  mov.u32 %r0, 0; mov.u32 %r8, tile; sub.u32 %r9, 63, %t; mad.lo.u32 %r9, %r9, 4, %r8; add.u64 %rd9, %p1, %at; mov.u64 %rd8, %p0;
STEP: @%q0 bra WAIT;
  mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [bar], 256;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%r8], [%rd8], 256, [bar], %rd20;
  mbarrier.arrive.shared.b64 _, [bar];
WAIT: and.b32 %r1, %r0, 1;
AGAIN: mbarrier.try_wait.parity.shared.b64 %q1, [bar], %r1; @!%q1 bra AGAIN;
  ld.shared.u32 %r2, [%r9]; st.global.u32 [%rd9], %r2;
  add.u64 %rd8, %rd8, 256; add.u64 %rd9, %rd9, 256; add.u32 %r0, %r0, 1; setp.ge.u32 %q2, %r0, 4; @%q2 bra DONE;
  bar.sync 0; bra STEP;
DONE:"""
    body = "  createpolicy.fractional.L2::evict_first.b64 %rd20, 1.0;\n" + body
    want = [source[64 * step + 63 - t] for step in range(4) for t in range(64)]
    return Program("bulk-phases", "Four bulk copies one after the other into the same buffer.", entry("test", 2, body, module=TILE),
                   [case("test", [buffer(source), zeros(256)], {1: buffer(want)}, block=(64,))], "sm_90a")


def stores():
    """Two groups; once the source of the first is read its buffer is written again. The issuing thread reads what it stored."""
    source = random_words("bulk store", 128)
    body = """  mov.u32 %r8, tile; mad.lo.u32 %r9, %t, 4, %r8; add.u64 %rd8, %p0, %at; setp.ne.u32 %q0, %t, 0;
  ld.global.u32 %r0, [%rd8]; ld.global.u32 %r1, [%rd8+256]; st.shared.u32 [%r9], %r0; st.shared.u32 [%r9+256], %r1;
  fence.proxy.async.shared::cta; bar.sync 0;
  @%q0 bra FREE;
  cp.async.bulk.global.shared::cta.bulk_group [%p1], [%r8], 256; cp.async.bulk.commit_group;
  add.u32 %r10, %r8, 256; add.u64 %rd9, %p1, 256;
  cp.async.bulk.global.shared::cta.bulk_group [%rd9], [%r10], 256; cp.async.bulk.commit_group;
  cp.async.bulk.wait_group.read 1;
FREE: bar.sync 0;
  not.b32 %r0, %r0; st.shared.u32 [%r9], %r0; fence.proxy.async.shared::cta; bar.sync 0;
  @%q0 bra DONE;
  add.u64 %rd9, %p1, 512;
  cp.async.bulk.global.shared::cta.bulk_group [%rd9], [%r8], 256; cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
  ld.global.u32 %r2, [%p1+4]; ld.global.u32 %r3, [%p1+260]; ld.global.u32 %r4, [%p1+764]; st.global.u32 [%p1+768], %r2; st.global.u32 [%p1+772], %r3;
  st.global.u32 [%p1+776], %r4;
DONE:"""
    first, second = source[:64], source[64:]
    third = [word ^ 0xFFFFFFFF for word in first]
    want = first + second + third + [first[1], second[1], third[63]]
    return Program("bulk-store", "cp.async.bulk from shared to global memory, groups, and reuse of a source.", entry("test", 2, body, module=TILE),
                   [case("test", [buffer(source), zeros(195)], {1: buffer(want)}, block=(64,))], "sm_90a")


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def integer_reductions(bits):
    mask = (1 << bits) - 1
    yield from (("and", f"b{bits}", lambda a, b: a & b), ("or", f"b{bits}", lambda a, b: a | b), ("xor", f"b{bits}", lambda a, b: a ^ b),
                ("add", f"u{bits}", lambda a, b: a + b & mask))
    for name, function in (("min", min), ("max", max)):
        yield name, f"u{bits}", function
        yield name, f"s{bits}", lambda a, b, f=function: f(a, b, key=lambda v: signed(v, bits))
    if bits == 32:
        yield "add", "s32", lambda a, b: a + b & mask
        yield "inc", "u32", lambda a, b: 0 if a >= b else a + 1
        yield "dec", "u32", lambda a, b: b if a == 0 or a > b else a - 1


def float_reductions():
    for form in (F16, BF16, F32, F64):
        noftz = ".noftz" if form.bits == 16 else ""
        yield f"add{noftz}", form.name, form.bits, lambda a, b, f=form: f.encode(add(f.decode(a), f.decode(b)))
        if form.bits == 16:
            for name, function in (("min", min), ("max", max)):
                yield name, form.name, 16, lambda a, b, f=form, g=function: g(a, b, key=lambda v: f.decode(v).exact())


def number_bits(form, chosen):
    """Numbers whose sums are exact in f32 and f64 and inexact in the half formats."""
    return form.encode(finite(chosen.randint(-2000, 2000), chosen.random() < 0.5)) if form.bits > 16 else \
        form.encode(finite(chosen.randint(-2000, 2000) / 8))


def reductions():
    """Each operation on 128 bytes of its own: the buffer's old words, then what the shared words make of them."""
    chosen = random.Random("bulk reductions")
    forms = [(*operation, bits) for bits in (32, 64) for operation in integer_reductions(bits)]
    forms = [(name, type_, bits, function) for name, type_, function, bits in forms] + list(float_reductions())
    formats = {form.name: form for form in (F16, BF16, F32, F64)}
    before, operand, after, lines = bytearray(), bytearray(), bytearray(), []
    for index, (name, type_, bits, function) in enumerate(forms):
        pairs = []
        for _ in range(1024 // bits):
            pairs.append(tuple(number_bits(formats[type_], chosen) if type_ in formats else
                               chosen.getrandbits(bits) >> chosen.choice((0, 0, bits - 3)) for _ in range(2)))
        for a, b in pairs:
            before += a.to_bytes(bits // 8, "little")
            operand += b.to_bytes(bits // 8, "little")
            after += function(a, b).to_bytes(bits // 8, "little")
        lines.append(f"  add.u64 %rd9, %p0, {128 * index}; add.u32 %r10, %r8, {128 * index}; "
                     f"cp.reduce.async.bulk.global.shared::cta.bulk_group.{name}.{type_} [%rd9], [%r10], 128;")
    count = len(forms)
    body = f"""  mov.u32 %r8, tile; mad.lo.u32 %r9, %t, 4, %r8; add.u64 %rd8, %p1, %at; mov.u32 %r1, 0;
FILL: ld.global.u32 %r0, [%rd8]; st.shared.u32 [%r9], %r0; add.u64 %rd8, %rd8, 128; add.u32 %r9, %r9, 128;
  add.u32 %r1, %r1, 1; setp.lt.u32 %q0, %r1, {count}; @%q0 bra FILL;
  fence.proxy.async.shared::cta; bar.sync 0;
  setp.ne.u32 %q0, %t, 0; @%q0 bra DONE;
""" + "\n".join(lines) + """
  cp.async.bulk.commit_group; cp.async.bulk.wait_group 0; ld.global.u32 %r0, [%p0]; st.global.u32 [%p2], %r0;
DONE:"""
    return Program("bulk-reduce", "cp.reduce.async.bulk to global memory: every operation and type.",
                   entry("test", 3, body, module=f".shared .align 128 .b8 tile[{128 * count}];"),
                   [case("test", [buffer(words_of(bytes(before))), buffer(words_of(bytes(operand))), zeros(1)],
                         {0: buffer(words_of(bytes(after))), 2: buffer(words_of(bytes(after))[:1])})], "sm_90a")


def programs():
    yield loads()
    yield phases()
    yield stores()
    yield reductions()
