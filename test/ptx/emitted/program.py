"""Programs as the compiler outlines them: what they launch, for given operands.

qvl-opt turns the text of one function into a program of `qvlx` ops and PTX. The grid, the shared memory, the order of buffers and
scalars and the stored form of weights are read from there, so nothing of it is repeated here.
"""
import itertools
import math
import re
import subprocess
from typing import NamedTuple

import numpy as np

from cases import Buffer, Case, Expected, to_bf16
from wide import WideForm, tensor_map

PASSES = ["--qvl-assign-encodings", "--qvl-outline-kernels=target=cuda", "--canonicalize", "--cse"]
DTYPES = {"f32": np.float32, "bf16": np.uint16, "i32": np.int32, "i64": np.int64}
UNWRITTEN = 0xA5  # the bytes of a result before the launch, a number that no kernel gives


class Call(NamedTuple):
    """What a function is called with, and what it must give.

    `operands` are logical values by the names of arguments and parameters; memory of caches is given as it lies in memory, and what
    has u16 elements is memory of bf16.
    `expected` holds what arguments (by name) and allocated buffers ("alloc0", ... in the order of the program) hold in the end. Where
    a program launches several kernels, each finds the expected values of what earlier ones write.
    """
    operands: dict
    expected: dict
    blocks: int = 0  # of each launch, from the first on; 0: all


class Entry(NamedTuple):
    """A function with qvl ops, and calls of it. With `wide` its projection is launched in its wide form."""
    name: str
    text: str
    calls: list
    chip: str = "sm_80"
    wide: bool = False


