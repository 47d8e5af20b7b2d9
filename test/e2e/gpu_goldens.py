#!/usr/bin/env python3
"""Whole models on a GPU, by default the simulated one of the build, against the goldens.

    gpu_goldens.py BUILD_DIR ARTIFACT_DIR [--full] [--only=SUBSTRING] [--driver=PATH] [--async=late|early] [--seed=N]

The folders gpu, gpu-bf16 and gpu-sm_90a of ARTIFACT_DIR hold shapes-vl.qvl, mini_f32.qvl and mini_bf16.qvl: the former two compiled
with --target=cpu:v3,cuda:sm_80, the first with --precision=f32, the second with the default, bf16 on GPUs, and the third with --target=cuda:sm_90a.
The rules are those of run_goldens.py and bf16_goldens.py. A simulator is slow: without --full a part of the
cases runs. --driver=system takes the driver of the machine and skips where there is none.
"""

import argparse
import json
import os
import sys
import tempfile

import numpy as np

import bf16_goldens
import run_goldens
from qvl_run import GOLDENS, SOURCE, Results, Skip, Tool, artifact, read_dump, read_safetensors, text

# What runs without --full: every kernel of the models, in a minute of two cores.
SAMPLES = {"f32": ["05-colour-small", "16-hello"], "bf16": ["05-colour-small"], "sm_90a": ["05-colour-small"]}
CASES = {"f32": ["image_small"], "bf16": ["image_small"], "sm_90a": ["image_small"]}
FOLDERS = {"f32": "gpu", "bf16": "gpu-bf16", "sm_90a": "gpu-sm_90a"}


class GpuTool(Tool):
    """qvl-run on a GPU."""

    def __init__(self, build, driver, environment):
        super().__init__(build)
        self.options = ["--device=cuda"] + ([f"--cuda-driver={driver}"] if driver else [])
        self.may_skip = not driver  # a driver that is named, or was built, has to load
        self.environment = dict(os.environ, **environment)

    def __call__(self, *arguments, timeout=3600, **options):
        return super().__call__(*arguments, *self.options, env=self.environment, timeout=timeout,
                                **options)

    def report(self, *arguments, **options):
        done = self(*arguments, "--json", **options)
        if self.may_skip and "no CUDA driver found" in text(done.stderr):
            raise Skip(text(done.stderr))
        assert done.returncode == 0, f"exit code {done.returncode}: {text(done.stderr)}"
        report = json.loads(done.stdout)
        assert report["device"] == "cuda", f"device is {report['device']}"
        return report


class Selection:
    """Which cases run."""

    def __init__(self, arguments):
        self.full, self.only = arguments.full, arguments.only

    def takes(self, label, name, chosen):
        return self.only in label and (self.full or any(part in name for part in chosen))


def shapes_samples():
    with open(os.path.join(SOURCE, "models", "shapes-vl.golden.json"), encoding="utf-8") as file:
        return json.load(file)["samples"]


def run_shapes(tool, folder, kind, selection, results):
    check = run_goldens.check_sample if kind == "f32" else bf16_goldens.check_sample
    for sample in shapes_samples():
        label = f"{kind}/shapes-vl/{sample['name']}"
        if selection.takes(label, sample["name"], SAMPLES[kind]):
            results.run(label, lambda: check(tool, artifact(folder, "shapes-vl.qvl"), sample))


