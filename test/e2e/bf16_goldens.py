#!/usr/bin/env python3
"""Whole models with bf16 activations against the f32 numbers of the reference implementation.

    bf16_goldens.py BUILD_DIR ARTIFACT_DIR [--table]

The folders bf16 and bf16-no-fuse of ARTIFACT_DIR hold shapes-vl.qvl, mini_f32.qvl and mini_bf16.qvl,
compiled with --precision=bf16, the latter with --no-fuse (a missing one skips its cases).

Errors of features and logits are counted in units of the reference's own bf16 error on the same input
(its eager mode against its f32 mode): at most 1.05 on the median case and 1.3 on the worst. Answers are
the golden ones, the reference's bf16 ones, or leave one of them at a step whose gap is small. --table
prints the errors of the fused artifacts as Markdown.
"""

import argparse
import json
import os
import sys
import tempfile

import numpy as np

import run_goldens
from qvl_run import GOLDENS, SOURCE, Results, Skip, Tool, artifact, read_dump, read_safetensors

MEDIAN, WORST = 1.05, 1.3
SMALL_GAP = 0.5  # of logits: below it bf16 may choose another id than f32 (cases.json, tolerance)
MODES = ("f32", "bf16")
FOLDERS = ("bf16", "bf16-no-fuse")


def relative_error(found, exact):
    difference = found.astype(np.float64) - exact.astype(np.float64)
    return np.linalg.norm(difference) / np.linalg.norm(exact.astype(np.float64))


def ratio(name, found, exact, narrow):
    """The error of `found` in units of the error of `narrow`, the reference in bf16."""
    assert found.shape == exact.shape, f"{name} is {found.shape}, not {exact.shape}"
    assert np.all(np.isfinite(found)), f"{name} has a NaN or an infinity"
    return relative_error(found, exact) / relative_error(narrow, exact)


def first_difference(ids, expected):
    """The first step at which the ids differ; nothing when one is the start of the other."""
    for step, (found, wanted) in enumerate(zip(ids, expected)):
        if found != wanted:
            return step
    return None


def check_ids(ids, tensors, index, kind):
    """The answer is one of the two of the reference, or leaves it where the choice was close."""
    steps = []
    for mode in MODES:
        step = first_difference(ids, tensors[f"{mode}.{kind}_ids"][index])
        if step is None or tensors[f"{mode}.{kind}_gap"][index][step] < SMALL_GAP:
            return
        steps.append((mode, step, float(tensors[f"{mode}.{kind}_gap"][index][step])))
    raise AssertionError(f"{kind} ids leave the reference at (mode, step, gap) {steps}")


class Errors:
    """Ratios of all cases by miniature and tensor."""

    def __init__(self):
        self.rows = []  # checkpoint, case, {tensor: ratio}

    def add(self, checkpoint, name, ratios):
        self.rows.append((checkpoint, name, ratios))

    def values(self, checkpoint, tensor):
        return [ratios[tensor] for owner, _, ratios in self.rows
                if owner == checkpoint and tensor in ratios]

    def check(self, checkpoint, tensor):
        values = self.values(checkpoint, tensor)
        if not values:
            raise Skip("no case ran")
        median, worst = float(np.median(values)), max(values)
        assert median <= MEDIAN and worst <= WORST, f"median {median:.3f}, worst {worst:.3f}"
        return f"median {median:.3f}, worst {worst:.3f}"

    def table(self):
        lines = ["| miniature | case | features | logits |", "|---|---|---|---|"]
        for checkpoint, name, ratios in self.rows:
            features = f"{ratios['features']:.3f}" if "features" in ratios else ""
            lines.append(f"| {checkpoint} | {name} | {features} | {ratios['logits']:.3f} |")
        for checkpoint in dict.fromkeys(owner for owner, _, _ in self.rows):
            for word, of in (("median", np.median), ("worst", max)):
                features, logits = (of(self.values(checkpoint, tensor))
                                    for tensor in ("features", "logits"))
                lines.append(f"| {checkpoint} | **{word}** | **{features:.3f}** | **{logits:.3f}** |")
        return "\n".join(lines)


