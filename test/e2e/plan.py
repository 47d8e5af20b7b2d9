#!/usr/bin/env python3
"""What `qvl-run plan` promises is what a run with the same options reports, byte for byte.

    plan.py BUILD_DIR ARTIFACT_DIR

ARTIFACT_DIR and its folder bf16 hold shapes-vl.qvl. Requests are random, from a fixed seed: pictures of any size,
one, two or none, prompts of any length, chunks, pixel limits, lengths of the answer.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time

from pictures import write_png
from qvl_run import Results, Tool, artifact, text

CASES = 36
BF16_CASES = 12
WORDS = "what colour is the small ring beside a large square count all shapes 17 é ß 雪".split()


class Requests:
    """Random command lines and the pictures they name."""

    def __init__(self, folder, seed=20):
        self.folder = folder
        self.random = random.Random(seed)

    def picture(self, number):
        """A PNG of 20 to 500 pixels a side; the runs stay short and the sides are odd ones too."""
        width, height = (self.random.randint(20, 500) for _ in range(2))
        return write_png(os.path.join(self.folder, f"{number}.png"), width, height)

    def video(self, number):
        """A folder of one to five frames."""
        folder = os.path.join(self.folder, f"video-{number}")
        os.mkdir(folder)
        width, height = (self.random.randint(28, 150) for _ in range(2))
        for frame in range(self.random.randint(1, 5)):
            write_png(os.path.join(folder, f"{frame}.png"), width, height)
        return folder

    def options(self, number):
        words = self.random.randint(1, 10 ** self.random.randint(0, 2))
        options = ["--prompt=" + " ".join(self.random.choices(WORDS, k=words)), "--greedy",
                   f"--max-new-tokens={self.random.choice([1, 2, 3, 9, 40, 150])}"]
        options += [f"--image={self.picture(f'{number}-{i}')}" for i in range(number % 3)]
        if number % 6 == 5:
            options.append(f"--video={self.video(number)}")
        if self.random.random() < 0.7:
            chunk = self.random.choice([1, 2, 7, 16, 64, 100, 128, 300])
            options.append(f"--prefill-chunk={chunk}")
        if self.random.random() < 0.5:
            options.append(f"--max-pixels={self.random.randint(3136, 100000)}")
        if self.random.random() < 0.3:
            options.append(f"--min-pixels={self.random.randint(784, 3136)}")
        return options


class Planner:
    def __init__(self, tool, model):
        self.tool = tool
        self.model = model

    def plan(self, *options):
        done = self.tool("plan", self.model, *options, "--json")
        assert done.returncode == 0, f"exit code {done.returncode}: {text(done.stderr)}"
        return json.loads(done.stdout)


def agrees(planner, options):
    """The plan of a request against the report of its run."""
    report = planner.tool.report(planner.model, *options)
    tokens = report["usage"]["completion_tokens"]
    if report["finish_reason"] == "stop":
        # The answer ended by itself: its cost is that of a plan for its own length.
        options = [o for o in options if not o.startswith("--max-new-tokens")]
        options.append(f"--max-new-tokens={tokens}")
    plan = planner.plan(*options)
    assert plan["fits"] and not plan["obstacle"], plan["obstacle"]
    assert plan["media"] == report["media"], f"media: {plan['media']}, run {report['media']}"
    assert plan["usage"]["max_new_tokens"] == tokens, f"{plan['usage']}, run {tokens} tokens"
    for group, keys in (("usage", ["prompt_tokens", "media_tokens"]),
                        ("memory_bytes", ["weights", "arena_peak", "kv"])):
        for key in keys:
            planned, measured = plan[group][key], report[group][key]
            assert planned == measured, f"{group}.{key}: planned {planned}, run {measured}"
    memory = plan["memory_bytes"]
    assert memory["total"] == sum(memory[key] for key in ("weights", "arena_peak", "kv"))
    return f"{report['usage']['prompt_tokens']} tokens, arena {memory['arena_peak']}"


def variants(planner, picture):
    """Each limit of pixels is compared with the model's own; the first one is planned."""
    plan = planner.plan(f"--image={picture}", "--prompt=a", "--max-pixels=60000,20000",
                        "--max-pixels=5000")
    alone = planner.plan(f"--image={picture}", "--prompt=a", "--max-pixels=60000")
    whole = planner.plan(f"--image={picture}", "--prompt=a")
    assert plan["memory_bytes"] == alone["memory_bytes"]
    assert whole["variants"] == []
    limits = [variant["max_pixels"] for variant in plan["variants"]]
    assert limits[1:] == [60000, 20000, 5000], limits
    assert plan["variants"][0]["memory_bytes"] == whole["memory_bytes"]
    assert plan["variants"][1]["memory_bytes"] == alone["memory_bytes"]
    for variant in plan["variants"]:
        saved = variant["saved"]
        assert saved["bytes"] == whole["memory_bytes"]["total"] - variant["memory_bytes"]["total"]
        assert saved["tokens"] == whole["usage"]["prompt_tokens"] - variant["usage"]["prompt_tokens"]
    savings = [variant["saved"]["bytes"] for variant in plan["variants"]]
    assert savings == sorted(savings) and savings[-1] > 0, savings


