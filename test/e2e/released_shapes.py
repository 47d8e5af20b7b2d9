#!/usr/bin/env python3
"""The released sizes of the model go through the compiler's phases up to `outline`, from headers alone.

    released_shapes.py BUILD_DIR ARTIFACT_DIR

Each checkpoint is a folder with the true config.json values, the tokenizer of the embedded model and safetensors files whose
headers name every tensor in its true shape; the data behind them is a hole in the file (`outline` reads no weight).
Checked for 3B, 7B, 32B and 72B: the parameter count printed in the model specification (section 1.5), less than 40 distinct kernels,
at most 8 launches a vision block and a text layer, no regroup kernel, and compile time and memory that do not grow with the weights.
"""

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from qvl_run import SOURCE, Results, text

EMBEDDED = os.path.join(SOURCE, "models", "shapes-vl")
VISION = {"depth": 32, "hidden": 1280, "heads": 16}
# hidden, layers, heads, kv heads, intermediate, vocabulary, tied head, vision intermediate, parameters (section 1)
SIZES = {
    "3B": (2048, 36, 16, 2, 11008, 151936, True, 3420, 3_754_622_976),
    "7B": (3584, 28, 28, 4, 18944, 152064, False, 3420, 8_292_166_656),
    "32B": (5120, 64, 40, 8, 27648, 152064, False, 3456, 33_452_718_336),
    "72B": (8192, 80, 64, 8, 29568, 152064, False, 3456, 73_410_777_344),
}
SECONDS = 60  # Seen: 0.3 s; the limit only catches work that grows with the weights.
MEMORY = 1 << 30  # Bytes; issue 4 allows 1 GiB beside the largest tensor.


def text_tensors(hidden, layers, heads, kv_heads, intermediate, vocabulary, tied):
    head_dim = hidden // heads
    tensors = {"model.embed_tokens.weight": [vocabulary, hidden], "model.norm.weight": [hidden]}
    if not tied:
        tensors["lm_head.weight"] = [vocabulary, hidden]
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}{norm}.weight"] = [hidden]
        for name, rows in (("q", hidden), ("k", kv_heads * head_dim), ("v", kv_heads * head_dim)):
            tensors[f"{prefix}self_attn.{name}_proj.weight"] = [rows, hidden]
            tensors[f"{prefix}self_attn.{name}_proj.bias"] = [rows]
        tensors[f"{prefix}self_attn.o_proj.weight"] = [hidden, hidden]
        for name in ("gate", "up"):
            tensors[f"{prefix}mlp.{name}_proj.weight"] = [intermediate, hidden]
        tensors[f"{prefix}mlp.down_proj.weight"] = [hidden, intermediate]
    return tensors


def with_bias(name, rows, columns):
    return {f"{name}.weight": [rows, columns], f"{name}.bias": [rows]}


def vision_tensors(out, intermediate):
    width = VISION["hidden"]
    tensors = {"visual.patch_embed.proj.weight": [width, 3, 2, 14, 14], "visual.merger.ln_q.weight": [width]}
    for block in range(VISION["depth"]):
        prefix = f"visual.blocks.{block}."
        tensors |= {f"{prefix}norm{i}.weight": [width] for i in (1, 2)}
        tensors |= with_bias(f"{prefix}attn.qkv", 3 * width, width) | with_bias(f"{prefix}attn.proj", width, width)
        for name in ("gate", "up"):
            tensors |= with_bias(f"{prefix}mlp.{name}_proj", intermediate, width)
        tensors |= with_bias(f"{prefix}mlp.down_proj", width, intermediate)
    return tensors | with_bias("visual.merger.mlp.0", 4 * width, 4 * width) | with_bias("visual.merger.mlp.2", out, 4 * width)


def elements(shape):
    count = 1
    for size in shape:
        count *= size
    return count


