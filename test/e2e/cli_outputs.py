#!/usr/bin/env python3
"""What qvl-run writes: text in a pipe and on a terminal, the report, dumps, comparisons, profiles.

    cli_outputs.py BUILD_DIR ARTIFACT_DIR

ARTIFACT_DIR holds shapes-vl.qvl.
"""

import argparse
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

import qvl_run
from qvl_run import SOURCE, Results, Tool, artifact

SAMPLES = os.path.join(SOURCE, "models", "samples")
PICTURE = os.path.join(SAMPLES, "05-colour-small.png")
ASK = [f"--image={PICTURE}", "--prompt=What color is the ring?", "--greedy"]

REPORT_KEYS = {
    "": ["text", "ids", "finish_reason", "device", "media", "usage", "boxes", "timings_ms", "rates",
         "memory_bytes"],
    "usage": ["prompt_tokens", "media_tokens", "completion_tokens"],
    "timings_ms": ["load", "preprocess", "vision", "prefill", "decode", "first_token"],
    "rates": ["prefill_tokens_per_s", "decode_tokens_per_s"],
    "memory_bytes": ["weights", "arena_peak", "kv", "rss_peak"],
}
DUMPED_TEXT = {"input_ids": np.int64, "position_ids": np.int64, "logits": np.float32,
               "generated_ids": np.int64}
DUMPED_IMAGE = {"pixel_values": np.float32, "image_grid_thw": np.int64,
                "image_window_index": np.int64, "image_cu_window_seqlens": np.int32,
                "image_cu_seqlens": np.int32, "vision_features": np.float32}


