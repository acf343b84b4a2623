#!/usr/bin/env python3
"""Writes the hand-made conformance tables conformance_*.jsonl: answers whose reading under each rule set is known.

The cases were read off the harnesses' sources and checked by running them (VLMEvalKit, LLaVA, POPE, MME).
"""
import json
import pathlib

HERE = pathlib.Path(__file__).parent
ANIMALS = [["A", "teddy bear"], ["B", "rabbit"], ["C", "cat"], ["D", "dog"]]
CHINESE = [["A", "泰迪熊"], ["B", "兔子"], ["C", "猫"], ["D", "狗"]]


def write(name, rows):
    with open(HERE / name, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def options():
    def case(response, now, y2025=None, y2024=None, choices=ANIMALS):
        y2025 = now if y2025 is None else y2025
        return {"response": response, "options": choices, "vk-2024": y2025 if y2024 is None else y2024, "vk-2025": y2025,
                "vk-2026": now}

    for text in ["B", "B.", "(B)", "B)", "**B**", "B. rabbit", "Option: [B]", "The answer is B.", "Answer: B", "B B"]:
        yield case(text, "B")
    for text in ["A cat", "A dog is here"]:
        yield case(text, "A")
    for text in ["a rabbit and a cat", "Both A and B", "A or B", "b", '"B"', "'B'", "<B>", "`B`", "B/", "", "nan", "None"]:
        yield case(text, "")
    for text in ["cat", "It is a cat"]:
        yield case(text, "C")
    yield case("B because it shows a rabbit in the grass", "B")
    yield case("I think the answer is option B because it shows a rabbit in the grass", "", "", "B")
    yield case("B is correct, the others are not right at all", "", "", "B")
    yield case("The correct answer is **C**. Here's why: A is wrong and B is wrong.", "C", "", "")
    yield case("The answer is a rabbit", "A", "B", "B")
    yield case("The answer is blue", "B", "", "")
    yield case("The answer is not D", "D")
    yield case("Cannot determine the answer", "Z")
    yield case("100", "", choices=[["A", "10"], ["B", "100"], ["C", "5"], ["D", "50"]])
    for text in ["B", "B.", "B、兔子", "B：兔子", "答案是 B", "(B)兔子", "兔子"]:
        yield case(text, "B", choices=CHINESE)
    for text in ["B。", "答案是B", "答案：B", "选B", "（B）"]:
        yield case(text, "", choices=CHINESE)


def yes_no():
    table = [  # response, VLMEvalKit, POPE's own, MME's own
        ("Yes", "yes", "yes", "yes"), ("yes.", "yes", "yes", "yes"), ("No, there is no dog.", "no", "no", "no"),
        ("NO", "no", "yes", "no"), ("There is no snowboard in the image.", "no", "no", ""), ("There is not a dog.", "", "no", ""),
        ("The answer is yes", "yes", "yes", ""), ("Yes, but not clearly", "yes", "no", "yes"), ("Yes.The dog", "", "yes", "yes"),
        ("None", "", "yes", "no"), ("Nope", "", "yes", "no"), ("Not visible", "", "yes", "no"), ("Y", "", "yes", ""),
        ("**Yes**", "", "yes", ""), ("'Yes'", "", "yes", "yes"), ("", "", "yes", ""), ("不是", "", "yes", "")]
    for response, vk, pope, mme in table:
        yield {"response": response, "vk": vk, "pope": pope, "mme": mme}


def letters():
    for response, right in [("B", True), ("b", False), ("B.", False), ("B. rabbit", True), ("(B)", False),
                            ("The answer is B.", True), ("Answer: B", False), ("B rabbit", False), ("rabbit", False)]:
        yield {"response": response, "options": ANIMALS, "answer": "B" if right else ""}


write("conformance_options.jsonl", options())
write("conformance_yes_no.jsonl", yes_no())
write("conformance_scienceqa.jsonl", letters())