def write_hollow_safetensors(path, tensors):
    """A file that is valid to its last byte but occupies only its header on the disk."""
    header, offset = {}, 0
    for name, shape in tensors.items():
        end = offset + 2 * elements(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        file.truncate(8 + len(encoded) + offset)


def write_checkpoint(folder, size):
    hidden, layers, heads, kv_heads, intermediate, vocabulary, tied, vision_intermediate, parameters = SIZES[size]
    os.mkdir(folder)
    for name in os.listdir(EMBEDDED):
        if name != "model.safetensors":
            shutil.copy(os.path.join(EMBEDDED, name), folder)
    with open(os.path.join(EMBEDDED, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    config |= {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
               "num_key_value_heads": kv_heads, "intermediate_size": intermediate, "vocab_size": vocabulary,
               "tie_word_embeddings": tied, "rope_theta": 1000000.0, "max_position_embeddings": 128000,
               "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}
    config["vision_config"] |= {"depth": VISION["depth"], "hidden_size": VISION["hidden"], "num_heads": VISION["heads"],
                                "intermediate_size": vision_intermediate, "out_hidden_size": hidden,
                                "fullatt_block_indexes": [7, 15, 23, 31]}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    tensors = text_tensors(hidden, layers, heads, kv_heads, intermediate, vocabulary, tied)
    tensors |= vision_tensors(hidden, vision_intermediate)
    count = sum(map(elements, tensors.values()))
    assert count == parameters, f"{count} parameters instead of {parameters}: the shapes in this test are wrong"
    write_hollow_safetensors(os.path.join(folder, "model.safetensors"), tensors)


def launches(outlined):
    """The launches of each program and numbered block or layer: {("vision", "visual.blocks.7"): 8, ...}, by their locations."""
    locations = dict(re.findall(r'^(#loc\d*) = loc\("([^"]*)"\)', outlined, re.MULTILINE))
    counts, program = {}, None
    for line in outlined.splitlines():
        if found := re.search(r"qvlx\.program @(\w+)", line):
            program = found[1]
        elif found := re.search(r"qvlx\.launch .* loc\((#loc\d*)\)$", line):
            if block := re.match(r"(visual\.blocks|model\.layers)\.\d+", locations[found[1]]):
                counts[program, block[0]] = counts.get((program, block[0]), 0) + 1
    return counts


def outline(compiler, folder, size, precision):
    checkpoint, output = os.path.join(folder, size), os.path.join(folder, f"{size}.mlir")
    if not os.path.exists(checkpoint):
        write_checkpoint(checkpoint, size)
    start = time.monotonic()
    command = [compiler, checkpoint, "-o", output, f"--precision={precision}", "--compile-to=outline"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, memory = time.monotonic() - start, usage.ru_maxrss * 1024
    assert process.returncode == 0, f"exit code {process.returncode}: {text(error)}"
    assert seconds < SECONDS and memory < MEMORY, f"{seconds:.1f} s, {memory >> 20} MiB"
    with open(output, encoding="utf-8") as file:
        outlined = file.read()
    kernels = re.findall(r"qvlx\.kernel @(\S+)", outlined)
    assert 10 < len(kernels) < 40, f"{len(kernels)} kernels"
    assert not [name for name in kernels if "regroup" in name], "a regroup is left as a kernel"
    counts = launches(outlined)
    assert len(counts) >= VISION["depth"] + 2 * SIZES[size][1], f"launches of {len(counts)} blocks and layers only"
    assert max(counts.values()) <= 8, f"launches a block: {counts}"
    return f"{len(kernels)} kernels, {seconds:.1f} s, {memory >> 20} MiB"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("artifacts")
    compiler = os.path.join(parser.parse_args().build, "bin", "qvl-compile")
    results = Results(width=12)
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            for precision in ("f32", "bf16"):
                results.run(f"{size} {precision}", outline, compiler, folder, size, precision)
    results.finish()


if __name__ == "__main__":
    sys.exit(main())
