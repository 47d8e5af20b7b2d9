#!/usr/bin/python3
"""One vision block and one text layer of models/shapes-vl in each phase, for readers.

    tools/ci/block-dumps.py [--compiler=build/bin/qvl-compile] [--check]

Writes dialects/qvl/blocks/{vision-block,text-layer}.PHASE.mlir: the lines of the IR whose location lies in that module, each with its
module path. They are excerpts, so values from outside are used but not defined. With --check nothing is written, and the exit code is
1 when a file is not what the compiler gives now.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dialects/qvl/blocks"
PHASES = {"import": "00-import.mlir", "fuse": "01-fuse.mlir", "outline": "02-outline.mlir"}
BLOCKS = {"vision-block": ("@vision", "visual.blocks.0."), "text-layer": ("@prefill|@language", "model.layers.0.")}
LOCATION = re.compile(r' loc\((?:#(loc\d*)|"([^"]*)")\)')


def split_functions(text):
    """(symbol, lines) of each top-level op of the module that holds a function or a program."""
    header = re.compile(r"^  (?:func\.func|qvlx\.program) (@[\w.]+)")
    current = None
    for line in text.splitlines():
        found = header.match(line)
        if found:
            current = (found[1], [])
        elif current is not None:
            if line.startswith("  }"):
                yield current
                current = None
            else:
                current[1].append(line)


def operations(lines):
    """The ops of a body, each a list of lines: one with a region ends at the brace of its own indent."""
    op = []
    for line in lines:
        op.append(line)
        opens = op[0].rstrip().endswith("{") or re.search(r"\{ loc\(|\{$", LOCATION.sub("", op[0]))
        if not opens or line.startswith("    }"):
            yield op
            op = []


def excerpt(text, symbol, prefix):
    names = dict(re.findall(r'^#(loc\d*) = loc\("([^"]*)"\)$', text, re.MULTILINE))
    shown = None
    for found, lines in split_functions(text):
        if not re.fullmatch(symbol, found):
            continue
        for op in operations(lines):
            last = LOCATION.findall(op[-1])
            path = (last[-1][1] or names.get(last[-1][0], "")) if last else ""
            if path.startswith(prefix):
                if path != shown:
                    yield f"// {path}"
                    shown = path
                yield from (LOCATION.sub("", line)[4:] for line in op)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", default=str(ROOT / "build/bin/qvl-compile"))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([options.compiler, ROOT / "models/shapes-vl", "-o", f"{folder}/out.mlir", "--compile-to=outline",
                        f"--dump-phases-to={folder}"], check=True)
        for phase, file in PHASES.items():
            text = pathlib.Path(folder, file).read_text()
            for block, (symbol, prefix) in BLOCKS.items():
                lines = [f"// {prefix}* of models/shapes-vl after phase {phase}. Written by tools/ci/block-dumps.py.", ""]
                content = "\n".join(lines + list(excerpt(text, symbol, prefix))) + "\n"
                path = FOLDER / f"{block}.{phase}.mlir"
                if not path.exists() or path.read_text() != content:
                    stale.append(path)
                    if not options.check:
                        path.write_text(content)
    for path in stale:
        print(f"{'stale' if options.check else 'wrote'} {path.relative_to(ROOT)}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
