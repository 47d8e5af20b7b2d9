#!/usr/bin/python3
"""Assembles PTX with NVIDIA's ptxas and looks at the machine code.

    ptx-assemble.py [--build-dir=DIR] [--assembler=DIR] [--full] [KERNELS...]

Assembled are the programs of test/ptx, each for its own architecture, and every kernel that the compiler makes for GPUs of the
checkpoints of the tests and of the released sizes 3B and 7B (of which the headers suffice), with bf16 and with f32
activations: kernels for sm_80 also for sm_90 and sm_100, kernels for sm_90a for it. KERNELS, folders that
`qvl-compile --dump-kernels-to` wrote, are looked at in place of all that.

A kernel may not spill registers, have a stack or draw a warning or a note about its performance (C75xx), and its registers
must leave room for the blocks that its `.minnctapersm` names. sass_checks.py says what is demanded of the machine code of
products and attention where weights and activations are bf16, which is where tensor cores work; it is read for the
architectures that kernels were made for.

--full adds 32B and 72B, the miniatures in f32, unfused models, and the machine code of every kernel for every architecture.

The programs come from tools/ci/cuda-assembler.sh, or from the folder --assembler. Says SKIPPED and why where there are none.
"""
import argparse
import collections
import concurrent.futures
import itertools
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import NamedTuple, Optional

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test/e2e")]
import sass_checks  # noqa: E402
from released_shapes import write_checkpoint  # noqa: E402

GOLDEN_CHECKPOINTS = ROOT / "test/e2e/goldens/checkpoints"
CHECKPOINTS = {"shapes-vl": ROOT / "models/shapes-vl", "mini_f32": GOLDEN_CHECKPOINTS / "mini_f32",
               "mini_bf16": GOLDEN_CHECKPOINTS / "mini_bf16"}
WEIGHTS_ARE_F32 = {"mini_f32"}
REGISTERS = 65536  # of a multiprocessor, on every architecture
NOTES = re.compile(r"\bC75\d\d\b|\bwarning\s*:")
NO_STACK = "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"


class Assembler:
    """The programs; `disassembler` is None where only ptxas is there."""

    def __init__(self, folder):
        self.program = str(folder / "ptxas")
        disassembler = folder / "nvdisasm"
        self.disassembler = str(disassembler) if disassembler.exists() else None

    def assemble(self, path, arch, cubin):
        """What ptxas prints, and whether it takes the text."""
        done = subprocess.run([self.program, "-v", f"-arch={arch}", str(path), "-o", cubin], capture_output=True, text=True)
        return done.stdout + done.stderr, done.returncode == 0

    def listing(self, cubin):
        return subprocess.run([self.disassembler, "-c", cubin], capture_output=True, text=True, check=True).stdout


class Kernel(NamedTuple):
    """A kernel's PTX, and the architecture it is assembled for."""
    path: pathlib.Path
    arch: str

    def __str__(self):
        return f"{self.path.parent.name}/{self.path.name} for {self.arch}"

    def name(self):
        return self.path.name.split(".")[0]

    def chip(self):
        """The architecture that the PTX names."""
        return self.path.name.split(".")[-2]


class Verdict(NamedTuple):
    problems: list
    registers: int = 0
    listed: bool = False


def number_of(directive, text):
    """The product of a directive's numbers: 128 of `.reqntid 128, 1, 1`; 0 without it."""
    found = re.search(rf"\.{directive} ([\d, ]+)", text)
    product = 1
    for number in found[1].split(",") if found else ["0"]:
        product *= int(number)
    return product


