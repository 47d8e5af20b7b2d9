#!/usr/bin/python3
"""Sizes of files and functions: size_report.py [--offenders] FILE...

Prints medians and whatever is over the size at which a reader asks why (500 lines a file, 60 a function), or with
--offenders only what is over the size that is refused (800 and 100). Relies on the layout of clang-format: a function
starts on a line of its own indentation and ends with a closing brace of the same.
"""
import pathlib
import re
import statistics
import sys

ASK = {"file": 500, "function": 60}
REFUSE = {"file": 800, "function": 100}
HEADER_END = re.compile(r"^(?P<indent> *)(?P<text>\S.*)\{$")
NO_FUNCTION = re.compile(
    r"^(if|else|for|while|do|switch|case|default|try|catch|namespace|class|struct|enum|union|extern|return)\b|^\}|[=\[]")
# A parameter list that clang-format broke: the header ends deeper than it starts.
HEADER_START = re.compile(r"^(?P<indent> *)[A-Za-z_~].*\(")


def functions(lines):
    """Yields (first line, last line, header) of each function, counted from 0."""
    number = 0
    while number < len(lines):
        start = HEADER_START.match(lines[number])
        end = number
        while start and end < number + 8 and end < len(lines) and not re.search(r"[;{}]$", lines[end]):
            end += 1
        if not start or end >= len(lines) or not lines[end].endswith("{") or NO_FUNCTION.match(lines[number].strip()):
            number += 1
            continue
        header = " ".join(line.strip() for line in lines[number:end + 1])
        if re.search(r"= \{$|\[[&=]?\]", header):
            number += 1
            continue
        closing = start["indent"] + "}"
        last = next((i for i in range(end + 1, len(lines)) if lines[i] == closing), end)
        yield number, last, header
        number = last + 1


def main():
    paths = [path for path in sys.argv[1:] if path != "--offenders"]
    limits = REFUSE if "--offenders" in sys.argv else ASK
    files, bodies = [], []
    for path in paths:
        lines = pathlib.Path(path).read_text().splitlines()
        files.append((len(lines), path))
        bodies += [(last - first + 1, f"{path}:{first + 1}: {header[:90]}") for first, last, header in functions(lines)]
    for kind, sizes in (("file", files), ("function", bodies)):
        for size, name in sorted(sizes, reverse=True):
            if size > limits[kind]:
                print(f"{kind} of {size} lines (over {limits[kind]}): {name}")
    if limits is ASK:
        print(f"size: {len(files)} files, median {statistics.median(s for s, _ in files):.0f} lines; "
              f"{len(bodies)} functions, median {statistics.median(s for s, _ in bodies):.0f} lines")


if __name__ == "__main__":
    sys.exit(main())
