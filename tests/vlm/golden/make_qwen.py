"""Tiny random Qwen-VL checkpoints and what transformers computes from them.

    python -m venv v && v/bin/pip install torch==2.11.0 torchvision==0.26.0 transformers==4.57.3 peft pillow numpy
    v/bin/python make_qwen.py

Four folders, each an HF model folder with a tokenizer, golden.safetensors, golden.json and a PEFT adapter:
`qwen3_base` (GQA, head_dim != hidden / heads, two DeepStack features, bfloat16 in three shards), `qwen3_tied` (tied head,
three DeepStack features, float16, tensor names of older repacks), `qwen25_base` (windows with ragged borders, flat
config.json, old tensor names, repetition penalty), `qwen25_new` (tied head, nested config.json, new tensor names).
"""

import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessor, Qwen3VLConfig,
                          Qwen3VLForConditionalGeneration)

HERE = pathlib.Path(__file__).parent
PICTURES = HERE.parent.parent / "data" / "golden" / "images"
FIRST = 264  # id of the first added token
ADDED = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
         "<|image_pad|>", "<|video_pad|>"]
ID = {name: FIRST + i for i, name in enumerate(ADDED)}
END, START, STOP, SEE, SEEN, IMAGE, VIDEO = (ID["<|endoftext|>"], ID["<|im_start|>"], ID["<|im_end|>"],
                                             ID["<|vision_start|>"], ID["<|vision_end|>"], ID["<|image_pad|>"],
                                             ID["<|video_pad|>"])
VOCAB = 288


def byte_characters():
    """Byte-level BPE's printable stand-ins of the 256 bytes."""
    keep = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    spare = iter(range(0x100, 0x200))
    return [chr(b) if b in keep else chr(next(spare)) for b in range(256)]


def tokenizer_json():
    vocab = {c: i for i, c in enumerate(byte_characters())}
    merges = [("u", "s"), ("us", "e"), ("use", "r"), ("\u0120", "t"), ("h", "e"), ("\u0120t", "he"), ("i", "s"),
              ("\u010a", "\u010a")]
    for left, right in merges:
        vocab[left + right] = len(vocab)
    assert len(vocab) == FIRST
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": True} for t, i in ID.items()]
    regex = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
             r"\s+(?!\S)|\s+")
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}, byte_level]},
        "post_processor": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab, "merges": [list(pair) for pair in merges]},
    }


def special_ids(variant):
    return dict(image_token_id=IMAGE, video_token_id=VIDEO, vision_start_token_id=SEE, vision_end_token_id=SEEN,
                tie_word_embeddings=variant)


def text_sizes(variant):
    return dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=4 if variant else 3,
                num_attention_heads=4, num_key_value_heads=4 if variant else 2, max_position_embeddings=512,
                rms_norm_eps=1e-6, bos_token_id=END, eos_token_id=STOP, pad_token_id=END, tie_word_embeddings=variant)


def build_qwen3(variant):
    vision = dict(hidden_size=32, intermediate_size=48, num_heads=2, depth=3 if variant else 4, patch_size=4,
                  temporal_patch_size=2, spatial_merge_size=2, num_position_embeddings=25 if variant else 36,
                  out_hidden_size=32, deepstack_visual_indexes=[0, 1, 2] if variant else [0, 2])
    text = dict(text_sizes(variant), head_dim=8 if variant else 16, rope_theta=5e6,
                rope_scaling={"mrope_interleaved": True, "rope_type": "default",
                              "mrope_section": [2, 1, 1] if variant else [4, 2, 2]})
    config = Qwen3VLConfig(vision_config=vision, text_config=text, **special_ids(variant))
    return Qwen3VLForConditionalGeneration(with_eager(config)).eval()


