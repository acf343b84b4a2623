#!/usr/bin/env python3
"""Stand-ins for what the paper's experiments are run on: the real files' layouts and names, small and random.

    stand_ins.py SOURCE WORLD OUT     SOURCE: the repository, WORLD: what `scalselect mini world` wrote

OUT/llava-1.5-7b-hf        llava-hf/llava-1.5-7b-hf: 32 decoder layers, three shards of float16 with an index, names of the hub's
OUT/Qwen3-VL-4B-Instruct   the tiny Qwen3-VL of tests/vlm/golden, with room for long prompts
OUT/pool                   llava_v1_5_mix665k.json (rows without a picture last), LLaVA-V-625K.json (with pictures alone), folders of
                           pictures named as LLaVA's are; target.json, the rows that stand for benchmarks
OUT/eval                   the files of eval=paper as VLMEvalKit, LLaVA and the benchmarks' authors name them
"""
import array
import json
import os
import pathlib
import random
import shutil
import struct
import sys

SOURCE, WORLD, OUT = map(pathlib.Path, sys.argv[1:4])
HIDDEN, HEADS, MLP, LAYERS = 32, 4, 48, 32
TOWER, TOWER_MLP, BLOCKS, IMAGE, PATCH = 32, 48, 3, 56, 14


def half(values):
    return struct.pack(f"<{len(values)}e", *values)


def llava_tensors(vocabulary):
    def linear(name, out, into, bias):
        yield name + ".weight", [out, into], 1 / into ** 0.5, 0
        if bias:
            yield name + ".bias", [out], 0.1, 0

    def norm(name, size, bias):
        yield name + ".weight", [size], 0.1, 1
        if bias:
            yield name + ".bias", [size], 0.1, 0

    at = "vision_tower.vision_model."
    yield at + "embeddings.class_embedding", [TOWER], 0.5, 0
    yield at + "embeddings.patch_embedding.weight", [TOWER, 3, PATCH, PATCH], 0.05, 0
    yield at + "embeddings.position_embedding.weight", [(IMAGE // PATCH) ** 2 + 1, TOWER], 0.5, 0
    yield from norm(at + "pre_layrnorm", TOWER, True)
    for i in range(BLOCKS):
        block = f"{at}encoder.layers.{i}."
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from linear(f"{block}self_attn.{name}", TOWER, TOWER, True)
        yield from linear(block + "mlp.fc1", TOWER_MLP, TOWER, True)
        yield from linear(block + "mlp.fc2", TOWER, TOWER_MLP, True)
        yield from norm(block + "layer_norm1", TOWER, True)
        yield from norm(block + "layer_norm2", TOWER, True)
    yield from norm(at + "post_layernorm", TOWER, True)
    yield from linear("multi_modal_projector.linear_1", HIDDEN, TOWER, True)
    yield from linear("multi_modal_projector.linear_2", HIDDEN, HIDDEN, True)
    yield "language_model.model.embed_tokens.weight", [vocabulary, HIDDEN], 1, 0
    for i in range(LAYERS):
        layer = f"language_model.model.layers.{i}."
        for name in "qkvo":
            yield from linear(f"{layer}self_attn.{name}_proj", HIDDEN, HIDDEN, False)
        yield from linear(layer + "mlp.gate_proj", MLP, HIDDEN, False)
        yield from linear(layer + "mlp.up_proj", MLP, HIDDEN, False)
        yield from linear(layer + "mlp.down_proj", HIDDEN, MLP, False)
        yield from norm(layer + "input_layernorm", HIDDEN, False)
        yield from norm(layer + "post_attention_layernorm", HIDDEN, False)
    yield from norm("language_model.model.norm", HIDDEN, False)
    yield from linear("language_model.lm_head", vocabulary, HIDDEN, False)


def write_shards(folder, tensors, shards):
    rng = random.Random(5)
    pool = array.array("d", (rng.gauss(0, 1) for _ in range(65537)))
    made, at = [], 0
    for name, shape, spread, middle in tensors:
        size = 1
        for length in shape:
            size *= length
        values = [middle + spread * pool[(at + i) % len(pool)] for i in range(size)]
        at += size
        made.append((name, shape, half(values)))
    each = -(-len(made) // shards)
    index = {}
    for number in range(shards):
        part = made[number * each:(number + 1) * each]
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        header, end = {"__metadata__": {"format": "pt"}}, 0
        for name, shape, data in part:
            header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + len(data)]}
            end += len(data)
            index[name] = file
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        (folder / file).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in part))
    total = sum(len(data) for _, _, data in made)
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": index})


def write_json(file, tree):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(tree, indent=2) + "\n")


