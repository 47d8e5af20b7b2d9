"""PNG files for tests, made without an imaging library."""

import struct
import zlib


def png(width, height, colour=(200, 60, 30)):
    """An RGB PNG of one colour."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    rows = (b"\0" + bytes(colour) * width) * height
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_png(path, width, height, **options):
    with open(path, "wb") as file:
        file.write(png(width, height, **options))
    return path
