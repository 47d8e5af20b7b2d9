"""Makes mutants of PTX text: every instruction that orders or bounds memory accesses removed or shifted by one, each in turn.

A mutant differs from its origin in one place and keeps all line numbers. What a shift is depends on the instruction: a
warp more in the thread count of a barrier or the next barrier, a group more in flight behind a wait, the other parity, an
arrival more or less in a count, sixteen transaction bytes, a bound one higher or lower.
"""
import re
from typing import Callable, NamedTuple

from ptx_statements import Statement, statements

CLASSES = ("barrier", "cp.async wait", "mbarrier wait", "arrive", "expect_tx", "bounds", "fence", "wgmma wait")


class Mutant(NamedTuple):
    class_: str
    change: str
    statement: Statement
    replacement: str

    def apply(self, text):
        """The mutant's text. A removed statement leaves its line ends behind."""
        s = self.statement
        return text[:s.start] + self.replacement + "\n" * (text.count("\n", s.start, s.end) - self.replacement.count("\n")) + text[s.end:]


def shifted(operand, delta, type_, build):
    """The statement that `build` makes of a changed operand: a constant is folded, a register goes through a new one."""
    try:
        value = int(operand.rstrip("U"), 0) + delta
    except ValueError:
        return f"{{ .reg .{type_} qvl_shifted; add.{type_} qvl_shifted, {operand}, {delta}; {build('qvl_shifted')} }}"
    bits = int(type_[1:])
    return build(str(value if value >= 0 or type_[0] == "s" else value + (1 << bits)))


def with_operand(s, index, delta, type_="u32"):
    def build(operand):
        operands = [*s.operands[:index], operand, *s.operands[index + 1:]]
        return s.instruction(operands=operands)
    return shifted(s.operands[index], delta, type_, build)


# --- one function a class: yields (change, replacement) -------------------------------------------------------------------


def barrier(s, following):
    if not re.match(r"(bar|barrier)\.(?!cluster\.(arrive|wait))", s.opcode) and not s.opcode.startswith("barrier.cluster."):
        return
    yield "removed", ""
    if s.opcode.startswith("barrier.cluster.arrive") and following and following.opcode.startswith("barrier.cluster.wait"):
        yield "removed with its wait", (following, "")
    if s.opcode.startswith(("barrier.cluster", "bar.warp")):
        return
    first = 1 if ".red" in s.opcode else 0  # the destination of a reduction comes first
    counts = [k for k in range(first + 1, len(s.operands)) if not (".red" in s.opcode and k == len(s.operands) - 1)]
    for index in counts:
        yield "a warp more", with_operand(s, index, 32)
        yield "a warp less", with_operand(s, index, -32)
        yield "next barrier", with_operand(s, first, 1)


def group_wait(s):
    yield "removed", ""
    if s.operands:
        yield "a group more in flight", with_operand(s, 0, 1)


def copy_wait(s, _):
    if re.match(r"cp\.async\.(bulk\.)?wait_(group|all)", s.opcode):
        yield from group_wait(s)


def wgmma_wait(s, _):
    if s.opcode.startswith("wgmma.wait_group"):
        yield from group_wait(s)


def mbarrier_wait(s, _):
    if not re.match(r"mbarrier\.(try|test)_wait", s.opcode):
        return
    yield "passes at once", s.instruction(opcode="setp.eq.u32", operands=[s.operands[0], "0", "0"])
    if ".parity" in s.opcode:
        def build(operand):
            return s.instruction(operands=[*s.operands[:2], operand, *s.operands[3:]])
        parity = s.operands[2]
        flipped = build(str(int(parity, 0) ^ 1)) if re.fullmatch(r"\d+", parity) else (
            f"{{ .reg .b32 qvl_shifted; xor.b32 qvl_shifted, {parity}, 1; {build('qvl_shifted')} }}")
        yield "other parity", flipped


def address_index(s):
    return next(k for k, operand in enumerate(s.operands) if operand.startswith("["))


def arrive(s, _):
    if s.opcode.startswith("mbarrier.init"):
        yield "count + 1", with_operand(s, 1, 1)
        yield "count - 1", with_operand(s, 1, -1)
    elif s.opcode.startswith("mbarrier.arrive.expect_tx"):
        at = address_index(s)
        scope = next((name for name in ("cluster", "cta") if f".{name}." in s.opcode.replace("::cluster", "").replace("::cta", "")), "cta")
        space = re.search(r"\.shared(::\w+)?", s.opcode)
        yield "removed", s.instruction(opcode=f"mbarrier.expect_tx.relaxed.{scope}{space.group() if space else ''}.b64",
                                       operands=s.operands[at:])
    elif re.match(r"mbarrier\.arrive|cp\.async\.mbarrier\.arrive|cp\.async\.(bulk\.)?commit_group|wgmma\.commit_group", s.opcode):
        yield "removed", ""
        if s.opcode.startswith("mbarrier") and len(s.operands) > address_index(s) + 1:
            yield "count + 1", with_operand(s, len(s.operands) - 1, 1)


