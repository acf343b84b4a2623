"""Records what CLIPImageProcessor (the slow, Pillow one) makes of the images of tests/data/golden.

    pip install transformers==4.57.3 pillow==11.3.0 numpy && python make_processor.py

processor/NAME.json is a preprocessor_config.json; processor.tsv: config, image, pad to square (0/1), height, width,
SHA-256 of the float32 [3, H, W] bytes.
"""
import hashlib
import json
import pathlib

import numpy as np
from PIL import Image
from transformers import CLIPImageProcessor

HERE = pathlib.Path(__file__).parent
IMAGES = HERE.parent.parent / "data" / "golden" / "images"
CONFIGS = {
    "clip": dict(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
    "odd": dict(size={"shortest_edge": 33}, crop_size={"height": 28, "width": 30}, image_mean=[0.87, 0.87, 0.87],
                image_std=[0.2, 0.2, 0.2]),
    "pad_crop": dict(size={"shortest_edge": 20}, crop_size={"height": 31, "width": 33}),
    "exact": dict(size={"height": 24, "width": 40}, do_center_crop=False),
    "plain": dict(do_resize=False, do_center_crop=False, do_normalize=False),
}


def square(image, mean):
    side = max(image.size)
    canvas = Image.new("RGB", (side, side), tuple(int(m * 255) for m in mean))
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas


(HERE / "processor").mkdir(exist_ok=True)
with open(HERE / "processor.tsv", "w") as table:
    for name, options in CONFIGS.items():
        processor = CLIPImageProcessor(**options)
        (HERE / "processor" / f"{name}.json").write_text(json.dumps(json.loads(processor.to_json_string())) + "\n")
        for file in ("noise.png", "rgba.png", "bilevel.png", "plain.jpg", "offset.gif"):
            for pad in (False, True):
                with Image.open(IMAGES / file) as image:
                    image = image.convert("RGB")
                    if pad:
                        image = square(image, processor.image_mean)
                    pixels = processor(image, return_tensors="np")["pixel_values"][0]
                assert pixels.dtype == np.float32
                digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
                print(name, file, int(pad), *pixels.shape[1:], digest, sep="\t", file=table)
