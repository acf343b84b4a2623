"""Writes images/* in every format that pools contain, and images.tsv / resize.tsv with what Pillow makes of them.

    pip install pillow==11.3.0 numpy && python make_images.py

images.tsv: file, width, height, SHA-256 of the bytes of Image.open(file).convert("RGB").
resize.tsv: file, width, height, SHA-256 after resize((w, h), BICUBIC).
"""
import hashlib
import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

Image.MAX_IMAGE_PIXELS = None

OUT = pathlib.Path(__file__).parent / "images"
OUT.mkdir(exist_ok=True)
rng = np.random.default_rng(7)
W, H = 45, 31
y, x = np.mgrid[0:H, 0:W]
base = np.stack([x * 5, y * 8, (x * y) % 256], -1) + rng.integers(-20, 20, (H, W, 3))
rgb = np.clip(base, 0, 255).astype(np.uint8)
alpha = ((x * 11 + y * 7) % 256).astype(np.uint8)
picture = Image.fromarray(rgb)
rgba = Image.fromarray(np.dstack([rgb, alpha]))


def raw_png(width, height, depth, kind, rows, interlace=0):
    """A PNG by hand, for what Pillow cannot write; rows are bytes without filter bytes."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def adam7(pixels):
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    for x0, y0, dx, dy in passes:
        for row in pixels[y0::dy]:
            part = row[x0::dx]
            if len(part):
                yield part.tobytes()


def save(name, image, **options):
    image.save(OUT / name, **options)


save("rgb.png", picture)
save("rgba.png", rgba)
save("grey.png", picture.convert("L"))
save("grey_alpha.png", rgba.convert("LA"))
save("bilevel.png", picture.convert("1"))
save("palette.png", picture.quantize(64))
save("palette4.png", picture.quantize(13), bits=4)
save("palette_transparent.png", picture.quantize(32), transparency=3)
save("grey16.png", Image.fromarray((np.arange(H * W).reshape(H, W) % 700).astype(np.uint16)))
wide = np.repeat(rgb, 2, axis=2).astype(np.uint8)
wide[..., 1::2] = rng.integers(0, 256, rgb.shape)
(OUT / "rgb16.png").write_bytes(raw_png(W, H, 16, 2, [r.tobytes() for r in wide]))
grey_alpha16 = np.dstack([rgb[..., 0], rgb[..., 1], alpha, alpha])
(OUT / "grey_alpha16.png").write_bytes(raw_png(W, H, 16, 4, [r.tobytes() for r in grey_alpha16]))
(OUT / "grey2.png").write_bytes(raw_png(W, H, 2, 0, [rng.bytes((W * 2 + 7) // 8) for _ in range(H)]))
(OUT / "interlaced.png").write_bytes(raw_png(W, H, 8, 2, list(adam7(rgb)), 1))

save("plain.jpg", picture, quality=90)
save("444.jpg", picture, quality=75, subsampling=0)
save("422.jpg", picture, quality=75, subsampling=1)
save("progressive.jpg", picture, quality=80, progressive=True)
save("grey.jpg", picture.convert("L"), quality=85)
save("cmyk.jpg", picture.convert("CMYK"), quality=90)
exif = Image.Exif()
for orientation in (3, 6, 7):
    exif[0x0112] = orientation
    save(f"orientation{orientation}.jpg", picture, quality=90, exif=exif)
save("png_named.jpg", picture, format="PNG")

save("lossy.webp", picture, quality=80)
save("lossless.webp", picture, lossless=True)
save("alpha.webp", rgba, quality=80)
save("alpha_lossless.webp", rgba, lossless=True, exact=True)
save("animated.webp", picture, save_all=True, append_images=[ImageOps.invert(picture)], duration=100, lossless=True)

save("plain.gif", picture.quantize(100))
save("transparent.gif", picture.quantize(20), transparency=5)
save("animated.gif", picture.quantize(30), save_all=True, append_images=[ImageOps.invert(picture).quantize(30)])
save("grey.gif", picture.convert("L"))
# A first frame that does not fill the screen: 6 x 4 pixels at (3, 2) of 12 x 9, two colours.
small = Image.fromarray((rng.integers(0, 4, (4, 6))).astype(np.uint8))
small.putpalette([250, 10, 20, 30, 240, 50, 60, 70, 230, 1, 2, 3])
buffer = io.BytesIO()
small.save(buffer, format="GIF", interlace=0)
data = bytearray(buffer.getvalue())
data[6:10] = struct.pack("<HH", 12, 9)
at = data.index(b"\x2c\0\0\0\0\x06\0\x04\0")
data[at + 1:at + 5] = struct.pack("<HH", 3, 2)
(OUT / "offset.gif").write_bytes(bytes(data))

# One pixel in every format, and the largest picture of real pools: 12,000 x 9,000.
for name in ("1x1.png", "1x1.jpg", "1x1.webp", "1x1.gif", "1x1.bmp"):
    save(name, Image.new("RGB", (1, 1), (200, 30, 90)))
stripes = np.packbits((np.add.outer(np.arange(9000) // 500, np.arange(12000) // 750) % 2).astype(np.uint8), axis=1)
Image.frombytes("1", (12000, 9000), stripes.tobytes()).save(OUT / "12000x9000.png", optimize=True)

# Bombs: valid headers that declare 60,000 x 60,000 pixels, followed by hardly anything.
BOMBS = OUT.parent / "bombs"
BOMBS.mkdir(exist_ok=True)
(BOMBS / "bomb.png").write_bytes(raw_png(60000, 60000, 8, 2, [b"\0" * 100]))
(BOMBS / "interlaced.png").write_bytes(raw_png(60000, 60000, 16, 6, [b"\0" * 100], 1))
for name, options in (("bomb.jpg", {}), ("progressive.jpg", {"progressive": True})):
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", **options)
    data = bytearray(buffer.getvalue())
    at = next(data.index(m) for m in (b"\xff\xc0\0\x11", b"\xff\xc2\0\x11") if m in data)
    data[at + 5:at + 9] = struct.pack(">HH", 60000, 60000)
    (BOMBS / name).write_bytes(bytes(data))
buffer = io.BytesIO()
picture.quantize(8).save(buffer, format="GIF")
data = bytearray(buffer.getvalue())
data[6:10] = struct.pack("<HH", 60000, 60000)
(BOMBS / "bomb.gif").write_bytes(bytes(data))
buffer = io.BytesIO()
picture.save(buffer, format="BMP")
data = bytearray(buffer.getvalue())
data[18:26] = struct.pack("<ii", 60000, 60000)
(BOMBS / "bomb.bmp").write_bytes(bytes(data))

save("24.bmp", picture)
save("8.bmp", picture.quantize(40))
save("1.bmp", picture.convert("1"))
save("32.bmp", rgba)


def digest(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


with open(OUT.parent / "images.tsv", "w") as table:
    for file in sorted(OUT.iterdir()):
        with Image.open(file) as image:
            plain = image.convert("RGB")
            print(file.name, *plain.size, digest(plain), sep="\t", file=table)

with open(OUT.parent / "resize.tsv", "w") as table:
    noise = Image.fromarray(rng.integers(0, 256, (97, 131, 3), dtype=np.uint8))
    noise.save(OUT / "noise.png")
    for name in ("noise.png", "rgb.png", "bilevel.png"):
        with Image.open(OUT / name) as image:
            for size in ((48, 36), (336, 249), (45, 31), (131, 20), (17, 97), (1, 1), (200, 31), (13, 13)):
                resized = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
                print(name, *size, digest(resized), sep="\t", file=table)
