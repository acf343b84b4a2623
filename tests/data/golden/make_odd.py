"""Writes odd/*: damaged PNGs and GIFs and unusual BMPs, and odd.tsv with what Pillow makes of them.

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


def head(interlace=0, kind=2):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, kind, 0, 0, interlace))


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
frame = struct.pack(">IIIIIHHBB", 0, W, H, 0, 0, 1, 10, 0, 0)
for name, odd in {
    "short_size": chunk(b"pHYs", bytes(8)),
    "short_srgb": chunk(b"sRGB", b""),
    "short_gamma": chunk(b"gAMA", b"abc"),
    "short_transparency": chunk(b"tRNS", bytes(5)),
    "short_frame": chunk(b"fcTL", frame[:25]),
    "second_frame_first": chunk(b"fcTL", b"\0\0\0\1" + frame[4:]),
    "colors_of_33_bytes": chunk(b"cHRM", bytes(33)),
    "colors_of_8_bytes": chunk(b"cHRM", bytes(8)),
    "profile_without_name": chunk(b"iCCP", b"abc"),
    "profile_in_unknown_compression": chunk(b"iCCP", b"abc\0\1abc"),
    "profile_of_junk": chunk(b"iCCP", b"abc\0\0junk"),
    "long_profile": chunk(b"iCCP", b"abc\0\0" + zlib.compress(bytes((1 << 20) + 5))),
    "long_text": chunk(b"zTXt", b"abc\0\0" + zlib.compress(bytes((1 << 20) + 5))),
    "packed_text": chunk(b"iTXt", b"abc\0\1\0en\0abc\0" + zlib.compress(b"def")),
    "long_international_text": chunk(b"iTXt", b"abc\0\1\0en\0abc\0" + zlib.compress(bytes((1 << 20) + 5))),
}.items():
    PNG[f"before_{name}"] = HEAD + odd + chunk(b"IDAT", Z) + END
    PNG[f"after_{name}"] = DATA + odd + END
indices = chunk(b"IDAT", packed(bytes(range(W * y, W * y + W)) for y in range(H)))
for colors in (None, 0, 7, 48, 766, 768, 770, 771):
    palette = b"" if colors is None else chunk(b"PLTE", bytes((7 * i) % 256 for i in range(colors)))
    PNG[f"palette_of_{colors}_bytes"] = head(kind=3) + palette + indices + END
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


def greys(count):
    """An 8-bit BMP whose palette is `count` greys in order, which Pillow does not look up; or black and white."""
    colors = b"".join(bytes([255 * i if count == 2 else i % 256]) * 3 + b"\0" for i in range(count))
    rows = [bytes((W * y + x) % 256 for x in range(W)) + bytes(3) for y in range(H)]
    header = struct.pack("<IiiHHIIiiII", 40, W, H, 1, 8, 0, 0, 2835, 2835, count, 0)
    start = 54 + len(colors)
    return b"BM" + struct.pack("<IHHI", start + 12 * H, 0, 0, start) + header + colors + b"".join(rows)


BMP |= {
    "palette_of_257": indexed(8, 257, 257),
    "palette_of_257_that_ends": indexed(8, 256, 65536)[:14 + 40 + 1024],
    "palette_states_65536": indexed(8, 256, 65536),
    "palette_states_65537": indexed(8, 4, 65537),
    "palette_states_17_of_16": indexed(4, 16, 17),
    "palette_of_4_bits_and_17": indexed(4, 17, 17),
    "greys_4": greys(4),
    "greys_257": greys(257),
    "black_and_white_in_bytes": greys(2),
    "offset_of_palette": (lambda data: data[:10] + struct.pack("<I", 54) + data[14:])(indexed(4, 16, 16)),
    "header_of_48_bytes": bmp(24, (), [row.tobytes() for row in rgb[:, ::-1]], 48, compression=0),
    "repeated_masks": bmp(32, (0xFF, 0xFF, 0xFF), words(np.uint32)),
    "alpha_among_masks": bmp(32, (0xFF0000, 0xFF00, 0xFF, 0xFF), words(np.uint32), 108),
}
for name, data in BMP.items():
    (OUT / f"{name}.bmp").write_bytes(data)

picture = Image.fromarray(rgb).quantize(16)
for interlace in (0, 1):
    buffer = io.BytesIO()
    picture.save(buffer, "GIF", interlace=interlace)
    for cut in range(4):
        (OUT / f"{'woven_' if interlace else ''}cut_{cut}.gif").write_bytes(buffer.getvalue()[:len(buffer.getvalue()) - cut])



def gif(codes=None, bits=8, between=b"", screen=None, own=None, place=(0, 0, W, H), blocks=None):
    """A GIF of the colours (3i, 5i, 7i); its codes have one bit more than its pixels, so few may follow a clearing."""
    pixels = [(5 * i) % (1 << min(bits, 8)) for i in range(W * H)]
    clear = 1 << bits
    codes = [clear, *pixels, clear + 1] if codes is None else codes(clear, pixels)
    number = sum(code << (bits + 1) * i for i, code in enumerate(codes))
    data = number.to_bytes((len(codes) * (bits + 1) + 7) // 8, "little")
    blocks = bytes([len(data)]) + data + b"\0" if blocks is None else blocks(data)
    colors = bytes(factor * i % 256 for i in range(256) for factor in (3, 5, 7)) if screen is None else screen
    head = b"GIF89a" + struct.pack("<HHBBB", W, H, 0xF0 | (len(colors) // 3).bit_length() - 2, 0, 0) + colors
    own = (b"\0", b"") if own is None else (bytes([0x80 | (len(own) // 3).bit_length() - 2]), own)
    return head + between + b"," + struct.pack("<HHHH", *place) + own[0] + own[1] + bytes([bits]) + blocks + b";"


ramp = bytes(i for i in range(256) for _ in range(3))
GIF = {
    "plain": gif(),
    "end_code_missing": gif(lambda clear, p: [clear, *p]),
    "end_code_early": gif(lambda clear, p: [clear, *p[:-1], clear + 1]),
    "pixel_missing": gif(lambda clear, p: [clear, *p[:-1]]),
    "pixels_too_many": gif(lambda clear, p: [clear, *p, *p, clear + 1]),
    "clear_missing": gif(lambda clear, p: [*p, clear + 1]),
    "clear_often": gif(lambda clear, p: [clear, clear, *p[:9], clear, clear, *p[9:], clear + 1]),
    "code_next": gif(lambda clear, p: [clear, 7, clear + 2, clear + 3, *p]),
    "code_next_after_clear": gif(lambda clear, p: [clear, clear + 2, *p]),
    "code_too_large": gif(lambda clear, p: [clear, 7, clear + 4, *p]),
    "code_too_large_behind": gif(lambda clear, p: [clear, *p, 511]),
    "block_empty_inside": gif(blocks=lambda data: bytes([9]) + data[:9] + b"\0" + bytes([len(data) - 9]) + data[9:] + b"\0"),
    "block_cut": gif(blocks=lambda data: bytes([len(data) + 9]) + data),
    "blocks_cut": gif(blocks=lambda data: bytes([9]) + data[:9] + b"\0"),
    "bits_0": gif(bits=0),
    "bits_1": gif(bits=1),
    "bits_9": gif(bits=9),
    "bits_12": gif(bits=12),
    "bits_13": gif(bits=13),
    "junk_between": gif(between=b"\1junk"),
    "end_between": gif(between=b";"),
    "control": gif(between=b"!\xf9\4\1\0\0\5\0", place=(2, 1, W - 3, H - 2)),
    "control_of_3": gif(between=b"!\xf9\3\0\0\0\0"),
    "control_of_3_transparent": gif(between=b"!\xf9\3\1\0\0\0"),
    "control_of_2": gif(between=b"!\xf9\2\0\0\0"),
    "control_empty": gif(between=b"!\xf9\0\1a\0"),
    "comment_empty": gif(between=b"!\xfe\0"),
    "loop_empty": gif(between=b"!\xff\x0bNETSCAPE2.0\0\1a\0"),
    "palette_of_4": gif(screen=bytes(range(100, 112))),
    "ramp": gif(screen=ramp),
    "ramp_of_4": gif(screen=ramp[:12]),
    "ramp_of_its_own": gif(own=ramp),
    "palette_of_its_own": gif(own=bytes(range(100, 112))),
    "no_width": gif(place=(1, 1, 0, H)),
    "no_height": gif(place=(0, 0, W, 0)),
}
for name, data in GIF.items():
    (OUT / f"{name}.gif").write_bytes(data)

with open(OUT.parent / "odd.tsv", "w") as table:
    for file in sorted(OUT.iterdir()):
        try:
            with Image.open(file) as image:
                plain = image.convert("RGB")
                result = (*plain.size, hashlib.sha256(plain.tobytes()).hexdigest())
        except Exception:  # a damaged file raises what it happens to break
            result = (0, 0, "refused")
        print(file.name, *result, sep="\t", file=table)
