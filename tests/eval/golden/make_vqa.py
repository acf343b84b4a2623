#!/usr/bin/env python3
"""Writes vqa_*.jsonl.gz: what the public harnesses' own functions give adversarial answers to open questions; and
vqa_prompts.jsonl: lmms-eval's prompts; and textvqa.parquet: two rows in the columns of lmms-eval's TextVQA.

usage: make_vqa.py VLMEVALKIT LMMS_EVAL LLAVA VQA

The arguments are clones with their history of open-compass/VLMEvalKit, EvolvingLMMs-Lab/lmms-eval, haotian-liu/LLaVA and
GT-Vision-Lab/VQA. Functions are taken out of the files as they stood at the commits below; nothing of the packages is
imported. Needs numpy and pyarrow. A golden's first lines are its questions {"question", "answers"}; the others answers to them
{"of": number of a question, "response", then a score per matcher}.
"""
import copy
import gzip
import io
import json
import pathlib
import random
import re
import statistics
import string
import struct
import subprocess
import sys
import types
import zlib
from typing import Optional

import numpy as np

HERE = pathlib.Path(__file__).parent
VLMEVALKIT = {"vk-2024": "aca64dbb", "vk-2025": "590f052a", "vk-2026": "e8e78f05"}
LMMS_EVAL = "75571cfe"
LLAVA = "c121f043"
VQA = "a013f004"
ANSWERS = 2400


def source(checkout, commit, path):
    return subprocess.check_output(["git", "-C", checkout, "show", f"{commit}:{path}"], text=True)


def module(text, **names):
    """The definitions of a file without its imports."""
    made = types.ModuleType("public")
    made.__dict__.update(np=np, re=re, string=string, statistics=statistics, Optional=Optional, **names)
    lines, keep, depth = [], True, 0
    for line in text.split("\n"):
        if re.match(r"(from|import) ", line):
            depth = line.count("(") - line.count(")")
            continue
        if depth > 0:
            depth += line.count("(") - line.count(")")
            continue
        lines.append(line)
    exec(compile("\n".join(lines), "public", "exec"), made.__dict__)
    return made


def functions(text, names, **given):
    """The named top-level functions of a file whose other parts cannot be run by themselves."""
    parts = re.split(r"(?m)^(?=def |class |@)", text)
    wanted = [part for part in parts if any(part.startswith(f"def {name}(") for name in names)]
    return module("\n".join(wanted), **given)


# ---- the harnesses -----------------------------------------------------------------------------------------------------


def vlmevalkit(checkout):
    """{matcher: function(method, answers, prediction) -> score of hit_calculate}."""
    result = {}
    sets = {"vqa_score": "TextVQA", "relaxed_accuracy": "ChartQA", "accuracy": "GQA", "anls": "DocVQA"}
    for name, commit in VLMEVALKIT.items():
        misc = functions(source(checkout, commit, "vlmeval/smp/misc.py"), ["process_punctuation", "istype"])
        listinstr = lambda words, text: any(word in text for word in words)
        code = module(source(checkout, commit, "vlmeval/dataset/utils/vqa_eval.py"), listinstr=listinstr, istype=misc.istype,
                      process_punctuation=misc.process_punctuation)

        def score(method, answers, prediction, code=code):
            # A set's cell holds one text, or a list as Python writes it.
            cell = str(answers) if len(answers) > 1 else answers[0]
            line = code.process_line({"answer": cell, "prediction": prediction}, method=method)
            return float(code.hit_calculate([line], sets[method])[0])

        result[name] = score
    return result


