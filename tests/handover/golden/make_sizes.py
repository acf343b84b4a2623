"""How many visual tokens the trainers make of pictures of many sizes: sizes.json.

    LLAMAFACTORY/bin/python make_sizes.py llamafactory && MS_SWIFT/bin/python make_sizes.py ms-swift

In the environments of make_llamafactory.py and make_ms_swift.py, one after the other: each replaces its own lines.
LLaMA-Factory: its plugin and transformers' processor with the bounds of the published folders. ms-swift: qwen_vl_utils
with its own bounds. "factor": pixels of a visual token's side; "least" and "most": the area.
"""
import json
import pathlib
import sys
import types

from PIL import Image

HERE = pathlib.Path(__file__).parent
SIDES = [1, 10, 13, 30, 45, 100, 335, 640, 769, 1000, 2047, 3000]
SIZES = [(w, h) for w in SIDES for h in SIDES if max(w, h) <= 190 * min(w, h)]
MODELS = [("qwen2_vl", 14, 3136, 12845056), ("qwen3_vl_nothink", 16, 65536, 16777216)]


def llamafactory():
    from llamafactory.data.template import TEMPLATES
    from transformers import Qwen2VLImageProcessor
    for name, patch, least, most in MODELS:
        plugin = TEMPLATES[name].mm_plugin
        processor = Qwen2VLImageProcessor(patch_size=patch, size={"shortest_edge": least, "longest_edge": most})
        loaded = types.SimpleNamespace(image_processor=processor, video_processor=None)
        sizes = []
        for w, h in SIZES:
            grid = plugin._get_mm_inputs([Image.new("RGB", (w, h))], [], [], loaded)["image_grid_thw"][0]
            sizes.append([w, h, int(grid.prod()) // 4])
        yield {"trainer": "llamafactory", "factor": 2 * patch, "least": least, "most": most, "sizes": sizes}


def ms_swift():
    from qwen_vl_utils import vision_process
    for _, patch, _, _ in MODELS:
        factor = 2 * patch
        for low, high in ((4, 16384), (256, 576)):
            sizes = []
            for w, h in SIZES:
                rows, columns = vision_process.smart_resize(h, w, factor, low * factor**2, high * factor**2)
                sizes.append([w, h, rows * columns // factor**2])
            yield {"trainer": "ms-swift", "factor": factor, "least": low * factor**2, "most": high * factor**2, "sizes": sizes}


file = HERE / "sizes.json"
lines = [line for line in (json.loads(file.read_text()) if file.exists() else []) if line["trainer"] != sys.argv[1]]
lines += llamafactory() if sys.argv[1] == "llamafactory" else ms_swift()
file.write_text("[" + ",\n".join(json.dumps(line, separators=(",", ":")) for line in lines) + "]\n")
