"""What ms-swift makes of rows.json: token ids and labels from its own row preprocessor and templates.

    python -m venv v && v/bin/pip install ms-swift==4.6.0 torch torchvision qwen_vl_utils==0.0.14
    v/bin/python make_ms_swift.py

ms_swift.jsonl: a line for each folder, setting and row: "model" (a folder of tests/vlm/golden), "template",
"max_length", "system" (null: the template's), "row", and "ids" with "learnt" (a digit a token, 1: it has a loss), or
"dropped" (the reason for which the row is deleted). Qwen's folders get the patches of the published models, since
qwen_vl_utils takes them for granted, and Qwen's templates the id of the tiny tokenizer's <|image_pad|>.
"""
import os
import tempfile

os.environ["MODELSCOPE_CACHE"] = tempfile.mkdtemp()

from folders import PICTURES, completed, learnt, rows, spelled, write
from swift import get_processor, get_template
from swift.dataset.preprocessor import MessagesPreprocessor

FOLDERS = [("llava_base", "llava1_5_hf", None), ("qwen25_base", "qwen2_5_vl", 14), ("qwen3_base", "qwen3_vl", 16)]
CASES = [("llava_base", "llava1_5_hf", {}), ("llava_base", "llava1_5_hf", {"max_length": 100}),
         ("llava_base", "llava1_5_hf", {"default_system": "Look."}),
         ("qwen25_base", "qwen2_5_vl", {}), ("qwen25_base", "qwen2_5_vl", {"default_system": ""}),
         ("qwen3_base", "qwen3_vl", {})]


def outcome(row, template):
    try:
        batch = MessagesPreprocessor().batched_preprocess({key: [value] for key, value in spelled(row).items()}, strict=True,
                                                          ignore_max_length_error=True)
        made = template.encode({key: values[0] for key, values in batch.items()})
    except Exception as error:  # the row is deleted (strict=False)
        return {"dropped": f"{type(error).__name__}: {error}".replace(str(PICTURES), "")[:200]}
    return learnt(made["input_ids"], made["labels"])


def main():
    with tempfile.TemporaryDirectory() as folder, open("ms_swift.jsonl", "w") as out:
        processors = {name: get_processor(completed(name, folder, patch), model_type=kind, use_hf=True, download_model=False)
                      for name, kind, patch in FOLDERS}
        for model, kind, settings in CASES:
            template = get_template(processors[model], template_type=kind, **{"max_length": 2048, **settings})
            template.set_mode("train")
            if model != "llava_base":
                template.image_token_id = template.tokenizer.convert_tokens_to_ids("<|image_pad|>")
            for number, row in enumerate(rows()):
                write(out, {"model": model, "template": kind, "max_length": template.max_length,
                            "system": settings.get("default_system"), "row": number, **outcome(row, template)})


main()