class Terminal:
    """A process whose stdin and stdout are one terminal; stderr goes to a file."""

    def __init__(self, command, errors):
        try:
            self.master, slave = pty.openpty()
        except OSError as error:
            raise qvl_run.Skip(f"no terminal can be opened here: {error}")
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=errors,
                                        start_new_session=True)
        os.close(slave)
        self.seen = b""

    def read(self, until=None, seconds=60):
        """Reads until the text `until` came, or the end of the output."""
        deadline = time.monotonic() + seconds
        while until is None or until.encode() not in self.seen:
            ready, _, _ = select.select([self.master], [], [], deadline - time.monotonic())
            assert ready, f"nothing more after {self.seen[-200:]!r}"
            try:
                data = os.read(self.master, 65536)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                break
            self.seen += data
        return self.seen.decode("utf-8", "replace").replace("\r\n", "\n")

    def write(self, line):
        os.write(self.master, line.encode() + b"\n")

    def close(self):
        os.close(self.master)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Suite:
    def __init__(self, tool, model, folder):
        self.tool, self.model, self.folder = tool, model, folder
        self.answer = tool.report(model, *ASK)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments):
        done = self.tool(self.model, *arguments)
        assert done.returncode == 0, qvl_run.text(done.stderr)
        return done

    def help_page(self):
        done = self.tool("--help")
        page = qvl_run.text(done.stdout)
        assert done.returncode == 0 and not done.stderr
        options = ("image video fps prompt messages system max-new-tokens greedy temperature top-k "
                   "top-p min-p repetition-penalty seed stop min-pixels max-pixels device cuda-driver "
                   "cuda-graphs cuda-sampling threads prefill-chunk kv-memory max-context json dump-dir "
                   "logits profile expected-output rtol atol verify allow-special version").split()
        missing = [option for option in options if f"--{option}" not in page]
        assert not missing, f"{missing} are not on the page"
        assert "Exit codes" in page
        return f"{len(options)} options"

    def version(self):
        done = self.tool("--version")
        assert done.returncode == 0 and done.stdout.startswith(b"qvl-run "), done.stdout
        return qvl_run.text(done.stdout)

    def report_keys(self):
        for group, keys in REPORT_KEYS.items():
            entry = self.answer[group] if group else self.answer
            assert list(entry) == keys, f"{group or 'the report'} has the keys {list(entry)}"
        item, = self.answer["media"]
        assert item == {"source": PICTURE, "original": [112, 112], "resized": [112, 112],
                        "grid": [1, 8, 8], "tokens": 16}, item
        assert self.answer["boxes"] == [] and self.answer["device"] == "cpu"
        usage = self.answer["usage"]
        assert usage["media_tokens"] == 16 and usage["completion_tokens"] == len(self.answer["ids"])
        assert all(value > 0 for value in self.answer["memory_bytes"].values())

    def boxes(self):
        """The model counts in pixels of the picture it saw; a user, in those of the file."""
        picture = os.path.join(SAMPLES, "07-locate-jpeg.jpg")
        report = self.tool.report(self.model, f"--image={picture}", "--greedy",
                                  "--prompt=Where is the green square? Give the box.")
        found, = report["boxes"]
        assert list(found) == ["label", "media", "bbox_model", "bbox"], found
        written, = json.loads(report["text"].removeprefix("```json").removesuffix("```"))
        assert found["label"] == written["label"] == "green square" and found["media"] == 0, found
        assert found["bbox_model"] == written["bbox_2d"], found
        (height, width), (rows, columns) = (report["media"][0][key] for key in ("original", "resized"))
        assert (height, width) != (rows, columns), "the picture should be one that is resized"
        x1, y1, x2, y2 = found["bbox_model"]
        exact = [x1 * width / columns, y1 * height / rows, x2 * width / columns, y2 * height / rows]
        assert np.allclose(found["bbox"], exact, rtol=1e-12), f"{found['bbox']}, not {exact}"

    def report_of_text(self):
        report = self.tool.report(self.model, "--prompt=Hello", "--max-new-tokens=2", "--greedy")
        assert list(report) == REPORT_KEYS[""] and report["media"] == []
        assert report["timings_ms"]["vision"] == 0 and report["finish_reason"] == "length"

    def text_in_a_pipe(self):
        done = self.run(*ASK)
        assert done.stdout.decode() == self.answer["text"] + "\n", done.stdout
        assert not done.stderr, done.stderr

    def values_in_two_arguments(self):
        done = self.run("--image", PICTURE, "--prompt", "What color is the ring?", "--greedy")
        assert done.stdout.decode() == self.answer["text"] + "\n", done.stdout

    def terminal(self, *arguments):
        return Terminal([self.tool.path, self.model, *arguments], open(self.path("errors"), "wb"))

    def text_on_a_terminal(self):
        terminal = self.terminal(*ASK)
        seen = terminal.read()
        terminal.close()
        assert seen == self.answer["text"] + "\n", seen

    def chat(self):
        terminal = self.terminal("--greedy")
        terminal.write(f"/image {PICTURE}")
        terminal.write("What color is the ring?")
        terminal.read(self.answer["text"])
        terminal.write("/new")
        terminal.write("Hello")
        hello = self.tool.report(self.model, "--prompt=Hello", "--greedy")["text"]
        terminal.read(hello)
        terminal.write("/quit")
        assert terminal.process.wait(timeout=60) == 0
        terminal.close()

    def chat_interrupted(self):
        terminal = self.terminal()
        time.sleep(0.3)
        terminal.process.send_signal(signal.SIGINT)
        code = terminal.process.wait(timeout=60)
        terminal.close()
        assert code == 130, f"exit code {code}"

    def chat_survives_errors(self):
        terminal = self.terminal("--greedy")
        terminal.write("/image /no/such.png")
        terminal.write("What?")
        terminal.write("Hello")
        hello = self.tool.report(self.model, "--prompt=Hello", "--greedy")["text"]
        terminal.read(hello)
        terminal.write("/quit")
        assert terminal.process.wait(timeout=60) == 0
        terminal.close()
        with open(self.path("errors"), encoding="utf-8") as file:
            assert "/no/such.png" in file.read()

    def stop_string(self):
        whole = self.answer["text"]
        stop = whole[len(whole) // 2:len(whole) // 2 + 3]
        report = self.tool.report(self.model, *ASK, f"--stop={stop}", "--stop=never to be seen")
        assert report["text"] == whole[:whole.index(stop)], report["text"]
        assert report["finish_reason"] == "stop"
        assert report["ids"] == self.answer["ids"][:len(report["ids"])]
        return f"before {stop!r}"

    def dump(self):
        folder = self.path("new/dump")
        self.run(*ASK, f"--dump-dir={folder}")
        dumped = qvl_run.read_dump(folder)
        for name, kind in {**DUMPED_TEXT, **DUMPED_IMAGE}.items():
            assert dumped[name].dtype == kind, f"{name} is {dumped[name].dtype}"
        assert set(dumped) == set(DUMPED_TEXT) | set(DUMPED_IMAGE), set(dumped)
        steps = len(self.answer["ids"])
        assert list(dumped["generated_ids"]) == self.answer["ids"]
        assert dumped["logits"].shape[0] == steps, dumped["logits"].shape
        assert list(np.argmax(dumped["logits"], axis=1)) == self.answer["ids"]
        self.run(*ASK, f"--dump-dir={folder}", "--logits=all")
        rows = qvl_run.read_dump(folder)["logits"]
        tokens = self.answer["usage"]["prompt_tokens"]
        assert len(rows) == tokens + steps - 1, rows.shape
        assert np.array_equal(rows[tokens - 1:], dumped["logits"]), "the rows differ"
        self.run("--prompt=Hello", f"--dump-dir={folder}", "--max-new-tokens=1")
        assert set(qvl_run.read_dump(folder)) == set(DUMPED_TEXT), "absent media leave files"

    def dump_of_a_video(self):
        folder = self.path("video")
        self.run(f"--video={SAMPLES}/15-video-short", "--fps=2", "--prompt=What happens in the video?",
                 f"--dump-dir={folder}", "--max-new-tokens=2")
        dumped = qvl_run.read_dump(folder)
        expected = {"pixel_values_videos", "video_grid_thw", "video_window_index",
                    "video_cu_window_seqlens", "video_cu_seqlens", "vision_features"}
        assert set(dumped) == set(DUMPED_TEXT) | expected, set(dumped)

    def chunks_and_threads_change_nothing(self):
        folders = [self.path("one"), self.path("other")]
        self.run(*ASK, f"--dump-dir={folders[0]}", "--threads=1", "--prefill-chunk=512")
        self.run(*ASK, f"--dump-dir={folders[1]}", "--threads=2", "--prefill-chunk=7")
        one, other = map(qvl_run.read_dump, folders)
        for name in one:
            assert np.array_equal(one[name], other[name]), f"{name} differs"

    def expected_output(self):
        folder = self.path("expected")
        self.run(*ASK, f"--dump-dir={folder}")
        compare = [f"--expected-output={name}={folder}/{name}.npy"
                   for name in ("logits", "generated_ids", "vision_features")]
        done = self.run(*ASK, *compare)
        lines = qvl_run.text(done.stderr).splitlines()
        assert len(lines) == 3 and all("0 % of the limit" in line for line in lines), lines

    def expected_output_differs(self):
        folder = self.path("differs")
        self.run(*ASK, f"--dump-dir={folder}")
        changed = np.load(f"{folder}/logits.npy")
        changed[0, 3] += 0.5
        np.save(f"{folder}/logits.npy", changed)
        compare = [*ASK, f"--expected-output=logits={folder}/logits.npy"]
        done = self.tool(self.model, *compare)
        line = qvl_run.text(done.stderr)
        assert done.returncode == 1 and "logits" in line and "element 3" in line, line
        done = self.run(*compare, "--rtol=0", "--atol=1")
        assert "50 % of the limit" in qvl_run.text(done.stderr), qvl_run.text(done.stderr)
        np.save(f"{folder}/logits.npy", changed[:, :-1])
        assert self.tool(self.model, *compare).returncode == 1, "another shape passes"
        done = self.tool(self.model, "--prompt=Hello", "--max-new-tokens=1",
                         f"--expected-output=vision_features={folder}/vision_features.npy")
        assert done.returncode == 1, "a tensor that is not there passes"

    def profile(self):
        path = self.path("profile.json")
        self.run(*ASK, f"--profile={path}")
        with open(path, encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
        programs = [event["name"] for event in events if event["cat"] == "program"]
        steps = len(self.answer["ids"]) - 1
        assert programs == ["vision", "prefill"] + ["decode"] * steps, programs
        commands = [event for event in events if event["cat"] == "command"]
        assert commands and all(event["ph"] == "X" and event["dur"] >= 0 for event in events)
        return f"{len(commands)} commands"

    def sampling(self):
        ask = ["--prompt=Hello", "--temperature=8", "--max-new-tokens=12"]
        answers = [self.tool.report(self.model, *ask, f"--seed={seed}")["ids"]
                   for seed in (1, 1, 2, 3, 4)]
        assert answers[0] == answers[1], "the same seed gives another answer"
        assert any(other != answers[0] for other in answers[2:]), "the seed changes nothing"
        greedy = self.tool.report(self.model, *ask, "--greedy")["ids"]
        for zero in ("--temperature=0", "--top-k=1"):
            arguments = ["--prompt=Hello", "--max-new-tokens=12", zero]
            assert self.tool.report(self.model, *arguments)["ids"] == greedy, zero

    def starts_quickly(self):
        best = min(self.tool.report(self.model, "--prompt=Hello", "--max-new-tokens=1")
                   ["timings_ms"]["load"] for _ in range(5))
        assert best < 200, f"loading takes {best:.0f} ms"
        return f"loaded in {best:.1f} ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("artifacts")
    arguments = parser.parse_args()
    results = Results()
    model = os.path.join(arguments.artifacts, "shapes-vl.qvl")
    if not os.path.exists(model):
        results.run("outputs", artifact, arguments.artifacts, "shapes-vl.qvl")
        results.finish()
    folder = tempfile.mkdtemp(prefix="qvl-outputs-")
    suite = Suite(Tool(arguments.build), model, folder)
    try:
        for case in (suite.help_page, suite.version, suite.report_keys, suite.boxes, suite.report_of_text,
                     suite.text_in_a_pipe, suite.values_in_two_arguments, suite.text_on_a_terminal,
                     suite.chat, suite.chat_interrupted, suite.chat_survives_errors,
                     suite.stop_string, suite.dump, suite.dump_of_a_video,
                     suite.chunks_and_threads_change_nothing, suite.expected_output,
                     suite.expected_output_differs, suite.profile, suite.sampling,
                     suite.starts_quickly):
            results.run(case.__name__.replace("_", " "), case)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results.finish()


if __name__ == "__main__":
    sys.exit(main())
