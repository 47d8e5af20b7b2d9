#!/usr/bin/env python3
"""tools/ci/gpu-check.sh: on this machine's GPU where there is one, and over the simulator's driver library.

    gpu_check.py BUILD_DIR [ARTIFACT_DIR]

The second run shows that qvl-ptxrun and the comparison work; the results are those of the simulator.
"""
import pathlib
import re
import subprocess
import sys

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


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    simulated = build / "sim/libcuda.so.1"
    runs = [missing_driver(build), counts("this machine's driver", check(build))]
    if simulated.exists():
        runs.append(counts("the simulator's driver library", check(build, f"--cuda-driver={simulated}")))
    else:
        print(f"SKIPPED the simulator's driver library: {simulated} is not built")
        runs.append((0, 0, 1))
    passed, failed, skipped = map(sum, zip(*runs))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
