"""PEFT's LoRA adapters over llava_base and the logits that PEFT computes with them, and with an adapter that we wrote.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 peft==0.21.2 numpy
    SCALSELECT_KEEP=tests/vlm/golden/adapters/ours build/release/test_vlm --gtest_filter=PeftGolden.LoadsWhatWeWrite
    v/bin/python make_adapters.py

adapters/list: suffixes, rank_pattern, alpha_pattern; adapters/regex: a pattern, rsLoRA, a module saved in full;
adapters/older: `list` under the module names of transformers < 4.52; adapters/tower: suffixes that also match the CLIP
tower, its dead last block included; adapters/ours: written by save_adapter. adapters/golden.safetensors: logits.NAME of
the prompt ids.0 of llava_base, and merged.NAME after merge_and_unload.
"""

import os
import pathlib
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlavaForConditionalGeneration

HERE = pathlib.Path(__file__).parent
OUT = HERE / "adapters"
GOLDEN = load_file(HERE / "llava_base" / "golden.safetensors")

CONFIGS = {
    "list": dict(r=4, lora_alpha=8, target_modules=["q_proj", "o_proj", "gate_proj"], exclude_modules=r".*vision_tower\..*",
                 rank_pattern={"o_proj": 2}, alpha_pattern={"gate_proj": 3}),
    "regex": dict(r=3, lora_alpha=6, use_rslora=True, modules_to_save=["multi_modal_projector"],
                  target_modules=r".*language_model\.layers\.[01]\.(self_attn\.[qkv]_proj|mlp\.down_proj)"),
    "tower": dict(r=2, lora_alpha=4, target_modules=["q_proj", "fc1"]),
}


def base():
    return LlavaForConditionalGeneration.from_pretrained(HERE / "llava_base", dtype=torch.float32,
                                                         attn_implementation="eager").eval()


def logits(model):
    with torch.no_grad():
        return model(input_ids=GOLDEN["ids.0"], pixel_values=GOLDEN["pixels"][:1]).logits.contiguous()


def save(name, config):
    generator = torch.Generator().manual_seed(len(name))
    model = get_peft_model(base(), LoraConfig(task_type="CAUSAL_LM", **config))
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_B" in key or "modules_to_save" in key:
                p.add_(torch.randn(p.shape, generator=generator) * 0.1)
    model.peft_config["default"].base_model_name_or_path = "llava_base"
    model.save_pretrained(OUT / name, save_embedding_layers=False)
    (OUT / name / "README.md").unlink(missing_ok=True)


def save_older():
    (OUT / "older").mkdir()
    shutil.copy(OUT / "list" / "adapter_config.json", OUT / "older")
    tensors = load_file(OUT / "list" / "adapter_model.safetensors")
    old = {k.replace("model.model.language_model.", "model.language_model.model."): v for k, v in tensors.items()}
    assert all(".language_model.model.layers." in k for k in old)
    save_file(old, OUT / "older" / "adapter_model.safetensors", metadata={"format": "pt"})


def main():
    for name in ("list", "regex", "older", "tower"):
        shutil.rmtree(OUT / name, ignore_errors=True)
    tensors = {}
    for name, config in CONFIGS.items():
        save(name, config)
    save_older()
    for name in [*CONFIGS, "ours"]:
        if not (OUT / name).exists():
            print("missing:", name)
            continue
        model = PeftModel.from_pretrained(base(), OUT / name).eval()
        tensors["logits." + name] = logits(model)
        tensors["merged." + name] = logits(model.merge_and_unload())
        print(name, (tensors["logits." + name] - GOLDEN["logits.0"]).abs().max().item(), len(load_file(OUT / name / "adapter_model.safetensors")))
    save_file(tensors, OUT / "golden.safetensors")


main()
