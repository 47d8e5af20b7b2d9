#!/usr/bin/python3
"""Prints the answer and the timings of a `qvl-run --json` report and compares them with a golden answer.

    show_answer.py REPORT.json GOLDEN.json SAMPLE

Exits 1 when text or ids differ.
"""
import json
import pathlib
import sys


def main():
    report_path, golden_path, name = sys.argv[1:]
    report = json.loads(pathlib.Path(report_path).read_text())
    golden = next(s for s in json.loads(pathlib.Path(golden_path).read_text())["samples"] if s["name"] == name)
    usage, rates = report["usage"], report["rates"]
    print(report["text"])
    print(f"\n{usage['prompt_tokens']} prompt tokens ({usage['media_tokens']} of media), "
          f"{usage['completion_tokens']} generated, on {report['device']}")
    print("milliseconds: " + ", ".join(f"{phase} {value:.1f}" for phase, value in report["timings_ms"].items()))
    print(f"tokens per second: prefill {rates['prefill_tokens_per_s']:.0f}, decode {rates['decode_tokens_per_s']:.0f}")
    if report["text"] != golden["answer"] or report["ids"] != golden["answer_ids"]:
        print(f"the answer differs from the golden one: {golden['answer']}")
        return 1
    print("the answer equals the golden one")
    return 0


if __name__ == "__main__":
    sys.exit(main())
