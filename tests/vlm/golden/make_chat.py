"""Renders conversations with the chat templates of llava-1.5-hf and Qwen-VL and tokenises them with Hugging Face's library.

    pip install tokenizers==0.22.1 jinja2 && python make_chat.py

chat.jsonl: one line a case: "layout", "tokenizer", "turns" ([role, text] ...), "images" (visual tokens of each), "training",
"prompt", "text" (placeholders expanded), "ids", "roles" (t template, s system, u user, i image, a assistant).
Roles are found here by character positions of the rendered string, independently of the C++ code.
"""
import json
import pathlib

import jinja2
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
# chat_template.json of llava-hf/llava-1.5-7b-hf.
LLAVA = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ '\x01' + message['role'][0] + content['text'] + '\x02' + (' ' if not training or message['role'] != 'assistant' else '</s>') }}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}")

# chat_template.json of Qwen2.5-VL and of Qwen3-VL, without videos, tools and numbered pictures; they differ in the default
# system prompt alone.
QWEN = (
    "{% for message in messages %}{% if default_system and loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\n\x01sYou are a helpful assistant.\x02<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{% else %}{{ '\x01' + message['role'][0] + content['text'] + '\x02' }}{% endif %}{% endfor %}{{ '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

CASES = [
    ([["user", "<image>\nWhat is this?"], ["assistant", "A cat."], ["user", "Color?"], ["assistant", "Black."]], [4]),
    ([["user", "What is this?\n<image>"], ["assistant", "A"]], [3]),
    ([["user", "<image><image>Compare. "], ["assistant", " Yes "], ["user", " \n\nWhy? "], ["assistant", "\nBecause\n\nit is."]], [2, 5]),
    ([["system", "Be brief."], ["user", "<img> How many?"], ["assistant", "Two </s> cats"]], [1]),
    ([["user", "<image>"], ["assistant", ""], ["user", "q2"], ["assistant", "USER: q"]], [2]),
    ([["assistant", "Hello"], ["user", "   <image>   "], ["assistant", "ok"]], [2]),
    ([["user", "ASSISTANT: No. 你好 café 😀"], ["assistant", "No. 好"], ["user", "  x  y  "]], [3]),
    ([["user", "text only"], ["assistant", "fine"]], []),
    ([["user", "Read \"WALK\" <image>now"]], [6]),
]


def messages_of(turns, images, keep_empty):
    left = images
    for role, text in turns:
        content = []
        if role == "user" and left:
            content += [{"type": "image"}] * left
            left = 0
            text = text.replace("<image>", "").replace("<img>", "").strip()
        if text:
            content.append({"type": "text", "text": text})
        if content or keep_empty:
            yield {"role": role, "content": content}


def unmark(marked):
    """Text without the marks, and the role of every character."""
    text, roles, role = "", "", "t"
    at = 0
    while at < len(marked):
        if marked[at] == "\x01":
            role = marked[at + 1]
            at += 2
        elif marked[at] == "\x02":
            role = "t"
            at += 1
        else:
            text += marked[at]
            roles += role
            at += 1
    return text, roles


def expand(text, roles, images, token):
    size = len(token)
    for count in images:
        at = text.index(token)
        text = text[:at] + "\x03" * count + text[at + size:]
        roles = roles[:at] + "i" * count + roles[at + size:]
    return text.replace("\x03", token), "".join("i" * size if r == "i" else r for r in roles)


def rows(layout, name, source, token, keep_empty, **constants):
    template = jinja2.Environment().from_string(source)
    tokenizer = Tokenizer.from_file(str(HERE / "tokenizers" / name / "tokenizer.json"))
    image = tokenizer.token_to_id(token)
    for turns, images in CASES:
        for training, prompt in ((False, False), (True, False), (False, True)):
            marked = template.render(messages=list(messages_of(turns, len(images), keep_empty)), training=training,
                                     add_generation_prompt=prompt, **constants)
            text, roles = expand(*unmark(marked), images, token)
            e = tokenizer.encode(text)
            tags = ""
            for i, (begin, end) in zip(e.ids, e.offsets):
                inside = set(roles[begin:end]) - {"t"}
                tags += "i" if i == image else (inside or {"t"}).pop()
            yield {"layout": layout, "tokenizer": name, "turns": turns, "images": images, "training": training,
                   "prompt": prompt, "text": text, "ids": e.ids, "roles": tags}


def main():
    made = [row for name in ("llama_legacy", "llama", "word_piece_cased")
            for row in rows("llava-1.5", name, LLAVA, "<image>", False)]
    for layout, default_system in (("qwen3-vl", False), ("qwen2.5-vl", True)):
        made += rows(layout, "qwen", QWEN, "<|image_pad|>", True, default_system=default_system)
    with open(HERE / "chat.jsonl", "w") as out:
        for row in made:
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
