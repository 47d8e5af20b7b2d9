#!/usr/bin/env python3
"""Positions beyond 10,000: qvl-run against the reference interpreter.

    far_positions.py BUILD_DIR ARTIFACT_DIR

A video of few frames, each hours apart, gives a short prompt positions that a text reaches only after
thousands of tokens. There the f32 rounding of the rotary angles is largest, so that an implementation
that rounds them in another place fails here first. The oracle is qvl-reference in f64.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import qvl_run
from qvl_run import GOLDENS, SOURCE, Results, Skip, Tool, artifact

CHECKPOINTS = {"mini_f32": os.path.join(GOLDENS, "checkpoints", "mini_f32"),
               "mini_bf16": os.path.join(GOLDENS, "checkpoints", "mini_bf16"),
               "shapes-vl": os.path.join(SOURCE, "models", "shapes-vl")}
SAMPLE_FPS = 0.0005  # 4000 s, or 8000 positions, between two temporal patches
TOKENS = 8


def conversation():
    frames = [os.path.join(GOLDENS, "media", f"clip_{number}.png") for number in range(6)]
    return [{"role": "user", "content": [
        {"type": "video", "video": frames, "sample_fps": SAMPLE_FPS},
        {"type": "text", "text": "How many objects are there?"}]}]


def reference_logits(build, checkpoint, messages, folder):
    reference = os.path.join(build, "bin", "qvl-reference")
    if not os.path.exists(reference):
        raise Skip(f"{reference} is not built")
    output = os.path.join(folder, "reference")
    done = subprocess.run([reference, "generate", checkpoint, f"--messages={messages}",
                           f"--max-new-tokens={TOKENS}", "--repetition-penalty=1", "--logits=all",
                           "--precision=f64", f"--output={output}"], capture_output=True, timeout=600)
    assert done.returncode == 0, qvl_run.text(done.stderr)
    return np.load(os.path.join(output, "logits.npy")).astype(np.float64)


def check(tool, build, model, checkpoint):
    with tempfile.TemporaryDirectory() as folder:
        messages = os.path.join(folder, "messages.json")
        with open(messages, "w", encoding="utf-8") as file:
            json.dump(conversation(), file)
        expected = reference_logits(build, checkpoint, messages, folder)
        dumped = os.path.join(folder, "dump")
        tool.report(model, f"--messages={messages}", "--greedy", "--repetition-penalty=1",
                    f"--max-new-tokens={TOKENS}", "--logits=all", f"--dump-dir={dumped}")
        dump = qvl_run.read_dump(dumped)
    farthest = int(np.max(dump["position_ids"]))
    assert farthest > 10000, f"positions end at {farthest}"
    found = dump["logits"].astype(np.float64)
    assert found.shape == expected.shape, f"logits are {found.shape}, not {expected.shape}"
    difference = found - expected
    rel_l2 = np.linalg.norm(difference) / np.linalg.norm(expected)
    assert rel_l2 <= 1e-5, f"rel_l2 is {rel_l2:.2e}"
    largest = np.max(np.abs(difference)) / np.max(np.abs(expected))
    assert largest <= 1e-4, f"the largest difference is {largest:.2e} of the largest logit"
    return f"up to position {farthest}: rel_l2 {rel_l2:.1e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("artifacts")
    arguments = parser.parse_args()
    tool, results = Tool(arguments.build), Results()
    for name, checkpoint in CHECKPOINTS.items():
        results.run(name, lambda: check(tool, arguments.build,
                                        artifact(arguments.artifacts, name + ".qvl"), checkpoint))
    results.finish()


if __name__ == "__main__":
    sys.exit(main())
