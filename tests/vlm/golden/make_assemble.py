"""A tiny Llama, a tiny CLIP and a stage-1 projector as LLaVA-1.5 starts from them, and the logits of the LLaVA they make.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 sentencepiece && v/bin/python make_assemble.py
    v/bin/python make_assemble.py check FOLDER      loads an assembled folder with transformers and compares its logits

assemble/vicuna: Llama in two .bin shards (float16) with a tokenizer.model; assemble/vicuna_safe: the same weights in two
safetensors shards; assemble/clip: a whole CLIP with its text tower (float32); assemble/mm_projector.bin; assemble/
golden.safetensors: ids, pixels, logits in float32 of the extended model, the new rows of the embeddings.
"""

import collections
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import (CLIPConfig, CLIPImageProcessor, CLIPModel, LlamaConfig, LlamaForCausalLM, LlavaConfig,
                          LlavaForConditionalGeneration)

HERE = pathlib.Path(__file__).parent
OUT = HERE / "assemble"


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if "norm" in name and name.endswith("weight"):
                p.copy_(1 + 0.1 * noise)
            elif p.dim() < 2 or "embed" in name:
                p.copy_(0.3 * noise)
            else:
                p.copy_(noise * (1.5 / p[0].numel() ** 0.5))
    return model.eval()


def parts():
    pieces = 635
    text = LlamaConfig(vocab_size=pieces, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                       num_key_value_heads=1, rms_norm_eps=1e-5, max_position_embeddings=128, bos_token_id=1,
                       eos_token_id=2, pad_token_id=0)
    llm = randomise(LlamaForCausalLM(text), 1).half()
    clip = randomise(CLIPModel(CLIPConfig(
        vision_config=dict(hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, image_size=16,
                           patch_size=8, projection_dim=8),
        text_config=dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=20,
                         projection_dim=8), projection_dim=8)), 2)
    generator = torch.Generator().manual_seed(3)
    shapes = {"0.weight": (16, 16), "0.bias": (16,), "2.weight": (16, 16), "2.bias": (16,)}
    projector = collections.OrderedDict(("model.mm_projector." + k, (torch.randn(s, generator=generator) / 3).to(torch.bfloat16))
                                        for k, s in shapes.items())
    return llm, clip, projector


def whole(llm, clip, projector):
    """The LLaVA that the parts make, in float32 with float16-rounded weights; new rows are the mean of the old ones."""
    text = LlamaConfig.from_dict(llm.config.to_dict())
    text.vocab_size = 640
    config = LlavaConfig(vision_config=clip.config.vision_config, text_config=text, image_token_index=635, image_seq_length=4)
    config._attn_implementation = "eager"
    model = LlavaForConditionalGeneration(config).eval()
    state = {}
    for name, value in llm.state_dict().items():
        if name in ("model.embed_tokens.weight", "lm_head.weight"):
            mean = value.double().mean(0, keepdim=True).to(value.dtype).expand(640 - value.shape[0], -1)
            value = torch.cat([value, mean])
        state["lm_head.weight" if name == "lm_head.weight" else name.replace("model.", "model.language_model.", 1)] = value
    for name, value in clip.vision_model.state_dict().items():
        state["model.vision_tower.vision_model." + name] = value.half()
    for name, value in projector.items():
        inner = name.removeprefix("model.mm_projector.").replace("0.", "linear_1.").replace("2.", "linear_2.")
        state["model.multi_modal_projector." + inner] = value.half()
    model = model.float()
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    assert not unexpected and all("position_ids" in m for m in missing), (missing, unexpected)
    return model


def ids_and_pixels():
    generator = torch.Generator().manual_seed(4)
    words = torch.randint(260, 630, (9,), generator=generator).tolist()
    return torch.tensor([[1] + words[:2] + [635] * 4 + words[2:]]), torch.randn((1, 3, 16, 16), generator=generator)


def main():
    if sys.argv[1:2] == ["check"]:
        model = LlavaForConditionalGeneration.from_pretrained(sys.argv[2], dtype=torch.float32, attn_implementation="eager").eval()
        expected = load_file(OUT / "golden.safetensors")
        with torch.no_grad():
            logits = model(input_ids=expected["ids"], pixel_values=expected["pixels"]).logits
        error = ((logits - expected["logits"]).abs().max() / logits.abs().max()).item()
        print(f"largest difference over largest logit: {error:.2e}")
        sys.exit(error > 1e-6)
    shutil.rmtree(OUT, ignore_errors=True)
    llm, clip, projector = parts()
    llm.save_pretrained(OUT / "vicuna", safe_serialization=False, max_shard_size="40KB")
    llm.save_pretrained(OUT / "vicuna_safe", max_shard_size="40KB")
    clip.save_pretrained(OUT / "clip")
    CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(OUT / "clip")
    torch.save(projector, OUT / "mm_projector.bin")
    shutil.copy(HERE / "sentencepiece" / "legacy" / "tokenizer.model", OUT / "vicuna" / "tokenizer.model")
    shutil.copy(HERE / "sentencepiece" / "legacy" / "tokenizer.model", OUT / "vicuna_safe" / "tokenizer.model")
    ids, pixels = ids_and_pixels()
    model = whole(llm, clip, projector)
    with torch.no_grad():
        logits = model(input_ids=ids, pixel_values=pixels).logits
    save_file({"ids": ids, "pixels": pixels, "logits": logits.contiguous()}, OUT / "golden.safetensors")
    print(sorted(str(p.relative_to(OUT)) + " " + str(p.stat().st_size) for p in OUT.rglob("*") if p.is_file()))


main()
