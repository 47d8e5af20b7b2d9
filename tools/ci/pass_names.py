#!/usr/bin/python3
"""Checks that a pass, its source file, its flag and its lit test have one name.

Pass FuseGateUpPass has the flag --qvl-fuse-gate-up, the source FuseGateUp.cpp beside the other passes of its library and the
test fuse-gate-up.mlir, which runs the flag.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASS = re.compile(r'^def (\w+)Pass\s*:\s*Pass<"([\w-]+)"', re.MULTILINE)

# Where passes are declared and where their sources lie.
DECLARATIONS = {
    "dialects/qvl/Transforms/Passes.td": "dialects/qvl/Transforms",
    "dialects/qvlx/Transforms/Passes.td": "dialects/qvlx/Transforms",
    "include/qvl/Conversion/Passes.td": "lib/Conversion",
}


def kebab(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def problems(name, flag, sources):
    if flag != f"qvl-{kebab(name)}":
        yield f"pass {name}Pass has the flag --{flag}, not --qvl-{kebab(name)}"
    if not (sources / f"{name}.cpp").exists():
        yield f"pass {name}Pass has no {(sources / name).relative_to(ROOT)}.cpp"
    tests = list((ROOT / "test").rglob(f"{kebab(name)}.mlir"))
    if not any(re.search(rf"RUN:.*-{flag}\b", test.read_text()) for test in tests):
        yield f"pass {name}Pass has no test {kebab(name)}.mlir that runs --{flag}"


def main():
    found, count = [], 0
    for declaration, sources in DECLARATIONS.items():
        path = ROOT / declaration
        for name, flag in PASS.findall(path.read_text()) if path.exists() else []:
            count += 1
            found += problems(name, flag, ROOT / sources)
    for problem in found:
        print(f"pass names: {problem}")
    print(f"pass names: {count} passes, {len(found)} problems")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
