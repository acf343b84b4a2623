#!/usr/bin/env python3
"""Writes exchange/lmms_eval/: samples that lmms-eval logged, with the score that it gave each answer, its aggregated
scores, and the benchmarks that were asked.

usage: PYTHONPATH=LMMS_EVAL make_lmms_eval.py      (a checkout of EvolvingLMMs-Lab/lmms-eval at 75571cfe)

Needs what lmms-eval needs to be imported (torch, transformers 4, accelerate, datasets 4, pandas, loguru, sacrebleu, evaluate,
openai, aiohttp, ...). lmms-eval's own evaluator runs its own tasks, as their files configure them; only the data sets, which
are stand-ins of a few rows in the columns of the real ones, and the model, which recites prepared answers, are ours.
"""
import json
import pathlib
import random
import shutil
import sys
import tempfile

import datasets
from lmms_eval import evaluator, tasks, utils
from lmms_eval.api.model import lmms
from lmms_eval.api.task import ConfigurableTask
from lmms_eval.loggers.evaluation_tracker import EvaluationTracker

from make_exchange import MME, b64, choice_answers, mmbench_rows, mme_records, pope_records, scienceqa, write_tsv, yes_no_answers

HERE = pathlib.Path(__file__).parent / "exchange" / "lmms_eval"
TASKS = pathlib.Path(tasks.__file__).parent
ROWS = 16


class Reciter(lmms):
    """A model that gives prepared answers, in the order of the documents."""

    is_simple = True

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def generate_until(self, requests):
        return [self.answers[request.args[3]] for request in requests]

    def loglikelihood(self, requests):
        raise NotImplementedError

    def generate_until_multi_round(self, requests):
        raise NotImplementedError


def run(name, file, docs, answers, scratch):
    """Evaluates a task of lmms-eval on `docs`; keeps its samples and returns its scores."""
    config = utils.load_yaml_config(TASKS / file)
    config.pop("process_docs", None)  # GQA's fetches pictures
    split = config["test_split"]
    datasets.load_dataset = lambda **_: datasets.DatasetDict({split: datasets.Dataset.from_list(docs)})
    task = ConfigurableTask(config=config, model_name="llava")
    out = evaluator.evaluate(lm=Reciter(answers), task_dict={name: task}, log_samples=True, bootstrap_iters=0,
                             cli_args=type("Args", (), {"output_path": str(scratch), "process_with_media": True, "reasoning_tags": None})())
    tracker = EvaluationTracker(output_path=str(scratch))
    tracker.general_config_tracker.model_name_sanitized = "reciter"
    tracker.date_id = "20260806_000000"
    tracker.save_results_samples(name, out["samples"][name])
    shutil.copy(scratch / "reciter" / f"20260806_000000_samples_{name}.jsonl", HERE / f"samples_{name}.jsonl")
    scores = {}
    for key, value in out["results"][name].items():
        metric, _, filtered = key.partition(",")
        if filtered and isinstance(value, (int, float)) and "stderr" not in metric:
            scores[metric] = float(value)
    return scores


# ---- benchmarks: the file that ours reads, lmms-eval's rows, and answers ---------------------------------------------

def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=0, ensure_ascii=False) + "\n")


