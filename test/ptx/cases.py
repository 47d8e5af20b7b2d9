"""Cases of PTX kernels: one launch with its arguments and the results it must give.

A case runs through any program that takes the options of qvl-ptxsim: the simulator itself, or a launcher over a driver.
"""
import pathlib
import subprocess
import tempfile
from typing import NamedTuple, Optional

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent
TIMEOUT_SECONDS = 120


class Buffer(NamedTuple):
    """A device buffer with this content; bf16 travels as u16."""
    array: np.ndarray


class TensorMap(NamedTuple):
    """A tensor map of a buffer, by value or by its address. Innermost dimension first, strides in bytes."""
    array: np.ndarray
    type: str
    dims: tuple
    strides: tuple
    box: tuple
    swizzle: str = "none"
    fill: str = "zero"
    steps: tuple = ()
    by_address: bool = False


class Expected(NamedTuple):
    """What a buffer holds afterwards. Tolerance 0 compares bits; otherwise |got - want| <= absolute + relative * |want|.

    With `bf16` the buffer holds bf16 and `array` the exact values in f64.
    """
    array: np.ndarray
    relative: float = 0
    absolute: float = 0
    bf16: bool = False


class Case(NamedTuple):
    name: str
    file: pathlib.Path
    kernel: str
    grid: tuple
    block: tuple
    arguments: list  # Buffer, TensorMap, or the text of a by-value argument
    expected: dict  # argument index -> Expected
    shared: int = 0
    cluster: Optional[tuple] = None


class Run(NamedTuple):
    """How a run ended; `outputs` are the expected buffers by argument, none after a failure."""
    code: int
    error: str
    text: str = ""
    outputs: dict = {}


def from_bf16(bits):
    return (np.asarray(bits, np.uint16).astype(np.uint32) << 16).view(np.float32)


def to_bf16(values):
    """Round to nearest even; the values are finite."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def numbers(extents):
    return ",".join(map(str, extents))


def argument_text(argument, path):
    """The VALUE of an argument; writes its buffer to `path`."""
    if isinstance(argument, str):
        return argument
    np.save(path, argument.array)
    if isinstance(argument, Buffer):
        return f"@{path}"
    text = (f"tensormap:data=@{path};type={argument.type};dims={numbers(argument.dims)};"
            f"strides={numbers(argument.strides)};box={numbers(argument.box)};swizzle={argument.swizzle};fill={argument.fill}")
    if argument.steps:
        text += f";steps={numbers(argument.steps)}"
    return ("&" if argument.by_address else "") + text


def run(case, program, options=()):
    """Runs a case and reads the buffers that are expected."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        command = [*map(str, program), str(case.file), f"--kernel={case.kernel}", f"--grid={numbers(case.grid)}",
                   f"--block={numbers(case.block)}", f"--shared={case.shared}", *options]
        if case.cluster:
            command.append(f"--cluster={numbers(case.cluster)}")
        for index, argument in enumerate(case.arguments):
            command.append(f"--arg={argument_text(argument, folder / f'in{index}.npy')}")
        for index in case.expected:
            command.append(f"--out={index}:{folder / f'out{index}.npy'}")
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            return Run(-1, f"no end after {TIMEOUT_SECONDS} s")
        error, text = done.stderr.decode(errors="replace").strip(), done.stdout.decode(errors="replace")
        if done.returncode != 0:
            return Run(done.returncode, error, text)
        return Run(0, error, text, {index: np.load(folder / f"out{index}.npy") for index in case.expected})


def difference(got, expected):
    """Says how two buffers differ, or nothing."""
    want = expected.array
    if expected.bf16 and got.dtype == np.uint16:
        got = from_bf16(got).astype(want.dtype)
    if got.dtype != want.dtype or got.size != want.size:
        return f"has {got.size} x {got.dtype}, not {want.size} x {want.dtype}"
    got, want = got.reshape(-1), want.reshape(-1)
    if not expected.relative and not expected.absolute:
        unsigned = f"u{want.dtype.itemsize}"
        bad = np.flatnonzero(got.view(unsigned) != want.view(unsigned))
        digits = 2 * want.dtype.itemsize
        return bad.size and (f"{bad.size} of {want.size} differ, first [{bad[0]}]: 0x{int(got.view(unsigned)[bad[0]]):0{digits}x}, "
                             f"not 0x{int(want.view(unsigned)[bad[0]]):0{digits}x}")
    got, want = got.astype(np.float64), want.astype(np.float64)
    # Infinities and NaN must be the same; the comparison is written so that a NaN fails it.
    finite = np.isfinite(want)
    with np.errstate(invalid="ignore"):
        close = np.abs(got - want) <= expected.absolute + expected.relative * np.abs(want)
    same = np.where(finite, close, (got == want) | (np.isnan(got) & np.isnan(want)))
    bad = np.flatnonzero(~same)
    return bad.size and f"{bad.size} of {want.size} differ, first [{bad[0]}]: {got[bad[0]]:.9g}, not {want[bad[0]]:.9g}"


def check(case, program, options=()):
    """Runs a case and compares; returns what is wrong, or nothing."""
    done = run(case, program, options)
    if done.code != 0:
        return f"exit code {done.code}: {done.error}"
    return differences(case, done)


def differences(case, done):
    """Says how the results of a run differ from what the case expects, or nothing."""
    for index, expected in case.expected.items():
        wrong = difference(done.outputs[index], expected)
        if wrong:
            return f"argument {index} {wrong}"
    return None
