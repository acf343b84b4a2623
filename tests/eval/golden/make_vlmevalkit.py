#!/usr/bin/env python3
"""Writes vlmevalkit_options.jsonl and vlmevalkit_yes_no.jsonl: what VLMEvalKit's own functions read out of answers.

usage: make_vlmevalkit.py CHECKOUT    (a clone of open-compass/VLMEvalKit with its history)

Three versions of its option inference are asked, as they stood at the commits below; only the two functions' files are
loaded, nothing of the package is imported. Answers are composed at random from phrases models use (fixed seed), beside
the hand-picked ones of the conformance tables.
"""
import copy
import json
import pathlib
import random
import subprocess
import sys
import types

VERSIONS = {"vk-2024": "aca64dbb", "vk-2025": "590f052a", "vk-2026": "a67ace50"}
NEWEST = "e8e78f05"
HERE = pathlib.Path(__file__).parent

ENGLISH = {"A": "teddy bear", "B": "rabbit", "C": "cat", "D": "dog"}
CHINESE = {"A": "泰迪熊", "B": "兔子", "C": "猫", "D": "狗"}
NUMBERS = {"A": "10", "B": "100", "C": "5", "D": "50"}
TWO = {"A": "Yes", "B": "Not at all"}
FIVE = {"A": "Été", "B": "İstanbul", "C": "C", "D": "a", "E": "answer is B"}


def source(checkout, commit, path):
    return subprocess.check_output(["git", "-C", checkout, "show", f"{commit}:{path}"], text=True)


def load(text):
    module = types.ModuleType("loaded")
    kept = [l for l in text.split("\n") if not l.startswith("from ")]
    exec("\n".join(kept).replace("logger = get_logger(__name__)", ""), module.__dict__)
    return module


def process_punctuation(text):
    lines, take = [], False
    for line in text.split("\n"):
        take = line.startswith("def process_punctuation") or (take and (line.startswith(" ") or not line))
        if take:
            lines.append(line)
    return load("\n".join(lines)).process_punctuation


def answers(rng):
    pieces = ["A", "B", "C", "D", "E", "Z", "b", "(C)", "B.", "**D**", "A:", "the", "answer", "is", "The answer is", "option",
              "teddy bear", "Rabbit", "cat", "DOG", "not", "or", "and", "because", "it", "shows", "a", "grass", "答案是",
              "兔子", "B。", "（B）", "、", "correct", "Answer", "is *", "*", "100", "10", "\n", "\t", "\u3000", "\u00a0", ".",
              ",", "I'm sorry, but without the image provided", "Cannot determine the answer", "{A}", "#B", "B/", "'C'",
              "Failed to obtain answer via API", "n/a", "été", "istanbul", "yes", "Not at all", "right at all"]
    for _ in range(700):
        joiner = rng.choice(["", " ", " ", " "])
        yield joiner.join(rng.choice(pieces) for _ in range(rng.randint(1, 12)))


def main(checkout):
    rng = random.Random(7)
    versions = {name: load(source(checkout, commit, "vlmeval/utils/matching_util.py")) for name, commit in VERSIONS.items()}
    with open(HERE / "vlmevalkit_options.jsonl", "w", encoding="utf-8") as out:
        for answer in answers(rng):
            options = rng.choice([ENGLISH, ENGLISH, CHINESE, NUMBERS, TWO, FIVE])
            row = {"response": answer, "options": [[k, v] for k, v in options.items()]}
            for name, module in versions.items():
                row[name] = module.can_infer(answer, copy.copy(options)) or ""
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    punctuation = process_punctuation(source(checkout, NEWEST, "vlmeval/smp/misc.py"))
    pieces = ["Yes", "no", "NO", "yes.", "No,", "not", "the", "1,000", "5.", "3.5", "u.s.a.", "a-b", "$1,000.50", "'Yes'", "?", "!",
              "-", "_", "(yes)", "[no]", "dog's", "\u3000", "…", ".", "``", "@x", "9.a", "b.7", "yes/no"]
    with open(HERE / "vlmevalkit_yes_no.jsonl", "w", encoding="utf-8") as out:
        texts = [rng.choice(["", " "]).join(rng.choice(pieces) for _ in range(rng.randint(1, 6))) for _ in range(300)]
        for text in texts + [".".join("abcdefghij" * 4)]:
            step = punctuation(text.lower())
            yes, no = "yes" in step.split(), "no" in step.split()
            verdict = "" if yes == no else "yes" if yes else "no"
            out.write(json.dumps({"response": text, "punctuation": step, "answer": verdict}, ensure_ascii=False) + "\n")


main(sys.argv[1])