def media_features(case, tensors, index, mode):
    """The golden features of one conversation: all its images, then all its videos."""
    parts = []
    for kind, media in (("image", case["images"]), ("video", case["videos"])):
        if not media[index]:
            continue
        begin = sum(len(items) for items in media[:index])
        rows = np.concatenate([[0], np.cumsum(np.prod(tensors[f"{kind}_grid_thw"], axis=1))]) // 4
        parts.append(tensors[f"{mode}.{kind}_features"][rows[begin]:rows[begin + len(media[index])]])
    return np.concatenate(parts) if parts else None


def check_conversation(tool, model, case, tensors, index, name, errors):
    conversation = case["conversations"][index]
    report, dump = run_goldens.run_case(tool, model, conversation, 1)
    run_goldens.check_plans(dump, run_goldens.expected_of(case, tensors, index))
    kept = tensors["attention_mask"][index] != 0
    exact, narrow = (tensors[f"{mode}.logits"][index][kept] for mode in MODES)
    ratios = {"logits": ratio("logits", dump["logits"][:len(exact)], exact, narrow)}
    exact, narrow = (media_features(case, tensors, index, mode) for mode in MODES)
    if exact is not None:
        ratios["features"] = ratio("features", dump["vision_features"], exact, narrow)
    errors.add(case["checkpoint"], name, ratios)
    check_ids(report["ids"], tensors, index, "greedy")
    report, _ = run_goldens.run_case(tool, model, conversation, 1.05)
    check_ids(report["ids"], tensors, index, "greedy_penalty")
    return ", ".join(f"{tensor} {value:.3f}" for tensor, value in ratios.items())


def run_minis(tool, folder, results, errors):
    with open(os.path.join(GOLDENS, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    for case in cases:
        tensors = read_safetensors(os.path.join(GOLDENS, case["file"]))
        for index in range(len(case["conversations"])):
            name = case["name"] + (f"[{index}]" if len(case["conversations"]) > 1 else "")
            results.run(f"{case['checkpoint']}/{name}", lambda: check_conversation(
                tool, artifact(folder, case["checkpoint"] + ".qvl"), case, tensors, index, name,
                errors))
    for checkpoint in dict.fromkeys(case["checkpoint"] for case in cases):
        for tensor in ("features", "logits"):
            results.run(f"{checkpoint}, all {tensor}", lambda: errors.check(checkpoint, tensor))


def check_sample(tool, model, sample):
    """The golden answer, or one that leaves it where our own logits are close."""
    with tempfile.TemporaryDirectory() as folder:
        messages = run_goldens.write_messages(folder, sample["messages"],
                                              os.path.join(SOURCE, "models"))
        report = tool.report(model, f"--messages={messages}", "--greedy", f"--dump-dir={folder}")
        logits = read_dump(folder)["logits"]
    assert np.all(np.isfinite(logits)), "logits have a NaN or an infinity"
    step = first_difference(report["ids"], sample["answer_ids"])
    if step is None:
        assert report["text"] == sample["answer"], f"text is {report['text']!r}"
        return f"{len(report['ids'])} ids"
    best, second = np.sort(logits[step])[:-3:-1]
    assert best - second < SMALL_GAP, f"id {step} differs at a gap of {best - second:.3g}"
    return f"leaves the golden answer at id {step}, gap {best - second:.3g}"


def run_shapes(tool, folder, results):
    with open(os.path.join(SOURCE, "models", "shapes-vl.golden.json"), encoding="utf-8") as file:
        samples = json.load(file)["samples"]
    for sample in samples:
        results.run("shapes-vl/" + sample["name"],
                    lambda: check_sample(tool, artifact(folder, "shapes-vl.qvl"), sample))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("artifacts")
    parser.add_argument("--table", action="store_true", help="print the errors as Markdown")
    arguments = parser.parse_args()
    tool, results = Tool(arguments.build), Results()
    tables = []
    for name in FOLDERS:
        print(f"{name}:")
        folder, errors = os.path.join(arguments.artifacts, name), Errors()
        run_shapes(tool, folder, results)
        run_minis(tool, folder, results, errors)
        tables.append(errors.table())
    if arguments.table:
        print(tables[0])
    results.finish()


if __name__ == "__main__":
    sys.exit(main())
