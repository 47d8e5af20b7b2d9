"""Control flow of divergent warps and warp-wide instructions. Every expectation is a plain loop over threads."""
import random

from program import Program, buffer, case, entry, zeros

M32 = (1 << 32) - 1


def threads(name, about, body, function, count=64, module="", block=None, target="sm_80"):
    """A kernel that turns one word a thread, %r0, into %r1; `function(thread, words)` says the result."""
    chosen = random.Random(name)
    words = [chosen.getrandbits(16) for _ in range(count)]
    text = f"  add.u64 %rd0, %p0, %at; ld.global.u32 %r0, [%rd0]; add.u64 %rd1, %p1, %at;\n{body}\n  st.global.u32 [%rd1], %r1;"
    results = [function(t, words) & M32 for t in range(count)]
    return Program(name, about, entry("test", 2, text, module=module),
                   [case("test", [buffer(words), zeros(count)], {1: buffer(results)}, block=(count,))], target)


def nested_if():
    body = """  and.b32 %r2, %r0, 3; mov.u32 %r1, 0;
  setp.lt.u32 %q0, %r2, 2; @%q0 bra LOW;
  setp.eq.u32 %q1, %r2, 3; @%q1 bra THREE;
  add.u32 %r1, %r1, 20; bra HIGH_END;
THREE: add.u32 %r1, %r1, 30;
HIGH_END: add.u32 %r1, %r1, 1; bra END;
LOW: setp.eq.u32 %q1, %r2, 0; @!%q1 bra LOW_END;
  add.u32 %r1, %r1, 7;
LOW_END: add.u32 %r1, %r1, 2;
END: vote.sync.ballot.b32 %r3, 1, 0xffffffff; popc.b32 %r3, %r3; add.u32 %r1, %r1, %r3;"""

    def result(t, words):
        low = words[t] & 3
        return {0: 9, 1: 2, 2: 21, 3: 31}[low] + 32

    return threads("control-nested-if", "Nested branches; all lanes are together again behind them.", body, result)


