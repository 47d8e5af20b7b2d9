"""mbarrier objects (PTX ISA 9.0, section 9.7.13.15): phases, pending counts, transactions, and a pipeline over them."""
import random

from program import Program, buffer, case, entry, zeros


class Script:
    """Steps of one thread; each that asks for something stores a word, 0 or 1 for predicates."""

    def __init__(self):
        self.lines, self.wants = [], []

    def do(self, text):
        self.lines.append(f"  {text}")

    def word(self, text, want):
        """`text` leaves its answer in %r1."""
        self.lines.append(f"  {text} st.global.u32 [%p0+{4 * len(self.wants)}], %r1;")
        self.wants.append(want)

    def parity(self, number, want, operation="test_wait"):
        self.word(f"mbarrier.{operation}.parity.shared.b64 %q0, [bar], {number}; selp.u32 %r1, 1, 0, %q0;", int(want))

    def state(self, register, want):
        self.word(f"mbarrier.test_wait.shared.b64 %q0, [bar], {register}; selp.u32 %r1, 1, 0, %q0;", int(want))

    def pending(self, register, want):
        self.word(f"mbarrier.pending_count.b64 %r1, {register};", want)

    def program(self, name, about):
        module = ".shared .align 8 .b64 bar;"
        return Program(name, about, entry("test", 1, "\n".join(self.lines), module=module),
                       [case("test", [zeros(len(self.wants))], {0: buffer(self.wants)}, block=(1,))], "sm_90a")


def phases():
    """A phase ends with its last arrival; tests by parity and by state see the current phase and the one before."""
    s = Script()
    s.do("mbarrier.init.shared.b64 [bar], 2;")
    s.parity(1, True)  # the phase before the first counts as ended
    s.parity(0, False)
    s.do("mbarrier.arrive.shared.b64 %rd0, [bar];")
    s.pending("%rd0", 2)  # the state is of before the arrival
    s.state("%rd0", False)
    s.parity(0, False)
    s.do("mbarrier.arrive.shared::cta.b64 %rd1, [bar];")
    s.pending("%rd1", 1)
    s.state("%rd0", True)
    s.state("%rd1", True)
    s.parity(0, True)
    s.parity(1, False)
    s.do("mbarrier.arrive.release.cta.shared::cta.b64 %rd2, [bar], 2;")  # two arrivals at once end phase 1
    s.pending("%rd2", 2)
    s.state("%rd2", True)
    s.parity(1, True)
    s.parity(0, False)
    s.do("mbarrier.arrive.noComplete.shared.b64 %rd3, [bar], 1;")
    s.pending("%rd3", 2)
    s.parity(0, False)
    s.do("mbarrier.arrive.shared.b64 _, [bar];")
    s.state("%rd3", True)
    s.parity(0, True, "try_wait")
    s.parity(1, False, "try_wait")
    return s.program("mbarrier-phases", "Phases, parities, states and pending counts of an mbarrier.")


def transactions():
    """A phase ends when no arrival is pending and the transaction count is zero."""
    s = Script()
    s.do("mbarrier.init.shared.b64 [bar], 2;")
    s.do("mbarrier.arrive.expect_tx.shared.b64 %rd0, [bar], 64;")
    s.pending("%rd0", 2)
    s.do("mbarrier.arrive.shared.b64 %rd1, [bar];")
    s.pending("%rd1", 1)
    s.parity(0, False)  # no arrival is missing, but 64 bytes are
    s.do("mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [bar], 48;")
    s.state("%rd0", False)
    s.do("mbarrier.complete_tx.shared::cta.b64 [bar], 16;")
    s.state("%rd0", True)
    s.parity(0, True)
    s.do("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [bar], 32;")  # expects without an arrival
    s.do("mbarrier.arrive.shared.b64 %rd2, [bar], 2;")
    s.parity(1, False)
    s.do("mbarrier.complete_tx.shared::cta.b64 [bar], 32;")
    s.parity(1, True)
    return s.program("mbarrier-transactions", "Expected and completed bytes of an mbarrier.")


