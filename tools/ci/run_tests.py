#!/usr/bin/python3
"""Runs the GoogleTest binaries, the lit suites and the end-to-end scripts of a build and counts their tests.

Prints one line a suite and the output of suites with a failure. The last line is `N passed, N failed, N skipped`, the sum.
A suite that crashes, times out or reports no test counts as one failure. Exits 1 unless something passed and nothing failed.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIT = "/usr/lib/llvm-22/bin/lit"
KINDS = ("gtest", "lit", "e2e")
TIMEOUT_SECONDS = 1500
LIT_FAILURES = {"FAIL", "XPASS", "UNRESOLVED", "TIMEOUT"}
LIT_SKIPS = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}


class Count(NamedTuple):
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(*(a + b for a, b in zip(self, other)))

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Runner:
    """Runs suites, keeps their output under BUILD_DIR/test-results and sums what they report."""

    def __init__(self, build_dir):
        self.build_dir = build_dir
        self.results = build_dir / "test-results"
        self.results.mkdir(parents=True, exist_ok=True)
        self.total = Count()
        self.artifacts = build_dir / "test-artifacts"
        self.environment = dict(os.environ, QVL_TEST_ARTIFACT_DIR=str(self.artifacts))

    def run(self, name, command, counter, **variables):
        """Runs one suite; counter(exit code, output) gives its Count, or None when it reported none."""
        try:
            done = subprocess.run(
                command, cwd=self.build_dir, env=dict(self.environment, **variables), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS)
            code, output = done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as expired:
            code, output = -1, (expired.stdout or b"").decode(errors="replace") + f"\nno end after {TIMEOUT_SECONDS} s"
        except OSError as error:
            code, output = -1, str(error)
        (self.results / f"{name}.log").write_text(output)
        count = counter(code, output) or Count()
        # An exit code that the counts do not explain is a crash; a suite without tests has lost them.
        if (code != 0 and count.failed == 0) or sum(count) == 0:
            count += Count(failed=1)
        if count.failed:
            print(f"---- output of {name} (exit code {code})\n{tail(output)}\n----")
        print(f"{name}: {count}", flush=True)
        self.total += count


def tail(output, lines=200):
    return "\n".join(output.rstrip().splitlines()[-lines:])


def count_gtest(report):
    """The Count of a GoogleTest JSON report."""
    count = Count()
    for suite in json.loads(report.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            if case["result"] == "SKIPPED" or case["status"] == "NOTRUN":
                count += Count(skipped=1)
            elif case.get("failures"):
                count += Count(failed=1)
            else:
                count += Count(passed=1)
    return count


def count_lit(report):
    count = Count()
    for test in json.loads(report.read_text())["tests"]:
        code = test["code"]
        count += Count(failed=1) if code in LIT_FAILURES else Count(skipped=1) if code in LIT_SKIPS else Count(passed=1)
    return count


def count_last_line(output):
    """The Count of the last line that states one."""
    found = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", output, re.MULTILINE)
    return Count(*map(int, found[-1])) if found else None


def run_gtests(runner):
    """The tests that CMake registered; one that writes no GoogleTest report (a C program, a script) is one test."""
    listing = subprocess.run(["ctest", "--show-only=json-v1"], cwd=runner.build_dir, capture_output=True, check=True)
    tests = json.loads(listing.stdout)["tests"]
    for test in tests:
        name = test["name"]
        report = runner.results / f"{name}.json"
        report.unlink(missing_ok=True)

        def count(code, output, report=report):
            if report.exists():
                return count_gtest(report)
            return Count(passed=1) if code == 0 else None

        command = test.get("command", [str(runner.build_dir / "bin" / name)])
        runner.run(name, command, count, GTEST_OUTPUT=f"json:{report}", GTEST_COLOR="no")
    return len(tests)


def run_lit(runner):
    report = runner.results / "lit.json"
    report.unlink(missing_ok=True)
    command = ["/usr/bin/python3", LIT, "-j2", "--verbose", f"--output={report}", str(runner.build_dir / "test")]
    runner.run("lit", command, lambda code, output: count_lit(report) if report.exists() else None)
    return 1


def run_e2e(runner):
    """The scripts of test/e2e, called as SCRIPT BUILD_DIR ARTIFACT_DIR; a file without a main guard is a module of theirs."""
    scripts = [path for path in sorted((ROOT / "test/e2e").glob("*.py")) if "__main__" in path.read_text()]
    for script in scripts:
        command = ["/usr/bin/python3", str(script), str(runner.build_dir), str(runner.artifacts)]
        runner.run(f"e2e-{script.stem}", command, lambda code, output: count_last_line(output))
    # The goldens hold for the traced ops as they are, too.
    for kind, script in (("no-fuse", "run_goldens"), ("still", "run_goldens"), ("still", "plan")):
        command = ["/usr/bin/python3", str(ROOT / f"test/e2e/{script}.py"), str(runner.build_dir), str(runner.artifacts / kind)]
        runner.run(f"e2e-{script}-{kind}", command, lambda code, output: count_last_line(output))
    return len(scripts) + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--only", choices=KINDS, action="append", help="kinds of tests to run (default: all)")
    parser.add_argument("--summary", type=pathlib.Path, help="write the last line here instead of printing it")
    arguments = parser.parse_args()
    runner = Runner(arguments.build_dir.resolve())
    for kind, run_kind in zip(KINDS, (run_gtests, run_lit, run_e2e)):
        if arguments.only and kind not in arguments.only:
            continue
        if run_kind(runner) == 0:
            print(f"{kind}: there is no test of this kind")
            runner.total += Count(failed=1)
    if arguments.summary:
        arguments.summary.write_text(f"{runner.total}\n")
    else:
        print(runner.total)
    return 0 if runner.total.passed and not runner.total.failed else 1


if __name__ == "__main__":
    sys.exit(main())
