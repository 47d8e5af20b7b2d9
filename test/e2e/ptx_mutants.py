#!/usr/bin/env python3
"""Checks what mutants are made of a PTX text, and that the simulator detects a fixed sample of those of test/ptx and of those of
the kernels that the build's compiler emits. A kernel whose text is not the one that the list of undetected mutants is for fails.

    ptx_mutants.py BUILD_DIR [ARTIFACT_DIR]

All mutants: tools/ci/ptx-mutants.py, which also writes the table in test/ptx/mutants.
"""
import contextlib
import io
import pathlib
import re
import subprocess
import sys

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools/ci"
sys.path.insert(0, str(TOOLS))
from ptx_mutants_list import Stamps, former_reasons, report_changed  # noqa: E402
from ptx_mutations import mutants  # noqa: E402

SAMPLES = (["--sample=3"], ["--emitted", "--sample=8"])  # mutants of each class

TEXT = """.version 8.0
.target sm_90a
.address_size 64 // a comment; with a semicolon
.visible .entry k(.param .u64 a)
{
  .reg .pred %p<3>; .reg .b32 %r<4>;
  bar.sync 1, 64; /* bar.sync 2; */
  { cp.async.wait_group 1; }
W: mbarrier.try_wait.parity.shared.b64 %p1, [bar + 8], %r1;
  @!%p1 bra W;
  mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [bar], 512;
  fence.proxy.async;
  wgmma.wait_group.sync.aligned 0;
  setp.lt.u32 %p2, %r1, 0x10;
  @%p2 st.shared.u32
    [%r2], %r1;
  ret;
}
"""

# (line, class, change, the mutant's text of those lines)
EXPECTED = [
    (7, "barrier", "a warp less", "bar.sync 1, 32;"),
    (7, "barrier", "a warp more", "bar.sync 1, 96;"),
    (7, "barrier", "next barrier", "bar.sync 2, 64;"),
    (7, "barrier", "removed", ""),
    (8, "cp.async wait", "a group more in flight", "cp.async.wait_group 2;"),
    (8, "cp.async wait", "removed", ""),
    (9, "mbarrier wait", "other parity", "{ .reg .b32 qvl_shifted; xor.b32 qvl_shifted, %r1, 1; "
     "mbarrier.try_wait.parity.shared.b64 %p1, [bar + 8], qvl_shifted; }"),
    (9, "mbarrier wait", "passes at once", "setp.eq.u32 %p1, 0, 0;"),
    (11, "arrive", "removed", "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [bar], 512;"),
    (11, "expect_tx", "bytes + 16", "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [bar], 528;"),
    (11, "expect_tx", "bytes - 16", "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [bar], 496;"),
    (11, "expect_tx", "removed", "mbarrier.arrive.release.cta.shared::cta.b64 _, [bar];"),
    (12, "fence", "removed", ""),
    (13, "wgmma wait", "a group more in flight", "wgmma.wait_group.sync.aligned 1;"),
    (13, "wgmma wait", "removed", ""),
    (14, "bounds", "bound + 1", "setp.lt.u32 %p2, %r1, 17;"),
    (14, "bounds", "bound - 1", "setp.lt.u32 %p2, %r1, 15;"),
    (15, "bounds", "guard removed", "st.shared.u32 [%r2], %r1;"),
]


def check_mutations():
    made = mutants(TEXT)
    wrong = sorted(set(EXPECTED) ^ {(m.statement.line, m.class_, m.change, m.replacement) for m in made})
    moved = [m for m in made if m.apply(TEXT).count("\n") != TEXT.count("\n") or not m.apply(TEXT).endswith("  ret;\n}\n")]
    return wrong or moved


def check_list():
    """A list says for which texts it is: a text that changed, came or went fails, unless another LLVM wrote it."""
    listed, now = Stamps("22.1", {"a": "1", "b": "2", "c": "3"}), Stamps("22.1", {"a": "1", "b": "4", "d": "5"})
    changed = listed.changed(now)
    reasons = {"k:7 | bound + 1 | setp.lt.s64 %p1, %rd5, 64;": "equivalent: x",
               "k:9 | bound + 1 | setp.lt.s64 %p1, %rd5, 32;": "equivalent: y"}
    former = former_reasons("k:12 | bound + 1 | setp.lt.s64 %p3, %rd17, 64;", reasons)
    with contextlib.redirect_stdout(io.StringIO()):
        counts = report_changed(changed, listed, now), report_changed(changed, listed, Stamps("22.2", now.texts))
    return changed != {"b", "c", "d"} or counts != ((3, 0), (0, 3)) or former != " (in its former text: equivalent: x)"


def run_sample(build, options):
    done = subprocess.run([sys.executable, str(TOOLS / "ptx-mutants.py"), build, *options], capture_output=True, text=True)
    print(done.stdout + done.stderr)
    found = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", done.stdout, re.MULTILINE)
    return map(int, found.groups()) if found else (0, 1, 0)


def main():
    simulator = pathlib.Path(sys.argv[1]) / "bin/qvl-ptxsim"
    counts = [0, 0, 0]
    for name, wrong in (("mutations", check_mutations()), ("list of undetected mutants", check_list())):
        if wrong:
            print(f"FAILED {name}: {wrong}")
        counts[bool(wrong)] += 1
    for options in SAMPLES:
        needed = simulator.with_name("qvl-opt") if "--emitted" in options else simulator
        if simulator.exists() and needed.exists():
            counts = [a + b for a, b in zip(counts, run_sample(sys.argv[1], options))]
        else:
            print(f"SKIPPED the sample {options}: {needed} is not built")
            counts[2] += 1
    print("{} passed, {} failed, {} skipped".format(*map(int, counts)))
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main())