def llava():
    folder, mini = OUT / "llava-1.5-7b-hf", SOURCE / "data/mini/model"
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(mini / name, folder)
    own = json.loads((mini / "config.json").read_text())
    vocabulary = own["text_config"]["vocab_size"]
    write_json(folder / "config.json", {
        "architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_seq_length": (IMAGE // PATCH) ** 2,
        "image_token_index": own["image_token_index"], "model_type": "llava", "pad_token_id": own["pad_token_id"],
        "projector_hidden_act": "gelu", "tie_word_embeddings": False, "torch_dtype": "float16",
        "text_config": {
            "architectures": ["LlamaForCausalLM"], "hidden_size": HIDDEN, "intermediate_size": MLP, "max_position_embeddings": 4096,
            "model_type": "llama", "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "num_key_value_heads": HEADS,
            "rms_norm_eps": 1e-05, "torch_dtype": "float16", "vocab_size": vocabulary},
        "vision_config": {
            "hidden_size": TOWER, "image_size": IMAGE, "intermediate_size": TOWER_MLP, "model_type": "clip_vision_model",
            "num_attention_heads": HEADS, "num_hidden_layers": BLOCKS, "patch_size": PATCH, "projection_dim": TOWER,
            "vocab_size": 32000},
        "vision_feature_layer": -2, "vision_feature_select_strategy": "default"})
    write_json(folder / "generation_config.json", {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3})
    processor = json.loads((mini / "preprocessor_config.json").read_text())
    processor.update(size={"shortest_edge": IMAGE}, crop_size={"height": IMAGE, "width": IMAGE}, processor_class="LlavaProcessor")
    write_json(folder / "preprocessor_config.json", processor)
    write_json(folder / "processor_config.json", {
        "image_token": "<image>", "num_additional_image_tokens": 1, "patch_size": PATCH, "processor_class": "LlavaProcessor",
        "vision_feature_select_strategy": "default"})
    write_shards(folder, llava_tensors(vocabulary), 3)


def qwen():
    folder = OUT / "Qwen3-VL-4B-Instruct"
    golden = SOURCE / "tests/vlm/golden/qwen3_base"
    folder.mkdir(parents=True)
    for file in golden.iterdir():
        if file.is_file() and not file.name.startswith("golden"):
            shutil.copy(file, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = 262144
    write_json(folder / "config.json", config)


PLACES = ["coco/train2017/{:012}.png", "gqa/images/{}.png", "ocr_vqa/images/{}.png", "textvqa/train_images/{:016x}.png",
          "vg/VG_100K/{}.png", "vg/VG_100K_2/{}.png"]


def pool():
    folder = OUT / "pool"
    rows = json.loads((WORLD / "pool.json").read_text())
    with_picture, without, target = [], [], []
    places = {}
    for number, row in enumerate(rows):
        source = row.pop("source", "")
        place = places.setdefault(row["image"], PLACES[len(places) % len(PLACES)].format(len(places)))
        link = folder / place
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            os.symlink((WORLD / "images" / row["image"]).resolve(), link)
        if number % 12 == 11:  # ShareGPT's rows
            turns = [{"from": t["from"], "value": t["value"].replace("<image>", "").strip()} for t in row["conversations"]]
            without.append({"id": f"wgByO4Y_{number}", "model": "", "conversations": turns})
        elif number % 12 == 5:
            target.append({"id": str(number), "source": source.split("/")[0], "image": place, "conversations": row["conversations"]})
        else:
            with_picture.append({"id": f"{number // 3:012}", "image": place, "conversations": row["conversations"]})
    write_json(folder / "llava_v1_5_mix665k.json", with_picture + without)
    write_json(folder / "LLaVA-V-625K.json", with_picture)
    write_json(folder / "target.json", target)


def benchmarks():
    made, folder = WORLD / "benchmarks", OUT / "eval"
    folder.mkdir(parents=True)
    for name in ("MMBench_DEV_EN.tsv", "MMBench_DEV_CN.tsv"):
        shutil.copy(made / "mini-mmbench/MMBench_DEV_EN.tsv", folder / name)
    shutil.copy(made / "mini-ai2d/AI2D_TEST.tsv", folder / "AI2D_TEST.tsv")
    shutil.copytree(made / "mini-mme", folder / "MME/MME_Benchmark_release_version")
    shutil.copytree(made / "mini-pope", folder / "pope/coco")
    shutil.copytree(made / "mini-scienceqa", folder / "scienceqa")
    shutil.copytree(made / "mini-ocrbench", folder / "OCRBench")


llava()
qwen()
pool()
benchmarks()