def lmms_eval(checkout):
    tasks = "lmms_eval/tasks/"
    processor = module(source(checkout, LMMS_EVAL, tasks + "_task_utils/vqa_eval_metric.py")).EvalAIAnswerProcessor
    task = lambda name, wanted: functions(source(checkout, LMMS_EVAL, f"{tasks}{name}/utils.py"), wanted, EvalAIAnswerProcessor=processor)
    metrics = functions(source(checkout, LMMS_EVAL, "lmms_eval/api/metrics.py"), ["exact_match_hf_evaluate", "levenshtein_distance", "anls"])
    textvqa = task("textvqa", ["textvqa_process_results"]).textvqa_process_results
    vizwiz = task("vizwiz_vqa", ["vizwiz_vqa_process_results"]).vizwiz_vqa_process_results
    vqav2 = task("vqav2", ["vqav2_process_results"]).vqav2_process_results
    chartqa = task("chartqa", ["relaxed_correctness", "chartqa_process_results"]).chartqa_process_results
    seed = task("seedbench", ["seed_process_result", "seed_aggregation_result"])
    # The task strips every response before its own function sees it (api/task.py, process_results).
    return {
        "textvqa": lambda a, p: textvqa({"answers": list(a), "question_id": 1}, [p.strip()])["exact_match"],
        "vizwiz": lambda a, p: vizwiz({"answers": list(a), "question_id": 1}, [p.strip()])["exact_match"],
        "vqav2": lambda a, p: vqav2({"answers": numbered(a), "question_id": 1}, [p.strip()])["exact_match"],
        "gqa": lambda a, p: float(metrics.exact_match_hf_evaluate(references=[a[0]], predictions=[p.strip()], ignore_case=True,
                                                                  ignore_punctuation=True)["exact_match"]),
        "chartqa": lambda a, p: chartqa({"answer": a[0], "type": "human_test"}, [p.strip()])["relaxed_overall"],
        "docvqa": lambda a, p: float(metrics.anls(references=a, predictions=[p.strip()])["anls"]),
        "seed": lambda a, p: float(seed.seed_aggregation_result(
            [seed.seed_process_result({"answer": a[0], "data_type": "image", "question_id": 1}, [p.strip()])["seed_all"]])),
    }


def numbered(answers):
    return [{"answer": a, "answer_confidence": "yes", "answer_id": i + 1} for i, a in enumerate(answers)]


def llava(checkout):
    evaluator = module(source(checkout, LLAVA, "llava/eval/m4c_evaluator.py"), tqdm=lambda x: x).TextVQAAccuracyEvaluator()
    return lambda a, p: float(evaluator.eval_pred_list([{"pred_answer": p, "gt_answers": list(a)}]))


def llava_gqa(answers, prediction):
    """scripts/convert_gqa_for_eval.py at c121f043 has no function: its line, then GQA's own equality."""
    return float(answers[0] == prediction.rstrip(".").lower())


def llava_seed(answers, prediction):
    """scripts/convert_seed_for_submission.py at c121f043 compares the stored text, which model_vqa_loader.py strips."""
    return float(prediction.strip() == answers[0])


def official_vqa(checkout):
    text = source(checkout, VQA, "PythonEvaluationTools/vqaEvaluation/vqaEval.py").expandtabs(4)
    text = re.sub(r'(?m)^(\s*)print "(.*)"$', r"\1pass", text)  # Python 2
    code = module(text, sys=sys)

    class Answers:
        def __init__(self, qa):
            self.qa = qa

        def getQuesIds(self):
            return list(self.qa)

    def score(answers, prediction):
        truth = Answers({1: {"answers": numbered(answers), "question_type": "q", "answer_type": "other"}})
        scorer = code.VQAEval(truth, Answers({1: {"answer": prediction}}), n=2)
        scorer.updateProgress = lambda progress: None
        kept = []
        scorer.setAccuracy = lambda every, by_question, by_answer: kept.extend(every)
        scorer.evaluate()
        return kept[0]

    return score


QUESTIONS = ["What is the brand?", "what does NASA's sign SAY?", "ßOr?", "éTÉ?", "2 Cups?", "", " x Y", "İS it?"]


def prompts(checkout):
    """lmms-eval's doc_to_text with the arguments of each task's file."""
    tasks = "lmms_eval/tasks/"
    files = {"textvqa": "textvqa/_default_template_textvqa_yaml", "vizwiz": "vizwiz_vqa/_default_template_vqa_yaml",
             "vqav2": "vqav2/_default_template_vqav2_yaml", "gqa": "gqa/gqa.yaml", "chartqa": "chartqa/chartqa.yaml",
             "docvqa": "docvqa/_default_template_docvqa_yaml"}
    for name, path in files.items():
        text = source(checkout, LMMS_EVAL, tasks + path)
        default = re.search(r'  default:\n    pre_prompt: (".*")\n    post_prompt: (".*")', text)
        given = {"pre_prompt": json.loads(default[1]), "post_prompt": json.loads(default[2])}
        folder = path.split("/")[0]
        code = functions(source(checkout, LMMS_EVAL, f"{tasks}{folder}/utils.py"), [f"{folder}_doc_to_text"])
        ask = getattr(code, f"{folder}_doc_to_text")
        for question in QUESTIONS:
            yield {"task": name, "question": question, "prompt": ask({"question": question}, given)}
            if name == "textvqa":
                doc = {"question": question, "ocr_tokens": ["DAKOTA", "", "2"]}
                yield {"task": name, **doc, "prompt": ask(doc, {**given, "ocr": True})}


