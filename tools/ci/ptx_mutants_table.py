"""The table of the mutants that the simulator detects."""
import collections

from ptx_mutations import CLASSES

HEADER = """# Mutants of {title}

Written by `tools/ci/ptx-mutants.py BUILD_DIR {options}`, which also says what a mutant is. A cell holds the mutants that are
detected and those that could be: all of the class but the equivalent ones. "late" and "early" are the modes of asynchronous
operations; "other orders" counts those that only another order of warps detects; "any" is what counts.

"""


def ratio(found, total):
    return f"{found} / {total}" if found < total else f"{found}"


def class_rows(outcomes, reasons):
    yield "| class | mutants | equivalent | late | early | other orders | any | rate |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n"
    for class_ in (*CLASSES, "all"):
        all_ = [o for o in outcomes if class_ in (o.trial.mutant.class_, "all")]
        real = [o for o in all_ if not reasons.get(o.trial.key, "").startswith("equivalent")]
        any_ = sum(o.finding() is not None for o in real)
        modes = [ratio(sum(bool(o.found[mode]) for o in real), len(real)) for mode in ("late", "early")]
        cells = [class_, len(all_), len(all_) - len(real), *modes, sum(bool(o.found.get("orders")) for o in real),
                 ratio(any_, len(real)), f"{100 * any_ / len(real):.1f} %" if real else "-"]
        yield f"| {' | '.join(map(str, cells))} |\n"


def kind_rows(outcomes):
    """How mutants are detected, by the first finding."""
    counts = collections.Counter(filter(None, (o.finding() for o in outcomes)))
    yield "\n## How\n\n| finding | mutants |\n| --- | --- |\n"
    for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"| {kind} | {count} |\n"


def undetected(outcomes, reasons, prefix, title):
    """The undetected mutants of one sort, by reason."""
    by_reason = {}
    for o in outcomes:
        reason = reasons.get(o.trial.key, "miss: unknown")
        if not o.finding() and reason.startswith(prefix):
            by_reason.setdefault(reason.removeprefix(prefix), []).append(o)
    yield f"\n## {title}\n"
    if not by_reason:
        yield "\nNone.\n"
    for reason, held in by_reason.items():
        yield f"\n{reason[:1].upper()}{reason[1:]}:\n\n" + "".join(f"- {o.trial.mutant.class_}: `{o.trial.key}`\n" for o in held)


def family_rows(outcomes, reasons):
    """How many mutants each kernel has, and how many of them are detected."""
    yield "\n## Kernels\n\n| kernel | mutants | equivalent | detected |\n| --- | --- | --- | --- |\n"
    by_kernel = collections.defaultdict(list)
    for o in outcomes:
        by_kernel[o.trial.key.split(":")[0]].append(o)
    for kernel, held in by_kernel.items():
        real = [o for o in held if not reasons.get(o.trial.key, "").startswith("equivalent")]
        found = sum(o.finding() is not None for o in real)
        yield f"| {kernel} | {len(held)} | {len(held) - len(real)} | {ratio(found, len(real))} |\n"


def render(outcomes, reasons, emitted):
    """The table of test/ptx/mutants/table.md, or of emitted.md with its kernels."""
    header = (HEADER.format(title="the kernels that the compiler emits", options="--emitted --table") if emitted else
              HEADER.format(title="the PTX programs", options="--table"))
    return (header + "".join(class_rows(outcomes, reasons)) + "".join(kind_rows(outcomes)) +
            ("".join(family_rows(outcomes, reasons)) if emitted else "") +
            "".join(undetected(outcomes, reasons, "miss: ", "Misses")) +
            "".join(undetected(outcomes, reasons, "equivalent: ", "Equivalent mutants")))