def write_lines(name, rows):
    (HERE / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


WORDS = ["red", "a dog", "Coca-Cola", "two", "St. John's", "10,000", "left", "the cat", "can't", "5%", "COFFEE", "isn't", "1.5", "blue sky"]
SAID = ["{0}", "{0}", "{0}.", " {0} ", "The {0}", "{1}", "{2}", "{0}\n", "It is {0}", "unanswerable", "", "none", "｛{0}｝", "{0}, {0}"]


def open_answers(references, seed):
    rng = random.Random(seed)
    return [rng.choice(SAID).format(rng.choice(r), rng.choice(r).upper(), rng.choice(r).lower()) for r in references]


def soft_references(seed):
    """Ten references each, of which some agree."""
    rng = random.Random(seed)
    return [[rng.choice(rng.sample(WORDS, 2) + [WORDS[i % len(WORDS)]] * 2) for _ in range(10)] for i in range(ROWS)]


def ai2d():
    rows, docs = [], []
    for i in range(ROWS):
        options = [f"part {i}", f"stem {i}", "leaf", "None of them"]
        gold = i * 7 % 4
        rows.append({"index": 100 * i, "question": f"What does label {i} show?", **dict(zip("ABCD", options)), "answer": "ABCD"[gold],
                     "category": "parts", "image": b64(i)})
        docs.append({"question": f"What does label {i} show?", "options": options, "answer": str(gold)})
    write_tsv(HERE / "ai2d.tsv", rows)
    return docs, choice_answers([(row["answer"], {x: row[x] for x in "ABCD"}) for row in rows], 21)


def ocrbench():
    types = ["Regular Text Recognition", "Artistic Text Recognition", "Scene Text-centric VQA", "Key Information Extraction",
             "Handwritten Mathematical Expression Recognition"]
    rows, docs = [], []
    for i in range(ROWS):
        kind = types[i % len(types)]
        formula = kind.startswith("Handwritten Math")
        answers = [f"y_{i} = - {i}"] if formula else [f"Shop {i}", f"SHOP-{i}"][:1 + i % 2]
        source = "HME100k" if formula else "IIIT5K"
        rows.append({"dataset_name": source, "id": i, "image_path": f"{i}.jpg", "question": f"What is written in picture {i}?", "answers": answers,
                     "type": kind})
        docs.append({"dataset": source, "question": f"What is written in picture {i}?", "question_type": kind, "answer": answers})
    write_json("ocrbench.json", rows)
    forms = ["{0}", "It says {0}.", "{1}", "\"{0}\" on a sign", "nothing", "{2}", "ＳＨＯＰ{3}", "{0}\n"]
    rng = random.Random(22)
    said = []
    for i, row in enumerate(rows):
        answer = rng.choice(row["answers"])
        said.append(rng.choice(forms).format(answer, answer.upper(), answer.replace(" ", ""), f" {i}"))
    return docs, said


def textvqa():
    references = soft_references(23)
    rows = [{"question_id": 34602 + i, "question": f"what does SIGN {i} say?", "image_id": f"{i:016x}", "answers": r}
            for i, r in enumerate(references)]
    write_json("textvqa.json", {"data": rows})
    return [dict(row, ocr_tokens=["A"], image_classes=["Sign"]) for row in rows], open_answers(references, 24)


def vizwiz():
    references = soft_references(25)
    rows = [{"image": f"VizWiz_val_{i:08d}.jpg", "question": f"What TV is item {i}?", "answers": [{"answer": a, "answer_confidence": "yes"} for a in r],
             "answer_type": "other", "answerable": 1} for i, r in enumerate(references)]
    write_json("vizwiz.json", rows)
    docs = [{"question_id": row["image"][:-4], "question": row["question"], "answers": r, "category": "other"} for row, r in zip(rows, references)]
    return docs, open_answers(references, 26)


def vqav2():
    references = soft_references(27)
    rows = [{"question_id": 262148000 + i, "question": f"What is at place {i}?", "image_id": 262148, "image": "COCO_val2014_000000262148.jpg",
             "answer_type": "other", "answers": [{"answer": a, "answer_confidence": "yes", "answer_id": n + 1} for n, a in enumerate(r)]}
            for i, r in enumerate(references)]
    write_lines("vqav2.jsonl", rows)
    docs = [dict({k: v for k, v in row.items() if k != "image"}, question_type="what is", multiple_choice_answer=r[0])
            for row, r in zip(rows, references)]
    return docs, open_answers(references, 28)


def gqa():
    golds = [random.Random(i).choice(["yes", "no", "red", "man", "left", "cell phone"]) for i in range(ROWS)]
    write_json("gqa.json", {f"20{i:07d}": {"question": f"Is thing {i} there?", "answer": gold, "imageId": f"n{i}",
                                            "types": {"structural": "verify" if gold in ("yes", "no") else "query"}} for i, gold in enumerate(golds)})
    docs = [{"id": f"20{i:07d}", "imageId": f"n{i}", "question": f"Is thing {i} there?", "answer": gold} for i, gold in enumerate(golds)]
    return docs, open_answers([[gold] for gold in golds], 29)


def chartqa():
    golds = [["14", "0.57", "Yes", "2015", "Japan", "39%", "1,200", "0"][i % 8] for i in range(ROWS)]
    halves = ["human_test", "augmented_test"]
    rows = [{"question": f"How many in bar {i}?", "answer": gold, "type": halves[i % 2], "image": f"{i}.png"} for i, gold in enumerate(golds)]
    write_lines("chartqa.jsonl", rows)
    near = {"14": "14.5", "0.57": "0.58", "2015": "2100", "39%": "0.39", "1,200": "1200", "0": "0.0"}
    rng = random.Random(30)
    answers = [rng.choice([gold, gold, near.get(gold, gold.lower()), gold + ".", "none"]) for gold in golds]
    return [{k: v for k, v in row.items() if k != "image"} for row in rows], answers


def docvqa():
    references = [[f"{100 + i} Main Street", f"{100 + i} main st."][:1 + i % 2] for i in range(ROWS)]
    rows = [{"questionId": 49153 + i, "question": f"What is address {i}?", "answers": r, "image": f"documents/{i}.png", "question_types": ["form"]}
            for i, r in enumerate(references)]
    write_json("docvqa.json", {"data": rows})
    rng = random.Random(31)
    answers = []
    for r in references:
        text = rng.choice(r)
        answers.append(rng.choice([text, text.upper(), text[:-1], text[:8], text + " , USA", text.replace("Main", "Maine"), "no idea"]))
    docs = [dict({k: v for k, v in row.items() if k not in ("image", "questionId")}, questionId=str(row["questionId"])) for row in rows]
    return docs, answers


def seed():
    rows = [{"question_id": str(100 + i), "question": f"What is in place {i}?", "choice_a": "One", "choice_b": "Two", "choice_c": "Three",
             "choice_d": "Four", "answer": "ABCD"[i * 3 % 4], "data_id": f"{i}_0", "data_type": "image", "question_type_id": i % 3} for i in range(ROWS)]
    write_json("seed.json", {"questions": rows})
    options = dict(zip("ABCD", ["One", "Two", "Three", "Four"]))
    return rows, choice_answers([(row["answer"], options) for row in rows], 32)


def mmbench():
    docs = [{("L2-category" if k == "l2-category" else k): "nan" if v is None else v for k, v in row.items() if k != "image"} for row in mmbench_rows()]
    golds = [(row["answer"], {x: row[x] for x in "ABCD" if row[x] is not None}) for row in mmbench_rows()]
    return docs, choice_answers(golds, 33)


def pope():
    docs = [{"id": str(i), "question_id": str(r["question_id"]), "question": r["text"], "answer": r["label"], "image_source": r["image"][:-4],
             "category": split} for split, all in pope_records().items() for i, r in enumerate(all)]
    return docs, yes_no_answers([doc["answer"] for doc in docs], 34)


def science():
    problems, splits = scienceqa()
    docs = [{k: v for k, v in problems[pid].items() if k not in ("image", "split")} for pid in splits["test"] if problems[pid]["image"]]
    golds = [("ABCDE"[doc["answer"]], dict(zip("ABCDE", doc["choices"]))) for doc in docs]
    return docs, choice_answers(golds, 35)


def mme():
    docs = list(mme_records())
    assert {doc["category"] for doc in docs} == set(MME)
    return docs, yes_no_answers([doc["answer"].lower() for doc in docs], 36)


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    made = {"ai2d": ("ai2d/ai2d.yaml", ai2d), "ocrbench": ("ocrbench/ocrbench.yaml", ocrbench), "textvqa_val": ("textvqa/textvqa_val.yaml", textvqa),
            "vizwiz_vqa_val": ("vizwiz_vqa/vizwiz_vqa_val.yaml", vizwiz), "vqav2_val": ("vqav2/vqav2_val.yaml", vqav2), "gqa": ("gqa/gqa.yaml", gqa),
            "chartqa": ("chartqa/chartqa.yaml", chartqa), "docvqa_val": ("docvqa/docvqa_val.yaml", docvqa),
            "seedbench": ("seedbench/seedbench.yaml", seed), "mmbench_en_dev_static": ("mmbench/mmbench_en_dev_static.yaml", mmbench),
            "pope": ("pope/pope.yaml", pope), "scienceqa_img": ("scienceqa/scienceqa_img.yaml", science), "mme": ("mme/mme.yaml", mme)}
    scores = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (file, make) in made.items():
            scores[name] = run(name, file, *make(), pathlib.Path(folder))
            print(name, scores[name], file=sys.stderr)
    write_json("scores.json", scores)


if __name__ == "__main__":
    main()
