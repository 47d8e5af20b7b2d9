#!/usr/bin/python3
"""Runs mutants of PTX programs in the simulator and reports which of them it detects.

    ptx-mutants.py BUILD_DIR [--table] [--sample=N] [--only=TEXT] [--cases=FOLDER ...] [--verbose]

A mutant lacks one barrier, wait, fence, arrival, expectation or bound of a program of test/ptx, or has it shifted by one
(ptx_mutations.py). It is detected when the simulator reports a fault or a deadlock, when it does not end within
four times the instructions of its origin, or when a result differs from what the case expects. Each runs with late and with
early asynchronous operations, and, where neither detects it, with other orders of warps in both modes; race checks are on.

Mutants that nothing detects stand in test/ptx/mutants/undetected.txt with a reason: either they are equivalent to their
origin, or the simulator misses them. The script fails when one is not listed there, or when a listed one is detected or gone.
--sample=N tries the N mutants of each class whose hashes are the lowest. --table writes test/ptx/mutants/table.md.
"""
import argparse
import concurrent.futures
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import sys
import tempfile
from typing import NamedTuple, Optional

ROOT = pathlib.Path(__file__).resolve().parents[2]
PTX = ROOT / "test/ptx"
sys.path[:0] = [str(PTX), str(ROOT / "tools/ci")]
import cases as ptx  # noqa: E402
import ptx_mutants_table as table  # noqa: E402
from ptx_mutations import CLASSES, Mutant, mutants  # noqa: E402

FOLDERS = [PTX / name for name in ("corpus", "nvcc", "kernels")]
MODES = ("late", "early")
SEEDS = (1, 2, 3)  # of the other orders
EXTRA_INSTRUCTIONS = 10000


class Trial(NamedTuple):
    """A mutant, its key in undetected.txt, and the cases that execute it."""
    key: str
    mutant: Mutant
    cases: list


class Outcome(NamedTuple):
    """How each mode and "orders" detect a mutant: "wrong result", a kind of fault, or None."""
    trial: Trial
    found: dict

    def finding(self):
        return next(filter(None, self.found.values()), None)