def check_registers(text, registers):
    """Registers are handed out in eights of each thread."""
    threads = number_of("reqntid", text) or number_of("maxntid", text)
    blocks = max(number_of("minnctapersm", text), 1)
    if registers == 0 or threads == 0:
        return ["the registers or the threads of a block are unknown"]
    if -(-registers // 8) * 8 * threads * blocks > REGISTERS:
        return [f"{registers} registers: {blocks} blocks of {threads} threads do not fit"]
    return []


def check_report(report, text):
    """Problems in what ptxas prints of the kernel `text`, and its registers."""
    used = re.search(r"Used (\d+) registers", report)
    registers = int(used[1]) if used else 0
    problems = [line.strip() for line in report.splitlines()
                if NOTES.search(line) or ("spill stores" in line and line.strip() != NO_STACK)]
    return problems + check_registers(text, registers), registers


def check_kernel(assembler, kernel, listed):
    """Assembles a kernel; its machine code is looked at with `listed`."""
    with tempfile.TemporaryDirectory() as folder:
        cubin = f"{folder}/kernel.cubin"
        report, accepted = assembler.assemble(kernel.path, kernel.arch, cubin)
        if not accepted:
            return Verdict([f"refused: {report.strip()}"])
        problems, registers = check_report(report, kernel.path.read_text())
        if listed:
            problems += sass_checks.violations(kernel.name(), assembler.listing(cubin))
    return Verdict(problems, registers, listed)


def kernels_in(folder):
    """The kernels of a folder of dumps, KERNEL.CHIP.ptx, each for every architecture that it is meant for."""
    for path in sorted(folder.glob("*.ptx")):
        chip = Kernel(path, "").chip()
        for arch in ("sm_80", "sm_90", "sm_100") if chip == "sm_80" else (chip,):
            yield Kernel(path, arch)


class Assembly:
    """Assembles kernels side by side, equal ones once, and prints a line for each folder of them."""

    def __init__(self, assembler, full):
        self.assembler = assembler
        self.full = full
        self.pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self.futures = {}
        self.failed = 0

    def check(self, label, kernels, products):
        """With `products` the machine code of products and attention is looked at."""
        jobs = [(kernel, self.future(kernel, products and self.is_listed(kernel))) for kernel in kernels]
        verdicts = [(kernel, future.result()) for kernel, future in jobs]
        for kernel, verdict in verdicts:
            self.failed += bool(verdict.problems)
            for problem in verdict.problems:
                print(f"ptx-assemble: {kernel}: {problem}")
        if not verdicts:
            print(f"ptx-assemble: {label}: there is no kernel")
            self.failed += 1
            return
        largest, most = max(verdicts, key=lambda entry: entry[1].registers)
        listed = sum(verdict.listed for _, verdict in verdicts)
        print(f"ptx-assemble: {label}: {len(verdicts)} assembled, {listed} listings read; "
              f"most registers: {most.registers}, {largest}", flush=True)

    def is_listed(self, kernel):
        """Disassembling takes most of the time of this script: nvdisasm needs a quarter of a second to start."""
        if not self.assembler.disassembler:
            return False
        return self.full or (kernel.arch == kernel.chip() and bool(sass_checks.family_of(kernel.name())))

    def future(self, kernel, listed):
        key = (kernel.path.read_bytes(), kernel.arch, listed)
        if key not in self.futures:
            self.futures[key] = self.pool.submit(check_kernel, self.assembler, kernel, listed)
        return self.futures[key]

    def check_programs(self, paths):
        """Those of test/ptx, which only have to be assembled: not all are kernels of models."""
        def assemble(path):
            arch = re.search(r"^\.target (\w+)", path.read_text(), re.MULTILINE)[1]
            with tempfile.TemporaryDirectory() as folder:
                return self.assembler.assemble(path, arch, f"{folder}/program.cubin")
        refused = [(path, report) for path, (report, accepted) in zip(paths, self.pool.map(assemble, paths)) if not accepted]
        for path, report in refused:
            print(f"ptx-assemble: {path.relative_to(ROOT)}: refused: {report.strip()}")
        self.failed += len(refused)
        print(f"ptx-assemble: test/ptx: {len(paths) - len(refused)} assembled, {len(refused)} refused", flush=True)


def dump_kernels(compiler, checkpoint, folder, options):
    """Writes the kernels of a checkpoint, of which no weight is read."""
    subprocess.run([str(compiler), str(checkpoint), "-o", str(folder) + ".mlir", "--target=cuda:sm_80,cuda:sm_90a",
                    "--compile-to=codegen", f"--dump-kernels-to={folder}", "--progress=off", *options], check=True)


def check_models(assembly, compiler, scratch, full):
    checkpoints = dict(CHECKPOINTS)
    for size in ("3B", "7B", "32B", "72B") if full else ("3B", "7B"):
        checkpoints[size] = scratch / size
        write_checkpoint(checkpoints[size], size)
    forms = (("", []), (" unfused", ["--no-fuse"])) if full else (("", []),)
    for (name, checkpoint), precision, (form, options) in itertools.product(checkpoints.items(), ("bf16", "f32"), forms):
        if precision == "f32" and name.startswith("mini") and not full:
            continue
        label = f"{name} {precision}{form}"
        folder = scratch / label.replace(" ", "-")
        dump_kernels(compiler, checkpoint, folder, [f"--precision={precision}", *options])
        assembly.check(label, kernels_in(folder), precision == "bf16" and name not in WEIGHTS_ARE_F32)


def find_assembler(build_dir) -> Optional[Assembler]:
    """That of the build folder; None where there is none, for a reason that stands on stderr."""
    found = subprocess.run([str(ROOT / "tools/ci/cuda-assembler.sh"), str(build_dir)], stdout=subprocess.PIPE, text=True)
    return Assembler(pathlib.Path(found.stdout.strip())) if found.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--assembler", type=pathlib.Path)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("kernels", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    assembler = Assembler(arguments.assembler) if arguments.assembler else find_assembler(arguments.build_dir.resolve())
    if not assembler:
        print("ptx-assemble: SKIPPED: there is no assembler")
        return 0
    if not assembler.disassembler:
        print("ptx-assemble: SKIPPED for machine code: there is no nvdisasm beside ptxas")
    assembly = Assembly(assembler, arguments.full)
    for folder in arguments.kernels:
        assembly.check(str(folder), kernels_in(folder), products=True)
    if not arguments.kernels:
        assembly.check_programs(sorted(path for name in ("corpus", "nvcc", "kernels") for path in (ROOT / "test/ptx" / name).glob("*.ptx")))
        with tempfile.TemporaryDirectory() as scratch:
            check_models(assembly, arguments.build_dir.resolve() / "bin/qvl-compile", pathlib.Path(scratch), arguments.full)
    return 1 if assembly.failed else 0


if __name__ == "__main__":
    sys.exit(main())
