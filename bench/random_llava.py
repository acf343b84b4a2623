#!/usr/bin/env python3
"""An HF folder of LLaVA-1.5-7B's geometry with random weights in bfloat16, to measure speed and memory with (14 GB; a GPU fills it faster).

    v/bin/python bench/random_llava.py FOLDER [--layers 32] [--device cuda]

Tokenizer and image processor are the mini model's, the latter at 336 pixels.
"""
import argparse
import json
import pathlib
import shutil

import torch
from transformers import LlavaConfig, LlavaForConditionalGeneration

MINI = pathlib.Path(__file__).resolve().parent.parent / "data" / "mini" / "model"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    tree = json.loads((MINI / "config.json").read_text())
    tree["vision_feature_layer"], tree["image_seq_length"] = -2, 576
    tree["vision_config"] |= dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336,
                                  patch_size=14, projection_dim=768)
    tree["text_config"] |= dict(vocab_size=32064, hidden_size=4096, intermediate_size=11008, num_hidden_layers=options.layers,
                                num_attention_heads=32, num_key_value_heads=32, head_dim=128, max_position_embeddings=4096)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(options.device):
        model = LlavaForConditionalGeneration(LlavaConfig(**tree))
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "special_tokens_map.json"):
        shutil.copy(MINI / name, options.folder)
    tokenizer = json.loads((MINI / "tokenizer_config.json").read_text())
    tokenizer["extra_special_tokens"] = {"image_token": "<image>"}  # the authors' script asks the tokenizer for it
    (options.folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    model.save_pretrained(options.folder)
    processor = json.loads((MINI / "preprocessor_config.json").read_text())
    processor |= {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
    (options.folder / "preprocessor_config.json").write_text(json.dumps(processor))


if __name__ == "__main__":
    main()
