#!/usr/bin/env python3
"""An HF folder of LLaVA-1.5-7B's geometry with random weights in bfloat16 (14 GB), to measure speed and memory with.

    bench/random_llava.py FOLDER [--layers 32]

Needs Python alone. Tokenizer and image processor are the mini model's, the latter at 336 pixels.
"""
import argparse
import array
import json
import pathlib
import random
import shutil
import struct

MINI = pathlib.Path(__file__).resolve().parent.parent / "data" / "mini" / "model"
TOWER = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336, patch_size=14,
             projection_dim=768)
TEXT = dict(vocab_size=32064, hidden_size=4096, intermediate_size=11008, num_attention_heads=32, num_key_value_heads=32, head_dim=128,
            max_position_embeddings=4096)
VALUES = 1_048_573  # drawn once and repeated; a prime, so that the rows of no matrix repeat


def shapes(layers):
    """Name and shape of every tensor, as transformers writes them."""
    d, inner, patch = TOWER["hidden_size"], TOWER["intermediate_size"], TOWER["patch_size"]
    tower = "model.vision_tower.vision_model."
    tensors = {tower + "embeddings.class_embedding": (d,), tower + "embeddings.patch_embedding.weight": (d, 3, patch, patch),
               tower + "embeddings.position_embedding.weight": ((TOWER["image_size"] // patch) ** 2 + 1, d)}

    def linear(name, out, into, bias):
        tensors[name + ".weight"] = (out, into)
        if bias:
            tensors[name + ".bias"] = (out,)

    def norm(name):
        tensors[name + ".weight"] = tensors[name + ".bias"] = (d,)

    norm(tower + "pre_layrnorm")
    norm(tower + "post_layernorm")
    for layer in range(TOWER["num_hidden_layers"]):
        place = f"{tower}encoder.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            linear(place + "self_attn." + name, d, d, True)
        linear(place + "mlp.fc1", inner, d, True)
        linear(place + "mlp.fc2", d, inner, True)
        norm(place + "layer_norm1")
        norm(place + "layer_norm2")
    width, hidden = TEXT["hidden_size"], TEXT["intermediate_size"]
    linear("model.multi_modal_projector.linear_1", width, d, True)
    linear("model.multi_modal_projector.linear_2", width, width, True)
    tensors["model.language_model.embed_tokens.weight"] = tensors["lm_head.weight"] = (TEXT["vocab_size"], width)
    tensors["model.language_model.norm.weight"] = (width,)
    for layer in range(layers):
        place = f"model.language_model.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            linear(place + "self_attn." + name, width, width, False)
        for name in ("gate_proj", "up_proj"):
            linear(place + "mlp." + name, hidden, width, False)
        linear(place + "mlp.down_proj", width, hidden, False)
        tensors[place + "input_layernorm.weight"] = tensors[place + "post_attention_layernorm.weight"] = (width,)
    return tensors


def bfloat16(values):
    """Their bytes: the upper half of each float32."""
    upper = array.array("H", struct.pack(f"<{len(values)}f", *values))[1::2]
    return upper.tobytes()


def write_weights(file, tensors):
    rng = random.Random(1)
    noise, one = bfloat16([rng.gauss(0, 0.02) for _ in range(VALUES)]), bfloat16([1.0])
    header, end = {"__metadata__": {"format": "pt"}}, 0
    count = {}
    for name, shape in tensors.items():
        count[name] = 1
        for size in shape:
            count[name] *= size
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [end, end + 2 * count[name]]}
        end += 2 * count[name]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(file, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        at = 0
        for name, number in count.items():
            if "norm" in name and name.endswith("weight"):
                out.write(one * number)
                continue
            while number > 0:
                taken = min(number, VALUES - at)
                out.write(noise[2 * at:2 * (at + taken)])
                at, number = (at + taken) % VALUES, number - taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=32)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    tree = json.loads((MINI / "config.json").read_text())
    tree["vision_feature_layer"], tree["image_seq_length"] = -2, 576
    tree["dtype"] = "bfloat16"
    tree["vision_config"] |= TOWER
    tree["text_config"] |= TEXT | {"num_hidden_layers": options.layers}
    (options.folder / "config.json").write_text(json.dumps(tree, indent=1))
    write_weights(options.folder / "model.safetensors", shapes(options.layers))
    for name in ("tokenizer.json", "special_tokens_map.json"):
        shutil.copy(MINI / name, options.folder)
    tokenizer = json.loads((MINI / "tokenizer_config.json").read_text())
    tokenizer["extra_special_tokens"] = {"image_token": "<image>"}  # the authors' script asks the tokenizer for it
    (options.folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    processor = json.loads((MINI / "preprocessor_config.json").read_text())
    processor |= {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
    (options.folder / "preprocessor_config.json").write_text(json.dumps(processor))


if __name__ == "__main__":
    main()
