"""Writes odd/*: pictures with damage after the last pixel and unusual BMPs, and odd.tsv with what Pillow makes of them.

    pip install pillow==11.3.0 numpy && python make_odd.py

odd.tsv: file, width, height, SHA-256 of the bytes of Image.open(file).convert("RGB"); "0 0 refused" where Pillow refuses.
"""
import hashlib
import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

OUT = pathlib.Path(__file__).parent / "odd"
OUT.mkdir(exist_ok=True)
W, H = 9, 7
rng = np.random.default_rng(11)
rgb = rng.integers(0, 256, (H, W, 3), dtype=np.uint8)


def chunk(name, data, crc=None):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) if crc is None else crc)


def adam7(pixels):
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        yield from (row[x0::dx].tobytes() for row in pixels[y0::dy])


def head(interlace=0):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, interlace))


def packed(rows):
    return zlib.compress(b"".join(b"\0" + row for row in rows))


HEAD, Z, END = head(), packed(row.tobytes() for row in rgb), chunk(b"IEND", b"")
DATA = HEAD + chunk(b"IDAT", Z)
WOVEN = head(1) + chunk(b"IDAT", packed(adam7(rgb)))
PNG = {
    "no_end": DATA,
    "no_end_interlaced": WOVEN,
    "end_cut": DATA + END[:6],
    "end_checksum": DATA + chunk(b"IEND", b"", 1),
    "text_checksum": DATA + chunk(b"tEXt", b"Comment\0hello", 5) + END,
    "text_cut": DATA + chunk(b"tEXt", b"Comment\0hello")[:15],
    "text_too_long": DATA + struct.pack(">I", 1 << 20) + b"tEXtab",
    "junk_after_end": DATA + END + b"junk" * 9,
    "junk_for_end": DATA + b"\x01\x02junkjunkjunkjunk",
    "zeros_for_end": DATA + b"\0" * 40,
    "odd_chunk_name": DATA + chunk(b"12#4", b"abc") + END,
    "unknown_critical": DATA + chunk(b"ABCD", b"abc") + END,
    "data_checksum": HEAD + chunk(b"IDAT", Z, 7) + END,
    "data_checksum_cut": DATA[:-2],
    "data_checksum_first": HEAD + chunk(b"IDAT", Z[:60], 9) + chunk(b"IDAT", Z[60:]) + END,
    "data_goes_on": HEAD + chunk(b"IDAT", Z + b"extra bytes") + END,
    "data_goes_on_in_chunk": DATA + chunk(b"IDAT", b"extra") + END,
    "adler_wrong": HEAD + chunk(b"IDAT", Z[:-4] + b"\1\2\3\4") + END,
    "adler_wrong_interlaced": head(1) + chunk(b"IDAT", packed(adam7(rgb))[:-4] + b"\1\2\3\4") + END,
    "adler_cut": HEAD + chunk(b"IDAT", Z[:-2]) + END,
    "one_row_more": HEAD + chunk(b"IDAT", packed([r.tobytes() for r in rgb] + [b"\0" * 27])) + END,
    "ends_in_data": DATA[:-40],
}
for name, odd in {
    "text_checksum": chunk(b"tEXt", b"Comment\0hello", 5),
    "text": chunk(b"tEXt", b"Comment\0hello"),
    "unknown_critical": chunk(b"ABCD", b"abc"),
    "unknown_critical_checksum": chunk(b"ABCD", b"abc", 3),
    "unknown_private": chunk(b"abCd", b"x" * 2000),
    "unknown_private_checksum": chunk(b"abCd", b"abc", 3),
    "odd_chunk_name": chunk(b"12#4", b"abc"),
    "text_too_long": struct.pack(">I", 1 << 20) + b"tEXtab",
    "gamma": chunk(b"gAMA", struct.pack(">I", 100000)),
    "colors": chunk(b"sRGB", b"\1"),
}.items():
    PNG[f"before_{name}"] = HEAD + odd + chunk(b"IDAT", Z) + END
control = struct.pack(">IIIIIHHBB", 0, W, H, 0, 0, 1, 10, 0, 0)
ANIMATED = (HEAD + chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", control) + chunk(b"IDAT", Z) +
            chunk(b"fcTL", struct.pack(">I", 1) + control[4:]) + chunk(b"fdAT", struct.pack(">I", 2) + Z) + END)
PNG["animated"] = ANIMATED
for cut in (20, 60, len(END) + len(Z) + 16 + 10, len(END) + len(Z) + 16 + 38, len(END) + len(Z) + 16 + 45):
    PNG[f"animated_cut_{cut}"] = ANIMATED[:-cut]
