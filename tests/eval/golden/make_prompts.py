#!/usr/bin/env python3
"""Writes prompts.jsonl: the texts that the public harnesses' own functions ask, for questions made here.

usage: make_prompts.py VLMEVALKIT LMMS_EVAL    (clones with their history; needs pandas and PyYAML)

A line: style, kind, language, question, hint, options, prompt. Functions and settings are taken out of the files at the
commits below and used as they are.
"""
import ast
import json
import pathlib
import string
import subprocess
import sys
import types

import pandas as pd
import yaml

HERE = pathlib.Path(__file__).parent
VLMEVALKIT, LMMS_EVAL = "e8e78f05", "75571cfe"
NAN = float("nan")

QUESTIONS = [
    ("What is it?", "", ["cat", "dog"]), ("What is it?", "Look at the left.\nTwo lines.", ["cat", "dog", "a fish", "None of them"]),
    ("图中是什么？", "", ["猫", "狗", "鱼"]), ("What does 猫 mean?", "", ["cat", "dog"]), ("What is it?", "提示", ["1", "2"]),
    (" Two blanks? ", "", ["x ", " y", "z"]), ("Which?", "", ["(none)", "é", "A", "B"]), ("Five?", "h", ["1", "2", "3", "4", "5"])]
YES_NO = ["Is there a dog in the image?", "Is it a cat? Please answer yes or no.", "Is it two?  Please answer yes or no.", " Is it? "]


def source(checkout, commit, path):
    return subprocess.check_output(["git", "-C", checkout, "show", f"{commit}:{path}"], text=True)


def pick(text, names, **space):
    """Functions or methods of a file by name ("Class.method")."""
    found = []
    for node in ast.parse(text).body:
        for inner in [node] + list(getattr(node, "body", [])):
            name = getattr(inner, "name", "") if inner is node else f"{getattr(node, 'name', '')}.{getattr(inner, 'name', '')}"
            if name in names:
                found.append(inner)
    exec(compile(ast.Module(found, []), "harness", "exec"), space)
    return types.SimpleNamespace(**space)


class Ignore(yaml.SafeLoader):
    pass


Ignore.add_constructor("!function", lambda loader, node: None)