def emit(entry, qvl_opt, folder):
    """Writes KERNEL.ptx for each kernel of the entry, and its program."""
    target = folder / entry.name
    target.mkdir(parents=True)
    def run(options, text):
        done = subprocess.run([qvl_opt, *options], input=text, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{entry.name}: {done.stderr}")
        return done.stdout
    program = run(PASSES, entry.text)
    objects = run([f"--qvl-codegen-nvptx=chips={entry.chip} dump-kernels-to={target}"], program)
    (target / "program.mlir").write_text(program)
    (target / "wide.mlir").write_text("\n".join(re.findall(r"#qvlx\.wide_form<.*?\]>", objects)))


# --- memory ---------------------------------------------------------------------------------------------------------------


def stored(values, element):
    """The memory of values of an element type."""
    return to_bf16(values) if element == "bf16" else np.asarray(values).astype(DTYPES[element])


def panels(values, encoding):
    """A weight [N, K] in panels [N/n][K/group][n][group]; two interleaved weights take turns in blocks of rows."""
    n, group, interleave = encoding["n"], encoding["k_group"], encoding.get("interleave", 0)
    padded = np.zeros((encoding["pad_n"], encoding["pad_k"]))
    rows = np.arange(len(values))
    if interleave:
        half = len(values) // 2
        which, row = rows // half, rows % half
        rows = row // interleave * 2 * interleave + which * interleave + row % interleave
    padded[rows, :values.shape[1]] = values
    blocks = padded.reshape(len(padded) // n, n, padded.shape[1] // group, group)
    return stored(blocks.transpose(0, 2, 1, 3), encoding["element"]).reshape(-1)


def weight_memory(values, encoding):
    kind, fields = re.fullmatch(r"#qvl\.(panel|flat)<(.*)>", encoding).groups()
    if kind == "flat":
        return stored(values, fields)
    pairs = dict(field.split(" = ") for field in fields.split(", "))
    return panels(np.asarray(values), {key: value if key == "element" else int(value) for key, value in pairs.items()})


# --- programs -------------------------------------------------------------------------------------------------------------

INTEGERS = {"mul": lambda a, b: a * b, "add": lambda a, b: a + b, "floordiv": lambda a, b: a // b, "ceildiv": lambda a, b: -(-a // b)}


class Memory(NamedTuple):
    name: str
    array: np.ndarray
    shape: tuple


class Launch(NamedTuple):
    kernel: str
    grid: int
    buffers: list
    scalars: list


def buffer_type(text):
    """Sizes and element of "?x70xbf16"."""
    *sizes, element = text.split("x")
    return sizes, element


class Program:
    """Evaluates a program on the operands of a call."""

    def __init__(self, operands, text):
        self.operands, self.text = operands, text
        self.values = {}
        self.allocated = itertools.count()
        self.encodings = dict(re.findall(r"qvlx\.data @(\S+) :.*? encoding\((#.*)\)$", text, re.MULTILINE))

    def launches(self):
        header, block, body = re.search(r"qvlx\.program @\S+ arguments \[(.*?)\].*?\{\n(?:  \^bb0\((.*)\):\n)?(.*?)\n  \}", self.text,
                                        re.DOTALL).groups()
        names = re.findall(r'"([^"]*)"', header)
        for name, (value, type_) in zip(names, re.findall(r"(%\w+): !qvlx\.buffer<([^>]*)>", block or "")):
            self.values[value] = self.argument(name, type_)
        return [launch for line in body.splitlines() for launch in self.execute(line.strip())]

    def argument(self, name, type_):
        values = np.asarray(self.operands[name])
        _, element = buffer_type(type_)
        return Memory(name, values if values.dtype == np.uint16 else stored(values, element), values.shape)

    def execute(self, line):
        """Evaluates one op; yields the launch that it is."""
        if found := re.match(r"qvlx\.launch @(\S+) grid\((%\w+)\) (.*)", line):
            kernel, grid, rest = found.groups()
            lists = {name: re.findall(r"%\w+", values) for name, values in re.findall(r"(ins|outs|scalars)\(([^:)]*)", rest)}
            yield Launch(kernel, self.values[grid], [self.values[v] for v in lists.get("ins", []) + lists.get("outs", [])],
                         [self.values[v] for v in lists.get("scalars", [])])
        elif found := re.match(r"(%\w+) = qvlx\.(\w+)\s*(.*)", line):
            self.values[found.group(1)] = self.value(found.group(2), found.group(3))
        elif not line.startswith("qvlx.return"):
            raise ValueError(f"no launch: {line}")

    def value(self, op, text):
        operands = [self.values[name] for name in re.findall(r"%\w+", text)]
        if op == "constant":
            return int(text)
        if op == "dim":
            return operands[0].shape[int(re.search(r", (\d+)", text).group(1))]
        if op == "weight":
            name = re.match(r"@(\S+)", text).group(1)
            values = np.asarray(self.operands[name])
            return Memory(name, values if values.dtype == np.uint16 else weight_memory(values, self.encodings[name]), ())
        if op == "alloc":
            return self.alloc(operands, *buffer_type(re.search(r"<(.*?)>", text).group(1)))
        return INTEGERS[op](*operands)

    def alloc(self, dynamic, sizes, element):
        dynamic = iter(dynamic)
        shape = tuple(next(dynamic) if size == "?" else int(size) for size in sizes)
        array = np.full(math.prod(shape) * np.dtype(DTYPES[element]).itemsize, UNWRITTEN, np.uint8).view(DTYPES[element])
        return Memory(f"alloc{next(self.allocated)}", array, shape)


# --- cases ----------------------------------------------------------------------------------------------------------------


def cases_of(entry, folder):
    """A case for each launch of an entry that emit() has written to `folder`, for each call."""
    for number, call in enumerate(entry.calls):
        for case in cases_of_call(entry, call, folder):
            yield case._replace(name=f"{case.name}-{number}") if len(entry.calls) > 1 else case


def function_of(entry, launch, folder, text):
    """What a launch calls: the name, bytes of shared memory, and tensor maps."""
    if entry.wide:
        form = WideForm.of(launch.kernel, (folder / "wide.mlir").read_text())
        return form.symbol, form.shared, [tensor_map(map_, launch) for map_ in form.maps]
    return launch.kernel, int(re.search(rf"qvlx\.kernel @{launch.kernel} .*scratch\((\d+)\)", text).group(1)), []


def cases_of_call(entry, call, folder):
    text = (folder / entry.name / "program.mlir").read_text()
    written = {}
    for launch in Program(call.operands, text).launches():
        function, shared, maps = function_of(entry, launch, folder / entry.name, text)
        file = folder / entry.name / f"{function}.{entry.chip}.ptx"
        threads = re.search(r"^\.reqntid (\d+)", file.read_text(), re.MULTILINE).group(1)
        arguments = [Buffer(written.get(memory.name, memory.array)) for memory in launch.buffers]
        expected = {}
        for index, memory in enumerate(launch.buffers):
            if memory.name in call.expected and memory.name not in written:
                expected[index] = shaped(call.expected[memory.name], memory)
                written[memory.name] = result_memory(expected[index])
        yield Case(f"emitted/{entry.name}/{function}", file, function, (call.blocks or launch.grid,), (int(threads),),
                   arguments + [f"u64:{scalar}" for scalar in launch.scalars] + maps, expected, shared)


def shaped(expected, memory):
    """What is expected of memory; exact values are compared as the bits that they round to."""
    exact = not (expected.relative or expected.absolute)
    if memory.array.dtype == np.uint16 and expected.array.dtype != np.uint16:
        return Expected(to_bf16(expected.array)) if exact else expected._replace(array=np.asarray(expected.array, np.float64), bf16=True)
    return expected._replace(array=np.asarray(expected.array).astype(memory.array.dtype))


def result_memory(expected):
    return to_bf16(expected.array) if expected.bf16 else expected.array
