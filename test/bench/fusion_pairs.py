#!/usr/bin/python3
"""What fusion gains: a fused artifact against one compiled with --no-fuse, in interleaved pairs of runs.

    qvl-compile CHECKPOINT -o fused.qvl
    qvl-compile CHECKPOINT -o unfused.qvl --no-fuse
    test/bench/fusion_pairs.py fused.qvl unfused.qvl --build=build

A pair is one process of each artifact on one request, in an order that changes from pair to pair, so that a machine whose
speed drifts treats both alike. Prints the median of each quantity, the median of the ratios within a pair, and their range.
The last line says how much of the machine other processes took meanwhile: distrust a run above a few percent.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/e2e"))
from pictures import write_png  # noqa: E402
from qvl_run import Tool  # noqa: E402


@dataclasses.dataclass
class Quantity:
    """A column of the table: how to take it from a run, in which unit."""
    name: str
    unit: str
    take: object

    def line(self, pairs):
        fused, unfused = ([self.take(run) for run in side] for side in zip(*pairs))
        if not any(fused) and not any(unfused):
            return None
        ratios = [a / b for a, b in zip(fused, unfused)]
        return (f"{self.name:22} {statistics.median(fused):12.2f} {statistics.median(unfused):12.2f} {self.unit:9}"
                f"{statistics.median(ratios):7.3f}   {min(ratios):.3f} to {max(ratios):.3f}")


def per_token(run):
    rate = run["rates"]["decode_tokens_per_s"]
    return 1000 / rate if rate else 0


def start(run):
    """From the start of the process until it takes the request, and its end."""
    timings = run["timings_ms"]
    return run["wall_ms"] - timings["first_token"] - timings["decode"]


QUANTITIES = [
    Quantity("vision", "ms", lambda run: run["timings_ms"]["vision"]),
    Quantity("prefill", "ms", lambda run: run["timings_ms"]["prefill"]),
    Quantity("decode, per token", "ms", per_token),
    Quantity("first token", "ms", lambda run: run["timings_ms"]["first_token"]),
    Quantity("start and end", "ms", start),
    Quantity("load", "ms", lambda run: run["timings_ms"]["load"]),
    Quantity("arena", "MB", lambda run: run["memory_bytes"]["arena_peak"] / 1e6),
    Quantity("resident", "MB", lambda run: run["memory_bytes"]["rss_peak"] / 1e6),
]


def measure(tool, model, options):
    """The report of a run with the time of its whole process."""
    begin = time.monotonic()
    run = tool.report(model, *options, timeout=None)
    run["wall_ms"] = 1000 * (time.monotonic() - begin)
    return run


def measure_pairs(tool, models, options, count):
    """`count` pairs (fused, unfused) after one run of each that warms the page cache."""
    for model in models:
        measure(tool, model, options)
    pairs = []
    for number in range(count):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        runs = {side: measure(tool, models[side], options) for side in order}
        pairs.append((runs[0], runs[1]))
        print(f"pair {number + 1} of {count} done", file=sys.stderr, flush=True)
    return pairs


class ForeignLoad:
    """The share of the processors that processes other than our children use."""

    def __init__(self):
        self.busy, self.total, self.own = self.now()

    @staticmethod
    def now():
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        ticks = os.sysconf("SC_CLK_TCK")
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        idle = fields[3] + fields[4]
        return (sum(fields) - idle) / ticks, sum(fields) / ticks, children.ru_utime + children.ru_stime

    def share(self):
        busy, total, own = self.now()
        return max(0.0, (busy - self.busy) - (own - self.own)) / max(total - self.total, 1e-9)


def request(arguments, folder):
    width, height = (int(size) for size in arguments.picture.split("x"))
    image = arguments.image or write_png(os.path.join(folder, "picture.png"), width, height)
    options = [f"--image={image}", f"--prompt={arguments.prompt}", "--greedy", f"--max-new-tokens={arguments.new_tokens}"]
    return options + ([f"--threads={arguments.threads}"] if arguments.threads else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fused")
    parser.add_argument("unfused")
    parser.add_argument("--build", default=str(ROOT / "build"), help="build folder that holds bin/qvl-run")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--image", help="a picture of your own")
    parser.add_argument("--picture", default="448x448", help="or one of this size [448x448]")
    parser.add_argument("--prompt", default="Describe this image.")
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--records", help="write the reports of all runs to this JSON file")
    arguments = parser.parse_args()
    if arguments.pairs < 1:
        parser.error("--pairs: at least one pair")
    load = ForeignLoad()
    with tempfile.TemporaryDirectory(prefix="qvl-pairs-") as folder:
        try:
            pairs = measure_pairs(Tool(arguments.build), (arguments.fused, arguments.unfused),
                                  request(arguments, folder), arguments.pairs)
        except (AssertionError, subprocess.SubprocessError) as error:
            sys.exit(f"fusion_pairs: {error}")
    if arguments.records:
        pathlib.Path(arguments.records).write_text(json.dumps(pairs), encoding="utf-8")
    usage = pairs[0][0]["usage"]
    print(f"{arguments.pairs} pairs; {usage['prompt_tokens']} prompt tokens, {usage['media_tokens']} of them the picture, "
          f"{usage['completion_tokens']} generated")
    print(f"{'':22} {'fused':>12} {'--no-fuse':>12} {'':9}{'ratio':>7}   range of the pairs")
    for line in filter(None, (quantity.line(pairs) for quantity in QUANTITIES)):
        print(line)
    print(f"other processes: {100 * load.share():.1f} % of the processors")


if __name__ == "__main__":
    main()
