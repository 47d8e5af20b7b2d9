#!/usr/bin/python3
"""Runs mutants of PTX programs in the simulator and reports which of them it detects.

    ptx-mutants.py BUILD_DIR [--emitted] [--table] [--sample=N] [--only=TEXT] [--journal=FILE] [--verbose]

A mutant lacks one barrier, wait, fence, arrival, expectation or bound of a program of test/ptx, or has it shifted by one
(ptx_mutations.py). With --emitted the programs are the kernels that the built compiler emits (test/ptx/emitted). A mutant is detected
when the simulator reports a fault or a deadlock, when it does not end within four times the instructions of its origin, or when a result
differs from what the case expects. Each runs with late and with early asynchronous operations, and, where neither detects it and it is
no bound, with other orders of warps in both modes; race checks are on.

Mutants that nothing detects stand in test/ptx/mutants/undetected.txt (emitted-undetected.txt) with a reason: either they are
equivalent to their origin, or the simulator misses them. The script fails when one is not listed there, or when a listed one is
detected or gone.

The list of emitted kernels names the texts that it is for, and the LLVM that wrote them: a text depends on that and on the compiler, not
on the machine. A kernel that has another text since fails, and is not tried; where LLVM is another one, such kernels are SKIPPED. To
renew the list for it:

    ptx-mutants.py BUILD_DIR --emitted --only=KERNEL   prints its undetected mutants, with reasons of such mutants of its former text
    (edit test/ptx/mutants/emitted-undetected.txt)
    ptx-mutants.py BUILD_DIR --emitted --table         tries all again, and writes the table and what texts the list is for

--sample=N tries the N mutants of each class whose hashes are the lowest. --table writes test/ptx/mutants/table.md (emitted.md), unless
something failed.
--journal=FILE keeps outcomes, so that a run that was stopped goes on; what changes a program, a case or the simulator makes them void.
"""
import argparse
import concurrent.futures
import hashlib
import importlib.util
import json
import os
import pathlib
import pickle
import re
import sys
import tempfile
from typing import NamedTuple, Optional

ROOT = pathlib.Path(__file__).resolve().parents[2]
PTX = ROOT / "test/ptx"
sys.path[:0] = [str(PTX), str(ROOT / "tools/ci")]
import cases as ptx  # noqa: E402
import ptx_mutants_table as table  # noqa: E402
from ptx_mutants_list import Stamps, digest, former_reasons, name_of, read_undetected, report_changed  # noqa: E402
from ptx_mutations import CLASSES, Mutant, mutants  # noqa: E402

FOLDERS = [PTX / name for name in ("corpus", "nvcc", "kernels")]
EMITTED = PTX / "emitted"
MODES = ("late", "early")
SEEDS = (1, 2, 3)  # of the other orders
ASYNCHRONOUS = re.compile(r"cp\.async|cp\.reduce|mbarrier|wgmma|barrier\.cluster")
EXTRA_INSTRUCTIONS = 100000  # of a mutant that only works more than a small origin


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


