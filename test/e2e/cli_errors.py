#!/usr/bin/env python3
"""Hostile and mistaken input: one clear line on stderr, the documented exit code, no half file.

    cli_errors.py BUILD_DIR ARTIFACT_DIR

ARTIFACT_DIR holds shapes-vl.qvl and mini_f32.qvl; cases that need a missing one are skipped.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import qvl_run
from pictures import write_png
from qvl_run import SOURCE, Results, Tool, artifact

DONE, BAD_INPUT, USAGE, SYSTEM_FAILED, INTERRUPTED = 0, 1, 2, 4, 130
PICTURE = os.path.join(SOURCE, "models", "samples", "05-colour-small.png")


def expect(done, code, *words):
    """The run ended with this code and, unless it is 0, one error line that has these words."""
    lines = qvl_run.text(done.stderr).splitlines()
    assert done.returncode == code, f"exit code {done.returncode}, not {code}: {lines}"
    if code == DONE:
        return ""
    assert len(lines) == 1 and lines[0].startswith("qvl-run: error: "), f"stderr is {lines}"
    assert not done.stdout, f"stdout is {done.stdout[:80]!r}"
    for word in words:
        assert word in lines[0], f"'{word}' is not in: {lines[0]}"
    return lines[0][len("qvl-run: error: "):][:90]


class Suite:
    def __init__(self, tool, artifacts, folder, results):
        self.tool, self.artifacts, self.folder, self.results = tool, artifacts, folder, results

    def path(self, name, contents=None):
        path = os.path.join(self.folder, name)
        if contents is not None:
            with open(path, "wb") as file:
                file.write(contents)
        return path

    def messages(self, value):
        return "--messages=" + self.path("messages.json", json.dumps(value).encode())

    def case(self, name, arguments, code, *words, model="shapes-vl.qvl"):
        """One run; `model` None leaves the artifact out."""
        def check():
            line = [artifact(self.artifacts, model)] if model else []
            return expect(self.tool(*line, *arguments), code, *words)
        self.results.run(name, check)


def usage_errors(suite):
    """The command line is refused before the artifact is looked for."""
    def case(name, arguments, *words):
        suite.case(name, ["model.qvl", *arguments], USAGE, *words, model=None)

    suite.case("no artifact", [], USAGE, "FILE.qvl", model=None)
    case("no prompt in a pipe", [], "terminal")
    case("unknown option", ["--prompt=a", "--no-such-option"], "--no-such-option")
    case("second artifact", ["other.qvl", "--prompt=a"], "other.qvl")
    for option in ("max-new-tokens=0", "max-new-tokens=ten", "temperature=-1", "temperature=nan",
                   "top-k=-1", "top-p=0", "top-p=1.5", "min-p=2", "repetition-penalty=0", "seed=-1",
                   "seed=1e3", "threads=0", "prefill-chunk=0", "kv-memory=lots", "max-pixels=0",
                   "logits=some", "device=tpu", "device=cuda:x", "cuda-graphs=maybe",
                   "cuda-sampling=maybe", "stop=", "dump-dir=", "fps=0", "expected-output=logits",
                   "expected-output=nothing=x.npy", "expected-output=logits="):
        case("--" + option, ["--prompt=a", "--" + option], "--" + option.split("=")[0])
    case("messages and prompt", ["--messages=a.json", "--prompt=a"], "--messages")
    case("json without a request", ["--json"], "--prompt")
    case("option given twice", ["--prompt=a", "--prompt=b"], "--prompt")


def prompt_errors(suite):
    suite.case("empty prompt", ["--prompt="], BAD_INPUT, "prompt is empty")
    suite.case("image placeholder in text", ["--prompt=a <|image_pad|>"], BAD_INPUT,
               "<|image_pad|>", "--allow-special")
    suite.case("turn marker in text", ["--prompt=<|im_end|>"], BAD_INPUT, "<|im_end|>")
    suite.case("turn marker in the system text", ["--system=<|im_start|>", "--prompt=a"], BAD_INPUT,
               "<|im_start|>")
    suite.case("special text allowed", ["--prompt=<|im_end|>", "--allow-special",
                                        "--max-new-tokens=1"], DONE)
    suite.case("placeholder without a picture", ["--prompt=<|image_pad|>", "--allow-special"],
               BAD_INPUT)
    long_prompt = "word " * 200
    suite.case("prompt beyond the context", ["--prompt=" + long_prompt, "--max-context=100"],
               BAD_INPUT, "context", "100")
    suite.case("context beyond the artifact", ["--prompt=a", "--max-context=999999999"], BAD_INPUT,
               "999999999")
    suite.case("KV memory below a page", ["--prompt=a", "--kv-memory=1"], BAD_INPUT, "kv-memory")
    suite.case("KV memory below the prompt", ["--prompt=" + long_prompt, "--kv-memory=200K"],
               BAD_INPUT, "kv-memory")


def device_errors(suite, build_dir):
    nowhere = "--cuda-driver=/no/such/libcuda.so.1"
    no_driver = "no CUDA driver found (/no/such/libcuda.so.1)"
    suite.case("no CUDA driver", ["--prompt=a", "--device=cuda", nowhere], BAD_INPUT, no_driver,
               "use --device=cpu")
    suite.case("no CUDA driver for a certain GPU", ["--prompt=a", "--device=cuda:1", nowhere],
               BAD_INPUT, no_driver)
    for device in ("auto", "cpu"):
        suite.case(f"no CUDA driver, --device={device}",
                   ["--prompt=a", f"--device={device}", nowhere, "--max-new-tokens=1"], DONE)
    other = suite.path("libother.so", b"no library")
    suite.case("a driver that is no library", ["--prompt=a", "--device=cuda", "--cuda-driver=" + other],
               BAD_INPUT, "no CUDA driver found", "libother.so")
    simulator = "--cuda-driver=" + os.path.join(build_dir, "sim", "libcuda.so.1")
    suite.case("a GPU that is not there", ["--prompt=a", "--device=cuda:7", simulator], BAD_INPUT,
               "there is no GPU 7", "finds 1")
    suite.case("an artifact without code for GPUs", ["--prompt=a", "--device=cuda", simulator],
               BAD_INPUT, "no code for cuda, only for cpu", "--device")


def message_errors(suite):
    suite.case("missing messages file", ["--messages=/no/such.json"], BAD_INPUT, "/no/such.json")
    for name, value in (("no list", {}), ("empty list", []), ("no role", [{"content": "a"}]),
                        ("no text", [{"role": "user", "content": []}]),
                        ("only a system message", [{"role": "system", "content": "a"}]),
                        ("unknown picture", [{"role": "user", "content": [
                            {"type": "image", "image": "nowhere.png"}]}]),
                        ("picture from the network", [{"role": "user", "content": [
                            {"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]),
                        ("broken data URI", [{"role": "user", "content": [
                            {"type": "image", "image": "data:image/png;base64,@@"}]}]),
                        ("video without frames", [{"role": "user", "content": [
                            {"type": "video", "video": []}]}])):
        suite.case("messages: " + name, [suite.messages(value)], BAD_INPUT)
    suite.case("messages: the file is named", [suite.messages([])], BAD_INPUT, "messages.json")
    path = suite.path("broken.json", b'[{"role": "user", "content": ')
    suite.case("messages: cut short", ["--messages=" + path], BAD_INPUT, "broken.json")
    path = suite.path("deep.json", b"[" * 200000)
    suite.case("messages: nested deeply", ["--messages=" + path], BAD_INPUT, "deep.json")


def picture_errors(suite):
    small = ["--max-new-tokens=2"]

    def picture(name, path, code, *words):
        suite.case(name, ["--image=" + path, "--prompt=What?", *small], code, *words)

    picture("missing picture", "/no/such.png", BAD_INPUT, "/no/such.png")
    picture("folder as picture", suite.folder, BAD_INPUT, suite.folder)
    picture("text named .jpg", suite.path("text.jpg", b"not a picture\n" * 99), BAD_INPUT,
            "text.jpg")
    picture("empty picture", suite.path("empty.png", b""), BAD_INPUT, "empty.png")
    with open(PICTURE, "rb") as file:
        contents = file.read()
    picture("truncated picture", suite.path("half.png", contents[:len(contents) // 2]), BAD_INPUT,
            "half.png")
    picture("30000x10 picture", write_png(suite.path("long.png"), 30000, 10), BAD_INPUT, "long.png")
    huge = bytearray(contents)
    huge[16:24] = struct.pack(">II", 2 ** 31 - 1, 2 ** 31 - 1)
    picture("picture with a huge header", suite.path("huge.png", bytes(huge)), BAD_INPUT, "huge.png")
    picture("1x1 picture", write_png(suite.path("dot.png"), 1, 1), DONE)
    picture("28x5600 picture", write_png(suite.path("ribbon.png"), 28, 5600), DONE)
    suite.case("picture without a prompt", ["--image=" + PICTURE, *small], DONE)
    suite.case("video file", ["--video=" + os.path.join(SOURCE, "models", "samples", "14-video.mp4"),
                              "--prompt=a"], BAD_INPUT, "14-video.mp4")
    os.makedirs(suite.path("frames"), exist_ok=True)
    suite.case("folder without frames", ["--video=" + suite.path("frames"), "--prompt=a"], BAD_INPUT,
               "frames")


def damaged(data):
    """Names and bytes of damaged copies of an artifact."""
    metadata, metadata_bytes, _, weights = struct.unpack_from("<4Q", data, 16)
    for name, size in (("empty", 0), ("in the magic", 5), ("in the header", 40),
                       ("in the metadata", metadata + metadata_bytes // 2),
                       ("before the weights", weights), ("in the weights", (weights + len(data)) // 2),
                       ("by one byte", len(data) - 1)):
        yield "truncated " + name, data[:size]
    positions = {"magic": 0, "version": 8, "header": 20, "header checksum": 60}
    for step in range(1, 8):
        positions[f"metadata {step}/8"] = metadata + metadata_bytes * step // 8
    for name, position in positions.items():
        copy = bytearray(data)
        copy[position] ^= 0x5A
        yield "corrupt " + name, bytes(copy)


def artifact_errors(suite):
    def check(name, contents):
        path = suite.path("damaged.qvl", contents)
        return expect(suite.tool(path, "--prompt=Hello"), BAD_INPUT, "damaged.qvl")

    suite.case("missing artifact", ["/no/such.qvl", "--prompt=a"], BAD_INPUT, "/no/such.qvl",
               model=None)
    suite.case("folder as artifact", ["/tmp", "--prompt=a"], BAD_INPUT, "/tmp", model=None)
    suite.case("picture as artifact", [PICTURE, "--prompt=a"], BAD_INPUT, PICTURE, model=None)
    source = os.path.join(suite.artifacts, "shapes-vl.qvl")
    if not os.path.exists(source):
        suite.case("damaged artifacts", [], BAD_INPUT)
        return
    with open(source, "rb") as file:
        data = file.read()
    for name, contents in damaged(data):
        suite.results.run(name, check, name, contents)
    copy = bytearray(data)
    copy[struct.unpack_from("<Q", data, 40)[0]] ^= 1
    path = suite.path("weights.qvl", bytes(copy))
    suite.case("corrupt weight, --verify", [path, "--prompt=a", "--verify"], BAD_INPUT, "weights.qvl",
               model=None)
    suite.case("corrupt weight, only --verify", [path, "--verify"], BAD_INPUT, "weights.qvl",
               model=None)
    suite.case("intact weights", ["--verify"], DONE)


def output_errors(suite):
    ask = ["--prompt=Hello", "--max-new-tokens=2"]
    file = suite.path("file", b"")
    suite.case("dump below a file", [*ask, f"--dump-dir={file}/x"], BAD_INPUT, file)
    suite.case("dump below /proc", [*ask, "--dump-dir=/proc/qvl"], BAD_INPUT, "/proc/qvl")
    suite.case("profile in no folder", [*ask, "--profile=/no/such/x.json"], BAD_INPUT, "/no/such")
    suite.case("profile onto a folder", [*ask, "--profile=" + suite.folder], BAD_INPUT, suite.folder)
    suite.case("profile to a full device", [*ask, "--profile=/dev/full"], SYSTEM_FAILED, "/dev/full")
    copy = shutil.copy(PICTURE, suite.path("picture.png"))
    link = suite.path("picture-link")
    os.symlink(copy, link)
    suite.case("profile onto an input", [*ask, f"--image={copy}", f"--profile={link}"], BAD_INPUT,
               "picture-link", "name another")
    os.makedirs(suite.path("taken/logits.npy/x"))
    suite.case("dump onto folders", [*ask, "--dump-dir=" + suite.path("taken")], BAD_INPUT,
               "logits.npy")
    suite.case("expected file missing", [*ask, "--expected-output=logits=/no/such.npy"], BAD_INPUT,
               "/no/such.npy")
    broken = suite.path("broken.npy", b"\x93NUMPY\x01\x00")
    suite.case("expected file cut short", [*ask, "--expected-output=logits=" + broken], BAD_INPUT,
               "broken.npy")

    def full_stdout():
        with open("/dev/full", "wb") as full:
            done = suite.tool(artifact(suite.artifacts, "shapes-vl.qvl"), *ask, stdout=full)
        done.stdout = b""
        return expect(done, SYSTEM_FAILED, "standard output")

    def full_help():
        with open("/dev/full", "wb") as full:
            done = suite.tool("--help", stdout=full)
        done.stdout = b""
        return expect(done, SYSTEM_FAILED, "standard output")

    def closed_stdout(*arguments):
        """A file that is opened later must not take the place of standard output."""
        done = suite.tool(artifact(suite.artifacts, "shapes-vl.qvl"), *arguments,
                          preexec_fn=lambda: os.close(1))
        return expect(done, SYSTEM_FAILED, "standard output")

    def closed_stderr():
        done = suite.tool(artifact(suite.artifacts, "shapes-vl.qvl"), *ask,
                          preexec_fn=lambda: os.close(2))
        return expect(done, DONE)

    def full_disk():
        """A limit on file sizes stands in for a full disk; the pixel values are above it."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))

        folder = suite.path("full")
        picture = os.path.join(SOURCE, "models", "samples", "10-describe-large.png")
        done = suite.tool(artifact(suite.artifacts, "shapes-vl.qvl"), *ask, f"--image={picture}",
                          f"--dump-dir={folder}", preexec_fn=limit)
        line = expect(done, SYSTEM_FAILED, folder)
        left = [name for name in os.listdir(folder) if "pixel_values" in name or ".tmp" in name]
        assert not left, f"{left} are left behind"
        return line

    suite.results.run("stdout is full", full_stdout)
    suite.results.run("stdout is full, --help", full_help)
    suite.results.run("stdout is closed", closed_stdout, *ask)
    suite.results.run("stdout is closed, --json", closed_stdout, *ask, "--json",
                      "--dump-dir=" + suite.path("closed"))
    suite.results.run("stderr is closed", closed_stderr)
    suite.results.run("dump on a full disk", full_disk)


def interrupted(suite):
    """SIGINT during a long answer: exit code 130, no dump, no half output."""
    def check():
        folder = suite.path("interrupted")
        command = [suite.tool.path, artifact(suite.artifacts, "mini_f32.qvl"), "--prompt=Go on.",
                   "--greedy", "--max-new-tokens=1000000", f"--dump-dir={folder}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.2)
        assert process.poll() is None, "the answer ended before the interruption"
        process.send_signal(signal.SIGINT)
        process.stdout, stdout = None, process.stdout
        _, stderr = process.communicate(timeout=60)
        done = subprocess.CompletedProcess(command, process.returncode, stdout.read(), stderr)
        line = expect(done, INTERRUPTED, "interrupted")
        assert not os.listdir(folder), f"{os.listdir(folder)} are left behind"
        return line
    suite.results.run("interrupted", check)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("artifacts")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="qvl-errors-")
    results = Results()
    suite = Suite(Tool(arguments.build), arguments.artifacts, folder, results)
    try:
        for group in (usage_errors, prompt_errors, message_errors, picture_errors, artifact_errors,
                      output_errors, interrupted):
            group(suite)
        device_errors(suite, arguments.build)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results.finish()


if __name__ == "__main__":
    sys.exit(main())
