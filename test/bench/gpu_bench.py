#!/usr/bin/env python3
"""Times kernels at the shapes of Qwen2.5-VL-3B on a GPU, as shares of the card's peaks.

    gpu_bench.py BUILD_DIR --program=COMMAND [--shapes=small] [--time-simulator]
    gpu_bench.py BUILD_DIR --prepare

COMMAND is qvl-ptxrun with its driver. Projections of 4096 rows (mma.sync, and wgmma where the GPU has it), attention over windows and
over the cache, the kernels of one decode step, and what a launch costs in a graph. --prepare only compiles the kernels, to
BUILD_DIR/ptx-bench-3b, which can be carried to a machine without the compiler. Each line of the table that is printed is a kernel: the time
of a launch among others in a graph, and the share of the peak that limits it.

A simulator is refused: its times say nothing. --time-simulator runs the whole code over one nevertheless and prints no figures, with
--shapes=small in seconds: that is its test.
"""
import argparse
import json
import pathlib
import shlex
import shutil
import subprocess
import sys
from typing import NamedTuple

import numpy as np

PTX = pathlib.Path(__file__).resolve().parents[1] / "ptx"
sys.path[:0] = [str(PTX), str(PTX / "emitted")]
import attention  # noqa: E402
import cases as ptx  # noqa: E402
import linear  # noqa: E402
import program  # noqa: E402

RUNS = 20
# Floating-point operations of the tensor cores of one multiprocessor a clock, dense bf16 with f32 sums, by compute capability (NVIDIA's
# architecture papers: A100 312 TFLOP/s of 108 multiprocessors at 1410 MHz, H100 SXM 989 of 132 at 1830).
TENSOR_FLOPS = {80: 2048, 86: 512, 89: 1024, 90: 4096}
PAGE = 64


class Shapes(NamedTuple):
    rows: int  # of a prompt or a picture
    hidden: int
    columns: int  # of query, key and value
    inner: int
    heads: int
    kv_heads: int
    head_dim: int
    vision_heads: int
    vision_dim: int
    layers: int


SHAPES = {"3b": Shapes(4096, 2048, 2560, 11008, 16, 2, 128, 16, 80, 36), "small": Shapes(64, 96, 128, 160, 4, 2, 32, 1, 32, 2)}


class Bench(NamedTuple):
    entry: program.Entry
    flops: float
    bytes: float
    group: str  # heading of its line
    times: int = 1  # launches in a decode step


def numbers(random, *shape):
    """bf16 between 0.5 and 1 with either sign, as memory."""
    return (random.integers(0x3F00, 0x3F80, shape) | random.integers(0, 2, shape) << 15).astype(np.uint16)


