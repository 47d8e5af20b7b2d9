"""The lists of mutants that nothing detects (test/ptx/mutants): their reasons, and which texts of emitted kernels a list is for."""
import hashlib
import re
import subprocess
from typing import NamedTuple


def name_of(file):
    return f"{file.parent.name}/{file.stem}"


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def read_undetected(path):
    """The reasons by key: paragraphs of one line "equivalent: ..." or "miss: ..." and indented keys."""
    reasons, reason = {}, ""
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.startswith(("equivalent: ", "miss: ")):
            reason = line
        elif line.startswith("  "):
            reasons[line.strip()] = reason
    return reasons


class Stamps(NamedTuple):
    """What a list of undetected mutants of emitted kernels is for: the version of LLVM, and the digests of texts by kernel."""
    llvm: str
    texts: dict

    @staticmethod
    def read(path):
        text = path.read_text() if path.exists() else ""
        llvm = re.search(r"^llvm: (\S+)$", text, re.MULTILINE)
        return Stamps(llvm.group(1) if llvm else "", dict(re.findall(r"^text: (\S+) (\S+)$", text, re.MULTILINE)))

    @staticmethod
    def of(build, files):
        """Those of the compiler of a build and of what it emits; of an unknown LLVM where the texts were carried along without it."""
        compiler, llvm = build / "bin/qvl-opt", "unknown"
        if compiler.exists():
            done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
            llvm = re.search(r"LLVM version (\S+)", done.stdout).group(1)
        return Stamps(llvm, {name_of(file): digest(file) for file in files})

    def write(self, path):
        kept = re.sub(r"^(text|llvm): .*\n", "", path.read_text(), flags=re.MULTILINE).rstrip("\n")
        lines = sorted(f"text: {name} {text}\n" for name, text in self.texts.items())
        path.write_text(f"{kept}\n\nllvm: {self.llvm}\n{''.join(lines)}")

    def changed(self, now):
        """Kernels whose text is not the one that the list is for, or that are new or gone."""
        return {name for name in self.texts.keys() | now.texts.keys() if self.texts.get(name) != now.texts.get(name)}


def without_names(key):
    """What mutants of two texts of a kernel share: the change and the instruction without the numbers of lines, registers and labels."""
    kernel, mutant = key.split(":", 1)
    return kernel, re.sub(r"^\d+|%?[a-z]+\d+(?=\W|$)|\$L__BB\w+", "", mutant)


def former_reasons(mutant, reasons):
    """The reasons of listed mutants that one with this key may be in another text, to be printed behind it."""
    alike = {reason for key, reason in reasons.items() if without_names(key) == without_names(mutant)}
    return f" (in its former text: {'; or '.join(sorted(alike))})" if alike else ""


def report_changed(changed, stamps, now):
    """Prints kernels that were not tried; failures where it is not another LLVM that wrote them. Returns both numbers."""
    same = stamps.llvm == now.llvm
    for name in sorted(changed):
        if same:
            print(f"FAILED {name}: the list of undetected mutants is for another text of it; `ptx-mutants.py --help` says how to renew it")
        else:
            print(f"SKIPPED {name}: the list of undetected mutants is for what LLVM {stamps.llvm} writes, this is {now.llvm}")
    return (len(changed), 0) if same else (0, len(changed))