def load_cases(folder):
    spec = importlib.util.spec_from_file_location(f"{folder.name}_cases", folder / "cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.cases())


def make_trials(cases):
    """The mutants of all files of the cases; those of kernels that no case launches are left out."""
    by_file = {}
    for case in cases:
        by_file.setdefault(case.file, []).append(case)
    for file, of_file in by_file.items():
        kernels = set(re.findall(r"\.entry\s+([\w$%]+)", file.read_text()))
        seen = {}
        for mutant in mutants(file.read_text()):
            s = mutant.statement
            running = [case for case in of_file if case.kernel == s.function or s.function not in kernels]
            key = f"{file.parent.name}/{file.stem}:{s.line} | {mutant.change} | {s.instruction()}"
            seen[key] = seen.get(key, 0) + 1
            if running:
                yield Trial(key + (f" | {seen[key]}" if seen[key] > 1 else ""), mutant, running)


def kind_of(error):
    """What a failed run tells: the kind of the fault."""
    found = re.search(r"(?:^|: )([a-z]+(?:-[a-z]+)+|deadlock|misaligned|trap): [^:]*:\d+: ", error)
    if not found:
        raise RuntimeError(f"the simulator refuses a mutant: {error}")
    return found.group(1)


class Runner:
    def __init__(self, simulator):
        self.simulator = simulator
        self.limits = {}

    def measure(self, case):
        """Checks a case in all modes, and notes when one of its mutants counts as endless."""
        for mode in MODES:
            done = ptx.run(case, [self.simulator], [f"--async={mode}", "--threads=1", "--count", "--json"])
            wrong = done.error or ptx.differences(case, done)
            if wrong:
                raise RuntimeError(f"{case.name} fails without a mutation ({mode}): {wrong}")
        return case.name, 4 * json.loads(done.text)["warp_instructions"] + EXTRA_INSTRUCTIONS

    def run(self, case, file, mode, seed):
        options = [f"--async={mode}", f"--seed={seed}", "--threads=1", f"--instruction-limit={self.limits[case.name]}"]
        done = ptx.run(case._replace(file=file), [self.simulator], options)
        if done.code != 0:
            return kind_of(done.error)
        return "wrong result" if ptx.differences(case, done) else None

    def detect(self, trial, orders):
        """Runs a mutant in both modes and, where `orders` says so, in other orders of warps."""
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "mutant.ptx"
            file.write_text(trial.mutant.apply(trial.cases[0].file.read_text()))
            def first(runs):
                return next(filter(None, (self.run(case, file, *run) for run in runs for case in trial.cases)), None)
            found = {mode: first([(mode, 0)]) for mode in MODES}
            if orders and not any(found.values()):
                found["orders"] = first([(mode, seed) for seed in SEEDS for mode in MODES])
        return Outcome(trial, found)


def read_undetected(path):
    """The reasons by key: paragraphs of one line "equivalent: ..." or "miss: ..." and indented keys."""
    reasons, reason = {}, ""
    for line in path.read_text().splitlines():
        if line.startswith(("equivalent: ", "miss: ")):
            reason = line
        elif line.startswith("  "):
            reasons[line.strip()] = reason
    return reasons


def sample(trials, count):
    """The `count` mutants of each class with the lowest hashes."""
    by_hash = sorted(trials, key=lambda trial: hashlib.sha256(trial.key.encode()).digest())
    return [trial for class_ in CLASSES for trial in [t for t in by_hash if t.mutant.class_ == class_][:count]]


def problem(outcome, reasons):
    """Why an outcome contradicts undetected.txt, or nothing."""
    listed: Optional[str] = reasons.get(outcome.trial.key)
    if outcome.finding() and listed:
        return f"is listed as undetected but found as {outcome.finding()}"
    if not outcome.finding() and not listed:
        return "is not detected"
    return None


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build_dir", type=pathlib.Path)
    parser.add_argument("--table", action="store_true", help="write test/ptx/mutants/table.md")
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants of each class")
    parser.add_argument("--only", default="", help="only mutants with this text in their keys")
    parser.add_argument("--cases", type=pathlib.Path, nargs="+", default=FOLDERS, help="folders with a cases.py like those of test/ptx")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true", help="print every outcome")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    trials = list(make_trials([case for folder in arguments.cases for case in load_cases(folder.resolve())]))
    reasons = read_undetected(PTX / "mutants/undetected.txt")
    whole = not arguments.only and arguments.cases is FOLDERS
    problems = [f"{key} is listed as undetected but there is no such mutant"
                for key in sorted(reasons.keys() - {trial.key for trial in trials}) if whole]
    chosen = [trial for trial in trials if arguments.only in trial.key]
    if arguments.sample:
        chosen = sample(chosen, arguments.sample)
    runner = Runner(arguments.build_dir / "bin/qvl-ptxsim")
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        needed = {case.name: case for trial in chosen for case in trial.cases}
        runner.limits = dict(pool.map(runner.measure, needed.values()))
        outcomes = []
        for outcome in pool.map(lambda trial: runner.detect(trial, trial.key not in reasons), chosen):
            outcomes.append(outcome)
            wrong = problem(outcome, reasons)
            if wrong:
                problems.append(f"{outcome.trial.key} {wrong}")
            if arguments.verbose:
                print(f"{outcome.trial.mutant.class_} | {outcome.trial.key}: {outcome.found}", flush=True)
    for text in problems:
        print(f"FAILED {text}")
    if arguments.table and not arguments.sample and whole:
        (PTX / "mutants/table.md").write_text(table.render(outcomes, reasons))
    passed = len(outcomes) - sum(problem(outcome, reasons) is not None for outcome in outcomes)
    print(f"{passed} passed, {len(problems)} failed, 0 skipped")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