for cut in (5, 6, 8, 9):
    PNG[f"cut_{cut}_in_data"] = DATA[:-cut]
PNG["header_checksum"] = HEAD[:-1] + b"\0" + chunk(b"IDAT", Z) + END
for name, data in PNG.items():
    (OUT / f"{name}.png").write_bytes(data)


def bmp(bits, masks, rows, info=40, compression=3):
    header = struct.pack("<IiiHHIIiiII", info, W, H, 1, bits, compression, 0, 2835, 2835, 0, 0)
    header += b"".join(struct.pack("<I", mask) for mask in masks)
    header = header.ljust(info, b"\0") if info > 40 else header
    data = b"".join(row.ljust((len(row) + 3) // 4 * 4, b"\0") for row in rows)
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(data), 0, 0, 14 + len(header)) + header + data


def words(kind):
    return [rng.integers(0, 1 << (8 * np.dtype(kind).itemsize), W, dtype=kind).tobytes() for _ in range(H)]


BMP = {
    "565": bmp(16, (0xF800, 0x7E0, 0x1F), words(np.uint16)),
    "555": bmp(16, (0x7C00, 0x3E0, 0x1F), words(np.uint16)),
    "555_plain": bmp(16, (), words(np.uint16), compression=0),
    "444": bmp(16, (0xF00, 0xF0, 0xF), words(np.uint16)),
    "bgra_v4": bmp(32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), words(np.uint32), 108),
    "rgba_v5": bmp(32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000), words(np.uint32), 124),
    "abgr_v4": bmp(32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF), words(np.uint32), 108),
    "bgrx": bmp(32, (0xFF0000, 0xFF00, 0xFF), words(np.uint32)),
    "no_masks_v4": bmp(32, (0, 0, 0, 0), words(np.uint32), 108),
    "30_bits": bmp(32, (0x3FF00000, 0xFFC00, 0x3FF), words(np.uint32)),
}


def indexed(bits, entries, stated, cut=0):
    """A BMP with `entries` colours that says it had `stated`; pixels use all indices of its bits."""
    colors = rng.integers(0, 256, (entries, 4), dtype=np.uint8).tobytes()
    rows = [np.arange(y, y + (W * bits + 7) // 8, dtype=np.uint8).tobytes() for y in range(0, 255, 255 // H)][:H]
    header = struct.pack("<IiiHHIIiiII", 40, W, H, 1, bits, 0, 0, 2835, 2835, stated, 0)
    data = b"".join(row.ljust((len(row) + 3) // 4 * 4, b"\0") for row in rows)
    start = 14 + len(header) + len(colors)
    whole = b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + colors + data
    return whole[:len(whole) - cut]


BMP |= {
    "palette_4_of_256": indexed(8, 4, 4),
    "palette_states_all": indexed(8, 4, 0),
    "palette_3_of_16": indexed(4, 3, 3),
    "no_last_padding": indexed(8, 256, 0, 3),
    "last_pixel_cut": indexed(8, 256, 0, 4),
    "no_last_padding_24": bmp(24, (), [row.tobytes() for row in rgb[:, ::-1]], compression=0)[:-1],
}
def no_offset(data):
    return data[:10] + bytes(4) + data[14:]


BMP |= {
    "no_offset_24": no_offset(bmp(24, (), [row.tobytes() for row in rgb[:, ::-1]], compression=0)),
    "no_offset_565": no_offset(bmp(16, (0xF800, 0x7E0, 0x1F), words(np.uint16))),
    "no_offset_v4": no_offset(bmp(32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), words(np.uint32), 108)),
    "no_offset_palette": no_offset(indexed(8, 256, 0)),
    "no_offset_16_colors": no_offset(indexed(4, 16, 16)),
}
for name, data in BMP.items():
    (OUT / f"{name}.bmp").write_bytes(data)

picture = Image.fromarray(rgb).quantize(16)
for interlace in (0, 1):
    buffer = io.BytesIO()
    picture.save(buffer, "GIF", interlace=interlace)
    for cut in range(4):
        (OUT / f"{'woven_' if interlace else ''}cut_{cut}.gif").write_bytes(buffer.getvalue()[:len(buffer.getvalue()) - cut])

with open(OUT.parent / "odd.tsv", "w") as table:
    for file in sorted(OUT.iterdir()):
        try:
            with Image.open(file) as image:
                plain = image.convert("RGB")
                result = (*plain.size, hashlib.sha256(plain.tobytes()).hexdigest())
        except (OSError, SyntaxError):
            result = (0, 0, "refused")
        print(file.name, *result, sep="\t", file=table)