def parquet():
    import pyarrow as pa
    import pyarrow.parquet as pq

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixel = b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
                                            chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")), chunk(b"IEND", b"")])
    rows = [{"image_id": "00a", "question_id": 34602, "question": "what is the brand?", "image": {"bytes": pixel, "path": "00a.png"},
             "image_width": 1, "answers": ["dakota"] * 8 + ["nokia"] * 2, "ocr_tokens": ["DAKOTA", "2"], "set_name": "val"},
            {"image_id": "00a", "question_id": 34603, "question": "what else?", "image": {"bytes": pixel, "path": "00a.png"},
             "image_width": 1, "answers": ["été"] * 10, "ocr_tokens": [], "set_name": "val"}]
    pq.write_table(pa.Table.from_pylist(rows), HERE / "textvqa.parquet")


# ---- answers -----------------------------------------------------------------------------------------------------------

WORDS = ["stop", "Stop sign", "coca-cola", "The Dog's", "u.s.a.", "7 eleven", "7-Eleven", "$1,000.50", "1,000", "1000", "5.", "5", "five",
         "none", "None", "yes", "no", "Yes.", "left", "a", "the", "an apple", "dont know", "don't know", "it's", "its", "whats", "ten",
         "3:45", "3.45", "10%", "ÉTÉ", "été", "STRASSE", "straße", "停止", "ＡＢＣ", "o'clock", "oclock", "unanswerable", "unsuitable",
         "red and white", "red, white", "red/white", "n/a", "nan", "", "@home", "http://a.b", "mr. smith", "12.5 cm", "۵", "½", "-3", "I'm"]
CHAT = ["{}", "{}", "{}", "{}.", "{}!", " {} ", "{}\n", "{}\t", "The answer is {}.", "It says {}", "\"{}\"", "**{}**", "`{}`", "({})",
        "Answer: {}", "{}, I think", "{} ?", "{},", "{}..", "a {}", "The {}", "{} {}", "{}，", "「{}」", "{}。", "\u3000{}\u00a0", "{}'s", "[{}]",
        "{};", "{}-", "$ {}", "I'm sorry, I cannot see that.", "", " ", "None", "nan", "{}\n\nExplanation: it is written there."]


def reference_sets(rng):
    """Ten answers of people who agree more or less."""
    for _ in range(150):
        few = [rng.choice(WORDS) for _ in range(rng.randint(1, 4))]
        spelt = lambda text: rng.choice([text, text, text, text.upper(), text.lower(), text + ".", " " + text, text.replace(" ", "-"), text + "\n"])
        plain = rng.random() < 0.3
        yield [few[min(int(rng.expovariate(1.0)), len(few) - 1)] if plain else spelt(few[min(int(rng.expovariate(1.0)), len(few) - 1)])
               for _ in range(10)]


def chatty(rng, candidates):
    form = rng.choice(CHAT)
    pick = lambda: rng.choice(candidates) if rng.random() < 0.75 else rng.choice(WORDS)
    return form.replace("{}", pick(), 1).replace("{}", pick())


NUMBERS = ["100", "105", "105.1", "95", "94.9", "0", "0.0", "-3", "3", "2009", "2010", "1,000", "1000", "25%", "25", "0.25", "25 %", "1e3", "1_000",
           "1__0", "inf", "-inf", "nan", "Infinity", "+5", "5.", ".5", ".", "", "５", "٣", "0x10", "1e400", "1e-400", "12.", "--5", "5%%", "%", "1e",
           "3 cm", "$5", "5 million", "Yes", "no", "Red", "red ", "ÉTÉ", "été", "Jan 2010", "0.05", "5e-2", "  7", "7\n", "1e5", "100000"]


def number_answers(rng):
    for _ in range(ANSWERS):
        target = rng.choice(NUMBERS)
        near = target if rng.random() < 0.2 else rng.choice(NUMBERS)
        if near != target and rng.random() < 0.5:
            try:
                value = float(target.rstrip("%"))
                near = repr(value * rng.choice([1.05, 0.95, 1.0500001, 0.9499999, 1.0, 1.2, -1])) + rng.choice(["", "", "%", " "])
            except (ValueError, OverflowError):
                pass
        yield target, rng.choice(["{}", "{}", "{}", "{}.", " {} ", "The answer is {}", "{}\n", "{}%"]).replace("{}", near)