def expect_tx(s, _):
    if not re.match(r"mbarrier\.(arrive\w*\.)?expect_tx", s.opcode):
        return
    arrival = s.opcode.startswith("mbarrier.arrive")
    yield "removed", s.instruction(opcode=s.opcode.replace(".expect_tx", ""), operands=s.operands[:-1]) if arrival else ""
    yield "bytes + 16", with_operand(s, len(s.operands) - 1, 16)
    yield "bytes - 16", with_operand(s, len(s.operands) - 1, -16)


def fence(s, _):
    if re.match(r"membar|fence\.|wgmma\.fence", s.opcode):
        yield "removed", ""


# --- bounds ---------------------------------------------------------------------------------------------------------------

MEMORY = re.compile(r"(ld|st|ldu|atom|red|cp|multimem|prefetch|ldmatrix|stmatrix|mbarrier)\b")
COMPARISON = re.compile(r"setp\.(?:eq|ne|lt|le|gt|ge|lo|ls|hi|hs)(?:\.(?:and|or|xor))?\.([usb](?:16|32|64))$")
COPY = re.compile(r"cp\.async\.c[ag]\.")


def source_size(s):
    """Index of the src-size operand of a cp.async, or none; a constant of all bytes is none."""
    sized = COPY.match(s.opcode) and len(s.operands) > 3 and "cache_hint" not in s.opcode
    return 3 if sized and s.operands[3] != s.operands[2] else None


def bounding_registers(body):
    """Predicates that decide about branches and memory accesses, and what they are made of, in one function."""
    found = set()
    for s in body:
        if s.guard and (MEMORY.match(s.opcode) or s.opcode.split(".")[0] in ("bra", "ret", "exit")):
            found.add(s.guard.lstrip("@!"))
        if source_size(s):
            found.add(s.operands[3])
    while True:
        more = {operand.lstrip("!") for s in body if LOGIC.match(s.opcode) and found & set(s.operands[0].split("|"))
                for operand in s.operands[1:]}
        if more <= found:
            return found
        found |= more


LOGIC = re.compile(r"(and|or|xor|not)\.pred|selp\.|setp\.\w+\.(and|or|xor)")


def is_bound(body, k, registers):
    """Whether the result of comparison `k` decides about a branch or access, or a register that does, before it changes again."""
    names = set(body[k].operands[0].split("|"))
    for s in body[k + 1:]:
        if names & {s.guard.lstrip("@!")} and (MEMORY.match(s.opcode) or s.opcode.split(".")[0] in ("bra", "ret", "exit")):
            return True
        sources = {operand.lstrip("!") for operand in s.operands[1:]}
        if names & sources and (source_size(s) or LOGIC.match(s.opcode) and registers & set(s.operands[0].split("|"))):
            return True
        if not s.guard and s.operands and names & set(s.operands[0].split("|")):
            return False
    return False


def bounds_of(body):
    """Yields (statement, change, replacement) for the bounds of one function."""
    registers = bounding_registers(body)
    compared = {name for s in body if COMPARISON.match(s.opcode) for name in s.operands[0].split("|")}
    labels = {label: k for k, s in enumerate(body) for label in s.labels}
    for k, s in enumerate(body):
        comparison = COMPARISON.match(s.opcode)
        if comparison and is_bound(body, k, registers):
            type_ = comparison.group(1).replace("b", "u")
            yield s, "bound + 1", with_operand(s, 2, 1, type_)
            yield s, "bound - 1", with_operand(s, 2, -1, type_)
        if s.guard and s.guard.lstrip("@!") in compared:
            forward = s.opcode.startswith("bra") and labels.get(s.operands[0], len(body)) > k
            if MEMORY.match(s.opcode):
                yield s, "guard removed", s.instruction(guard="")
            elif forward or s.opcode.split(".")[0] in ("ret", "exit"):
                yield s, "branch removed", ""
        if source_size(s):
            yield s, "source size removed", s.instruction(operands=s.operands[:3] + s.operands[4:])
            if s.operands[3].lstrip("!") not in compared:  # a predicate there means: ignore the source
                yield s, "source size + 1", with_operand(s, 3, 1)


ORDERING: dict[str, Callable] = {"barrier": barrier, "cp.async wait": copy_wait, "mbarrier wait": mbarrier_wait,
                                 "arrive": arrive, "expect_tx": expect_tx, "fence": fence, "wgmma wait": wgmma_wait}


def mutants(text):
    """All mutants of a module, in the order of its lines and of the classes."""
    all_ = list(statements(text))
    made = []
    for function in dict.fromkeys(s.function for s in all_):
        body = [s for s in all_ if s.function == function]
        for s, following in zip(body, [*body[1:], None]):
            for class_, rule in ORDERING.items():
                for change, replacement in rule(s, following):
                    if isinstance(replacement, tuple):  # the next statement goes as well
                        s, replacement = s._replace(end=replacement[0].end), replacement[1]
                    made.append(Mutant(class_, change, s, replacement))
        made += [Mutant("bounds", change, s, replacement) for s, change, replacement in bounds_of(body)]
    return sorted(made, key=lambda m: (m.statement.start, CLASSES.index(m.class_), m.change))