def main(vlmevalkit, lmms_eval):
    lines = []

    def add(style, kind, language, question, hint, options, prompt):
        lines.append({"style": style, "kind": kind, "language": language, "question": question, "hint": hint,
                      "options": [[string.ascii_uppercase[i], o] for i, o in enumerate(options)], "prompt": prompt})

    def vk(path, names, **space):
        return pick(source(vlmevalkit, VLMEVALKIT, path), names, **space)
    chinese = vk("vlmeval/smp/misc.py", ["cn_string"]) if "def cn_string" in source(vlmevalkit, VLMEVALKIT, "vlmeval/smp/misc.py") else \
        vk("vlmeval/smp/vlm.py", ["cn_string"])
    import re
    chinese.cn_string.__globals__["re"] = re
    common = {"pd": pd, "string": string, "DATASET_TYPE": lambda *a, **k: "MCQ", "cn_string": chinese.cn_string}
    llava = vk("vlmeval/vlm/llava/llava.py", ["LLaVA.build_prompt"], **common).build_prompt
    default = vk("vlmeval/dataset/image_mcq.py", ["ImageMCQDataset.build_prompt"], **common).build_prompt
    bare = vk("vlmeval/dataset/image_base.py", ["ImageBaseDataset.build_prompt"], **common).build_prompt
    sys.modules["vlmeval"], sys.modules["vlmeval.dataset"] = types.ModuleType("vlmeval"), types.ModuleType("vlmeval.dataset")
    qwen = {}
    for name, kind in (("qwen2", "Qwen2VLPromptMixin"), ("qwen3", "Qwen3VLPromptMixin")):
        text = source(vlmevalkit, VLMEVALKIT, f"vlmeval/vlm/{name}_vl/prompt.py")
        qwen[name] = pick(text, [kind])
        qwen[name] = vars(qwen[name])[kind]()
        qwen[name].dump_image = lambda *a: ["x.png"]
    me = types.SimpleNamespace(dump_image=lambda *a: ["x.png"], use_custom_prompt=lambda d: True, meta_only=False)

    def text_of(message):
        return "".join(part["value"] for part in message if part["type"] == "text")

    def dataset(kind, name):
        sys.modules["vlmeval.dataset"].DATASET_TYPE = lambda *a, **k: kind
        return name
    for question, hint, options in QUESTIONS:
        row = {"question": question, "hint": hint or NAN} | dict(zip(string.ascii_uppercase, options))
        for kind in ("mmbench", "ai2d", "scienceqa"):
            add("vlmevalkit", kind, "en", question, hint, options, text_of(llava(me, row, "MMBench")))
            add("vlmevalkit-default", kind, "en", question, hint, options, text_of(default(me, row)))
            for name, mixin in qwen.items():
                add(f"vlmevalkit-{name}", kind, "en", question, hint, options, text_of(mixin.build_prompt(row, dataset("MCQ", "MMBench"))))
    for question in YES_NO:
        row = {"question": question}
        plain = text_of(bare(me, row))
        for kind, vk_kind, name in (("pope", "Y/N", "POPE"), ("mme", "Y/N", "MME"), ("ocrbench", "VQA", "OCRBench")):
            add("vlmevalkit", kind, "en", question, "", [], plain)
            add("vlmevalkit-default", kind, "en", question, "", [], plain)
            for family, mixin in qwen.items():
                mixin._use_custom_prompt = True
                custom = mixin.use_custom_prompt(dataset(vk_kind, name))
                add(f"vlmevalkit-{family}", kind, "en", question, "", [], text_of(mixin.build_prompt(row, name)) if custom else plain)

    def le(path, names, **space):
        return pick(source(lmms_eval, LMMS_EVAL, f"lmms_eval/tasks/{path}"), names, **space)

    def settings(path):
        return yaml.load(source(lmms_eval, LMMS_EVAL, f"lmms_eval/tasks/{path}"), Ignore)["lmms_eval_specific_kwargs"]
    evaluator = le("mmbench/mmbench_evals.py", ["MMBench_Evaluator"], pd=pd, string=string, os=__import__("os"), rd=None).MMBench_Evaluator()
    for style, family in (("lmms-eval", "default"), ("lmms-eval-qwen", "qwen_vl")):
        def kwargs(path):
            found = settings(path)
            return found.get(family, found["default"])
        for question, hint, options in QUESTIONS:
            for language in ("en", "cn"):
                ask = le(f"mmbench/{language}_utils.py", ["mmbench_doc_to_text"], pd=pd, mmbench_evaluator=evaluator).mmbench_doc_to_text
                row = {"question": question, "hint": hint or NAN, "category": "", "L2-category": "", "index": 1, "source": "", "split": ""}
                row |= {c: NAN for c in "ABCDE"} | dict(zip("ABCDE", options))
                add(style, "mmbench", language, question, hint, options, ask(row, kwargs(f"mmbench/_default_template_mmbench_{language}_yaml")))
            ask = le("ai2d/utils.py", ["ai2d_doc_to_text"]).ai2d_doc_to_text
            add(style, "ai2d", "en", question, "", options, ask({"question": question, "options": options}, kwargs("ai2d/ai2d.yaml")))
            ask = le("scienceqa/utils.py", ["sqa_doc_to_text"]).sqa_doc_to_text
            row = {"question": question, "hint": hint, "choices": options}
            add(style, "scienceqa", "en", question, hint, options, ask(row, kwargs("scienceqa/scienceqa_img.yaml")))
        for question in YES_NO:
            ask = le("pope/utils.py", ["pope_doc_to_text"]).pope_doc_to_text
            add(style, "pope", "en", question, "", [], ask({"question": question}, kwargs("pope/pope.yaml")))
            ask = le("mme/utils.py", ["mme_doc_to_text"], replace_prompt=" Please answer yes or no.").mme_doc_to_text
            add(style, "mme", "en", question, "", [], ask({"question": question}, kwargs("mme/mme.yaml")))
            ask = le("ocrbench/utils.py", ["ocrbench_doc_to_text"]).ocrbench_doc_to_text
            add(style, "ocrbench", "en", question, "", [], ask({"question": question}, kwargs("ocrbench/ocrbench.yaml")))
    with open(HERE / "prompts.jsonl", "w", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


main(*sys.argv[1:3])
