#!/usr/bin/env python3
"""Checks that every constraint ID of a dialect (`linear_c1`) is described, enforced and tested.

An ID stands in the description of its op (dialects/*/IR/*.td), at the check that enforces it (a comment in
dialects/*/IR/*.cpp; rules that operands "have one type" may be a trait of the op instead), and in the name of a case
of test/dialects/*/invalid.mlir. Prints one line for each place that lacks an ID and exits with 1 if there is any.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ID = re.compile(r"\b[a-z][a-z0-9_]*_c[1-9][0-9]*\b")

# What enforces that operands and results have one type without C++.
TYPE_TRAIT = re.compile(r"AllTypesMatch<|SameOperandsAndResultType|SameTypeOperands")


def op_blocks(text):
    """The op mnemonics of a .td file with the text of their definitions, classes of theirs included."""
    classes = dict(re.findall(r"^class (\w+)<[^{]*?(:.*?)\{", text, re.M | re.S))
    for match in re.finditer(r"^def \w+Op\s*:\s*(\w+)<\"(\w+)\"(.*?)^\}", text, re.M | re.S):
        yield match[2], match[3] + classes.get(match[1], "")


def described(dialect):
    """IDs in descriptions, and those of them that a trait enforces."""
    ids, by_trait = set(), set()
    for path in sorted((dialect / "IR").glob("*.td")):
        for mnemonic, text in op_blocks(path.read_text()):
            rules = re.findall(rf"^\s*\* `({mnemonic}_c\d+)`: (.*)", text, re.M)
            ids |= {i for i, _ in rules}
            if TYPE_TRAIT.search(text):
                by_trait |= {i for i, rule in rules if "one type" in rule}
    return ids, by_trait


def ids_in(paths, pattern):
    return {i for path in paths for line in re.findall(pattern, path.read_text()) for i in ID.findall(line)}


def check(dialect):
    ids, by_trait = described(dialect)
    enforced = ids_in((dialect / "IR").glob("*.cpp"), r"//.*")
    test = ROOT / "test" / "dialects" / dialect.name / "invalid.mlir"
    cases = re.findall(r"@(\w+)", test.read_text()) if test.exists() else []
    tested = {found[0] for found in map(re.compile(r"\w+?_c\d+(?=_|$)").match, cases) if found}
    problems = [f"{i}: not in a description" for i in (enforced | tested) - ids]
    problems += [f"{i}: no check names it" for i in ids - enforced - by_trait]
    problems += [f"{i}: no case in {test.relative_to(ROOT)}" for i in ids - tested]
    print(f"{dialect.name}: {len(ids)} constraint IDs, {len(problems)} problems")
    return problems


def main():
    problems = [p for dialect in sorted((ROOT / "dialects").iterdir()) if (dialect / "IR").is_dir() for p in check(dialect)]
    for problem in sorted(problems):
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
