"""What transformers answers about real image files: llava_base, a prompt as people type it, its own processor's steps.

    python -m venv v && v/bin/pip install torch==2.11.0 transformers==4.57.3 numpy pillow && v/bin/python make_generate.py

generate.jsonl: one line a question with "images" (files of tests/data/golden/images), "prompt", "prompt_ids" (image
placeholders expanded), "ids" (greedy, at most 16) and "text".
"""

import json
import pathlib

import torch
from PIL import Image
from transformers import CLIPImageProcessor, LlavaForConditionalGeneration, PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "llava_base"
IMAGES = HERE.parent.parent / "data" / "golden" / "images"
QUESTIONS = [(["rgb.png"], "What is this?"), (["plain.jpg", "palette.png"], "Are these, by chance, the same: yes or no?"),
             ([], "Hello = world"), (["cmyk.jpg"], "Tell  me\nmore"), (["alpha.webp"], "A")]


def main():
    torch.set_num_threads(1)
    model = LlavaForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(FOLDER / "tokenizer.json"))
    processor = CLIPImageProcessor.from_pretrained(FOLDER)
    placed = {tokenizer.convert_tokens_to_ids("<image>"): 350}  # HF numbers added tokens without gaps, the file does not
    with open(HERE / "generate.jsonl", "w") as out:
        for images, prompt in QUESTIONS:
            text = "USER: " + "<image>\n" * len(images) + prompt + " ASSISTANT:"
            ids = [placed.get(i, i) for i in tokenizer(text.replace("<image>", "<image>" * 9))["input_ids"]]
            pixels = None
            if images:
                opened = [Image.open(IMAGES / name).convert("RGB") for name in images]
                pixels = processor(opened, return_tensors="pt")["pixel_values"]
            with torch.no_grad():
                answer = model.generate(input_ids=torch.tensor([ids]), pixel_values=pixels, do_sample=False,
                                        max_new_tokens=16, pad_token_id=351)[0, len(ids):].tolist()
            row = {"images": images, "prompt": prompt, "prompt_ids": ids, "ids": answer,
                   "text": tokenizer.decode(answer, skip_special_tokens=True).strip()}
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
