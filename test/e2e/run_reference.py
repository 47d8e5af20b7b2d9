#!/usr/bin/env python3
"""The traced model on the reference interpreter against the numbers of the reference implementation.

    run_reference.py BUILD_DIR [ARTIFACT_DIR] [--only=SUBSTRING] [--precision=f32|f64]

What the compiled model is held to by run_goldens.py, its oracle is held to here: every sample of shapes-vl gives its
golden text and ids, every case of the miniature checkpoints the golden features, logits and greedy ids. No artifact is
needed: qvl-reference reads checkpoints.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import qvl_run
from qvl_run import GOLDENS, SOURCE, Results
from run_goldens import STEPS, close, comparable, expected_of, write_messages


class Reference:
    """qvl-reference generate of a build folder."""

    def __init__(self, build, precision):
        self.path = os.path.join(build, "bin", "qvl-reference")
        self.precision = precision
        if not os.access(self.path, os.X_OK):
            sys.exit(f"{self.path} does not exist: build qvl-reference first")

    def __call__(self, checkpoint, conversation, media, *options):
        """The printed object and the written tensors of one conversation."""
        with tempfile.TemporaryDirectory() as folder:
            messages = write_messages(folder, conversation, media)
            output = os.path.join(folder, "output")
            done = subprocess.run([self.path, "generate", checkpoint, f"--messages={messages}",
                                   f"--precision={self.precision}", f"--output={output}", *options],
                                  capture_output=True, timeout=600)
            assert done.returncode == 0, f"exit code {done.returncode}: {qvl_run.text(done.stderr)}"
            return json.loads(done.stdout), qvl_run.read_dump(output)


def check_sample(reference, sample):
    models = os.path.join(SOURCE, "models")
    report, _ = reference(os.path.join(models, "shapes-vl"), sample["messages"], models)
    assert report["text"] == sample["answer"], f"text is {report['text']!r}"
    assert report["ids"] == sample["answer_ids"], f"ids are {report['ids']}"
    assert report["prompt_tokens"] == sample["prompt_tokens"], "prompt tokens"
    return f"{len(report['ids'])} ids"


def check_conversation(reference, case, golden, index):
    expected = expected_of(case, golden, index)
    measured = case["measured"]["numpy_f64_vs_f32"]
    checkpoint = os.path.join(GOLDENS, "checkpoints", case["checkpoint"])
    report, tensors = reference(checkpoint, case["conversations"][index], GOLDENS, "--repetition-penalty=1",
                                f"--max-new-tokens={STEPS}", "--logits=all")
    shares, begin = [], 0
    for kind in ("image", "video"):
        wanted = expected.get(f"f32.{kind}_features")
        if wanted is not None:
            found = tensors["vision_features"][begin:begin + len(wanted)]
            shares.append(close(f"{kind} features", found, wanted, measured[f"{kind}_features"]))
            begin += len(wanted)
    wanted = expected["f32.logits"]
    assert len(tensors["logits"]) == len(wanted) + len(report["ids"]) - 1, "rows of logits"
    shares.append(close("logits", tensors["logits"][:len(wanted)], wanted, measured["logits"]))
    greedy = comparable(report["ids"], expected["greedy_ids"], expected["greedy_gap"])
    return f"{max(shares):6.1%} of the limit, {greedy} ids equal"


def cases(reference):
    """All cases: a name and a function."""
    with open(os.path.join(SOURCE, "models", "shapes-vl.golden.json"), encoding="utf-8") as file:
        for sample in json.load(file)["samples"]:
            yield "shapes-vl/" + sample["name"], lambda sample=sample: check_sample(reference, sample)
    with open(os.path.join(GOLDENS, "cases.json"), encoding="utf-8") as file:
        minis = json.load(file)["cases"]
    for case in minis:
        golden = qvl_run.read_safetensors(os.path.join(GOLDENS, case["file"]))
        for index in range(len(case["conversations"])):
            suffix = f"[{index}]" if len(case["conversations"]) > 1 else ""
            yield (f"{case['checkpoint']}/{case['name']}{suffix}",
                   lambda *arguments: check_conversation(reference, *arguments), case, golden, index)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("artifacts", nargs="?", help="ignored: every end-to-end script gets it")
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    parser.add_argument("--precision", choices=("f32", "f64"), default="f32")
    arguments = parser.parse_args()
    results = Results()
    for name, *case in cases(Reference(arguments.build, arguments.precision)):
        if arguments.only in name:
            results.run(name, *case)
    results.finish()


if __name__ == "__main__":
    main()
