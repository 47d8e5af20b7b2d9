"""stmatrix: the inverse of ldmatrix (PTX ISA 9.0, section 9.7.14.5.16)."""
import random

from matrix import registers
from program import Program, buffer, case, entry


def store_matrix(count, transposed):
    """Lane l holds elements 2(l mod 4) and the next of row l div 4 of every matrix; row r of matrix m goes to the address of lane 8m + r."""
    chosen = random.Random(f"stmatrix{count}{transposed}")
    matrices = [[[chosen.getrandbits(16) for _ in range(8)] for _ in range(8)] for _ in range(count)]
    words = []
    for lane in range(32):
        for matrix in matrices:
            row, column = lane >> 2, 2 * (lane & 3)
            pair = [matrix[column + i][row] if transposed else matrix[row][column + i] for i in range(2)]
            words.append(pair[0] | pair[1] << 16)
    # Rows go to places 48 bytes apart in descending order, so that addresses and not their order decide.
    stride, rows = 48, 8 * count
    image = [0] * (rows * stride // 4)
    for m, matrix in enumerate(matrices):
        for r, row in enumerate(matrix):
            for pair in range(4):
                image[(rows - 1 - 8 * m - r) * stride // 4 + pair] = row[2 * pair] | row[2 * pair + 1] << 16
    size = len(image)
    body = f"""  .shared .align 16 .b8 tile[{4 * size}];
  mov.u32 %r8, tile; mov.u32 %r9, %t;
CLEAR: mad.lo.u32 %r10, %r9, 4, %r8; mov.u32 %r11, 0; st.shared.b32 [%r10], %r11; add.u32 %r9, %r9, 32;
  setp.lt.u32 %q0, %r9, {size}; @%q0 bra CLEAR;
  bar.sync 0;
  mad.wide.u32 %rd0, %t, {4 * count}, %p0;
""" + "\n".join(f"  ld.global.b32 %r{i}, [%rd0+{4 * i}];" for i in range(count)) + f"""
  mov.u32 %r9, {rows - 1}; min.u32 %r10, %t, %r9; sub.u32 %r9, %r9, %r10; mad.lo.u32 %r9, %r9, {stride}, %r8;
  stmatrix.sync.aligned.m8n8.x{count}{'.trans' if transposed else ''}.shared.b16 [%r9], {registers(0, count)};
  bar.sync 0;
  mov.u32 %r9, %t;
COPY: mad.lo.u32 %r10, %r9, 4, %r8; ld.shared.b32 %r11, [%r10]; mad.wide.u32 %rd0, %r9, 4, %p1; st.global.b32 [%rd0], %r11;
  add.u32 %r9, %r9, 32; setp.lt.u32 %q0, %r9, {size}; @%q0 bra COPY;"""
    name = f"stmatrix-x{count}{'-trans' if transposed else ''}"
    return Program(name, f"stmatrix of {count} matrices{', transposed' if transposed else ''}.", entry("test", 2, body),
                   [case("test", [buffer(words), buffer([0xa5a5a5a5] * size)], {1: buffer(image)})], "sm_90a")


def programs():
    for count in (1, 2, 4):
        for transposed in (False, True):
            yield store_matrix(count, transposed)
