"""What the corpus's programs have in common: PTX text around instructions, cases, and their JSON form."""
import json
from typing import NamedTuple

import numpy as np

HEADER = "// {about}\n.version {version}\n.target {target}\n.address_size 64\n"
VERSIONS = {"sm_80": "7.8", "sm_90a": "8.4"}


def buffer(values, dtype="u32"):
    """A buffer in JSON: hexadecimal words, eight a line, and the number of zeros behind them."""
    width = np.dtype(numpy_type(dtype)).itemsize * 2
    values = [int(value) for value in values]
    length = next((i + 1 for i in reversed(range(len(values))) if values[i]), 0)
    words = [f"{value:0{width}x}" for value in values[:length]]
    made = {"dtype": dtype, "words": [" ".join(words[i:i + 8]) for i in range(0, length, 8)]}
    return {**made, "zeros": len(values) - length} if length < len(values) else made


def zeros(count, dtype="u32"):
    return {"dtype": dtype, "zeros": count}


def numpy_type(dtype):
    return {"u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64, "f32": np.float32}[dtype]


class Program(NamedTuple):
    """One PTX file and the cases of its kernels."""
    name: str
    about: str
    text: str
    cases: list
    target: str = "sm_80"

    def ptx(self):
        return HEADER.format(about=self.about, version=VERSIONS[self.target], target=self.target) + self.text

    def json(self):
        return json.dumps({"about": self.about, "cases": self.cases}, indent=1) + "\n"


def case(kernel, arguments, expected, grid=(1,), block=(32,), shared=0, cluster=None, **tolerance):
    """`expected` maps argument indices to buffers."""
    made = {"kernel": kernel, "grid": list(grid), "block": list(block), "shared": shared, "arguments": arguments,
            "expected": {str(index): value for index, value in expected.items()}, **tolerance}
    if cluster:
        made["cluster"] = list(cluster)
    return made


def entry(name, parameters, body, directives="", module=""):
    """A kernel whose parameters are addresses, held in %p0, %p1 ... and the thread's index in %t."""
    declared = ", ".join(f".param .u64 a{i}" for i in range(parameters))
    loads = "\n".join(f"  ld.param.u64 %p{i}, [a{i}];\n  cvta.to.global.u64 %p{i}, %p{i};" for i in range(parameters))
    return f"""{module}
.visible .entry {name}({declared}) {directives}
{{
  .reg .b64 %p<{parameters + 1}>, %at, %rd<64>;
  .reg .b32 %t, %r<160>;
  .reg .b16 %h<32>;
  .reg .f32 %f<160>;
  .reg .f64 %d<16>;
  .reg .pred %q<32>;
{loads}
  mov.u32 %t, %tid.x;
  mul.wide.u32 %at, %t, 4;
{body}
  ret;
}}
"""


REGISTER_BYTES = {"b16": 2, "b32": 4, "b64": 8}


def elementwise(name, about, sources, rows, target="sm_80", prologue="", module=""):
    """Every thread loads one value of each source, runs all rows and stores one result a row.

    sources: (register type, list of bits), all of one length, a multiple of 32. `prologue` runs once before the rows, with the
    thread's index in the grid in %r0.
    rows: (instruction with %x, %y, %z for the sources and %o for the result, type of %o, function from bits to bits).
    """
    count = len(sources[0][1])
    widest = max(4, *(REGISTER_BYTES[kind] for _, kind, _ in rows))
    block = next(size for size in (128, 96, 64, 32) if count % size == 0)
    names = "xyz"[:len(sources)]
    lines = [f"  .reg .{kind} %{n};" for n, (kind, _) in zip(names, sources)]
    lines += ["  mov.u32 %r0, %ctaid.x;", f"  mad.lo.u32 %r0, %r0, {block}, %t;"]
    lines += [prologue] if prologue else []
    for i, (n, (kind, _)) in enumerate(zip(names, sources)):
        lines += [f"  mul.wide.u32 %rd0, %r0, {REGISTER_BYTES[kind]};", f"  add.u64 %rd0, %rd0, %p{i};",
                  f"  ld.global.{kind} %{n}, [%rd0];"]
    lines += [f"  mul.wide.u32 %rd0, %r0, {widest};", f"  add.u64 %rd0, %rd0, %p{len(sources)};"]
    for index, (text, kind, _) in enumerate(rows):
        store = {"b16": "cvt.u32.u16 %w, %o; st.global.b32", "b32": "st.global.b32", "b64": "st.global.b64"}[kind]
        result = "%w" if kind == "b16" else "%o"
        if widest == 8 and kind != "b64":
            store, result = f"cvt.u64.u{8 * REGISTER_BYTES[kind]} %v, %o; st.global.b64", "%v"
        lines.append(f"  {{ .reg .{kind} %o; .reg .b32 %w; .reg .b64 %v; {text} {store} [%rd0+{index * count * widest}], {result}; }}")
    dtype = "u64" if widest == 8 else "u32"
    results = [function(*bits) for _, _, function in rows for bits in zip(*(values for _, values in sources))]
    types = {"b16": "u16", "b32": "u32", "b64": "u64"}
    arguments = [buffer(values, types[kind]) for kind, values in sources] + [zeros(len(results), dtype)]
    return Program(name, about, entry("test", len(sources) + 1, "\n".join(lines), module=module),
                   [case("test", arguments, {len(sources): buffer(results, dtype)}, grid=(count // block,), block=(block,))], target)
