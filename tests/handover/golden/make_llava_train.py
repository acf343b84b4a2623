"""What LLaVA's own training code makes of rows.json: token ids and labels as they reach the decoder.

    git clone https://github.com/haotian-liu/LLaVA && python -m venv v && v/bin/pip install torch transformers pillow
    v/bin/python make_llava_train.py LLaVA          # made with commit c121f04, torch 2.15.0, transformers 5.6.0

llava.jsonl: a line for each tokenizer, length and row: "model" (a folder of tests/vlm/golden), "legacy" (the tokenizer's
attribute, which preprocess_v1 asks for), "model_max_length", "row", and "ids" with "learnt" (a digit a token, 1: it has a loss), or
"error": the exception of the data loader. A visual token has the id of <image>; there are nine of them for each picture.

LLaVA's modules import DeepSpeed and old classes of transformers, which nothing here needs: the functions are taken out of
the files as they stand, and run with the names that they use.
"""
import ast
import copy
import json
import pathlib
import sys
import types
from typing import Dict, List, Optional, Sequence

import tokenizers
import torch
import transformers
from dataclasses import dataclass, field
from packaging import version
from folders import PICTURES, learnt, rows, tokenizer_json, write
from PIL import Image

LLAVA = pathlib.Path(sys.argv[1]) / "llava"
CASES = [("llava_base", True, 2048), ("llava_base", True, 230), ("tokenizers/llama", False, 2048),
         ("tokenizers/llama", False, 150)]
VISUAL = 9


def take(file, names, space):
    """Runs the named functions and classes of a source file in `space`; methods stand under their own names."""
    tree = ast.parse((LLAVA / file).read_text())
    nodes = list(tree.body) + [node for top in tree.body if isinstance(top, ast.ClassDef) for node in top.body]
    for node in nodes:
        if getattr(node, "name", None) in names:
            exec(compile(ast.Module([node], []), file, "exec"), space)


def load_code():
    conversation = types.ModuleType("conversation")
    sys.modules["conversation"] = conversation
    exec((LLAVA / "conversation.py").read_text(), conversation.__dict__)
    conversation.default_conversation = conversation.conv_templates["v1"]
    space = dict(ast=ast, copy=copy, json=json, os=__import__("os"), torch=torch, transformers=transformers, Image=Image,
                 Dataset=torch.utils.data.Dataset, Dict=Dict, List=List, Optional=Optional, Sequence=Sequence,
                 dataclass=dataclass, field=field, conversation_lib=conversation, rank0_print=lambda *a: None,
                 IS_TOKENIZER_GREATER_THAN_0_14=version.parse(tokenizers.__version__) >= version.parse("0.14"))
    exec((LLAVA / "constants.py").read_text(), space)
    take("mm_utils.py", ["tokenizer_image_token"], space)
    take("train/train.py", ["DataArguments", "preprocess_multimodal", "preprocess_v1", "preprocess", "LazySupervisedDataset",
                            "DataCollatorForSupervisedDataset"], space)
    take("model/llava_arch.py", ["prepare_inputs_labels_for_multimodal"], space)
    return types.SimpleNamespace(**space)


class Model:
    """What prepare_inputs_labels_for_multimodal asks of a model: an embedding is the id itself, a picture VISUAL ids."""

    def __init__(self, image_id, length):
        self.image_id, self.device = image_id, "cpu"
        self.config = types.SimpleNamespace(tokenizer_model_max_length=length)

    def get_vision_tower(self):
        return self

    def get_model(self):
        return self

    def embed_tokens(self, ids):
        return ids[:, None].double()

    def encode_images(self, images):
        return torch.full((images.shape[0], VISUAL, 1), self.image_id, dtype=torch.double)


def outcome(code, row, tokenizer, length):
    spelled = {"conversations": [{"from": {"user": "human", "assistant": "gpt"}.get(r, r), "value": t} for r, t in row["turns"]]}
    if row["images"]:
        spelled["image"] = row["images"][0] if len(row["images"]) == 1 else row["images"]
    processor = types.SimpleNamespace(crop_size={"height": 2, "width": 2}, image_mean=[0.5] * 3,
                                      preprocess=lambda image, return_tensors: {"pixel_values": [torch.zeros(3, 2, 2)]})
    arguments = code.DataArguments(image_folder=str(PICTURES), image_aspect_ratio="pad")
    arguments.is_multimodal, arguments.mm_use_im_start_end, arguments.image_processor = True, False, processor
    dataset = code.LazySupervisedDataset.__new__(code.LazySupervisedDataset)
    dataset.tokenizer, dataset.list_data_dict, dataset.data_args = tokenizer, [spelled], arguments
    try:
        batch = code.DataCollatorForSupervisedDataset(tokenizer=tokenizer)([dataset[0]])
        model = Model(tokenizer.convert_tokens_to_ids("<image>"), length)
        _, _, _, _, embedded, labels = code.prepare_inputs_labels_for_multimodal(
            model, batch["input_ids"], None, batch["attention_mask"], None, batch["labels"], batch["images"])
    except Exception as error:  # the training stops
        return {"error": f"{type(error).__name__}: {error}"}
    return learnt(embedded[0, :, 0].long().tolist(), labels[0].tolist())


def main():
    code = load_code()
    with open("llava.jsonl", "w") as out:
        for name, legacy, length in CASES:
            tokenizer = transformers.PreTrainedTokenizerFast(
                tokenizer_object=tokenizers.Tokenizer.from_str(tokenizer_json(name)), bos_token="<s>", eos_token="</s>", unk_token="<unk>",
                model_max_length=length, padding_side="right")
            tokenizer.pad_token, tokenizer.legacy = tokenizer.unk_token, legacy
            for number, row in enumerate(rows()):
                write(out, {"model": name, "legacy": legacy, "model_max_length": length, "row": number,
                            **outcome(code, row, tokenizer, length)})


main()
