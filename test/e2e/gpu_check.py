#!/usr/bin/env python3
"""tools/ci/gpu-check.sh: on this machine's GPU where there is one, and over the simulator's driver library.

    gpu_check.py BUILD_DIR [ARTIFACT_DIR]

The second run, of all parts in small, shows that the programs, the comparisons and the report work; the results are those of the
simulator. What --carry collects must do as a build.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 900


def check(build, *options):
    command = [str(SOURCE / "tools/ci/gpu-check.sh"), f"--build-dir={build}", *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def counts(name, result):
    """Prints what a run printed; gives its numbers. A run that ends without them is one failure."""
    code, output, error = result
    print(f"{name}:\n{output}{error}", end="", flush=True)
    found = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", output, re.MULTILINE)
    numbers = tuple(map(int, found.groups())) if found else (0, 0, 0)
    return numbers if found and (code == 0) == (numbers[1] == 0) else (numbers[0], numbers[1] + 1, numbers[2])


def missing_driver(build):
    """A driver that is named has to be there."""
    code, output, error = check(build, "--cuda-driver=/nowhere/libcuda.so.1")
    right = code == 1 and not output and error.startswith("gpu-check: error: no CUDA driver found (/nowhere/libcuda.so.1): ")
    return (1, 0, 0) if right else counts("a driver that is missing", (1, output, error))


def simulated_run(build, driver):
    """All parts, and their report."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.md"
        result = counts("the simulator's driver library", check(build, f"--cuda-driver={driver}", "--small", f"--report={report}"))
        text = report.read_text() if report.exists() else ""
    lacking = [word for word in ("# PTX simulator", "| PTX |", "| devices |", "| models |", "| benchmark |", "not measured") if word not in text]
    if lacking:
        print(f"FAILED the report lacks {lacking}:\n{text}")
    return result[0] + (not lacking), result[1] + bool(lacking), result[2]


def refused_benchmark(build, driver):
    """Times of a simulator are none."""
    command = [sys.executable, str(SOURCE / "test/bench/gpu_bench.py"), str(build), "--shapes=small",
               f"--program={build}/bin/qvl-ptxrun --cuda-driver={driver}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    right = done.returncode == 1 and not done.stdout and "is a simulator: how long it takes says nothing about a GPU" in done.stderr
    if not right:
        print(f"FAILED a benchmark of a simulator: exit code {done.returncode}: {done.stdout}{done.stderr}")
    return int(right), int(not right), 0


def carried_run(build, driver):
    with tempfile.TemporaryDirectory() as folder:
        carried = check(build, f"--carry={folder}")
        if carried[0] != 0:
            return counts("--carry", carried)
        left = [name for name in ("bin/qvl-opt", "sim") if (pathlib.Path(folder) / name).exists()]
        result = counts("what was carried", check(folder, f"--cuda-driver={driver}", "--only=emitted/linear_mma"))
    if left:
        print(f"FAILED --carry took {left} along")
    return result[0] + (not left), result[1] + bool(left), result[2]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    simulated = build / "sim/libcuda.so.1"
    runs = [missing_driver(build), counts("this machine's driver", check(build))]
    if simulated.exists():
        runs += [run(build, simulated) for run in (simulated_run, refused_benchmark, carried_run)]
    else:
        print(f"SKIPPED the simulator's driver library: {simulated} is not built")
        runs.append((0, 0, 1))
    passed, failed, skipped = map(sum, zip(*runs))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
