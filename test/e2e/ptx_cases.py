#!/usr/bin/env python3
"""Runs the PTX cases (test/ptx: corpus, nvcc set, model kernels, emitted kernels) in the simulator and compares the results.

    ptx_cases.py BUILD_DIR [ARTIFACT_DIR] [--program=COMMAND [--capability=N]] [--only=TEXT]

Every case runs with late asynchronous operations and again with early ones and another order of warps. --program runs the
cases once through another command that takes the same options: qvl-ptxrun over a CUDA driver, whose GPU has compute capability
N (90 for 9.0). tools/ci/gpu-check.sh does that.
"""
import argparse
import concurrent.futures
import importlib.util
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PTX = SOURCE / "test/ptx"
DRIVER_JOBS = 4  # on a GPU a case is mostly the start of its process
MODES = {"late": ["--async=late"], "early": ["--async=early", "--seed=7"]}
sys.path.insert(0, str(PTX))
import cases as ptx  # noqa: E402


def runs_on(capability, file):
    """Whether a GPU of this compute capability takes the file's target: sm_90a is for 9.0 alone, sm_80 for 8.0 and later."""
    number, specific = re.search(r"^\.target sm_(\d+)(a?)", file.read_text(), re.MULTILINE).groups()
    return capability == int(number) if specific else capability >= int(number)


def load_cases(build, results):
    for folder in ("corpus", "nvcc", "kernels", "emitted"):
        spec = importlib.util.spec_from_file_location(f"{folder}_cases", PTX / folder / "cases.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if folder != "emitted":
            yield from module.cases()
        elif emitted := module.prepare(build):
            yield from module.cases(emitted)
        else:
            results.skip("emitted kernels", f"{build} has no qvl-opt and none were carried along")


class Results:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, name, wrong):
        if wrong:
            self.failed += 1
            print(f"FAILED {name}: {wrong}", flush=True)
        else:
            self.passed += 1

    def skip(self, name, why):
        self.skipped += 1
        print(f"SKIPPED {name}: {why}")


def check_fresh(results):
    """The generator writes exactly what is committed."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(PTX / "corpus/generate.py"), f"--output={folder}"], check=True)
        made = {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}
    kept = {path.name: path.read_bytes() for path in (PTX / "corpus").iterdir() if path.suffix in (".ptx", ".json")}
    stale = sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))
    results.add("corpus is what its generator writes", stale and f"differ: {', '.join(stale[:5])}")


def run_cases(results, arguments, program, modes, jobs=1):
    runs = []
    for case in load_cases(arguments.build_dir, results):
        if arguments.only not in case.name:
            continue
        if arguments.capability and not runs_on(arguments.capability, case.file):
            results.skip(case.name, f"the GPU has compute capability {arguments.capability / 10}; see .target of {case.file.name}")
            continue
        runs += [(f"{case.name} {mode}".rstrip(), case, options) for mode, options in modes.items()]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for (name, *_), wrong in zip(runs, pool.map(lambda run: ptx.check(run[1], program, run[2]), runs)):
            results.add(name, wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build_dir", type=pathlib.Path)
    parser.add_argument("artifact_dir", nargs="?")
    parser.add_argument("--program", help="run the cases through this command instead of the simulator")
    parser.add_argument("--capability", type=int, help="compute capability of the GPU behind --program")
    parser.add_argument("--only", default="", help="only cases with this text in their names")
    arguments = parser.parse_args()
    results = Results()
    simulator = arguments.build_dir / "bin/qvl-ptxsim"
    if arguments.program:
        run_cases(results, arguments, shlex.split(arguments.program), {"": []}, jobs=DRIVER_JOBS)
    elif simulator.exists():
        if not arguments.only:
            check_fresh(results)
        run_cases(results, arguments, [simulator], MODES)
    else:
        results.skip("all cases", f"{simulator} is not built")
    print(f"{results.passed} passed, {results.failed} failed, {results.skipped} skipped")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
