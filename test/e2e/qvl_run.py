"""What the end-to-end tests share: calling the tools, counting results, reading safetensors."""

import json
import os
import struct
import subprocess
import sys

import numpy as np

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDENS = os.path.join(SOURCE, "test", "e2e", "goldens")


class Tool:
    """qvl-run of a build folder."""

    def __init__(self, build):
        self.path = os.path.join(build, "bin", "qvl-run")
        if not os.access(self.path, os.X_OK):
            sys.exit(f"{self.path} does not exist: build qvl-run first")

    def __call__(self, *arguments, timeout=600, stdout=subprocess.PIPE, **options):
        """Runs the tool in a pipe and returns the finished process, output as bytes."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([self.path, *map(str, arguments)], stdout=stdout,
                              stderr=subprocess.PIPE, timeout=timeout, **options)

    def report(self, *arguments, **options):
        """The object that --json prints; AssertionError with the error line when the run fails."""
        done = self(*arguments, "--json", **options)
        assert done.returncode == 0, f"exit code {done.returncode}: {text(done.stderr)}"
        return json.loads(done.stdout)


def text(data):
    return data.decode("utf-8", "replace").strip()


class Results:
    """Counts cases; a case is a function that raises AssertionError or Skip."""

    def __init__(self, width=34):
        self.width = width
        self.passed, self.failed, self.skipped = 0, 0, 0

    def run(self, name, case, *arguments):
        try:
            detail = case(*arguments) or ""
            self.passed += 1
            outcome = "passed"
        except Skip as reason:
            self.skipped += 1
            outcome, detail = "SKIPPED", str(reason)
        except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
            self.failed += 1
            outcome, detail = "FAILED", f"{type(error).__name__}: {error}"
        print(f"{name:{self.width}} {outcome:8} {detail}".rstrip(), flush=True)

    def finish(self):
        """Prints the last line and ends the program."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        sys.exit(1 if self.failed else 0)


class Skip(Exception):
    """A case that cannot run here, with the reason."""


def artifact(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        raise Skip(f"{path} does not exist")
    return path


def read_safetensors(path):
    """Tensors by name; those of bf16, which NumPy lacks, become f32."""
    kinds = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64}
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] in kinds:
            begin, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(data[begin:end], kinds[entry["dtype"]]).reshape(
                entry["shape"])
        elif name != "__metadata__" and entry["dtype"] == "BF16":
            begin, end = entry["data_offsets"]
            bits = np.frombuffer(data[begin:end], np.uint16).astype(np.uint32) << 16
            tensors[name] = bits.view(np.float32).reshape(entry["shape"])
    return tensors


def read_dump(folder):
    """The tensors of a --dump-dir by name."""
    return {name[:-4]: np.load(os.path.join(folder, name)) for name in os.listdir(folder)
            if name.endswith(".npy")}


def absolute_media(value, folder):
    """A copy of a conversation with the paths of its media made absolute."""
    if isinstance(value, list):
        return [absolute_media(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {}
    for key, item in value.items():
        if key in ("image", "url") and isinstance(item, str):
            item = os.path.join(folder, item)
        elif key == "video" and isinstance(item, str):
            item = os.path.join(folder, item)
        elif key == "video":
            item = [os.path.join(folder, frame) for frame in item]
        else:
            item = absolute_media(item, folder)
        copy[key] = item
    return copy
