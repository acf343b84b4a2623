"""Tiny random LLaVA checkpoints and what transformers computes from them.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 numpy && v/bin/python make_llava.py

Two folders: `llava_base` (GQA, CLS dropped, tensor names of the old layout) and `llava_variant` (two concatenated
feature layers, CLS kept, tied head, projector without bias, head_dim != hidden / heads, names of the new layout).
Each holds an HF model folder with a Llama-style tokenizer, plus golden.safetensors and golden.json.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

HERE = pathlib.Path(__file__).parent
IMAGE, PAD, VOCAB = 350, 351, 352


def tokenizer_json():
    """BPE with byte fallback, a few merges, and the legacy dummy prefix of Llama."""
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for byte in range(256):
        vocab[f"<0x{byte:02X}>"] = len(vocab)
    letters = "\u2581" + "".join(chr(c) for c in range(ord("a"), ord("z") + 1)) + "".join(
        chr(c) for c in range(ord("A"), ord("Z") + 1)) + ".,:?!'"
    for letter in letters:
        vocab[letter] = len(vocab)
    merges = [("U", "S"), ("E", "R"), ("US", "ER"), ("\u2581", "USER"), ("\u2581", "A"), ("t", "h"), ("th", "e")]
    for left, right in merges:
        vocab[left + right] = len(vocab)
    assert len(vocab) <= IMAGE
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": True} for i, t in [(0, "<unk>"), (1, "<s>"), (2, "</s>"), (IMAGE, "<image>"), (PAD, "<pad>")]]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing",
                           "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                      {"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                    {"Sequence": {"id": "A", "type_id": 0}},
                                    {"SpecialToken": {"id": "<s>", "type_id": 1}},
                                    {"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": vocab, "merges": [f"{a} {b}" for a, b in merges]},
    }


def build(variant):
    vision = CLIPVisionConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                              image_size=24, patch_size=8, projection_dim=16)
    text = LlamaConfig(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=3,
                       num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, max_position_embeddings=256,
                       head_dim=12 if variant else 8, tie_word_embeddings=variant, rope_theta=500.0 if variant else 1e4,
                       attention_bias=variant, pad_token_id=PAD, bos_token_id=1, eos_token_id=2)
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE, image_seq_length=9,
                         vision_feature_layer=[-2, -3] if variant else -2, multimodal_projector_bias=not variant,
                         vision_feature_select_strategy="full" if variant else "default",
                         tie_word_embeddings=variant)
    config._attn_implementation = "eager"
    model = LlavaForConditionalGeneration(config).eval()
    generator = torch.Generator().manual_seed(7 + variant)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if "norm" in name and name.endswith("weight"):
                p.copy_(1 + 0.1 * noise)
            elif p.dim() < 2 or "embed" in name:
                p.copy_(0.3 * noise)
            else:
                p.copy_(noise * (1.5 / p[0].numel() ** 0.5))
    return model


def golden(model, tensors, facts):
    generator = torch.Generator().manual_seed(99)
    n = 10 if model.config.vision_feature_select_strategy == "full" else 9
    pixels = torch.randn((2, 3, 24, 24), generator=generator)
    words = lambda k: torch.randint(259, 345, (k,), generator=generator).tolist()
    prompts = [[1] + words(3) + [IMAGE] * n + words(12), [1] + words(1) + [IMAGE] * n + words(5)]
    model.requires_grad_(True)
    for i, ids in enumerate(prompts):
        ids = torch.tensor([ids])
        labels = ids.clone()
        labels[:, : ids.shape[1] - 4] = -100
        labels[:, -2] = -100
        model.zero_grad()
        out = model(input_ids=ids, pixel_values=pixels[i : i + 1], labels=labels, output_hidden_states=True,
                    output_attentions=True)
        out.loss.backward()
        tensors[f"ids.{i}"], tensors[f"labels.{i}"] = ids, labels
        tensors[f"logits.{i}"], tensors[f"loss.{i}"] = out.logits, out.loss.reshape(1)
        for layer, state in enumerate(out.hidden_states):
            tensors[f"hidden.{i}.{layer}"] = state
        tensors[f"attention.{i}"] = out.attentions[0]
        tensors[f"attention2.{i}"] = out.attentions[1]
        if i == 0:
            core = model.model
            tensors["grad.q_proj"] = core.language_model.layers[0].self_attn.q_proj.weight.grad
            tensors["grad.down_proj"] = core.language_model.layers[2].mlp.down_proj.weight.grad
            tensors["grad.linear_1"] = core.multi_modal_projector.linear_1.weight.grad
            tensors["grad.k_proj_tower"] = core.vision_tower.vision_model.encoder.layers[0].self_attn.k_proj.weight.grad
    tensors["pixels"] = pixels
    with torch.no_grad():
        features = model.model.get_image_features(pixels)
        tensors["projected"] = torch.stack(list(features))
        facts["greedy"] = []
        for i, ids in enumerate(prompts):
            out = model.generate(input_ids=torch.tensor([ids]), pixel_values=pixels[i : i + 1], do_sample=False,
                                 max_new_tokens=12, pad_token_id=PAD)
            facts["greedy"].append(out[0, len(ids):].tolist())


def main():
    for variant in (False, True):
        torch.manual_seed(0)
        folder = HERE / ("llava_variant" if variant else "llava_base")
        folder.mkdir(exist_ok=True)
        model = build(variant)
        tensors, facts = {}, {}
        if variant:
            model.config.architectures = ["LlavaForConditionalGeneration"]
            model.config.save_pretrained(folder)
            state = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
            save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        else:
            model.save_pretrained(folder)
        golden(model, tensors, facts)
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, folder / "golden.safetensors")
        (folder / "golden.json").write_text(json.dumps(facts) + "\n")
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(), ensure_ascii=False) + "\n")
        (folder / "tokenizer_config.json").write_text(json.dumps({
            "tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
            "pad_token": "<pad>", "image_token": "<image>"}) + "\n")
        (folder / "preprocessor_config.json").write_text(json.dumps({
            "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 24},
            "crop_size": {"height": 24, "width": 24}, "do_resize": True, "do_center_crop": True, "do_rescale": True,
            "do_normalize": True, "do_convert_rgb": True, "resample": 3, "rescale_factor": 1 / 255,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711]}) + "\n")


if __name__ == "__main__":
    main()