def padded(columns, unit=32):
    return -(-columns // unit) * unit


def projection(name, group, rows, columns, depth, gated=False, decode=False, chip="sm_80", times=1):
    random = np.random.default_rng(columns)
    function, weights = "decode" if decode else "prefill", 2 if gated else 1
    x, w = numbers(random, rows, depth), numbers(random, weights * padded(columns, 32 // weights) * depth)
    if gated:
        text, operands = linear.gated_text(function, columns, depth, "bf16", "bf16"), {"x": x, "w": w}
    else:
        text = linear.biased_text(function, columns, depth, "bf16", "bf16", 0)
        operands = {"x": x, "w": w, "b": np.zeros(columns), "r": numbers(random, rows, columns)}
    traffic = 2 * (rows * depth + w.size + rows * columns * (1 if gated else 2))
    entry = program.Entry(name, text, [program.Call(operands, {})], chip)
    return Bench(entry, 2.0 * rows * columns * weights * depth, traffic, group, times)


def windows(name, group, s, window):
    random = np.random.default_rng(window)
    bounds = np.array([*range(0, s.rows, window), s.rows])
    operands = {n: numbers(random, s.rows, s.vision_heads, s.vision_dim) for n in "qkv"} | {"s": bounds}
    pairs = float((np.diff(bounds)**2).sum())
    entry = program.Entry(name, attention.segments_text(s.vision_heads, s.vision_dim, "bf16"), [program.Call(operands, {})])
    width = s.vision_heads * s.vision_dim
    return Bench(entry, 4 * pairs * width, 8.0 * s.rows * width, group)


def cached(name, group, s, rows, function, times=1):
    """The last `rows` rows of a context of s.rows tokens."""
    random = np.random.default_rng(rows)
    pages = -(-s.rows // PAGE)
    operands = {"q": numbers(random, rows, s.heads, s.head_dim), "c": numbers(random, pages, 2 * s.kv_heads * PAGE * s.head_dim),
                "o": np.array([0, rows]), "s": np.zeros(rows), "l": np.array([s.rows - rows]), "t": random.permutation(pages)[None]}
    text = attention.cached_text(function, s.heads, s.kv_heads, s.head_dim, "bf16", "bf16", PAGE, layers=1, layer=0)
    pairs = rows * (s.rows - rows) + rows * (rows + 1) / 2
    traffic = 4.0 * s.rows * s.kv_heads * s.head_dim + 4 * rows * s.heads * s.head_dim
    return Bench(program.Entry(name, text, [program.Call(operands, {})]), 4 * pairs * s.heads * s.head_dim, traffic, group, times)


def benches(s):
    for chip in ("sm_80", "sm_90a"):
        group = f"projections, {s.rows} rows, {chip}"
        yield projection(f"qkv.{chip}", group, s.rows, s.columns, s.hidden, chip=chip)
        yield projection(f"gate_up.{chip}", group, s.rows, s.inner, s.hidden, gated=True, chip=chip)
        yield projection(f"down.{chip}", group, s.rows, s.hidden, s.inner, chip=chip)
    yield windows("windows", f"attention, {s.rows} rows", s, 64)
    yield windows("full", f"attention, {s.rows} rows", s, s.rows)
    yield cached("prefill", f"attention, {s.rows} rows", s, s.rows, "prefill")
    group = "decode step, batch of 1"
    yield projection("decode_qkv", group, 1, s.columns, s.hidden, decode=True, times=s.layers)
    yield cached("decode_attention", group, s, 1, "decode", times=s.layers)
    yield projection("decode_output", group, 1, s.hidden, s.heads * s.head_dim, decode=True, times=s.layers)
    yield projection("decode_gate_up", group, 1, s.inner, s.hidden, gated=True, decode=True, times=s.layers)
    yield projection("decode_down", group, 1, s.hidden, s.inner, decode=True, times=s.layers)


class Card:
    """What qvl-ptxrun says of the GPU, and the peaks that follow."""

    def __init__(self, command):
        driver = [option.split("=", 1)[1] for option in command if option.startswith("--cuda-driver=")]
        done = subprocess.run([command[0], "card", *driver], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        self.facts = json.loads(done.stdout)
        clock = self.facts["clock_khz"] * 1e3
        self.flops = TENSOR_FLOPS.get(self.facts["capability"], 0) * self.facts["multiprocessors"] * clock
        self.bytes = 2e3 * self.facts["memory_clock_khz"] * self.facts["bus_bits"] / 8  # two transfers a clock

    def runs(self, chip):
        return self.facts["capability"] == 90 if chip == "sm_90a" else self.facts["capability"] >= 80

    def limit(self, bench):
        """Seconds that the card needs at its peaks, and which of them it is; none where a peak is unknown."""
        if not self.flops or not self.bytes:
            return None
        return max((bench.flops / self.flops, "tensor cores"), (bench.bytes / self.bytes, "memory"))


def time(bench, folder, command, options):
    """The times of a kernel's launch, as qvl-ptxrun prints them."""
    case, = program.cases_of(bench.entry, folder)
    done = ptx.run(case, command, [f"--time={1 if options else RUNS}", *options])
    if done.code != 0:
        raise RuntimeError(f"{bench.entry.name}: {done.error}")
    return json.loads(done.text)


def row(bench, times, card):
    if "simulated" in times:
        return f"| {bench.entry.name} | not measured | | |"
    limit, share = card.limit(bench), ""
    if limit:
        share = f"{100 * limit[0] / (times['in_graph_us'] * 1e-6):.0f} % of {limit[1]}"
    rates = f"{bench.flops / times['in_graph_us'] * 1e-6:.1f} TFLOP/s, {bench.bytes / times['in_graph_us'] * 1e-3:.0f} GB/s"
    return f"| {bench.entry.name} | {times['in_graph_us']:.1f} | {rates} | {share} |"


def report(measured, card):
    """The table, by groups."""
    yield f"{card.facts['name']}: peaks {card.flops * 1e-12:.0f} TFLOP/s, {card.bytes * 1e-9:.0f} GB/s of {card.facts['multiprocessors']} SMs"
    group = None
    for bench, times in measured:
        if bench.group != group:
            group = bench.group
            yield f"\n{group}:\n\n| kernel | us | rate | share |\n| --- | --- | --- | --- |"
        yield row(bench, times, card)
    timed = [(bench, times) for bench, times in measured if "simulated" not in times]
    if timed:
        step = sum(bench.times * times["in_graph_us"] for bench, times in timed if bench.group.startswith("decode"))
        smallest = min(timed, key=lambda item: item[1]["best_us"])[1]
        yield f"\nProjections and attention of a decode step: {step * 1e-3:.2f} ms."
        yield (f"A launch of the smallest kernel: alone {smallest['median_us']:.1f} us, in a graph {smallest['in_graph_us']:.1f} us; "
               f"a graph of one launch, from the call to its end: {smallest['whole_graph_us']:.1f} us.")


def prepare(chosen, build, name):
    folder = build / f"ptx-bench-{name}"
    qvl_opt = build / "bin/qvl-opt"
    if qvl_opt.exists():
        shutil.rmtree(folder, ignore_errors=True)
        for bench in chosen:
            program.emit(bench.entry, qvl_opt, folder)
    if not folder.exists():
        raise RuntimeError(f"{build} has neither qvl-opt nor {folder.name}")
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build_dir", type=pathlib.Path)
    parser.add_argument("--program", help="qvl-ptxrun, with --cuda-driver=PATH")
    parser.add_argument("--shapes", choices=SHAPES, default="3b")
    parser.add_argument("--prepare", action="store_true", help="only compile the kernels")
    parser.add_argument("--time-simulator", action="store_true", help="run over a simulator, without figures")
    arguments = parser.parse_args()
    chosen = list(benches(SHAPES[arguments.shapes]))
    try:
        folder = prepare(chosen, arguments.build_dir, arguments.shapes)
        if arguments.prepare:
            return 0
        command = shlex.split(arguments.program)
        card = Card(command)
        options = ["--time-simulator"] if arguments.time_simulator else []
        measured = [(bench, time(bench, folder, command, options)) for bench in chosen if card.runs(bench.entry.chip)]
    except RuntimeError as error:
        print(f"gpu_bench: error: {error}", file=sys.stderr)
        return 1
    print("\n".join(report(measured, card)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
