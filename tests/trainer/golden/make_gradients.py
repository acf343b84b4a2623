"""Per-sample LoRA gradients of the tiny LLaVA of tests/vlm/golden/llava_base, by transformers + peft + torch.autograd, and
LESS's Adam direction of them.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 peft==0.21.2 numpy && v/bin/python make_gradients.py

Samples and pixels are those of training.json and training.safetensors, the adapter is initial/. gradients.safetensors
holds, for two samples, the gradient of the sample's loss with respect to all LoRA matrices (A, B of each target, in model
order, flattened), its Adam direction for moments that are a formula; gradients.json
holds loss and norms (of the LoRA gradient, and of that of lm_head's weight) of every sample.
"""

import json
import pathlib

import numpy as np
import torch
from peft import PeftModel
from safetensors.numpy import load_file, save_file
from transformers import LlavaForConditionalGeneration

HERE = pathlib.Path(__file__).parent
BASE = HERE.parent.parent / "vlm" / "golden" / "llava_base"
KEPT = (0, 3)  # a sample with an image, and one without


def adam_direction(gradient):
    """princeton-nlp/LESS, less/data_selection/collect_grad_reps.py: epsilon inside of the root, no bias correction."""
    index = np.arange(gradient.size, dtype=np.float64)
    first, second = 1e-3 * np.sin(index), 1e-6 * (1 + np.cos(index))
    return ((0.9 * first + 0.1 * gradient) / np.sqrt(0.999 * second + 0.001 * gradient**2 + 1e-8)).astype(np.float32)


def main():
    torch.set_num_threads(1)
    base = LlavaForConditionalGeneration.from_pretrained(BASE, dtype=torch.float32, attn_implementation="eager")
    model = PeftModel.from_pretrained(base, HERE / "initial", is_trainable=True).eval()
    head = next(p for n, p in model.named_parameters() if "lm_head.modules_to_save" in n and n.endswith("weight"))
    lora = [(n, p) for n, p in model.named_parameters() if "lora_" in n]
    lora_modules = list(dict.fromkeys(n.split(".lora_")[0] for n, _ in lora))
    ordered = [dict(lora)[f"{m}.lora_{x}.default.weight"] for m in lora_modules for x in "AB"]
    pixels = torch.tensor(load_file(HERE / "training.safetensors")["pixels"])
    samples = json.loads((HERE / "training.json").read_text())["samples"]
    tensors, facts = {}, {"lora_modules": [m.removeprefix("base_model.model.") for m in lora_modules], "samples": []}
    for index, sample in enumerate(samples):
        ids = torch.tensor([sample["ids"]])
        labels = torch.where(torch.tensor([sample["supervised"]]) == 1, ids, -100)
        given = {"pixel_values": pixels[index : index + 1]} if 350 in sample["ids"] else {}
        loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, **given).loss
        gradients = torch.autograd.grad(loss, ordered + [head])
        flat = torch.cat([g.flatten() for g in gradients[:-1]]).double().numpy()
        facts["samples"].append({"loss": loss.item(), "norm": float(np.linalg.norm(flat)),
                                 "head_norm": gradients[-1].double().norm().item()})
        if index in KEPT:
            tensors[f"gradient.{index}"] = flat.astype(np.float32)
            tensors[f"adam.{index}"] = adam_direction(flat)
    save_file(tensors, HERE / "gradients.safetensors")
    (HERE / "gradients.json").write_text(json.dumps(facts) + "\n")


main()
