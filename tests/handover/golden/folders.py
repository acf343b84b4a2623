"""Tiny model folders as AutoTokenizer and AutoProcessor want them, and the lines of the golden files."""
import json
import pathlib
import shutil

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent.parent / "vlm" / "golden"
PICTURES = HERE.parent.parent / "data" / "golden" / "images"
PROCESSORS = {"llava_base": {"processor_class": "LlavaProcessor", "patch_size": 8, "vision_feature_select_strategy": "default",
                             "num_additional_image_tokens": 1, "image_token": "<image>"},
              "qwen25_base": {"processor_class": "Qwen2_5_VLProcessor"}, "qwen3_base": {"processor_class": "Qwen3VLProcessor"}}


def tokenizer_json(name):
    """tokenizer.json without gaps between its ids: the library `tokenizers` gives added tokens the next free ones."""
    tree = json.loads((MODELS / name / "tokenizer.json").read_text())
    vocabulary, known = tree["model"]["vocab"], {token["id"] for token in tree["added_tokens"]}
    for id in range(max(known)):
        if id not in known and id not in vocabulary.values():
            vocabulary[f"\ue000{id}"] = id
    return json.dumps(tree)


def completed(name, folder, patch=None):
    """A copy of a model folder with the files that published ones have, and a tokenizer class that reads tokenizer.json
    as it stands. `patch`: pixels of the image processor's patches, where they should be others."""
    copy = pathlib.Path(folder) / name
    copy.mkdir()
    for file in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        shutil.copy(MODELS / name / file, copy / file)
    (copy / "tokenizer.json").write_text(tokenizer_json(name))
    tokenizer = json.loads((copy / "tokenizer_config.json").read_text())
    tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    (copy / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    (copy / "processor_config.json").write_text(json.dumps(PROCESSORS[name]))
    if name != "llava_base":  # Qwen's processors want one of videos, which is never used here
        processor = json.loads((copy / "preprocessor_config.json").read_text())
        processor.update({"patch_size": patch} if patch else {})
        for file in ("preprocessor_config.json", "video_preprocessor_config.json"):
            (copy / file).write_text(json.dumps(processor))
    return str(copy)


def rows():
    return json.loads((HERE / "rows.json").read_text())


def spelled(row):
    return {"messages": [{"role": r, "content": t} for r, t in row["turns"]],
            "images": [str(PICTURES / name) for name in row["images"]]}


def learnt(ids, labels):
    """A label is its token's id or -100: one digit a token."""
    assert len(ids) == len(labels) and all(label in (-100, id) for id, label in zip(ids, labels))
    return {"ids": ids, "learnt": "".join("0" if label == -100 else "1" for label in labels)}


def write(out, line):
    out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
