#!/usr/bin/env python3
"""Writes the small pictures of this folder and the pixels that the reference reads from them.

    make_pictures.py            (needs Pillow 12 and NumPy)

NAME is a picture; NAME.npy holds what the reference makes of it, u8 [height, width, 3]: the EXIF orientation applied,
then convert("RGB"). NAME.white.npy is the same composited over white.
"""
import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).resolve().parent
H, W = 13, 18
y, x = np.mgrid[0:H, 0:W]
RGB = np.stack([x * 14, y * 19, (x * 7 + y * 11) % 256], axis=-1).astype(np.uint8)
GREY = (x * 9 + y * 8).astype(np.uint8)
ALPHA = (x * 15).astype(np.uint8)
GREY16 = (x * 13 + y * 40).astype(np.uint16)


def exif(orientation, endian="<"):
    tiff = (b"II*\0" if endian == "<" else b"MM\0*") + struct.pack(endian + "I", 8)
    entries = [(0x0100, 4, 1, W), (0x0112, 3, 1, orientation)]
    tiff += struct.pack(endian + "H", len(entries))
    for tag, kind, count, value in entries:
        field = struct.pack(endian + "HH", value, 0) if kind == 3 else struct.pack(endian + "I", value)
        tiff += struct.pack(endian + "HHI", tag, kind, count) + field
    return tiff + struct.pack(endian + "I", 0)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(rows, depth, kind, interlace=0, before=(), after=()):
    header = struct.pack(">IIBBBBB", W, H, depth, kind, 0, 0, interlace)
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(rows)),
                     *after, chunk(b"IEND", b"")])


def raw_rows(samples, depth):
    """Unfiltered rows of samples [h, w, c]."""
    rows = b""
    for row in samples.reshape(samples.shape[0], -1):
        if depth == 16:
            packed = row.astype(">u2").tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
        rows += b"\0" + packed
    return rows


def adam7(samples):
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [samples[top::down, left::across] for top, left, down, across in passes]
    return b"".join(raw_rows(part, 8) for part in parts if part.size)


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def pictures():
    rgb = Image.fromarray(RGB)
    for name, options in {"420": {"subsampling": 2}, "422": {"subsampling": 1}, "444": {"subsampling": 0},
                          "progressive": {"progressive": True}}.items():
        yield f"rgb-{name}.jpg", saved(rgb, format="JPEG", quality=80, **options)
    yield "grey.jpg", saved(Image.fromarray(GREY), format="JPEG", quality=90)
    cmyk = saved(Image.fromarray(np.dstack([RGB, ALPHA]), "CMYK"), format="JPEG", quality=90, subsampling=0)
    yield "cmyk.jpg", cmyk
    adobe = cmyk.index(b"Adobe")
    yield "ycck.jpg", cmyk[:adobe + 11] + b"\x02" + cmyk[adobe + 12:]
    for orientation in range(1, 9):
        endian = "<" if orientation % 2 else ">"
        data = b"Exif\0\0" + exif(orientation, endian)
        yield f"orientation-{orientation}.jpg", saved(rgb, format="JPEG", quality=85, exif=data)
    yield "orientation-6.png", png(raw_rows(RGB, 8), 8, 2, before=[chunk(b"eXIf", exif(6))])
    yield "orientation-8-behind.png", png(raw_rows(RGB, 8), 8, 2, after=[chunk(b"eXIf", exif(8, ">"))])
    yield "orientation-5.webp", saved(rgb, format="WEBP", lossless=True, exif=exif(5))
    for depth in (1, 2, 4):
        yield f"grey-{depth}.png", png(raw_rows((GREY >> (8 - depth))[..., None], depth), depth, 0)
    yield "grey-8.png", png(raw_rows(GREY[..., None], 8), 8, 0)
    yield "grey-16.png", png(raw_rows(GREY16[..., None], 16), 16, 0)
    yield "grey-alpha-8.png", png(raw_rows(np.dstack([GREY, ALPHA]), 8), 8, 4)
    yield "grey-alpha-16.png", png(raw_rows(np.dstack([GREY16 * 50, ALPHA.astype(np.uint16) * 257]), 16), 16, 4)
    palette = chunk(b"PLTE", bytes((i * 37 + c * 61) % 256 for i in range(16) for c in range(3)))
    yield "palette.png", png(raw_rows((GREY % 16)[..., None], 4), 4, 3, before=[palette, chunk(b"tRNS", bytes(range(0, 160, 10)))])
    yield "rgb-key.png", png(raw_rows(RGB, 8), 8, 2, before=[chunk(b"tRNS", struct.pack(">HHH", 0, 0, 0))])
    yield "rgb-16.png", png(raw_rows(RGB.astype(np.uint16) * 257 - RGB % 7, 16), 16, 2)
    yield "rgba.png", png(raw_rows(np.dstack([RGB, ALPHA]), 8), 8, 6)
    yield "rgba-16.png", png(raw_rows(np.dstack([RGB, ALPHA]).astype(np.uint16) * 256 + 200, 16), 16, 6)
    yield "interlaced.png", png(adam7(RGB), 8, 2, interlace=1)
    yield "lossy.webp", saved(rgb, format="WEBP", quality=70)
    yield "alpha.webp", saved(Image.fromarray(np.dstack([RGB, ALPHA])), format="WEBP", quality=70)


def main():
    for name, data in pictures():
        (HERE / name).write_bytes(data)
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        np.save(HERE / (name + ".npy"), np.asarray(image.convert("RGB")))
        if image.mode == "RGBA":
            white = Image.new("RGB", image.size, (255, 255, 255))
            white.paste(image, mask=image.split()[3])
            np.save(HERE / (name + ".white.npy"), np.asarray(white))


main()