DOCUMENTS = [["506 million", "$506 million"], ["1998"], ["ITC Limited", "itc limited"], ["University of California, San Diego"], ["0.28"], ["straße", "STRASSE"],
             ["été"], ["a"], [" two  words "], ["R. J. Reynolds"], ["12/10/1976", "12-10-76"], ["İstanbul"], ["ﬁne print"], ["停止"], ["x" * 40], ["10 %", "10%"]]


def edited(rng, text):
    letters = list(text)
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 9])):
        at = rng.randint(0, len(letters))
        what = rng.random()
        if what < 0.4 and at < len(letters):
            del letters[at]
        elif what < 0.7:
            letters.insert(at, rng.choice("abcXYZ 019.,é\u3000\t"))
        elif at < len(letters):
            letters[at] = rng.choice("abcXYZ 019.,é")
    return "".join(letters)


# ---- goldens -----------------------------------------------------------------------------------------------------------


def write(name, questions, rows):
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as out:
        for line in questions + rows:
            out.write((json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n").encode())
    (HERE / f"vqa_{name}.jsonl.gz").write_bytes(buffer.getvalue())
    print(name, len(rows), "answers,", len(buffer.getvalue()), "bytes")


def soft_set(name, rng, scorers):
    questions = [{"question": i, "answers": answers} for i, answers in enumerate(reference_sets(rng))]
    rows = []
    for _ in range(ANSWERS):
        of = rng.randrange(len(questions))
        response = chatty(rng, questions[of]["answers"])
        rows.append({"of": of, "response": response,
                     **{matcher: scorer(copy.copy(questions[of]["answers"]), response) for matcher, scorer in scorers.items()}})
    write(name, questions, rows)


def single_set(name, pairs, scorers):
    questions, place, rows = [], {}, []
    for answers, response in pairs:
        key = json.dumps(answers)
        if key not in place:
            place[key] = len(questions)
            questions.append({"question": len(questions), "answers": answers})
        rows.append({"of": place[key], "response": response, **{matcher: scorer(answers, response) for matcher, scorer in scorers.items()}})
    write(name, questions, rows)


def main(vlmevalkit_checkout, lmms_checkout, llava_checkout, vqa_checkout):
    rng = random.Random(11)
    vk, lmms = vlmevalkit(vlmevalkit_checkout), lmms_eval(lmms_checkout)
    by_vk = lambda method: {name: (lambda a, p, s=s: s(method, a, p)) for name, s in vk.items()}
    with open(HERE / "vqa_prompts.jsonl", "w", encoding="utf-8") as out:
        for row in prompts(lmms_checkout):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    parquet()
    m4c, official = llava(llava_checkout), official_vqa(vqa_checkout)
    soft_set("textvqa", rng, {"official": m4c, "lmms-eval": lmms["textvqa"], **by_vk("vqa_score")})
    soft_set("vizwiz", rng, {"official": m4c, "lmms-eval": lmms["vizwiz"], **by_vk("vqa_score")})
    soft_set("vqav2", rng, {"official": official, "lmms-eval": lmms["vqav2"], **by_vk("vqa_score")})
    words = [w for w in WORDS if w and "\n" not in w]
    answers = [rng.choice(words) for _ in range(ANSWERS)]
    single_set("gqa", [([a.lower()], chatty(rng, [a, a.lower()])) for a in answers],
               {"official": llava_gqa, "lmms-eval": lmms["gqa"], **by_vk("accuracy")})
    single_set("chartqa", [([t], p) for t, p in number_answers(rng)], {"lmms-eval": lmms["chartqa"], **by_vk("relaxed_accuracy")})
    documents = [rng.choice(DOCUMENTS) for _ in range(ANSWERS)]
    single_set("docvqa", [(d, rng.choice(["{}", "{}", " {}", "{}.", "The answer is {}", ""]).replace("{}", edited(rng, rng.choice(d))))
                          for d in documents], {"lmms-eval": lmms["docvqa"], **by_vk("anls")})
    letters = ["A", "B", "C", "D", "a", "b", "E", "A.", "(B)", "B. rabbit", "The answer is C", "c)", "\nD", " A", "", "是", "Ａ", "Both A and B", "D\n", "ab"]
    single_set("seed", [([rng.choice("ABCD")], rng.choice(letters)) for _ in range(ANSWERS)], {"official": llava_seed, "lmms-eval": lmms["seed"]})


main(*sys.argv[1:5])
