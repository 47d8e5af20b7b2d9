"""Cases of the kernels that the compiler emits: one entry per family and form, on small ragged shapes.

`prepare(build)`, or this file run with the build folder, compiles all of them; `cases(folder)` are the launches, with results that
numpy gives. A new family is an entry in one of the modules, or a module in MODULES.
"""
import concurrent.futures
import os
import pathlib
import shutil
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parent)]
import attention  # noqa: E402
import linear  # noqa: E402
import program  # noqa: E402
import rows  # noqa: E402
import sampling  # noqa: E402
import splits  # noqa: E402

MODULES = (linear, attention, splits, sampling, rows)


def entries():
    for module in MODULES:
        yield from module.entries()


def prepare(build):
    """The folder with the PTX and the program of each entry: compiled anew where the build has the compiler, else what was carried
    along with it; none without either."""
    qvl_opt, folder = build / "bin/qvl-opt", build / "ptx-emitted"
    if qvl_opt.exists():
        shutil.rmtree(folder, ignore_errors=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda entry: program.emit(entry, qvl_opt, folder), entries()))
    return folder if folder.exists() else None


def cases(folder):
    for entry in entries():
        yield from program.cases_of(entry, folder)


if __name__ == "__main__":
    prepare(pathlib.Path(sys.argv[1]))
