"""What LLaMA-Factory makes of rows.json: token ids and labels from its own converter, template and processor.

    python -m venv v && v/bin/pip install llamafactory==0.9.5 torch torchvision && v/bin/python make_llamafactory.py

llamafactory.jsonl: a line for each folder, setting and row: "model" (a folder of tests/vlm/golden), "template",
"cutoff_len", "default_system" (null: the template's), "row", and "ids" with "learnt" (a digit a token, 1: it has a
loss), or "dropped" (the row is left out with a warning), or "error" (what ends the preprocessing of the whole data set).
"""
import tempfile

from folders import PICTURES, PROCESSORS, completed, learnt, rows, spelled, write
from llamafactory.data.converter import SharegptDatasetConverter
from llamafactory.data.parser import DatasetAttr
from llamafactory.data.processor import SupervisedDatasetProcessor
from llamafactory.data.template import get_template_and_fix_tokenizer
from llamafactory.hparams import DataArguments, ModelArguments
from llamafactory.model.loader import load_tokenizer

CASES = [("llava_base", "llava", {}), ("llava_base", "llava", {"default_system": ""}),
         ("llava_base", "llava", {"cutoff_len": 120}), ("llava_base", "llava", {"cutoff_len": 250}),
         ("qwen25_base", "qwen2_vl", {}), ("qwen25_base", "qwen2_vl", {"cutoff_len": 150}),
         ("qwen3_base", "qwen3_vl_nothink", {}), ("qwen3_base", "qwen3_vl_nothink", {"cutoff_len": 90})]
DEFAULTS = {}  # templates are global objects, which a setting changes for good


def outcome(row, processor, converter):
    try:
        made = converter(spelled(row))
        made = processor.preprocess_dataset({key: [value] for key, value in made.items()})
    except Exception as error:  # the trainer stops
        return {"error": f"{type(error).__name__}: {error}".split(" in [")[0].replace(str(PICTURES), "")}
    if not made.get("input_ids"):
        return {"dropped": True}
    return learnt(made["input_ids"][0], made["labels"][0])


def main():
    attributes = DatasetAttr("file", "rows.json")
    attributes.join({"formatting": "sharegpt", "columns": {"messages": "messages", "images": "images"},
                     "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user",
                              "assistant_tag": "assistant", "system_tag": "system"}})
    with tempfile.TemporaryDirectory() as folder, open("llamafactory.jsonl", "w") as out:
        copies = {name: completed(name, folder) for name in PROCESSORS}
        for model, name, settings in CASES:
            model_args = ModelArguments(model_name_or_path=copies[model])
            data_args = DataArguments(template=name, dataset="rows", media_dir="/", **settings)
            loaded = load_tokenizer(model_args)
            template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
            if "default_system" not in settings:
                template.default_system = DEFAULTS.setdefault(name, template.default_system)
            processor = SupervisedDatasetProcessor(template=template, data_args=data_args, **loaded)
            converter = SharegptDatasetConverter(attributes, data_args)
            for number, row in enumerate(rows()):
                write(out, {"model": model, "template": name, "cutoff_len": data_args.cutoff_len,
                            "default_system": data_args.default_system, "row": number,
                            **outcome(row, processor, converter)})


main()
