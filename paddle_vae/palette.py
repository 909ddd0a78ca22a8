"""Small PNG files: a picture in at most 256 colours, a byte for each pixel.

What matplotlib writes has four bytes a pixel, and is four times as large. For pictures that travel
inside a notebook, and for the README's animation.
"""

import struct
import zlib

import numpy as np

START = b"\x89PNG\r\n\x1a\n"


def reduced(frames, levels=5, greys=32):
    """Pictures uint8 [..., H, W, 3] -> a palette of few colours uint8 [n, 3], and places in it.

    levels: of each of red, green and blue; greys: of pixels that have hardly any colour.
    """
    coarse = np.rint(frames / 255 * (levels - 1)) * (255 / (levels - 1))
    grey = np.rint(frames.mean(-1, keepdims=True) / 255 * (greys - 1)) * (255 / (greys - 1))
    colourless = np.ptp(frames, axis=-1, keepdims=True) < 24
    rgb = np.where(colourless, grey, coarse).astype("uint8").astype("int64")
    code = (rgb[..., 0] << 16) + (rgb[..., 1] << 8) + rgb[..., 2]
    found, index = np.unique(code, return_inverse=True)
    palette = np.stack([found >> 16, found >> 8 & 255, found & 255], 1)
    return palette.astype("uint8"), index.reshape(code.shape).astype("uint8")


def chunk(kind, data):
    """A part of a PNG file: length, kind, data, checksum (PNG specification, section 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width, height):
    """The chunk that says: 8 bits a pixel, which are places in a palette."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))


def rows(index):
    """Places in the palette uint8 [H, W] as PNG packs them; the 0 before a row means: no filter."""
    return zlib.compress(np.pad(index, ((0, 0), (1, 0))).tobytes(), 9)


def png(rgb, greys=8):
    """A picture uint8 [H, W, 3] -> the bytes of a PNG, its colours coarser."""
    palette, index = reduced(rgb, greys=greys)
    height, width = index.shape
    parts = [header(width, height), chunk(b"PLTE", palette.tobytes())]
    return START + b"".join([*parts, chunk(b"IDAT", rows(index)), chunk(b"IEND", b"")])
