"""Renders conversations with the chat templates of public model families, as transformers does.

    pip install transformers==5.24.0 jinja2==3.1.6 && pip download --no-deps trl==1.16.0 axolotl==0.19.0
    python make_chat_templates.py trl-1.16.0-py3-none-any.whl axolotl-0.19.0-py3-none-any.whl

The templates are those that the two packages (Apache License 2.0) carry, which took them from the models' own folders.
jinja/chat_templates.jsonl: "name" (package/template), "template"; then for each conversation of chat_conversations.py without and
with the generation prompt: "text", "raised" (the message of the template's own raise_exception) or "error" (what Jinja2 or Python
raised). With the prompt "and" is what follows the text without it. "generation": of a
template with {% generation %} blocks, what they make of the conversation "list". strftime_now tells noon of Friday, 26 July 2024.
"""
import json
import pathlib
import sys
import zipfile

import jinja2
from transformers.utils import chat_template_utils

from chat_conversations import CONVERSATIONS
from make_jinja import Noon

HERE = pathlib.Path(__file__).parent
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
TEMPLATES = {
    "axolotl/utils/chat_templates/templates/": [
        "aya", "chatml", "cohere", "deepseek_v2", "exaone", "falcon_h1", "gemma3n", "llama3_2_vision", "llama4", "llava", "mistral_v1",
        "mistral_v7_tekken", "nemotron_h", "phi_35", "pixtral", "qwen2_vl"],
    "trl/chat_templates/": [
        "cohere2", "deepseek_r1_distill", "deepseekv3", "gemma", "gemma3", "gemma3_training", "glm4moe", "idefics3", "lfm2_2_5_vl", "llama3",
        "llama3_2", "llava_next", "phi3", "qwen2_5", "qwen2_5_vl", "qwen3", "qwen3_vl",
        "qwen3_vl_training", "llava_next_training", "smolvlm"],
}


def rendered(template, messages, prompt):
    try:
        text = chat_template_utils.render_jinja_template(
            [messages], chat_template=template, add_generation_prompt=prompt, **SPECIAL)[0][0]
        return {"text": text}
    except jinja2.exceptions.TemplateError as error:
        kind = "raised" if type(error) is jinja2.exceptions.TemplateError else "error"
        return {kind: str(error)}
    except Exception as error:
        return {"error": type(error).__name__}


def generated(template):
    texts, spans = chat_template_utils.render_jinja_template(
        [CONVERSATIONS["list"]], chat_template=template, return_assistant_tokens_mask=True, **SPECIAL)
    return [texts[0][begin:end] for begin, end in spans[0]]


def main():
    chat_template_utils.datetime = Noon
    wheels = [zipfile.ZipFile(path) for path in sys.argv[1:]]
    files = {name: wheel for wheel in wheels for name in wheel.namelist()}
    with open(HERE / "jinja" / "chat_templates.jsonl", "w") as out:
        out.write(json.dumps({"special": SPECIAL, "conversations": CONVERSATIONS}, ensure_ascii=False) + "\n")
        for folder, names in TEMPLATES.items():
            for name in names:
                template = files[f"{folder}{name}.jinja"].read(f"{folder}{name}.jinja").decode()
                cases = [rendered(template, messages, prompt) for messages in CONVERSATIONS.values() for prompt in (False, True)]
                for i, case in enumerate(cases):
                    # the generation prompt follows what stands without it
                    before = cases[i - 1].get("text") if i % 2 else None
                    if before and case.get("text", "").startswith(before):
                        cases[i] = {"and": case["text"][len(before):]}
                row = {"name": f"{folder.split('/')[0]}/{name}", "template": template, "cases": cases}
                if "endgeneration" in template:
                    row["generation"] = generated(template)
                out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
