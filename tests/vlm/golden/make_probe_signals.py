"""What transformers says about signals of the probe that the checkpoints' own goldens do not hold.

    python make_probe_signals.py          (torch 2.11.0, transformers 4.57.3, numpy; after make_llava.py)

For a two-turn sample on a drawn image, by folder: negative log-likelihood and EL2N error norms of the answers' tokens,
given everything and alone behind their headers, and means of the attention blocks' outputs.
"""

import json
import pathlib

import numpy as np
import torch
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
TURNS = [("What is this?", "A cat."), ("Where?", "On the mat, I see")]


def pixels():
    x, y, c = np.meshgrid(np.arange(24), np.arange(24), np.arange(3), indexing="xy")
    image = (7 * x * x + 13 * y + 29 * c * x) % 256  # [y, x, c]
    mean = np.array([0.48145466, 0.4578275, 0.40821073])
    std = np.array([0.26862954, 0.26130258, 0.27577711])
    return torch.tensor((image / 255 - mean) / std, dtype=torch.float32).permute(2, 0, 1).unsqueeze(0)


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
    """Ids, and for each span of characters the tokens that hold one of them."""
    encoded = tokenizer(text, return_offsets_mapping=True)
    touched = [[t for t, (a, b) in enumerate(encoded["offset_mapping"]) if a < end and b > begin] for begin, end in spans]
    return encoded["input_ids"], touched


def expand(ids, turns, placeholder, image, count):
    at = ids.index(placeholder)  # the tokenizers library numbers added tokens itself; the model wants `image`
    ids = ids[:at] + [image] * count + ids[at + 1 :]
    return ids, [[t + count - 1 if t > at else t for t in turn] for turn in turns], at + count


def main():
    result = {}
    for name, patches in (("llava_base", 9), ("llava_variant", 10)):
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(HERE / name / "tokenizer.json"))
        model = LlavaForConditionalGeneration.from_pretrained(HERE / name, attn_implementation="eager").eval()
        mixed = {}
        for index, layer in enumerate(model.model.language_model.layers):
            layer.self_attn.o_proj.register_forward_hook(lambda m, i, o, l=index + 1: mixed.__setitem__(l, o[0]))
        text, spans = "", []
        for i, (question, answer) in enumerate(TURNS):
            text += f"USER: {'<image>' + chr(10) if i == 0 else ''}{question} ASSISTANT: "
            spans.append((len(text), len(text) + len(answer)))
            text += answer + " "
        ids, turns = encode(tokenizer, text, spans)
        ids, turns, behind = expand(ids, turns, tokenizer.convert_tokens_to_ids("<image>"),
                                    model.config.image_token_index, patches)
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), pixel_values=pixels()).logits
        given = answers(model, logits, ids, turns)
        means = {"visual.2": mixed[2][behind - patches : behind].mean(0), "behind.3": mixed[3][behind:].mean(0)}
        alone = []
        for _, answer in TURNS:
            header = "ASSISTANT: "
            ids, turns = encode(tokenizer, header + answer + " ", [(len(header), len(header) + len(answer))])
            with torch.no_grad():
                alone += answers(model, model(input_ids=torch.tensor([ids])).logits, ids, turns)
        result[name] = {"given": given, "alone": alone, "behind": behind,
                        **{key: [round(v, 7) for v in value.tolist()] for key, value in means.items()}}
    (HERE / "probe_signals.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