def load_module(folder):
    spec = importlib.util.spec_from_file_location(f"{folder.name}_cases", folder / "cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_cases(emitted, build):
    if not emitted:
        return [case for folder in FOLDERS for case in load_module(folder).cases()]
    module = load_module(EMITTED)
    folder = module.prepare(build)
    if not folder:
        raise FileNotFoundError(f"{build} has no qvl-opt and no emitted kernels")
    return list(module.cases(folder))


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
            key = f"{name_of(file)}:{s.line} | {mutant.change} | {s.instruction()}"
            seen[key] = seen.get(key, 0) + 1
            if running:
                yield Trial(key + (f" | {seen[key]}" if seen[key] > 1 else ""), mutant, running)


def kind_of(error):
    """What a failed run tells: the kind of the fault."""
    found = re.search(r"(?:^|: )([a-z]+(?:-[a-z]+)+|deadlock|misaligned|trap): [^:]*:\d+: ", error)
    if not found:
        raise RuntimeError(f"the simulator refuses a mutant: {error}")
    return found.group(1)


class Journal:
    """Outcomes of earlier runs in a file, by what they depend on."""

    def __init__(self, path, simulator):
        self.path, self.simulator = path, path and digest(simulator)
        self.cases = {}
        lines = path.read_text().splitlines() if path and path.exists() else []
        self.outcomes = {key: json.loads(found) for key, found in (line.split(" ", 1) for line in lines)}

    def key(self, trial, orders):
        parts = [self.simulator, trial.key, str(orders), *map(self.case, trial.cases), trial.mutant.replacement]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def case(self, case):
        if case.name not in self.cases:
            self.cases[case.name] = hashlib.sha256(case.file.read_bytes() + pickle.dumps(case._replace(file=None))).hexdigest()
        return self.cases[case.name]

    def add(self, key, found):
        with self.path.open("a") as file:
            file.write(f"{key} {json.dumps(found)}\n")


class Runner:
    def __init__(self, simulator, journal):
        self.simulator = simulator
        self.journal = journal
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
        if not self.journal.path:
            return Outcome(trial, self.run_modes(trial, orders))
        key = self.journal.key(trial, orders)
        if key not in self.journal.outcomes:
            self.journal.outcomes[key] = self.run_modes(trial, orders)
            self.journal.add(key, self.journal.outcomes[key])
        return Outcome(trial, self.journal.outcomes[key])

    def run_modes(self, trial, orders):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "mutant.ptx"
            file.write_text(trial.mutant.apply(trial.cases[0].file.read_text()))
            is_bound = trial.mutant.class_ == "bounds"
            found = {}
            found["late"], case = self.first(trial.cases, file, [("late", 0)])
            others = [other for other in trial.cases if other is not case]
            if not ASYNCHRONOUS.search(file.read_text()):
                found["early"] = found["late"]  # the modes are one
            else:
                # What a bound without effect computes does not depend on the mode: one case of it is enough.
                found["early"], _ = self.first([case, *([] if is_bound and not found["late"] else others)], file, [("early", 0)])
            if orders and not is_bound and not any(found.values()):
                found["orders"], _ = self.first(trial.cases, file, [(mode, seed) for seed in SEEDS for mode in MODES])
        return found

    def first(self, cases, file, runs):
        """The first finding of the runs, and its case; without one the first case."""
        for mode, seed in runs:
            for case in cases:
                if found := self.run(case, file, mode, seed):
                    return found, case
        return None, cases[0]


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
    parser.add_argument("--emitted", action="store_true", help="the kernels that the built compiler emits")
    parser.add_argument("--table", action="store_true", help="write the table, and what texts the list of undetected mutants is for")
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants of each class")
    parser.add_argument("--only", default="", help="only mutants with this text in their keys")
    parser.add_argument("--journal", type=pathlib.Path, help="file that keeps outcomes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true", help="print every outcome")
    return parser.parse_args()


def kernel_of(trial):
    return name_of(trial.cases[0].file)


def choose(trials, arguments, changed):
    """The mutants to try: those of a changed kernel only where it is asked for."""
    asked = arguments.table or arguments.only
    chosen = [trial for trial in trials if arguments.only in trial.key and (asked or kernel_of(trial) not in changed)]
    return sample(chosen, arguments.sample) if arguments.sample else chosen


def gone(trials, changed, reasons):
    """Listed mutants of unchanged texts that do not exist."""
    listed = {key for key in reasons if key.split(":")[0] not in changed}
    return [f"{key} is listed as undetected but there is no such mutant" for key in sorted(listed - {trial.key for trial in trials})]


def try_all(runner, chosen, reasons, arguments):
    """The outcomes, and what contradicts the list of undetected mutants."""
    outcomes, problems = [], []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        needed = {case.name: case for trial in chosen for case in trial.cases}
        runner.limits = dict(pool.map(runner.measure, needed.values()))
        for outcome in pool.map(lambda trial: runner.detect(trial, trial.key not in reasons), chosen):
            outcomes.append(outcome)
            wrong = problem(outcome, reasons)
            if wrong:
                problems.append(f"{outcome.trial.key} {wrong}" + ("" if outcome.finding() else former_reasons(outcome.trial.key, reasons)))
            if arguments.verbose:
                print(f"{outcome.trial.mutant.class_} | {outcome.trial.key}: {outcome.found}", flush=True)
    return outcomes, problems


def write_results(outcomes, reasons, arguments, list_, now):
    file = PTX / "mutants" / ("emitted.md" if arguments.emitted else "table.md")
    file.write_text(table.render(outcomes, reasons, arguments.emitted))
    if arguments.emitted:
        now.write(list_)


def main():
    arguments = parse_arguments()
    list_ = PTX / f"mutants/{'emitted-' if arguments.emitted else ''}undetected.txt"
    trials = list(make_trials(load_cases(arguments.emitted, arguments.build_dir)))
    reasons, stamps, now, changed = read_undetected(list_), None, None, set()
    if arguments.emitted:
        stamps, now = Stamps.read(list_), Stamps.of(arguments.build_dir, {trial.cases[0].file for trial in trials})
        changed = stamps.changed(now)
    simulator = arguments.build_dir / "bin/qvl-ptxsim"
    runner = Runner(simulator, Journal(arguments.journal, simulator))
    outcomes, problems = try_all(runner, choose(trials, arguments, changed), reasons, arguments)
    passed, skipped = len(outcomes) - len(problems), 0
    if not arguments.only:
        problems += gone(trials, set() if arguments.table else changed, reasons)
    for text in problems:
        print(f"FAILED {text}")
    failed = len(problems)
    if changed and not (arguments.table or arguments.only):
        more, skipped = report_changed(changed, stamps, now)
        failed += more
    if arguments.table and not (failed or arguments.sample or arguments.only):
        write_results(outcomes, reasons, arguments, list_, now)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
