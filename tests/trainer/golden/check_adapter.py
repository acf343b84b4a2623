"""Loads an adapter that we wrote with PEFT and compares logits (run by hand; the environment of make_training.py).

    SCALSELECT_KEEP=/tmp/adapter build/release/test_trainer --gtest_filter=Golden.WritesForPeft
    v/bin/python check_adapter.py /tmp/adapter
"""

import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import LlavaForConditionalGeneration

folder = pathlib.Path(sys.argv[1])
base = pathlib.Path(__file__).parent.parent.parent / "vlm" / "golden" / "llava_base"
model = LlavaForConditionalGeneration.from_pretrained(base, dtype=torch.float32, attn_implementation="eager").eval()
model = PeftModel.from_pretrained(model, folder).eval()
expected = load_file(folder / "expected.safetensors")
with torch.no_grad():
    logits = model(input_ids=expected["ids"], pixel_values=expected["pixels"]).logits
error = ((logits - expected["logits"]).abs().max() / logits.abs().max()).item()
print(f"largest difference over largest logit: {error:.2e}")
sys.exit(error > 1e-5)
