"""What transformers + peft + bitsandbytes compute when they fine-tune tests/vlm/golden/llava_base with NF4 weights (QLoRA).

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 peft==0.21.2 bitsandbytes==0.50.2 \\
        accelerate numpy && v/bin/python make_nf4_training.py

Samples, pixels and the first adapter are those of make_training.py. nf4_training.json holds losses, gradient norms, and
of the final adapter the sum of each tensor's magnitudes, in float32.

bitsandbytes' portable operations are used (tests/vlm/golden/make_nf4.py says why: the rows of this model are not whole
blocks). As transformers has it by default, the head stays as it is; tower and projector are excluded, too.
"""

import json
import os
import pathlib

os.environ["TORCHDYNAMO_DISABLE"] = os.environ["HF_HUB_OFFLINE"] = "1"

import bitsandbytes as bnb
import torch
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import BitsAndBytesConfig, LlavaForConditionalGeneration, get_cosine_schedule_with_warmup

HERE = pathlib.Path(__file__).parent
BASE = HERE.parent.parent / "vlm" / "golden" / "llava_base"
PAD = 351


def use_portable(library):
    portable = torch._C.DispatchKeySet(torch._C.DispatchKey.CompositeExplicitAutograd)
    for name in ["quantize_4bit", "dequantize_4bit", "quantize_blockwise", "dequantize_blockwise"]:
        op = getattr(torch.ops.bitsandbytes, name).default
        library.impl(name, lambda *given, op=op: op.redispatch(portable, *given), "CPU", allow_override=True)


def main():
    library = torch.library.Library("bitsandbytes", "IMPL")
    use_portable(library)
    torch.set_num_threads(1)
    known = json.loads((HERE / "training.json").read_text())
    quantisation = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                                      bnb_4bit_compute_dtype=torch.float32,
                                      llm_int8_skip_modules=["vision_tower", "multi_modal_projector", "lm_head"])
    model = LlavaForConditionalGeneration.from_pretrained(BASE, dtype=torch.float32, attn_implementation="eager",
                                                          quantization_config=quantisation, device_map={"": "cpu"})
    held = [name for name, module in model.named_modules() if isinstance(module, bnb.nn.Linear4bit)]
    assert len(held) == 3 * 7 and all(module.weight.quant_state.nested for module in model.modules()
                                      if isinstance(module, bnb.nn.Linear4bit)), held
    model = PeftModel.from_pretrained(model, HERE / "initial", is_trainable=True)
    samples = [(s["ids"], [i if t else -100 for i, t in zip(s["ids"], s["supervised"])]) for s in known["samples"]]
    pixels = load_file(HERE / "training.safetensors")["pixels"]
    longest = max(len(ids) for ids, _ in samples)
    ids = torch.tensor([i + [PAD] * (longest - len(i)) for i, _ in samples])
    labels = torch.tensor([l + [-100] * (longest - len(l)) for _, l in samples])
    mask = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i, _ in samples])

    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert not any(p.dtype != torch.float32 for p in trained.values())
    groups = {}
    for name, parameter in trained.items():
        rate = known["projector_lr"] if "multi_modal_projector" in name else known["learning_rate"]
        groups.setdefault((rate, 0.0 if parameter.dim() < 2 else known["weight_decay"]), []).append(parameter)
    optimizer = torch.optim.AdamW([{"params": p, "lr": lr, "weight_decay": wd} for (lr, wd), p in groups.items()],
                                  betas=(0.9, 0.999), eps=1e-8)
    schedule = get_cosine_schedule_with_warmup(optimizer, known["warmup"], known["steps"])
    model.train()
    losses, norms = [], []
    for _ in range(known["steps"]):
        loss = model(input_ids=ids, attention_mask=mask, pixel_values=pixels, labels=labels).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained.values(), 1.0).item())
        losses.append(loss.item())
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    final = {name: value.abs().sum().item() for name, value in sorted(get_peft_model_state_dict(model).items())}
    (HERE / "nf4_training.json").write_text(json.dumps({"losses": losses, "grad_norms": norms, "final": final}) + "\n")
    print(losses, known["losses"], norms, len(final), len(trained), sep="\n")


main()