def dropping():
    """arrive_drop arrives and lowers the expected count of all later phases; inval frees the object for another init."""
    s = Script()
    s.do("mbarrier.init.shared.b64 [bar], 4;")
    s.do("mbarrier.arrive_drop.shared.b64 %rd0, [bar];")
    s.pending("%rd0", 4)
    s.do("mbarrier.arrive.shared.b64 %rd1, [bar], 3;")
    s.pending("%rd1", 3)
    s.parity(0, True)
    s.do("mbarrier.arrive_drop.shared.b64 %rd2, [bar], 2;")  # of the three that phase 1 expects
    s.pending("%rd2", 3)
    s.parity(1, False)
    s.do("mbarrier.arrive.shared.b64 %rd3, [bar];")
    s.pending("%rd3", 1)
    s.parity(1, True)
    s.do("mbarrier.arrive.shared.b64 %rd4, [bar];")  # one arrival makes phase 2
    s.pending("%rd4", 1)
    s.parity(0, True)
    s.do("mbarrier.arrive_drop.expect_tx.shared.b64 %rd5, [bar], 16;")
    s.parity(1, False)
    s.do("mbarrier.complete_tx.shared::cta.b64 [bar], 16;")
    s.state("%rd5", True)
    s.do("mbarrier.inval.shared.b64 [bar];")
    s.do("mbarrier.init.shared.b64 [bar], 1;")
    s.parity(1, True)
    s.parity(0, False)
    s.do("mbarrier.arrive.shared.b64 %rd6, [bar];")
    s.pending("%rd6", 1)
    s.parity(0, True)
    return s.program("mbarrier-drop", "arrive_drop, inval and a second init.")


STEPS, STAGES = 7, 2


def pipeline():
    """One warp fills stages, another reads what its neighbour's lane filled; full and empty mbarriers keep them apart."""
    chosen = random.Random("pipeline")
    data = [[chosen.getrandbits(31) for _ in range(32)] for _ in range(STEPS)]
    body = f"""  setp.ne.u32 %q0, %t, 0; @%q0 bra READY;
  mbarrier.init.shared.b64 [full], 32; mbarrier.init.shared.b64 [full+8], 32;
  mbarrier.init.shared.b64 [empty], 32; mbarrier.init.shared.b64 [empty+8], 32;
READY: bar.sync 0;
  and.b32 %r0, %t, 31; mov.u32 %r1, 0; mov.u32 %r20, tile; mov.u32 %r21, full; mov.u32 %r22, empty;
  setp.ge.u32 %q1, %t, 32; @%q1 bra CONSUME;
PRODUCE: and.b32 %r2, %r1, 1; shr.u32 %r3, %r1, 1; and.b32 %r3, %r3, 1; xor.b32 %r3, %r3, 1;
  mad.lo.u32 %r4, %r2, 8, %r22; mad.lo.u32 %r5, %r2, 8, %r21;
FREE: mbarrier.try_wait.parity.shared.b64 %q2, [%r4], %r3; @!%q2 bra FREE;
  mad.lo.u32 %r6, %r1, 32, %r0; mad.wide.u32 %rd0, %r6, 4, %p0; ld.global.u32 %r7, [%rd0];
  mad.lo.u32 %r6, %r2, 32, %r0; mad.lo.u32 %r6, %r6, 4, %r20; st.shared.u32 [%r6], %r7;
  mbarrier.arrive.shared.b64 _, [%r5];
  add.u32 %r1, %r1, 1; setp.lt.u32 %q3, %r1, {STEPS}; @%q3 bra PRODUCE;
  ret;
CONSUME: and.b32 %r2, %r1, 1; shr.u32 %r3, %r1, 1; and.b32 %r3, %r3, 1;
  mad.lo.u32 %r4, %r2, 8, %r22; mad.lo.u32 %r5, %r2, 8, %r21;
FILLED: mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %q2, [%r5], %r3; @!%q2 bra FILLED;
  add.u32 %r8, %r0, 1; and.b32 %r8, %r8, 31; mad.lo.u32 %r6, %r2, 32, %r8; mad.lo.u32 %r6, %r6, 4, %r20; ld.shared.u32 %r7, [%r6];
  mbarrier.arrive.release.cta.shared::cta.b64 _, [%r4];
  mad.lo.u32 %r6, %r1, 32, %r0; mad.wide.u32 %rd0, %r6, 4, %p1; st.global.u32 [%rd0], %r7;
  add.u32 %r1, %r1, 1; setp.lt.u32 %q3, %r1, {STEPS}; @%q3 bra CONSUME;"""
    module = f".shared .align 8 .b64 full[{STAGES}];\n.shared .align 8 .b64 empty[{STAGES}];\n.shared .align 4 .b8 tile[{128 * STAGES}];"
    want = [row[(lane + 1) % 32] for row in data for lane in range(32)]
    return Program("mbarrier-pipeline", "A producer and a consumer warp over full and empty mbarriers.", entry("test", 2, body, module=module),
                   [case("test", [buffer([w for row in data for w in row]), zeros(len(want))], {1: buffer(want)}, block=(64,))], "sm_90a")


def programs():
    yield phases()
    yield transactions()
    yield dropping()
    yield pipeline()