def build_qwen25(variant):
    vision = dict(hidden_size=32, intermediate_size=44, num_heads=2, depth=3, patch_size=4, temporal_patch_size=2,
                  spatial_merge_size=2, out_hidden_size=32, window_size=24 if variant else 16,
                  fullatt_block_indexes=[0, 2] if variant else [1])
    text = dict(text_sizes(variant), rope_theta=1e6, use_sliding_window=False,
                rope_scaling={"type": "mrope", "mrope_section": [1, 2, 1] if variant else [2, 1, 1]})
    config = Qwen2_5_VLConfig(vision_config=vision, text_config=text, **special_ids(variant))
    return Qwen2_5_VLForConditionalGeneration(with_eager(config)).eval()


def with_eager(config):
    for part in (config, config.text_config, config.vision_config):
        part._attn_implementation = "eager"
    return config


def randomise(model, seed, stored):
    """Every tensor away from its neutral value, and representable in the type that it is stored in."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if "norm" in name and name.endswith("weight") or "ln_q" in name:
                p.copy_(1 + 0.1 * noise)
            elif p.dim() < 2 or "embed_tokens" in name or "pos_embed" in name:
                p.copy_(0.3 * noise)
            else:
                p.copy_(noise * (1.5 / p[0].numel() ** 0.5))
            p.copy_(p.to(stored).to(torch.float32))


def old_name(name):
    for new, old in (("model.visual.", "visual."), ("model.language_model.", "model.")):
        if name.startswith(new):
            return old + name[len(new):]
    return name


def save_checkpoint(model, folder, names, stored, shards):
    state = {}
    for name, value in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        state[old_name(name) if names == "old" else name] = value.to(stored).contiguous()
    if shards == 1:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        return
    files = [f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i in range(shards)]
    where = {name: files[i % shards] for i, name in enumerate(sorted(state))}
    for file in files:
        save_file({n: v for n, v in state.items() if where[n] == file}, folder / file, metadata={"format": "pt"})
    size = sum(v.numel() * v.element_size() for v in state.values())
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": size}, "weight_map": where}, indent=1) + "\n")


def save_config(model, folder, flat):
    tree = json.loads(model.config.to_json_string(use_diff=False))
    keep = {"model_type", "architectures", "image_token_id", "video_token_id", "vision_start_token_id",
            "vision_end_token_id", "tie_word_embeddings", "vision_config", "text_config"}
    drop = {"return_dict", "output_hidden_states", "torchscript", "dtype", "id2label", "label2id"}
    sub = {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "head_dim",
           "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_scaling", "hidden_act",
           "bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings", "attention_bias", "model_type",
           "use_sliding_window", "depth", "num_heads", "patch_size", "temporal_patch_size", "spatial_merge_size",
           "out_hidden_size", "deepstack_visual_indexes", "num_position_embeddings", "window_size",
           "fullatt_block_indexes", "in_channels"}
    tree = {k: v for k, v in tree.items() if k in keep and k not in drop}
    tree["architectures"] = [type(model).__name__]
    for part in ("vision_config", "text_config"):
        tree[part] = {k: v for k, v in tree[part].items() if k in sub}
    if flat:  # as published before transformers 4.52
        text = tree.pop("text_config")
        text.pop("model_type")
        text["rope_scaling"] = {"type": "mrope", "mrope_section": text["rope_scaling"]["mrope_section"]}
        tree.update(text)
        tree["vision_config"]["in_chans"] = tree["vision_config"].pop("in_channels")
    (folder / "config.json").write_text(json.dumps(tree, indent=1) + "\n")


def patches_of(image, patch):
    processor = Qwen2VLImageProcessor(do_resize=False, do_rescale=False, do_normalize=False, do_convert_rgb=False,
                                      patch_size=patch, merge_size=2)
    out = processor(images=[image.numpy()], return_tensors="pt", input_data_format="channels_first")
    return out["pixel_values"].to(torch.float32), out["image_grid_thw"]


class Case:
    """A prompt, its images' patches, and its targets: the last tokens but one."""

    def __init__(self, ids, images, patch):
        self.ids = torch.tensor([ids])
        self.labels = self.ids.clone()
        self.labels[:, : len(ids) - 5] = -100
        self.labels[:, -2] = -100
        self.inputs = {"input_ids": self.ids}
        if images:
            parts = [patches_of(image, patch) for image in images]
            self.inputs["pixel_values"] = torch.cat([p for p, _ in parts])
            self.inputs["image_grid_thw"] = torch.cat([g for _, g in parts])


