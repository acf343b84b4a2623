"""`scalselect generate` beside transformers' generate on a folder: prompt ids, generated ids and text must be equal.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 peft==0.21.2 numpy pillow
    v/bin/python compare_generate.py random FOLDER TOKENIZER_FOLDER     # makes a tiny random LLaVA, in shards
    v/bin/python compare_generate.py PROGRAM FOLDER [adapter=DIR] [dtype=float32]
"""
import json
import pathlib
import subprocess
import sys

import torch
from PIL import Image
from transformers import (CLIPImageProcessor, CLIPVisionConfig, GenerationConfig, LlamaConfig, LlavaConfig,
                          LlavaForConditionalGeneration, PreTrainedTokenizerFast)

IMAGES = pathlib.Path(__file__).parent.parent.parent / "data" / "golden" / "images"
TOKENS = 24
QUESTIONS = [
    (["rgb.png"], "What is this?"), (["plain.jpg", "palette.png"], "Are these, by chance, the same: yes or no?"),
    ([], "Hello = world"), (["cmyk.jpg"], "Tell  me\nmore"), (["alpha.webp"], "A"), (["orientation6.jpg"], "你好 😀?"),
    (["animated.gif"], "how many red circles are there?"), (["grey16.png"], "is there a dog? answer yes or no."),
    (["1x1.png"], "x" * 200), (["noise.png", "rgb.png", "422.jpg"], "[a, b] {c: d} \\ \"quoted\" 'single' $x"), ([], "?"),
]


def make_random(folder, tokenizer_folder):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_folder / "tokenizer.json"), bos_token="<s>", eos_token="</s>")
    image = tokenizer.convert_tokens_to_ids("<image>")
    text = LlamaConfig(vocab_size=(len(tokenizer) + 63) // 64 * 64, hidden_size=64, intermediate_size=96, num_hidden_layers=3,
                       num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5)
    vision = CLIPVisionConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, image_size=56,
                              patch_size=14)
    torch.manual_seed(3)
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=image, image_seq_length=16))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() > 1:
                p.normal_(0, 0.6 if "lm_head" in name else 0.25)
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=tokenizer.convert_tokens_to_ids("<pad>"))
    model.half().save_pretrained(folder, max_shard_size="3MB")
    size = {"height": 56, "width": 56}
    CLIPImageProcessor(size={"shortest_edge": 56}, crop_size=size).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def load(folder, options):
    dtype = getattr(torch, options.get("dtype", "float32"))
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
    if "adapter" in options:
        from peft import PeftModel
        model = PeftModel.from_pretrained(model, options["adapter"]).merge_and_unload()
    return model


def expected(model, tokenizer, processor, images, prompt):
    vision = model.config.vision_config
    count = (vision.image_size // vision.patch_size) ** 2 + (model.config.vision_feature_select_strategy == "full")
    text = "USER: " + ("<image>" * count + "\n") * len(images) + prompt + " ASSISTANT:"
    ids = tokenizer(text)["input_ids"]
    pixels = None
    if images:
        opened = [Image.open(IMAGES / name).convert("RGB") for name in images]
        pixels = processor(opened, return_tensors="pt", input_data_format="channels_last")["pixel_values"].to(model.dtype)
    with torch.no_grad():
        out = model.generate(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                             pixel_values=pixels, do_sample=False, max_new_tokens=TOKENS)[0, len(ids):].tolist()
    return {"prompt_ids": ids, "ids": out, "text": tokenizer.decode(out, skip_special_tokens=True).strip()}


def answered(program, folder, options, images, prompt):
    words = [f"{key}={value}" for key, value in options.items() if key == "adapter"]
    words += [f"model.dtype={options.get('dtype', 'float32')}", f"max_new_tokens={TOKENS}", "format=json", "threads=1"]
    if images:
        words.append("image=[" + ",".join(str(IMAGES / name) for name in images) + "]")
    run = subprocess.run([program, "generate", f"model.path={folder}", f"prompt={prompt}", *words], capture_output=True, text=True)
    if run.returncode != 0:
        return {"error": run.stderr}
    return json.loads(run.stdout)


def main():
    if sys.argv[1] == "random":
        return make_random(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    program, folder = sys.argv[1], sys.argv[2]
    options = dict(word.split("=", 1) for word in sys.argv[3:])
    torch.set_num_threads(1)
    model, processor = load(folder, options), CLIPImageProcessor.from_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    wrong = 0
    for images, prompt in QUESTIONS:
        theirs, ours = expected(model, tokenizer, processor, images, prompt), answered(program, folder, options, images, prompt)
        if theirs != ours:
            wrong += 1
            print("differs:", images, repr(prompt), "\n theirs:", theirs, "\n ours:  ", ours)
    print(f"{folder} {options}: {len(QUESTIONS) - wrong} of {len(QUESTIONS)} equal")
    sys.exit(wrong > 0)


main()