def loop_exit():
    body = """  and.b32 %r2, %r0, 15; mov.u32 %r1, 0; mov.u32 %r3, 0;
LOOP: setp.ge.u32 %q0, %r3, %r2; @%q0 bra DONE;
  mad.lo.u32 %r1, %r1, 3, %r3; add.u32 %r3, %r3, 1;
  and.b32 %r4, %r1, 7; setp.eq.u32 %q1, %r4, 5; @%q1 bra BREAK;
  bra LOOP;
BREAK: add.u32 %r1, %r1, 1000;
DONE: bar.warp.sync 0xffffffff; redux.sync.add.u32 %r5, %r3, 0xffffffff; add.u32 %r1, %r1, %r5;"""

    def steps(word):
        total, i = 0, 0
        while i < (word & 15):
            total = (total * 3 + i) & M32
            i += 1
            if total & 7 == 5:
                return total + 1000, i
        return total, i

    def result(t, words):
        warp = words[t // 32 * 32:t // 32 * 32 + 32]
        return steps(words[t])[0] + sum(steps(w)[1] for w in warp)

    return threads("control-loop-exit", "A loop that lanes leave at different times and by two ways.", body, result)


def early_return():
    body = """  mov.u32 %r1, 5; st.global.u32 [%rd1], %r1;
  and.b32 %r2, %r0, 1; setp.eq.u32 %q0, %r2, 1; @%q0 ret;
  and.b32 %r2, %r0, 2; setp.eq.u32 %q0, %r2, 2; @%q0 exit;
  mov.u32 %r1, 6; bar.sync 0;"""
    return threads("control-early-return", "Lanes that leave with ret and exit; the rest meet at a barrier.", body,
                   lambda t, words: 5 if words[t] & 3 else 6)


def branch_table():
    body = """  and.b32 %r2, %r0, 3;
TABLE: .branchtargets A, B, C, B;
  brx.idx %r2, TABLE;
A: add.u32 %r1, %r0, 1; bra END;
B: mul.lo.u32 %r1, %r0, 3; bra END;
C: not.b32 %r1, %r0;
END: redux.sync.or.b32 %r3, %r2, 0xffffffff; xor.b32 %r1, %r1, %r3;"""

    def result(t, words):
        word = words[t]
        every = 0
        for w in words[t // 32 * 32:t // 32 * 32 + 32]:
            every |= w & 3
        return [word + 1, word * 3, ~word, word * 3][word & 3] ^ every

    return threads("control-branch-table", "brx.idx with diverging indices and a target named twice.", body, result)


CALL_MODULE = """
.func (.param .b32 out) twice(.param .b32 in)
{ .reg .b32 %a; ld.param.u32 %a, [in]; add.u32 %a, %a, %a; st.param.b32 [out], %a; ret; }
.func (.param .b32 out) collatz(.param .b32 in)
{ .reg .b32 %a, %n, %b; .reg .pred %p; ld.param.u32 %a, [in]; mov.u32 %n, 0;
L: setp.le.u32 %p, %a, 1; @%p bra E; add.u32 %n, %n, 1; and.b32 %b, %a, 1; setp.eq.u32 %p, %b, 0;
  @%p shr.u32 %a, %a, 1; @!%p mad.lo.u32 %a, %a, 3, 1; bra L;
E: st.param.b32 [out], %n; ret; }
"""


def calls():
    body = """  and.b32 %r2, %r0, 63; setp.gt.u32 %q0, %r2, 28; mov.u32 %r1, 9;
  @%q0 bra OTHER;
  { .param .b32 i; .param .b32 o; st.param.b32 [i], %r2; call.uni (o), collatz, (i); ld.param.b32 %r1, [o]; }
  bra END;
OTHER:
  { .param .b32 i; .param .b32 o; st.param.b32 [i], %r2; call (o), twice, (i); ld.param.b32 %r1, [o]; }
END: bar.warp.sync 0xffffffff;"""
    body = body.replace("call.uni (o)", "call (o)")

    def result(t, words):
        word = words[t] & 63
        if word > 28:
            return 2 * word
        steps = 0
        while word > 1:
            steps, word = steps + 1, word * 3 + 1 if word & 1 else word // 2
        return steps

    return threads("control-call", "Calls from both sides of a branch, one with a divergent loop inside.", body, result, module=CALL_MODULE)


def indirect_call():
    module = CALL_MODULE + "\n.global .align 8 .u64 table[2] = { twice, collatz };\n"
    body = """  and.b32 %r2, %r0, 31; and.b32 %r3, %r0, 32; shr.u32 %r3, %r3, 2; cvt.u64.u32 %rd2, %r3;
  mov.u64 %rd3, table; add.u64 %rd3, %rd3, %rd2; ld.global.u64 %rd4, [%rd3];
  { .param .b32 i; .param .b32 o; st.param.b32 [i], %r2;
PROTOTYPE: .callprototype (.param .b32 _) _ (.param .b32 _);
  call (o), %rd4, (i), PROTOTYPE; ld.param.b32 %r1, [o]; }"""

    def result(t, words):
        word = words[t] & 31
        if not words[t] & 32:
            return 2 * word
        steps = 0
        while word > 1:
            steps, word = steps + 1, word * 3 + 1 if word & 1 else word // 2
        return steps

    return threads("control-indirect-call", "Calls through a table of functions, lanes of a warp to different ones.", body, result,
                   module=module)


def votes():
    body = """  and.b32 %r2, %r0, 1; setp.eq.u32 %q0, %r2, 1; mov.u32 %r1, 0;
  vote.sync.all.pred %q1, %q0, 0xffffffff; vote.sync.any.pred %q2, %q0, 0xffffffff; vote.sync.uni.pred %q3, %q0, 0xffffffff;
  selp.u32 %r3, 1, 0, %q1; selp.u32 %r4, 2, 0, %q2; selp.u32 %r5, 4, 0, %q3; add.u32 %r1, %r3, %r4; add.u32 %r1, %r1, %r5;
  setp.lt.u32 %q4, %t, 12; @!%q4 bra HIGH;
  vote.sync.ballot.b32 %r6, %q0, 0x00000fff; bra END;
HIGH: setp.ge.u32 %q5, %t, 32; mov.u32 %r6, 0; @%q5 bra END;
  vote.sync.ballot.b32 %r6, %q0, 0xfffff000;
END: shl.b32 %r6, %r6, 3; add.u32 %r1, %r1, %r6;"""

    def result(t, words):
        base = t // 32 * 32
        odd = [w & 1 for w in words[base:base + 32]]
        flags = all(odd) + 2 * any(odd) + 4 * (all(odd) or not any(odd))
        members = range(12) if t < 12 else range(12, 32) if t < 32 else ()
        return flags + (sum(odd[m] << m for m in members) << 3)

    return threads("warp-vote", "vote all, any, uni and ballot, also by the two sides of a branch.", body, result)


def shuffles():
    chosen = random.Random("shuffles")
    forms = [("up", 3, 0), ("down", 5, 31), ("bfly", 9, 31), ("idx", 17, 31), ("up", 2, 24 << 8), ("down", 3, 24 << 8 | 31),
             ("bfly", 4, 24 << 8 | 31), ("idx", 5, 24 << 8 | 31), ("down", 1, 16 << 8 | 15)]
    del chosen
    lines = ["mov.u32 %r1, 0;"]
    for mode, b, c in forms:
        lines.append(f"shfl.sync.{mode}.b32 %r2|%q0, %r0, {b}, {c}, 0xffffffff; selp.u32 %r3, 1, 0, %q0; "
                     "mad.lo.u32 %r1, %r1, 31, %r2; add.u32 %r1, %r1, %r3;")

    def result(t, words):
        lane, base, total = t % 32, t // 32 * 32, 0
        for mode, b, c in forms:
            segment, clamp = c >> 8 & 31, c & 31
            high, low = (lane & segment) | (clamp & ~segment), lane & segment
            source = {"up": lane - b, "down": lane + b, "bfly": lane ^ b, "idx": low | (b & ~segment)}[mode]
            inside = source >= high if mode == "up" else source <= high
            value = words[base + (source if inside else lane)]
            total = (total * 31 + value + inside) & M32
        return total

    return threads("warp-shuffle", "shfl up, down, bfly, idx with whole and partial segments and their predicates.",
                   "\n".join("  " + line for line in lines), result)


def matches():
    body = """  and.b32 %r2, %r0, 3; match.any.sync.b32 %r3, %r2, 0xffffffff; match.all.sync.b32 %r4|%q0, %r2, 0xffffffff;
  redux.sync.max.u32 %r5, %r0, 0xffffffff; redux.sync.min.s32 %r6, %r0, 0xffffffff; redux.sync.xor.b32 %r7, %r0, 0xffffffff;
  redux.sync.and.b32 %r8, %r0, 0xffffffff;
  mov.u32 %r1, %r3; mad.lo.u32 %r1, %r1, 5, %r4; mad.lo.u32 %r1, %r1, 5, %r5; mad.lo.u32 %r1, %r1, 5, %r6;
  mad.lo.u32 %r1, %r1, 5, %r7; mad.lo.u32 %r1, %r1, 5, %r8;"""

    def result(t, words):
        warp = words[t // 32 * 32:t // 32 * 32 + 32]
        same = sum((w & 3 == words[t] & 3) << i for i, w in enumerate(warp))
        whole = M32 if len({w & 3 for w in warp}) == 1 else 0
        exclusive, both = 0, M32
        for w in warp:
            exclusive, both = exclusive ^ w, both & w
        total = same
        for value in (whole, max(warp), min(warp), exclusive, both):
            total = total * 5 + value & M32
        return total

    return threads("warp-match-redux", "match any and all, redux over a warp.", body, result)


def barriers():
    module = ""
    body = """  .shared .b32 slots[64]; .shared .b32 total;
  mov.u32 %r10, slots; mad.lo.u32 %r11, %t, 4, %r10; setp.ge.u32 %q0, %t, 32; @%q0 bra CONSUME;
  st.shared.u32 [%r11], %r0; bar.arrive 3, 64; mov.u32 %r1, %r0; bra JOIN;
CONSUME: bar.sync 3, 64; ld.shared.u32 %r1, [%r11+-128];
JOIN: and.b32 %r2, %r0, 1; setp.eq.u32 %q1, %r2, 1; bar.red.popc.u32 %r3, 0, %q1; bar.red.or.pred %q2, 0, %q1;
  bar.red.and.pred %q3, 0, %q1; selp.u32 %r4, 1000, 0, %q2; selp.u32 %r5, 2000, 0, %q3;
  add.u32 %r1, %r1, %r3; add.u32 %r1, %r1, %r4; add.u32 %r1, %r1, %r5;"""

    def result(t, words):
        odd = [w & 1 for w in words]
        return words[t % 32] + sum(odd) + 1000 * any(odd) + 2000 * all(odd)

    return threads("barrier-named", "bar.arrive and bar.sync of a named barrier, bar.red popc, or, and.", body, result, module=module)


def programs():
    yield nested_if()
    yield loop_exit()
    yield early_return()
    yield branch_table()
    yield calls()
    yield indirect_call()
    yield votes()
    yield shuffles()
    yield matches()
    yield barriers()
