#!/usr/bin/env python3
"""Writes the conformance corpus: PTX programs and their cases, expected results by arithmetic of its own.

    generate.py [--output=DIR]     (default: this folder)
"""
import argparse
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))
import families  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=FOLDER)
    output = parser.parse_args().output
    for program in families.programs():
        (output / f"{program.name}.ptx").write_text(program.ptx())
        (output / f"{program.name}.json").write_text(program.json())


if __name__ == "__main__":
    main()
