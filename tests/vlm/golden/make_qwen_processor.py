"""Records what Qwen-VL's image processors make of the images of tests/data/golden.

    pip install torch==2.11.0 torchvision==0.26.0 transformers==4.57.3 pillow==11.3.0 numpy && python make_qwen_processor.py

qwen_sizes.tsv: height, width, factor, least and most pixels, then smart_resize's height and width.
qwen_processor.tsv: config, image, grid rows and columns in patches, SHA-256 of the slow (Pillow) class's pixel_values.
qwen_fast.safetensors: pixel_values of the fast (torchvision) class on two images, as 8-bit levels.
processor/qwen*.json are preprocessor_config.json files: sizes as areas (newer) or min_pixels and max_pixels (older).
"""
import hashlib
import json
import pathlib

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import Qwen2VLImageProcessor, Qwen2VLImageProcessorFast
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

HERE = pathlib.Path(__file__).parent
IMAGES = HERE.parent.parent / "data" / "golden" / "images"
HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
CONFIGS = {
    "qwen3": {"image_processor_type": "Qwen2VLImageProcessorFast", "patch_size": 16, "temporal_patch_size": 2,
              "merge_size": 2, "size": {"shortest_edge": 4096, "longest_edge": 20000}, **HALF},
    "qwen25": {"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 14, "temporal_patch_size": 2,
               "merge_size": 2, "min_pixels": 3136, "max_pixels": 8000,
               "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]},
}


def sizes():
    rows = []
    for height, width in ((480, 640), (336, 336), (100, 77), (16, 16), (1080, 1920), (3000, 4000), (5000, 5000),
                          (427, 640), (272, 272), (48, 80), (1, 200), (7, 1399), (640, 3), (2160, 33)):
        for factor, least, most in ((32, 65536, 16777216), (32, 262144, 589824), (28, 3136, 12845056), (28, 784, 1000)):
            rows.append((height, width, factor, least, most, *smart_resize(height, width, factor, least, most))
                        if max(height, width) / min(height, width) <= 200 else None)
    (HERE / "qwen_sizes.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows if row))


def main():
    sizes()
    fast_levels = {}
    with open(HERE / "qwen_processor.tsv", "w") as table:
        for name, settings in CONFIGS.items():
            (HERE / "processor" / f"{name}.json").write_text(json.dumps(settings) + "\n")
            own = {k: v for k, v in settings.items() if k not in ("image_processor_type", "size")}
            limits = settings.get("size", {})
            if limits:  # the slow class of 4.57.3 overlooks `size`
                own |= {"min_pixels": limits["shortest_edge"], "max_pixels": limits["longest_edge"]}
            slow = Qwen2VLImageProcessor(**own)
            fast = Qwen2VLImageProcessorFast(**{k: v for k, v in settings.items() if k != "image_processor_type"})
            for file in ("noise.png", "rgba.png", "bilevel.png", "plain.jpg", "offset.gif"):
                with Image.open(IMAGES / file) as opened:
                    image = opened.convert("RGB")
                out = slow(images=[image], return_tensors="np")
                values = out["pixel_values"].astype(np.float32)
                _, rows, columns = out["image_grid_thw"][0].tolist()
                digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
                print(name, file, rows, columns, digest, sep="\t", file=table)
                theirs = fast(images=[image], return_tensors="pt")
                assert theirs["image_grid_thw"][0].tolist() == [1, rows, columns]
                if file == "plain.jpg":
                    patch = settings["patch_size"]
                    mean, std = (torch.tensor(settings[k]).view(1, 3, 1) for k in ("image_mean", "image_std"))
                    levels = theirs["pixel_values"].view(-1, 3, 2, patch * patch)[:, :, 0] * std + mean
                    fast_levels[name] = (255 * levels).round().to(torch.uint8).contiguous()
    save_file(fast_levels, HERE / "qwen_fast.safetensors")
    (HERE / "qwen_fast.safetensors").chmod(0o644)


main()
