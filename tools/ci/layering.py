#!/usr/bin/python3
"""Checks the direction of dependencies in includes and CMake files; prints one line a violation.

    qvlfmt <- Runtime <- Processor <- Generate <- tools/qvl-run          without LLVM
    qvlfmt <- Import, Artifact <- Pipelines <- tools/qvl-compile         on LLVM and MLIR

The dialects never include each other, and nothing but the tools sees both halves.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)

RUNTIME_HALF = ["include/qvlrt", "lib/Runtime", "lib/Processor", "lib/Video", "lib/Generate", "tools/qvl-run",
                "tools/qvl-inspect"]
COMPILER_HALF = ["include/qvl", "dialects", "models", "lib/Import", "lib/Trace", "lib/Conversion", "lib/Codegen",
                 "lib/Pipelines", "lib/Artifact", "lib/Reference", "tools/qvl-compile", "tools/qvl-opt"]
COMPILER_HEADERS = r"(mlir|mlir-c|llvm|llvm-c|lld|qvl|dialects|models)/"
QVLX = r"dialects/qvlx/"
# The simulator proper; its driver library lies in lib/PtxSim/Driver.
SIMULATOR = ["include/qvlsim"] + [f"lib/PtxSim/{part}" for part in
                                  ["Parse", "Module", "Memory", "Exec", "Isa", "Async", "TensorMap", "Races"]]

# (directories, what their files may not include, why)
RULES = [
    (["include/qvlfmt"], r"(mlir|llvm|qvl|qvlrt|absl|dialects|models|lib)/", "qvlfmt depends on nothing"),
    (RUNTIME_HALF, COMPILER_HEADERS, "the runtime half is free of the compiler and of LLVM"),
    (COMPILER_HALF, r"qvlrt/", "the compiler half does not use the runtime"),
    (SIMULATOR, r"(mlir|mlir-c|llvm|llvm-c|lld|qvl|qvlrt|qvlfmt|dialects|models)/", "the simulator depends on nothing of qvl"),
    (RUNTIME_HALF + COMPILER_HALF, r"qvlsim/", "only the driver library and qvl-ptxsim use the simulator"),
    (["dialects/qvl"], QVLX, "the dialects never include each other"),
    (["dialects/qvlx"], r"dialects/qvl/", "the dialects never include each other"),
    (["lib/Import", "include/qvl/Import"], r"(mlir|dialects)/", "the importer knows no dialect"),
    (["lib/Trace", "include/qvl/Trace", "lib/Reference", "include/qvl/Reference", "lib/Codegen", "include/qvl/Codegen",
      "models/qwen2_5_vl"], QVLX, "the model, its kernels and its reference know only qvl"),
    (["lib/Artifact", "include/qvl/Artifact", "lib/Conversion", "include/qvl/Conversion", "dialects", "models/qwen2_5_vl"],
     r"qvl/Pipelines/", "pipelines are built on top of passes and writers"),
    (["lib/Artifact", "include/qvl/Artifact"], r"qvl/(Conversion|Codegen|Trace|Reference)/", "the writer sees finished programs only"),
]

# (directories, words their CMake files may not name)
LINK_RULES = [
    (RUNTIME_HALF, r"\b(MLIR|LLVM|lld\w+|qvl_mlir_\w+|qvl_use_mlir|Qvl(PtxSim\w*|Import|Artifact|Codegen\w*|Conversion|Pipelines|Compile|"
                   r"Reference\w*|Trace|Dialect|Transforms)|QvlxDialect)\b"),
    (["dialects/qvl"], r"\bQvlx\w*"),
    (["dialects/qvlx"], r"\bQvl[A-Z]\w*"),
    (["lib/Import"], r"\b(MLIR|qvl_mlir_\w+|QvlDialect|QvlxDialect)\b"),
    (COMPILER_HALF, r"\b(QvlRuntime\w*|QvlProcessor|QvlGenerate|Qvl\w*Device)\b"),
]

# Public headers of the runtime lie in one folder; which layer owns one follows from where its source lies.
LAYERS = ["Runtime", "Processor", "Generate"]


def files(directories, *patterns):
    for directory in directories:
        for pattern in patterns:
            yield from sorted((ROOT / directory).rglob(pattern))


def layer_of(header):
    """The layer that implements include/qvlrt/HEADER.h; None when it has no source of its own."""
    source = "".join(word.capitalize() for word in pathlib.PurePath(header).stem.split("_")) + ".cpp"
    return next((number for number, layer in enumerate(LAYERS) if list((ROOT / "lib" / layer).rglob(source))), None)


def include_violations():
    for directories, forbidden, reason in RULES:
        for path in files(directories, "*.h", "*.cpp", "*.c", "*.td"):
            for header in INCLUDE.findall(path.read_text()):
                if re.match(forbidden, header):
                    yield f"{path.relative_to(ROOT)} includes {header}: {reason}"


def layer_violations():
    owners = [(number, path) for number, layer in enumerate(LAYERS) for path in files([f"lib/{layer}"], "*.h", "*.cpp")]
    owners += [(layer_of(path.name), path) for path in files(["include/qvlrt"], "*.h")]
    for number, path in owners:
        for header in INCLUDE.findall(path.read_text()):
            used = layer_of(header) if header.startswith("qvlrt/") else None
            if number is not None and used is not None and used > number:
                yield f"{path.relative_to(ROOT)} includes {header}: {LAYERS[number]} may not use {LAYERS[used]}"


def link_violations():
    for directories, forbidden in LINK_RULES:
        for path in files(directories, "CMakeLists.txt"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = re.search(forbidden, line.split("#")[0])
                if found:
                    yield f"{path.relative_to(ROOT)}:{number} names {found[0]}"


def main():
    found = [*include_violations(), *layer_violations(), *link_violations()]
    for violation in found:
        print(f"layering: {violation}")
    print(f"layering: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