def make_cases(images, patch):
    generator = torch.Generator().manual_seed(99)
    words = lambda k: torch.randint(0, 264, (k,), generator=generator).tolist()
    tokens = lambda i: [SEE] + [IMAGE] * (images[i].shape[1] * images[i].shape[2] // (4 * patch * patch)) + [SEEN]
    return [Case([START] + words(2) + tokens(0) + words(9) + [STOP] + words(1), images[:1], patch),
            Case([START] + words(1) + tokens(1) + tokens(2) + words(7), images[1:], patch),
            Case([START] + words(11), [], patch)]


def golden(model, cases, tensors, facts):
    model.requires_grad_(True)
    core = model.model
    raw = []
    hooks = [layer.register_forward_hook(lambda m, i, o: raw.append((o[0] if isinstance(o, tuple) else o).detach().clone()))
             for layer in core.language_model.layers[:1]]
    for i, case in enumerate(cases):
        model.zero_grad()
        raw.clear()
        out = model(**case.inputs, labels=case.labels, output_hidden_states=True, output_attentions=True)
        out.loss.backward()
        tensors[f"ids.{i}"], tensors[f"labels.{i}"] = case.ids, case.labels
        tensors[f"logits.{i}"], tensors[f"loss.{i}"] = out.logits, out.loss.reshape(1)
        tensors[f"raw.{i}"] = raw[0]
        for layer, state in enumerate(out.hidden_states):
            tensors[f"hidden.{i}.{layer}"] = state
        tensors[f"attention.{i}"] = out.attentions[0]
        tensors[f"attention2.{i}"] = out.attentions[1]
        tensors[f"positions.{i}"] = core.get_rope_index(case.ids, case.inputs.get("image_grid_thw"))[0]
        if i == 1:
            names = ["language_model.layers.0.self_attn.q_proj.weight", "language_model.layers.2.mlp.down_proj.weight",
                     "language_model.layers.1.self_attn.k_proj.weight", "visual.blocks.0.attn.qkv.weight",
                     "visual.patch_embed.proj.weight"]
            optional = ["language_model.layers.0.self_attn.q_norm.weight", "visual.pos_embed.weight",
                        "visual.deepstack_merger_list.1.linear_fc2.weight", "language_model.layers.0.self_attn.k_proj.bias",
                        "visual.merger.mlp.2.weight", "visual.merger.linear_fc2.weight"]
            gradients = dict(core.named_parameters())
            for name in names + [n for n in optional if n in gradients]:
                tensors[f"grad.model.{name}"] = gradients[name].grad
    for hook in hooks:
        hook.remove()
    model.requires_grad_(False)
    padded_positions(model, cases, tensors)
    with torch.no_grad():
        facts["greedy"] = [generate(model, case.inputs) for case in cases]
        facts["greedy_padded"] = generate_padded(model, cases)


def padded(cases, side):
    length = max(case.ids.shape[1] for case in cases) + 2
    ids = torch.full((len(cases), length), END)
    mask = torch.zeros((len(cases), length), dtype=torch.long)
    for row, case in enumerate(cases):
        where = slice(length - case.ids.shape[1], length) if side == "left" else slice(0, case.ids.shape[1])
        ids[row, where] = case.ids[0]
        mask[row, where] = 1
    joined = lambda key: torch.cat([case.inputs[key] for case in cases if key in case.inputs])
    return {"input_ids": ids, "attention_mask": mask, "pixel_values": joined("pixel_values"),
            "image_grid_thw": joined("image_grid_thw")}


def padded_positions(model, cases, tensors):
    for side in ("left", "right"):
        batch = padded(cases, side)
        tensors[f"padded.{side}.ids"], tensors[f"padded.{side}.keep"] = batch["input_ids"], batch["attention_mask"]
        positions, _ = model.model.get_rope_index(batch["input_ids"], batch["image_grid_thw"],
                                                  attention_mask=batch["attention_mask"])
        tensors[f"padded.{side}.positions"] = positions


def generate(model, inputs):
    out = model.generate(**inputs, do_sample=False, max_new_tokens=12, pad_token_id=END)
    return out[0, inputs["input_ids"].shape[1]:].tolist()


def generate_padded(model, cases):
    """Rows of one left-padded batch, without the padding after their stop token. No repetition penalty: there HF would
    count the padding as said before."""
    batch = padded(cases, "left")
    out = model.generate(**batch, do_sample=False, max_new_tokens=12, pad_token_id=END, repetition_penalty=1.0)
    out = out[:, batch["input_ids"].shape[1]:]
    rows = []
    for row in out.tolist():
        rows.append(row[: row.index(STOP) + 1] if STOP in row else row)
    return rows


def adapter(model, case, folder, tensors):
    """A PEFT adapter with B != 0, what the model says with it, and the gradients of all its matrices."""
    config = LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj", "up_proj", "down_proj"],
                        exclude_modules=r".*visual\..*", task_type="CAUSAL_LM")
    wrapped = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, p in wrapped.named_parameters():
            if "lora_" in name:
                p.copy_(0.2 * torch.randn(p.shape, generator=generator))
    out = wrapped(**case.inputs, labels=case.labels)
    out.loss.backward()
    tensors["lora.logits"], tensors["lora.loss"] = out.logits, out.loss.reshape(1)
    kept = ("layers.0.self_attn", "layers.2.mlp")
    for name, p in wrapped.named_parameters():
        if p.requires_grad and any(k in name for k in kept):
            tensors["lora.grad." + name.removeprefix("base_model.model.").replace(".default.weight", "")] = p.grad
    wrapped.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink()