def full_context(planner):
    """An answer that the context cuts short is planned as long as it will be."""
    plan = planner.plan("--prompt=Hello", "--max-context=100", "--max-new-tokens=1000")
    usage = plan["usage"]
    assert usage["prompt_tokens"] + usage["max_new_tokens"] == 100, usage


def refused(planner, options, reason):
    """What a run refuses a plan explains, with all its numbers."""
    done = planner.tool(planner.model, *options)
    assert done.returncode == 1 and reason in text(done.stderr), text(done.stderr)
    plan = planner.plan(*options)
    assert not plan["fits"] and reason in plan["obstacle"], plan["obstacle"]
    assert plan["memory_bytes"]["total"] > 0


def untouched_weights(planner, folder):
    """The weights are not read: a copy whose weights are holes gives the same plan."""
    with open(planner.model, "rb") as file:
        data = file.read()
    begin = int.from_bytes(data[40:48], "little")
    path = os.path.join(folder, "holes.qvl")
    with open(path, "wb") as file:
        file.write(data[:begin])
        file.truncate(len(data))
    other = Planner(planner.tool, path)
    assert other.plan("--prompt=Hello") == planner.plan("--prompt=Hello")
    verify = planner.tool(path, "--verify")
    assert verify.returncode == 1, "the copy is intact, so the case says nothing"


def fast(planner, picture):
    """Below 50 ms; the best of five, since other processes may hold the processor."""
    def millis():
        start = time.monotonic()
        planner.plan(f"--image={picture}", "--prompt=Hello", "--max-new-tokens=4000")
        return 1000 * (time.monotonic() - start)

    best = min(millis() for _ in range(5))
    assert best < 50, f"{best:.1f} ms"
    return f"{best:.1f} ms"


def usage_errors(planner):
    for options in ([], ["--prompt=a", "--max-pixels=0"], ["--prompt=a", "--max-pixels=5,x"],
                    ["--prompt=a", "--dump-dir=x"], ["--prompt=a", "--prefill-chunk=0"]):
        done = planner.tool("plan", planner.model, *options)
        assert done.returncode == 2 and not done.stdout, f"{options}: exit code {done.returncode}"
        assert len(text(done.stderr).splitlines()) == 1, text(done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("artifacts")
    arguments = parser.parse_args()
    results = Results()
    folder = tempfile.mkdtemp(prefix="qvl-plan-")

    def run(name, case, *case_arguments, model="shapes-vl.qvl"):
        results.run(name, lambda: case(
            Planner(Tool(arguments.build), artifact(arguments.artifacts, model)),
            *case_arguments))

    try:
        requests = Requests(folder)
        for number in range(CASES):
            run(f"request {number}", agrees, requests.options(number))
        for number in range(CASES, CASES + BF16_CASES):
            run(f"request {number}, bf16", agrees, requests.options(number),
                model=os.path.join("bf16", "shapes-vl.qvl"))
        picture = write_png(os.path.join(folder, "large.png"), 640, 480)
        run("limits of pixels", variants, picture)
        run("full context", full_context)
        run("prompt beyond the context", refused, ["--prompt=Hello", "--max-context=5"], "context")
        run("cache beyond its limit", refused,
            [f"--image={picture}", "--prompt=a", "--kv-memory=400K"], "--kv-memory")
        run("weights stay unread", untouched_weights, folder)
        run("time", fast, picture)
        run("usage errors", usage_errors)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results.finish()


if __name__ == "__main__":
    sys.exit(main())
