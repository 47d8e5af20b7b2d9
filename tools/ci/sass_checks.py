#!/usr/bin/python3
"""What the machine code of a kernel must look like: sass_checks.py KERNEL LISTING

LISTING is what `nvdisasm -c` prints of the kernel's cubin. No kernel may keep values in local memory. Products and attention
of bf16 have matrix instructions in an innermost loop, and their innermost loops bring operands in units of 16 bytes.
Prints what is missing, a line each, and exits 1 if there is anything.
"""
import argparse
import collections
import pathlib
import re
import sys
from typing import NamedTuple

INSTRUCTION = re.compile(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?(?P<opcode>[A-Z][A-Z0-9_.]*\w)(?P<operands>[^;]*);")
LABEL = re.compile(r"^(?P<name>\.L\w*):")
BRANCH_TARGET = re.compile(r"`\((?P<name>\.L\w*)\)")

MATRIX = re.compile(r"(HMMA|IMMA|QMMA|[HIQ]GMMA|UTC\w*MMA)\b")
LOCAL = re.compile(r"(LDL|STL)\b")
LOAD = re.compile(r"LDG\b")
# Straight to registers, to shared memory a thread at a time, to shared memory a box at a time.
WIDE_LOAD = re.compile(r"LDG\b.*\.(128|256)\b")
COPY = re.compile(r"LDGSTS\b")
WIDE_COPY = re.compile(r"LDGSTS\b.*\.128\b|UTMALDG\b|UBLKCP\b")


class Family(NamedTuple):
    """Kernels by name: whether they have matrix instructions, and how the operands of their loops come."""
    name: re.Pattern
    matrix: bool
    wide: re.Pattern  # at least one such instruction
    narrow: re.Pattern  # instructions of this kind are wide ones


# The first that fits a name counts. Attention over a page table reads its entries in the loop, which are no operands, and a
# decode step of it is arithmetic of single numbers.
FAMILIES = (
    Family(re.compile(r"(fused_)?linear_\w*_few_rows"), True, WIDE_LOAD, LOAD),
    Family(re.compile(r"(fused_)?linear_"), True, WIDE_COPY, COPY),
    Family(re.compile(r"cached_attention_(splits_|\w*_few_rows)"), False, WIDE_LOAD, COPY),
    Family(re.compile(r"(cached_)?attention_"), True, WIDE_COPY, COPY),
)


def family_of(kernel):
    return next((family for family in FAMILIES if family.name.match(kernel)), None)


class Code(NamedTuple):
    opcodes: list
    loops: list  # the opcodes of each innermost loop


def read_listing(text):
    """The instructions of a listing and its innermost loops, from a branch back to the branch."""
    opcodes, labels, branches = [], {}, []
    for line in text.splitlines():
        if label := LABEL.match(line.strip()):
            labels[label["name"]] = len(opcodes)
        elif instruction := INSTRUCTION.match(line):
            if instruction["opcode"].startswith("BRA") and (target := BRANCH_TARGET.search(instruction["operands"])):
                branches.append((len(opcodes), target["name"]))
            opcodes.append(instruction["opcode"])
    # A kernel ends with a branch to itself, which is no loop.
    loops = {(labels[target], at) for at, target in branches if labels.get(target, at) < at}
    inner = [loop for loop in loops
             if not any(other != loop and loop[0] <= other[0] and other[1] <= loop[1] for other in loops)]
    return Code(opcodes, [opcodes[first:last + 1] for first, last in sorted(inner)])


def matching(pattern, opcodes):
    """The opcodes that fit, as "2 LDL.64, 1 STL"; empty without any."""
    counts = collections.Counter(opcode for opcode in opcodes if pattern.match(opcode))
    return ", ".join(f"{count} {opcode}" for opcode, count in counts.items())


def family_violations(family, code):
    # A sum of few terms may be without a loop: then all of the code counts, with its ragged ends.
    hot = [opcode for loop in code.loops for opcode in loop] or code.opcodes
    if family.matrix and not matching(MATRIX, hot):
        yield "no matrix instruction in an innermost loop"
    if not matching(family.wide, hot):
        yield "no access of 16 bytes to global memory in an innermost loop"
    narrow = [opcode for opcode in hot if family.narrow.match(opcode) and not family.wide.match(opcode)]
    if code.loops and narrow:
        yield f"accesses of less than 16 bytes in an innermost loop: {matching(family.narrow, narrow)}"


def violations(kernel, text):
    """What is wrong with the code of a kernel."""
    code = read_listing(text)
    if not code.opcodes:
        return ["the listing has no instruction"]
    found = []
    if local := matching(LOCAL, code.opcodes):
        found.append(f"local memory: {local}")
    if family := family_of(kernel):
        found += family_violations(family, code)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel")
    parser.add_argument("listing", type=pathlib.Path)
    arguments = parser.parse_args()
    found = violations(arguments.kernel, arguments.listing.read_text())
    for violation in found:
        print(f"{arguments.kernel}: {violation}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