def probe_case(model, folder, tensors, facts):
    """One picture and a conversation from file to first-layer signals, by docs/extraction.md's definition of `strict`."""
    image = Image.open(PICTURES / "plain.jpg").convert("RGB")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    mean, std = settings["image_mean"], settings["image_std"]
    processor = Qwen2VLImageProcessor(patch_size=4, merge_size=2, image_mean=mean, image_std=std, min_pixels=512,
                                      max_pixels=1024)
    seen = processor(images=[image], return_tensors="pt")
    count = int(seen["image_grid_thw"].prod()) // 4
    question, answer = "What is the colour?", "It is the user's."
    start, stop = "<|im_start|>", "<|im_end|>\n"
    text = "" if folder.name.startswith("qwen3") else f"{start}system\nYou are a helpful assistant.{stop}"
    text += f"{start}user\n<|vision_start|>" + "<|image_pad|>" * count + "<|vision_end|>"
    begin = len(text)
    text += question
    end = len(text)
    text += f"{stop}{start}assistant\n{answer}{stop}"
    encoded = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text)
    user = [i for i, (a, b) in enumerate(encoded.offsets) if a < end and b > begin and encoded.ids[i] < FIRST]
    ids = torch.tensor([encoded.ids])
    visual = (ids[0] == IMAGE).nonzero().flatten()
    with torch.no_grad():
        out = model(input_ids=ids, pixel_values=seen["pixel_values"], image_grid_thw=seen["image_grid_thw"],
                    output_hidden_states=True, output_attentions=True)
    tensors["probe.ids"] = ids
    tensors["probe.hidden"] = out.hidden_states[1][0, visual]
    tensors["probe.attention"] = out.attentions[0][0][:, user][:, :, visual].mean((0, 1))
    facts["probe"] = {"question": question, "answer": answer, "grid": seen["image_grid_thw"][0].tolist()}


