"""What transformers says about signals of the probe that the checkpoints' own goldens do not hold.

    python make_probe_signals.py     (torch 2.11.0, transformers 4.57.3, numpy, pillow; after make_llava.py and make_qwen.py)

For a two-turn sample on a drawn image, by folder: negative log-likelihood and EL2N error norms of the answers' tokens,
given everything and alone behind their headers, and means of the attention blocks' outputs.
"""

import json
import pathlib

import numpy as np
import torch
from PIL import Image
from transformers import (LlavaForConditionalGeneration, PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration,
                          Qwen2VLImageProcessor, Qwen3VLForConditionalGeneration)

HERE = pathlib.Path(__file__).parent
TURNS = [("What is this?", "A cat."), ("Where?", "On the mat, I see")]


def picture():
    x, y, c = np.meshgrid(np.arange(24), np.arange(24), np.arange(3), indexing="xy")
    return (7 * x * x + 13 * y + 29 * c * x) % 256  # [y, x, c]


class Llava:
    start, user, image, user_end = "", "USER: ", "<image>\n", " "
    assistant, assistant_end, placeholder = "ASSISTANT: ", " ", "<image>"

    def __init__(self, folder):
        self.model = LlavaForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").eval()
        self.image_id = self.model.config.image_token_index
        mean = np.array([0.48145466, 0.4578275, 0.40821073])
        std = np.array([0.26862954, 0.26130258, 0.27577711])
        pixels = torch.tensor((picture() / 255 - mean) / std, dtype=torch.float32).permute(2, 0, 1).unsqueeze(0)
        self.seen = {"pixel_values": pixels}
        self.tokens = 9 if folder.name == "llava_base" else 10


class Qwen:
    image, user_end, assistant_end = "<|vision_start|><|image_pad|><|vision_end|>", "<|im_end|>\n", "<|im_end|>\n"
    user, assistant, placeholder = "<|im_start|>user\n", "<|im_start|>assistant\n", "<|image_pad|>"

    def __init__(self, folder):
        third = folder.name.startswith("qwen3")
        kind = Qwen3VLForConditionalGeneration if third else Qwen2_5_VLForConditionalGeneration
        self.start = "" if third else "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        older = {r"^visual\.": "model.visual.", r"^model\.(?!language_model\.|visual\.)": "model.language_model."}
        self.model = kind.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32, key_mapping=older).eval()
        self.image_id = self.model.config.image_token_id
        settings = json.loads((folder / "preprocessor_config.json").read_text())
        processor = Qwen2VLImageProcessor(patch_size=4, merge_size=2, image_mean=settings["image_mean"],
                                          image_std=settings["image_std"], min_pixels=512, max_pixels=1024)
        image = Image.fromarray(picture().astype(np.uint8))
        self.seen = dict(processor(images=[image], return_tensors="pt"))
        self.tokens = int(self.seen["image_grid_thw"].prod()) // 4


def answers(model, logits, ids, turns):
    """By turn: [sum of nll, sum of error norms, tokens]."""
    out = []
    probabilities = torch.softmax(logits[0].double(), -1)
    for positions in turns:
        nll = norms = 0.0
        for t in positions:
            onehot = torch.nn.functional.one_hot(torch.tensor(ids[t]), probabilities.shape[1]).double()
            nll -= torch.log(probabilities[t - 1, ids[t]]).item()
            norms += torch.linalg.vector_norm(probabilities[t - 1] - onehot).item()
        out.append([nll, norms, len(positions)])
    return out


def encode(tokenizer, text, spans):
    """Ids, and for each span of characters the tokens that include one of them."""
    encoded = tokenizer(text, return_offsets_mapping=True)
    touched = [[t for t, (a, b) in enumerate(encoded["offset_mapping"]) if a < end and b > begin] for begin, end in spans]
    return encoded["input_ids"], touched


def expand(ids, turns, placeholder, image, count):
    at = ids.index(placeholder)  # the tokenizers library numbers added tokens itself; the model wants `image`
    ids = ids[:at] + [image] * count + ids[at + 1 :]
    return ids, [[t + count - 1 if t > at else t for t in turn] for turn in turns], at + count


def conversation(kind):
    """The chat's text, and the characters of each answer."""
    text, spans = kind.start, []
    for i, (question, answer) in enumerate(TURNS):
        text += kind.user + (kind.image if i == 0 else "") + question + kind.user_end + kind.assistant
        spans.append((len(text), len(text) + len(answer)))
        text += answer + kind.assistant_end
    return text, spans


def signals(name, kind):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(HERE / name / "tokenizer.json"))
    model, mixed = kind.model, {}
    for index, layer in enumerate(model.model.language_model.layers):
        layer.self_attn.o_proj.register_forward_hook(lambda m, i, o, l=index + 1: mixed.__setitem__(l, o[0]))
    ids, turns = encode(tokenizer, *conversation(kind))
    ids, turns, behind = expand(ids, turns, tokenizer.convert_tokens_to_ids(kind.placeholder), kind.image_id, kind.tokens)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), **kind.seen).logits
    given = answers(model, logits, ids, turns)
    means = {"visual.2": mixed[2][behind - kind.tokens : behind].mean(0), "behind.3": mixed[3][behind:].mean(0)}
    alone = []
    for _, answer in TURNS:
        header = kind.start + kind.assistant
        ids, turns = encode(tokenizer, header + answer + kind.assistant_end, [(len(header), len(header) + len(answer))])
        with torch.no_grad():
            alone += answers(model, model(input_ids=torch.tensor([ids])).logits, ids, turns)
    return {"given": given, "alone": alone, "behind": behind,
            **{key: [round(v, 7) for v in value.tolist()] for key, value in means.items()}}


def main():
    kinds = {"llava_base": Llava, "llava_variant": Llava, "qwen3_base": Qwen, "qwen3_tied": Qwen, "qwen25_base": Qwen}
    result = {name: signals(name, kind(HERE / name)) for name, kind in kinds.items()}
    (HERE / "probe_signals.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
