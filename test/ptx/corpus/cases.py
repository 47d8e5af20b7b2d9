"""The cases of the conformance corpus, read from its JSON files."""
import json
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from cases import Buffer, Case, Expected, TensorMap  # noqa: E402

TYPES = {"u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.int64, "f32": np.float32}


def array(made):
    """The buffer of its JSON form; u64 travels as i64, and f32 as words."""
    type_ = TYPES[made["dtype"]]
    words = [int(word, 16) for line in made.get("words", ()) for word in line.split()] + [0] * made.get("zeros", 0)
    return np.array(words, f"u{np.dtype(type_).itemsize}").view(type_)


def argument(made):
    if isinstance(made, str):
        return made
    if "tensormap" in made:
        fields = {key: tuple(value) if isinstance(value, list) else value for key, value in made["tensormap"].items()}
        return TensorMap(array(made), **fields)
    return Buffer(array(made))


def cases():
    for path in sorted(FOLDER.glob("*.json")):
        for number, made in enumerate(json.loads(path.read_text())["cases"]):
            expected = {int(index): Expected(array(value), made.get("relative", 0), made.get("absolute", 0))
                        for index, value in made["expected"].items()}
            yield Case(f"corpus/{path.stem}-{number}", path.with_suffix(".ptx"), made["kernel"], tuple(made["grid"]),
                       tuple(made["block"]), [argument(value) for value in made["arguments"]], expected, made["shared"],
                       tuple(made["cluster"]) if "cluster" in made else None)