def in_bfloat16(folder, case, expected):
    """Cosine of the reference's bfloat16 logits with its float32 ones, by attention implementation."""
    kind = Qwen3VLForConditionalGeneration if folder.name.startswith("qwen3") else Qwen2_5_VLForConditionalGeneration
    older = {r"^visual\.": "model.visual.", r"^model\.(?!language_model\.|visual\.)": "model.language_model."}
    cosines = {}
    for implementation in ("eager", "sdpa"):
        model = kind.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation=implementation,
                                     key_mapping=older).eval()
        pixels = case.inputs["pixel_values"].to(torch.bfloat16)
        with torch.no_grad():
            logits = model(**{**case.inputs, "pixel_values": pixels}).logits.float().flatten()
        cosines[implementation] = torch.cosine_similarity(logits, expected.flatten(), 0).item()
    return cosines


def other_files(folder, variant, qwen3):
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(), ensure_ascii=False) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}) + "\n")
    half, clip = [0.5] * 3, ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    mean, std = (half, half) if qwen3 else clip
    limits = {"size": {"shortest_edge": 512, "longest_edge": 1024}} if qwen3 else {"min_pixels": 512, "max_pixels": 1024}
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "Qwen2VLImageProcessorFast" if qwen3 else "Qwen2VLImageProcessor", "patch_size": 4,
        "temporal_patch_size": 2, "merge_size": 2, "image_mean": mean, "image_std": std, **limits}) + "\n")


def main():
    plans = [("qwen3_base", build_qwen3, False, "new", torch.bfloat16, 3), ("qwen3_tied", build_qwen3, True, "old", torch.float16, 1),
             ("qwen25_base", build_qwen25, False, "old", torch.float32, 1), ("qwen25_new", build_qwen25, True, "new", torch.float16, 1)]
    for seed, (name, build, variant, names, stored, shards) in enumerate(plans):
        torch.manual_seed(0)
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        model = build(variant)
        randomise(model, 7 + seed, stored)
        save_checkpoint(model, folder, names, stored, shards)
        qwen3 = build is build_qwen3
        save_config(model, folder, flat=name == "qwen25_base")
        stops = {"eos_token_id": [STOP, END], "pad_token_id": END}
        if name == "qwen25_base":
            stops["repetition_penalty"] = 1.3
        (folder / "generation_config.json").write_text(json.dumps(stops) + "\n")
        for key, value in stops.items():
            setattr(model.generation_config, key, value)
        generator = torch.Generator().manual_seed(3)
        images = [torch.randn((3, h, w), generator=generator) for h, w in ((16, 24), (24, 24), (40, 16))]
        cases = make_cases(images, 4)
        tensors, facts = {f"image.{i}": image for i, image in enumerate(images)}, {}
        tensors["patches.0"] = cases[0].inputs["pixel_values"]
        with torch.no_grad():
            for i in (0, 1):
                seen = model.model.get_image_features(cases[i].inputs["pixel_values"], cases[i].inputs["image_grid_thw"])
                tensors[f"projected.{i}"] = torch.cat(seen[0] if qwen3 else seen)
                for j, deep in enumerate(seen[1] if qwen3 else []):
                    tensors[f"deep.{i}.{j}"] = deep
        other_files(folder, variant, qwen3)
        golden(model, cases, tensors, facts)
        probe_case(model, folder, tensors, facts)
        facts["bfloat16"] = in_bfloat16(folder, cases[0], tensors["logits.0"])
        adapter(model, cases[1], folder, tensors)
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, folder / "golden.safetensors")
        (folder / "golden.json").write_text(json.dumps(facts) + "\n")
        for file in folder.rglob("*.safetensors"):
            file.chmod(0o644)
        print(name, sum(f.stat().st_size for f in folder.rglob("*")) // 1024, "KiB", facts)


if __name__ == "__main__":
    main()
