"""What transformers + peft + torch.optim.AdamW compute when they fine-tune the tiny LLaVA of tests/vlm/golden/llava_base.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 peft==0.21.2 numpy && v/bin/python make_training.py

initial/ is the adapter before the first step as PEFT saves it; training.safetensors holds pixels and the adapter after
the last step; training.json holds sequences, losses, gradient norms, learning rates, and values of HF's schedules.
"""

import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import (LlavaForConditionalGeneration, get_constant_schedule_with_warmup,
                          get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup)

HERE = pathlib.Path(__file__).parent
BASE = HERE.parent.parent / "vlm" / "golden" / "llava_base"
IMAGE, PAD, PATCHES, STEPS, WARMUP = 350, 351, 9, 8, 2
LR, PROJECTOR_LR, DECAY = 5e-3, 1e-3, 0.1


def sequences(generator):
    """BOS, nine placeholders (none in the last sample), then questions and answers of random letters."""
    out = []
    for index, turns in enumerate([[(5, 2), (3, 4)], [(9, 1)], [(4, 6)], [(6, 3)]]):
        ids, labels = [1], [-100]
        if index < 3:
            ids += [IMAGE] * PATCHES
            labels += [-100] * PATCHES
        for question, answer in turns:
            asked = torch.randint(260, 310, (question,), generator=generator).tolist()
            told = torch.randint(260, 310, (answer,), generator=generator).tolist() + [2]
            ids += asked + told
            labels += [-100] * question + told
        out.append((ids, labels))
    return out


def schedule_values():
    parameter = torch.nn.Parameter(torch.zeros(1))
    rows = []
    for name, make in [("cosine", lambda o, w, t: get_cosine_schedule_with_warmup(o, w, t)),
                       ("linear", lambda o, w, t: get_linear_schedule_with_warmup(o, w, t)),
                       ("constant", lambda o, w, t: get_constant_schedule_with_warmup(o, w))]:
        for warmup, total in [(0, 5), (3, 10), (1, 1), (15, 240), (10, 10)]:
            optimizer = torch.optim.SGD([parameter], lr=1.0)
            schedule = make(optimizer, warmup, total)
            factors = []
            for _ in range(total):
                factors.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            rows.append({"schedule": name, "warmup": warmup, "total": total, "factors": factors})
    return rows


def main():
    torch.manual_seed(3)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(11)
    model = LlavaForConditionalGeneration.from_pretrained(BASE, dtype=torch.float32, attn_implementation="eager")
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, task_type="CAUSAL_LM",
                        target_modules=r".*language_model\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)",
                        modules_to_save=["multi_modal_projector", "embed_tokens", "lm_head"])
    model = get_peft_model(model, config)
    with torch.no_grad():  # B = 0 would hide A's gradient in the first step
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.1, generator=generator)
    model.peft_config["default"].base_model_name_or_path = "llava_base"
    shutil.rmtree(HERE / "initial", ignore_errors=True)
    model.save_pretrained(HERE / "initial")
    (HERE / "initial" / "README.md").unlink(missing_ok=True)

    samples = sequences(generator)
    pixels = torch.randn(3, 3, 24, 24, generator=generator)
    longest = max(len(ids) for ids, _ in samples)
    ids = torch.tensor([i + [PAD] * (longest - len(i)) for i, _ in samples])
    labels = torch.tensor([l + [-100] * (longest - len(l)) for _, l in samples])
    mask = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i, _ in samples])

    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    groups = {}
    for name, parameter in trained.items():
        projector = "multi_modal_projector" in name
        key = (PROJECTOR_LR if projector else LR, 0.0 if parameter.dim() < 2 else DECAY)
        groups.setdefault(key, []).append(parameter)
    optimizer = torch.optim.AdamW([{"params": p, "lr": lr, "weight_decay": wd} for (lr, wd), p in groups.items()],
                                  betas=(0.9, 0.999), eps=1e-8)
    schedule = get_cosine_schedule_with_warmup(optimizer, WARMUP, STEPS)
    model.train()
    losses, norms = [], []
    for _ in range(STEPS):
        loss = model(input_ids=ids, attention_mask=mask, pixel_values=pixels, labels=labels).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained.values(), 1.0).item())
        losses.append(loss.item())
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    final = {k: v.clone().contiguous() for k, v in get_peft_model_state_dict(model).items()
             if "embed_tokens" not in k and "lm_head" not in k}
    save_file({"pixels": pixels, **final}, HERE / "training.safetensors")
    (HERE / "training.json").write_text(json.dumps({
        "samples": [{"ids": i, "supervised": [int(x != -100) for x in l]} for i, l in samples],
        "steps": STEPS, "warmup": WARMUP, "learning_rate": LR, "projector_lr": PROJECTOR_LR, "weight_decay": DECAY,
        "losses": losses, "grad_norms": norms, "schedules": schedule_values()}) + "\n")
    print(losses, norms, sorted(final)[:3], len(final))


main()