def run_minis(tool, folder, kind, selection, results):
    with open(os.path.join(GOLDENS, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    errors = bf16_goldens.Errors()
    for case in cases:
        tensors = read_safetensors(os.path.join(GOLDENS, case["file"]))
        for index in range(len(case["conversations"])):
            name = case["name"] + (f"[{index}]" if len(case["conversations"]) > 1 else "")
            label = f"{kind}/{case['checkpoint']}/{name}"
            if not selection.takes(label, case["name"], CASES[kind]):
                continue

            def check():
                model = artifact(folder, case["checkpoint"] + ".qvl")
                if kind == "f32":
                    return run_goldens.check_conversation(tool, model, case, tensors, index)
                return bf16_goldens.check_conversation(tool, model, case, tensors, index, name,
                                                       errors)
            results.run(label, check)
    # The rule for the median and the worst is one for all cases together.
    if kind != "f32" and selection.full:
        for checkpoint in dict.fromkeys(case["checkpoint"] for case in cases):
            for tensor in ("features", "logits"):
                label = f"{kind}/{checkpoint}, all {tensor}"
                if selection.only in label:
                    results.run(label, lambda: errors.check(checkpoint, tensor))


# ----------------------------------------------------------------------------- one run and another


def dump_of(tool, model, *options):
    with tempfile.TemporaryDirectory() as folder:
        tool.report(model, "--prompt=How many?", "--greedy", "--max-new-tokens=4",
                    "--logits=all", f"--dump-dir={folder}", *options)
        return read_dump(folder)


def check_repeats(tool, model):
    """Bits, from run to run and between replayed graphs and single launches; greedy ids also
    between GPU and host."""
    first = dump_of(tool, model)
    for other in (dump_of(tool, model), dump_of(tool, model, "--cuda-graphs=off"),
                  dump_of(tool, model, "--cuda-sampling=off")):
        for name in first:
            assert np.array_equal(first[name], other[name]), f"{name} differs"


# Every rule at once; temperatures that spread the probabilities of a confident model.
RULES = [["--temperature=1.5", "--top-k=0"],
         ["--temperature=2", "--top-k=20", "--top-p=0.9", "--min-p=0.001", "--repetition-penalty=1.1"]]


def check_sampling(tool, model):
    """Ids chosen on the GPU are those that the host chooses from the same logits."""
    texts = set()
    for rules in RULES:
        for seed in (1, 2):
            options = ["--prompt=How many shapes?", "--max-new-tokens=6", f"--seed={seed}", *rules]
            device, host = (tool.report(model, *options, f"--cuda-sampling={where}")["ids"]
                            for where in ("on", "off"))
            assert device == host, f"{rules}, seed {seed}: {device} on the GPU, {host} on the host"
            texts.add(tuple(device))
    assert len(texts) > 1, "every seed gave the same answer"
    return f"{len(texts)} different answers"


def inspect(build, path):
    tool = Tool(build)
    tool.path = os.path.join(build, "bin", "qvl-inspect")
    return tool.report(path)


def bytes_without_code(build, path):
    return os.path.getsize(path) - sum(item["bytes"] for target in inspect(build, path)["targets"]
                                       for item in target["objects"])


def check_size(build, both, single):
    """Weights are there once: two targets cost their code and programs."""
    one, two = bytes_without_code(build, single), bytes_without_code(build, both)
    assert two <= 1.05 * one, f"{two} bytes without code for two targets, {one} for one"
    return f"{two} bytes without code for two targets, {one} for one"


def check_auto(build, model):
    """A simulator is never chosen by itself."""
    driver = os.path.join(build, "sim", "libcuda.so.1")
    report = Tool(build).report(model, "--prompt=Hello", "--max-new-tokens=1", "--device=auto",
                                f"--cuda-driver={driver}")
    assert report["device"] == "cpu", f"device is {report['device']}"


def check_plan(tool, model):
    """What a plan says for the GPU is what a run there reports."""
    options = ["--prompt=How many shapes?", "--greedy", "--max-new-tokens=4"]
    done = Tool.__call__(tool, "plan", model, *options, "--device=cuda", "--json")
    assert done.returncode == 0, text(done.stderr)
    plan, report = json.loads(done.stdout), tool.report(model, *options)
    assert plan["device"] == "cuda", f"device is {plan['device']}"
    for name in ("weights", "arena_peak", "kv"):
        found, planned = report["memory_bytes"][name], plan["memory_bytes"][name]
        assert found == planned, f"{name} is {found}, planned {planned}"


def run_properties(build, tool, folders, artifacts, selection, results):
    for kind, folder in folders.items():
        for name, check in (("repeats", check_repeats), ("plan", check_plan),
                            ("sampling", check_sampling)):
            label = f"{kind}/shapes-vl/{name}"
            if selection.only in label:
                results.run(label, lambda: check(tool, artifact(folder, "shapes-vl.qvl")))
    if selection.only in "size":
        results.run("size", lambda: check_size(build, artifact(folders["f32"], "shapes-vl.qvl"),
                                               artifact(artifacts, "shapes-vl.qvl")))
    if selection.only in "auto":
        results.run("auto", lambda: check_auto(build, artifact(folders["f32"], "shapes-vl.qvl")))


def driver_of(arguments):
    if arguments.driver == "system":
        return ""
    return arguments.driver or os.path.join(arguments.build, "sim", "libcuda.so.1")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("artifacts")
    parser.add_argument("--full", action="store_true", help="run every case")
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    parser.add_argument("--driver", help="CUDA driver library, or system [the simulator]")
    parser.add_argument("--async", dest="mode", choices=("late", "early"), default="late",
                        help="when the simulator lets asynchronous copies arrive [late]")
    parser.add_argument("--seed", type=int, default=1, help="of the simulator's order of warps [1]")
    arguments = parser.parse_args()
    environment = {"QVL_PTXSIM_ASYNC": arguments.mode, "QVL_PTXSIM_SEED": str(arguments.seed)}
    tool = GpuTool(arguments.build, driver_of(arguments), environment)
    selection, results = Selection(arguments), Results(width=44)
    folders = {kind: os.path.join(arguments.artifacts, name) for kind, name in FOLDERS.items()}
    for kind, folder in folders.items():
        run_shapes(tool, folder, kind, selection, results)
        run_minis(tool, folder, kind, selection, results)
    run_properties(arguments.build, tool, folders, arguments.artifacts, selection, results)
    results.finish()


if __name__ == "__main__":
    sys.exit(main())
