#!/usr/bin/env python3
"""Writes agreement_BENCHMARK.jsonl.gz and agreement.json: thousands of answers that are hard to read, what the public
harnesses' own functions read out of them, and the scores that their own code adds them up to.

usage: make_agreement.py VLMEVALKIT LMMS_EVAL LLAVA MME    (clones with their history, the last one of
    BradyFU/Awesome-Multimodal-Large-Language-Models with its branch Evaluation; needs pandas and scikit-learn)

Functions are taken out of the files at the commits below and run as they are; only what they import from the rest of
their package (logging, progress bars, files) is replaced. Questions and answers are made here, from a fixed seed.

A line is one question with its answer: i id, g group, c category, s splits, o options, a accepted answers, r response,
v what each harness reads: a label, yes or no, "" for nothing; for rules that only compare, 1 or 0.
"""
import ast
import contextlib
import gzip
import io
import json
import pathlib
import random
import string
import subprocess
import sys
import tempfile
import types

import pandas as pd

HERE = pathlib.Path(__file__).parent
VLMEVALKIT = {"vk-2024": "aca64dbb", "vk-2025": "590f052a", "vk-2026": "e8e78f05"}
LMMS_EVAL = "75571cfe"
LLAVA = "c121f043"
MME = "1c1d69e1"


def source(checkout, commit, path, binary=False):
    return subprocess.check_output(["git", "-C", checkout, "show", f"{commit}:{path}"], text=not binary)


def load(text, names=None, **stubs):
    """The functions, classes and constants `names` of a file (all: its imports too), in a namespace with `stubs`."""
    kept = []
    for node in ast.parse(text).body:
        own = getattr(node, "name", None) or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None))
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or node.names[0].name
            if module.split(".")[0] in sys.stdlib_module_names or module.split(".")[0] in ("pandas", "numpy", "sklearn"):
                kept.append(node)
        elif names is None or own in names:
            kept.append(node)
    space = types.SimpleNamespace()
    space.__dict__.update(stubs, __file__="harness")
    exec(compile(ast.Module(kept, []), "harness", "exec"), space.__dict__)
    return space


class Silent:
    def __getattr__(self, name):
        return lambda *a, **k: None


# ---------------------------------------------------------------------------------------------------- answers

WRAPS = ["{}", "{}", "{}.", "({})", "({}).", "{})", "{}:", "[{}]", "**{}**", "`{}`", "'{}'", '"{}"', "<{}>", "{{{}}}", "#{}", "{}/",
         "Answer: {}", "answer is {}", "The answer is {}.", "The answer is {}", "The correct answer is **{}**.", "Option {}",
         "option: {}", "I choose {}", "My answer is {}, I think", "{}\n", " {} ", "\t{}", "{},", "{};", "{}!", "A. {}", "{} or B",
         "It is {} because of the shape in the picture", "Looking at the image, the best option is {}", "not {}", "正确答案是{}",
         "答案：{}", "答案是 {}", "选{}", "（{}）", "{}。", "{}、", "정답은 {}", "答えは{}", "La respuesta es {}", "Ответ: {}",
         "The answer is {}. The answer is {}.", "{} {}", "{}\n\nExplanation: the others are wrong", "Sure! {}", "{} is correct",
         "<think>maybe A</think>{}", "$\\boxed{{{}}}$", "The answer is *{}*", "ANSWER IS {}", "Thus, the answer  is {}", "{}\u3000",
         "\u00a0{}", "{}\u200b", "1. {}", "- {}", "# {}\n", "{}\u2026", ":{}", ":{},", ":{}.", ":{})", "{}；", "| {} |"]
ODD = ["", " ", "\n", "nan", "None", "none", "NA", "n/a", "null", "I don't know", "Cannot determine the answer", "E", "Z", "F", "a",
       "b", "AB", "A B", "A, B", "A and B", "ABCD", "A/B/C/D", "both", "不知道", "？", "Ａ", "Ｂ", "（Ｃ）", "Ｄ．", "…", "...", "yes", "no",
       "I'm sorry, but without the image provided I can't say", "Failed to obtain answer via API", "Sorry, I can't help with images of people yet.",
       "The answer is a matter of taste", "The answer is blue", "A cat is here", "a", "D d D", "Etwas anderes", "Α", "В", "😀",
       "The answer is\nB", "answer is ** C", "x" * 400, "B" * 50, "A is wrong, B is wrong, C is wrong", "12", "3.5 kg", "1,000", "100 %"]
FULL = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)} | {" ": "\u3000"})


def option_answer(rng, options, answer, easy):
    labels = [label for label, _ in options]
    texts = dict(options)
    label = answer if easy or rng.random() < 0.5 else rng.choice(labels + ["E"])
    if easy:
        return rng.choice(["{}", "{}", "{}.", "({})", "{}. {}"]).format(label, texts[label])
    kind = rng.random()
    if kind < 0.45:
        shape = rng.choice(WRAPS)
        value = label if rng.random() < 0.75 else texts.get(label, "?")
        text = shape.format(*[value] * shape.count("{}")) if "{{" not in shape else shape.format(value)
    elif kind < 0.6:
        text = rng.choice([texts.get(label, ""), f"{label}. {texts.get(label, '')}", f"{label}) {texts.get(label, '')}",
                           f"{label}: {texts.get(label, '')}", f"{label} {texts.get(label, '')}", f"The {texts.get(label, '')}.",
                           f"I think it is {texts.get(label, '')}, not {rng.choice(options)[1]}", texts.get(label, "").upper()])
    elif kind < 0.75:
        text = rng.choice(ODD)
    else:
        words = ["A", "B", "C", "D", "E", "a", "the", "answer", "is", "The answer is", "option", "(B)", "C.", "D:", "A)", "**C**", ",",
                 "not", "and", "or", "because", "\n", "\u3000", "答案", "选", "correct", texts[labels[0]], texts[labels[-1]], ".", "I choose"]
        text = rng.choice(["", " ", " ", " "]).join(rng.choice(words) for _ in range(rng.randint(1, 9)))
    return text.translate(FULL) if rng.random() < 0.04 else text


YES_NO = ["{}", "{}", "{}", "{}.", "{},", "{}!", "{}, it is.", "{}, there is a dog.", "**{}**", "'{}'", '"{}"', "({})", "[{}]", "The answer is {}",
          "The answer is {}.", "Answer: {}", " {} ", "{}\u3000", "{}\u00a0", "{}.The dog", "I would say {}", "{}/maybe", "{}-ish", "{}; see",
          "{}…", "A: {}", "{}\u200b", "{}. No", "{}. Yes", "not {}", "{} not", "{}, but not clearly", "is it {}?", "{}{}", "{} {}", "¿{}?", "{}。"]
YES_NO_ODD = ["", " ", ".", "nan", "None", "Nope", "Yep", "Yeah", "NO", "YES", "nO", "Y", "N", "y", "n", "y.", "x", "Not visible", "There is no dog.",
              "There is not a dog.", "There is a dog.", "There are two dogs.", "I cannot tell", "不是", "是", "はい", "いいえ", "Oui", "Да", "нет", "1", "0",
              "True", "False", "Unknown", "No.Yes", "no,no", "y e s", "Ｙｅｓ", "Ｎｏ", "Eyes", "Nobody", "known", "now", "yesterday", "Yes\u0130",
              "the picture shows no yes sign", "It's hard to say. No", "NOT", "Not", "n't", "no-one", "no1", "1,no", "5.yes", "maybe", "ye", "yes yes", "..no"]


def yes_no_answer(rng, truth):
    kind = rng.random()
    said = truth if rng.random() < 0.75 else rng.choice(["yes", "no"])
    said = rng.choice([said, said.capitalize(), said.capitalize(), said.upper()])
    if kind < 0.35:
        return said
    if kind < 0.75:
        shape = rng.choice(YES_NO)
        return shape.format(*[said] * shape.count("{}"))
    if kind < 0.92:
        return rng.choice(YES_NO_ODD)
    return rng.choice(["", " "]).join(rng.choice(["yes", "no", "No", "Yes", ".", ",", "not", "the", "is", "?", "-", "a,b", "3.5", "\u3000"])
                                      for _ in range(rng.randint(1, 6)))


# ---------------------------------------------------------------------------------------------------- questions

POOLS = [["teddy bear", "rabbit", "cat", "dog", "black cat", "fox"], ["泰迪熊", "兔子", "猫", "狗", "黑猫", "狐狸"], ["10", "100", "5", "50", "1,000", "3.5"],
         ["Yes", "No", "Not at all", "Unknown"], ["Été", "İstanbul", "a", "answer is B", "C", "ß"], ["2 kg", "20 kg", "2 g", "0.2 kg", "12 kg"],
         ["the first one", "the second one", "both of them", "neither"], ["<b>red</b>", "light-blue", "red, green", "(none)", "a/b"],
         ["A picture of a man", "A picture of a woman", "B-17", "Vitamin C", "D major"]]


def groups(rng, count, sizes=(2, 3, 4, 4)):
    for number in range(count):
        size = rng.choice(sizes)
        pool = rng.choice([p for p in POOLS if len(p) >= size])
        yield number, rng.sample(pool, size)


def write(name, rows):
    with open(HERE / f"agreement_{name}.jsonl.gz", "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
        for row in rows:
            packed.write((json.dumps(row, ensure_ascii=False) + "\n").encode())


def letters(count):
    return string.ascii_uppercase[:count]


def frame_of(rows, options=True):
    """Rows as VLMEvalKit's functions get them: a table with a column per option."""
    table = []
    for row in rows:
        item = {"index": int(row["i"]), "category": row["c"], "answer": row["a"][0], "GT": row["a"][0], "prediction": row["r"],
                "question": "Q", "split": "dev", "g_index": int(row["g"])}
        if options:
            item.update({label: float("nan") for label in "ABCDE"} | dict(row["o"]))
        table.append(item)
    return pd.DataFrame(table)


class Harnesses:
    def __init__(self, vlmevalkit, lmms_eval, llava, mme):
        self.matching = {}
        for name, commit in VLMEVALKIT.items():
            self.matching[name] = load(source(vlmevalkit, commit, "vlmeval/utils/matching_util.py"), None, logger=Silent(),
                                       get_logger=lambda *a: Silent())
        self.choices = {}
        text = source(vlmevalkit, VLMEVALKIT["vk-2026"], "vlmeval/dataset/utils/multiple_choice.py")
        for name, module in self.matching.items():
            self.choices[name] = load(text, ["build_choices", "prefetch_answer", "prefetch_circular_group", "report_acc", "MMB_abbrs"],
                                      can_infer=module.can_infer)
        newest = VLMEVALKIT["vk-2026"]
        punctuation = load(source(vlmevalkit, newest, "vlmeval/smp/misc.py"), ["process_punctuation"]).process_punctuation
        self.yes_no = load(source(vlmevalkit, newest, "vlmeval/dataset/utils/yorn.py"), ["YOrN_Extraction", "POPE_rating", "MME_rating"],
                           process_punctuation=punctuation, load=lambda data: data, d2df=lambda d: d)
        for node in ast.parse(source(vlmevalkit, newest, "vlmeval/dataset/image_vqa.py")).body:
            if getattr(node, "name", "") == "OCRBench":
                body = [f for f in node.body if getattr(f, "name", "") == "evaluate"]
        body[0].decorator_list = []
        self.vk_ocr = load(ast.unparse(ast.Module(body, [])), None, load=lambda data: data, tqdm=lambda x: x, dump=lambda *a: None,
                           get_intermediate_file_path=lambda *a: "", ImageBaseDataset=None).evaluate

        def task(path, **stubs):
            return load(source(lmms_eval, LMMS_EVAL, f"lmms_eval/tasks/{path}"), None, eval_logger=Silent(), logger=Silent(), **stubs)
        # the evaluator imports this one only when it is called
        for name in ("lmms_eval", "lmms_eval.tasks", "lmms_eval.tasks._task_utils", "lmms_eval.tasks._task_utils.mcq_extract"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["lmms_eval.tasks._task_utils.mcq_extract"].__dict__.update(task("_task_utils/mcq_extract.py").__dict__)
        self.mmbench = task("mmbench/mmbench_evals.py", requests=None).MMBench_Evaluator()
        self.search = sys.modules["lmms_eval.tasks._task_utils.mcq_extract"].extract_mcq_answer
        self.ai2d_filter = task("ai2d/utils.py", ExtendedRegexFilter=object).MultiChoiceRegexFilter
        self.exact_match = load(source(lmms_eval, LMMS_EVAL, "lmms_eval/api/metrics.py"), ["exact_match_hf_evaluate"]).exact_match_hf_evaluate
        self.sqa = task("scienceqa/utils.py")
        self.pope = task("pope/utils.py")
        self.mme = task("mme/utils.py")
        self.ocr = task("ocrbench/utils.py", generate_submission_file=lambda *a, **k: "/dev/null")
        self.llava_sqa = source(llava, LLAVA, "llava/eval/eval_science_qa.py")
        self.llava_pope = load(source(llava, LLAVA, "llava/eval/eval_pope.py"), ["eval_pope"]).eval_pope
        import zipfile
        archive = zipfile.ZipFile(io.BytesIO(source(mme, MME, "tools/eval_tool.zip", binary=True)))
        code = next(n for n in archive.namelist() if n.endswith("calculation.py") and not n.startswith("__MACOSX"))
        self.mme_tool = load(archive.read(code).decode(), ["eval_type_dict", "calculate_metrics"]).calculate_metrics()

    def infer(self, version, response, options):
        return self.matching[version].can_infer(response, dict(options)) or ""


# ---------------------------------------------------------------------------------------------------- benchmarks

def mmbench(rng, use):
    rows = []
    for number, texts in groups(rng, 640):
        easy = rng.random() < 0.45
        count, truth = len(texts), rng.randrange(len(texts))
        for turn in range(count):
            options = [[letters(count)[i], texts[(i + turn) % count]] for i in range(count)]
            answer = letters(count)[(truth - turn) % count]
            response = option_answer(rng, options, answer, easy and rng.random() < 0.97)
            rows.append({"i": str(number + turn * 1000000), "g": str(number), "c": f"topic{number % 5}", "s": [f"level{number % 2}"],
                         "o": options, "a": [answer], "r": response})
    scores = {}
    for row in rows:
        row["v"] = {version: use.infer(version, row["r"], row["o"]) for version in VLMEVALKIT}
    for version in VLMEVALKIT:
        data = frame_of(rows)
        data["l2-category"] = [row["s"][0] for row in rows]
        hits = {}
        for group, part in data.groupby("g_index"):
            result = use.choices[version].prefetch_circular_group(part)
            hits[group] = result["hit"] if result else 0  # without a judge what is not inferable fails
        main = data[data["index"] == data["g_index"]].copy()
        main["hit"] = [hits[i] for i in main["index"]]
        report = use.choices[version].report_acc(main).iloc[0]
        scores[version] = {"accuracy": 100 * report["Overall"]}
        for column in report.index:
            kind = "category/" if column.startswith("topic") else "split/" if column.startswith("level") else None
            if kind:
                scores[version][kind + column] = 100 * report[column]
    table = []
    for row in rows:
        response = row["r"].strip()
        item = {"index": int(row["i"]), "question": "Q", "answer": row["a"][0], "prediction": response, "category": row["c"],
                "L2-category": row["s"][0]} | {label: float("nan") for label in "ABCDE"} | dict(row["o"])
        read = use.mmbench.prefetch_answer(item)
        row["v"]["lmms-eval"] = read or use.search(response, choices=sorted(use.mmbench.build_choices(item)))
        table.append(item)
    with contextlib.redirect_stdout(io.StringIO()):
        overall, category, level = use.mmbench.eval_result(table, eval_method="static")
    scores["lmms-eval"] = {"accuracy": 100 * overall} | {f"category/{k}": 100 * v for k, v in category.items()} | {
        f"split/{k}": 100 * v for k, v in level.items()}
    write("mmbench", rows)
    return scores


def vanilla(rows, use, scores):
    for version in VLMEVALKIT:
        hits = []
        for row in rows:
            row.setdefault("v", {})[version] = use.infer(version, row["r"], row["o"])
            hits.append(row["v"][version] == row["a"][0])
        scores[version] = {"accuracy": 100 * (sum(hits) / len(hits))}


def ai2d(rng, use):
    rows = []
    for number, texts in groups(rng, 2100, sizes=(4,)):
        options = [[letters(4)[i], texts[i]] for i in range(4)]
        answer = rng.choice("ABCD")
        rows.append({"i": str(number), "g": str(number), "c": f"topic{number % 3}", "s": [], "o": options, "a": [answer],
                     "r": option_answer(rng, options, answer, rng.random() < 0.15)})
    scores = {}
    vanilla(rows, use, scores)
    extract = use.ai2d_filter.__new__(use.ai2d_filter)
    for target, name in (("a", "lmms-eval"), ("t", "lmms-eval, texts")):
        hits = []
        for row in rows:
            answer = row["a"][0] if target == "a" else dict(row["o"])[row["a"][0]]
            kept = extract.apply([[row["r"]]], [None])[0]
            hits.append(use.exact_match(predictions=[kept], references=[answer], ignore_case=True, ignore_punctuation=True)["exact_match"])
            row["v"][name] = int(hits[-1])
        scores[name] = {"accuracy": 100 * (sum(hits) / len(hits))}
    write("ai2d", rows)
    return scores


def scienceqa(rng, use):
    rows = []
    for number, texts in groups(rng, 2100, sizes=(2, 3, 4, 4, 5)):
        options = [[letters(len(texts))[i], texts[i]] for i in range(len(texts))]
        answer = rng.choice(letters(len(texts)))
        rows.append({"i": str(number), "g": str(number), "c": f"topic{number % 3}", "s": [], "o": options, "a": [answer],
                     "r": option_answer(rng, options, answer, rng.random() < 0.15)})
    scores = {}
    vanilla(rows, use, scores)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        problems = {r["i"]: {"choices": [t for _, t in r["o"]], "answer": ord(r["a"][0]) - 65} for r in rows}
        (folder / "problems.json").write_text(json.dumps(problems))
        (folder / "pid_splits.json").write_text(json.dumps({"test": [r["i"] for r in rows]}))
        lines = [json.dumps({"question_id": r["i"], "prompt": "<image>\nQ", "text": r["r"]}) for r in rows]
        (folder / "answers.jsonl").write_text("\n".join(lines))
        (folder / "tool.py").write_text(use.llava_sqa)
        subprocess.run([sys.executable, folder / "tool.py", "--base-dir", folder, "--result-file", folder / "answers.jsonl",
                        "--output-file", folder / "out.json", "--output-result", folder / "result.json"], check=True,
                       stdout=subprocess.DEVNULL)
        result = json.loads((folder / "result.json").read_text())
    for row in rows:
        place = result["results"][row["i"]]
        row["v"]["official"] = "" if place < 0 else letters(5)[place]
    scores["official"] = {"accuracy": result["acc"]}
    hits = []
    for row in rows:
        doc = {"choices": [t for _, t in row["o"]], "answer": ord(row["a"][0]) - 65}
        hits.append(use.sqa.sqa_process_results(doc, [row["r"]])["exact_match"])
        row["v"]["lmms-eval"] = int(hits[-1])
    scores["lmms-eval"] = {"accuracy": 100 * (sum(hits) / len(hits))}
    write("scienceqa", rows)
    return scores


def pope(rng, use):
    rows = []
    for split in ("adversarial", "popular", "random"):
        for number in range(800):
            truth = "yes" if number % 2 else "no"
            rows.append({"i": f"{split}/{number}", "g": f"{split}/{number}", "c": split, "s": [split], "o": [], "a": [truth],
                         "r": yes_no_answer(rng, truth)})
    scores = {"official": {}, "lmms-eval": {}}
    for row in rows:
        read = use.yes_no.YOrN_Extraction(row["r"])
        row["v"] = {"vk-2026": "" if read == "Unknown" else read.lower()}
        read = use.pope.pope_process_results({"answer": row["a"][0], "question_id": 0}, [row["r"]])["pope_f1_score"]["prediction"]
        row["v"]["lmms-eval"] = read if read in ("yes", "no") else ""
    with tempfile.TemporaryDirectory() as folder:
        for split in ("adversarial", "popular", "random", None):
            part = [row for row in rows if split in (None, row["c"])]
            labels = pathlib.Path(folder) / "labels"
            labels.write_text("\n".join(json.dumps({"label": row["a"][0]}) for row in part))
            answers = [{"text": row["r"]} for row in part]
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                use.llava_pope(answers, labels)
            for row, answer in zip(part, answers):
                row["v"]["official"] = answer["text"]
            numbers = dict(line.split(": ") for line in printed.getvalue().splitlines() if ": " in line)
            key = f"{split}_" if split else "pooled_"
            for name, ours in (("Accuracy", "accuracy"), ("Precision", "precision"), ("Recall", "recall"), ("F1 score", "f1"),
                               ("Yes ratio", "yes_ratio")):
                scores["official"][key + ours] = 100 * float(numbers[name])
            docs = [use.pope.pope_process_results({"answer": row["a"][0], "question_id": 0}, [row["r"]])["pope_f1_score"] for row in part]
            for ours, name in (("accuracy",) * 2, ("precision",) * 2, ("recall",) * 2, ("f1", "f1_score"), ("yes_ratio",) * 2):
                scores["lmms-eval"][key + ours] = 100 * getattr(use.pope, f"pope_aggregate_{name}")(docs)
    data = pd.DataFrame({"index": range(len(rows)), "category": [row["c"] for row in rows], "answer": [row["a"][0].capitalize() for row in rows],
                         "extracted": [use.yes_no.YOrN_Extraction(row["r"]) for row in rows]})
    data["score"] = data["answer"] == data["extracted"]
    scores["vk-2026"] = {}
    for _, line in use.yes_no.POPE_rating(data).iterrows():
        key = "pooled_" if line["split"] == "Overall" else f"{line['split']}_"
        scores["vk-2026"] |= {key + "f1": line["Overall"], key + "accuracy": line["acc"], key + "precision": line["precision"],
                              key + "recall": line["recall"]}
    write("pope", rows)
    return scores


def mme(rng, use):
    parts = {"perception": ["existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR"],
             "cognition": ["commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"]}
    rows = []
    for part, categories in parts.items():
        for category in categories:
            for number in range(75):
                for turn, truth in enumerate(("yes", "no")):
                    # the tool's files cannot hold tabs and newlines
                    response = " ".join(yes_no_answer(rng, truth).replace("\t", " ").split("\n"))
                    rows.append({"i": f"{category}/{number}#{turn}", "g": f"{category}/{number}", "c": category, "s": [part], "o": [],
                                 "a": [truth], "r": response})
    scores = {"official": {}, "lmms-eval": {}, "vk-2026": {}}
    for row in rows:
        read = use.yes_no.YOrN_Extraction(row["r"])
        row["v"] = {"vk-2026": "" if read == "Unknown" else read.lower()}
        for name, read in (("official", use.mme_tool.parse_pred_ans(row["r"].lower())), ("lmms-eval", use.mme.parse_pred_ans(row["r"]))):
            row["v"][name] = "" if read == "other" else read
    with tempfile.TemporaryDirectory() as folder:
        for category in sum(parts.values(), []):
            lines = [f"{row['g']}\tQ\t{row['a'][0].capitalize()}\t{row['r']}\n" for row in rows if row["c"] == category]
            (pathlib.Path(folder) / f"{category}.txt").write_text("".join(lines), encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            use.mme_tool.process_result(folder)
    part = None
    for line in printed.getvalue().splitlines():
        if line.startswith("==="):
            part = line.split()[1].lower()
        elif line.startswith("total score:"):
            scores["official"][part] = float(line.split(":")[1])
        elif " score: " in line:
            scores["official"]["category/" + line.split()[0]] = float(line.split()[-1])
    for part, categories in parts.items():
        docs = []
        for row in rows:
            if row["s"] == [part]:
                doc = {"answer": row["a"][0].capitalize(), "category": row["c"], "question_id": row["g"]}
                docs.append(next(iter(use.mme.mme_process_results(doc, [row["r"]]).values())))
        scores["lmms-eval"][part] = use.mme.mme_aggregate_results(docs)
    data = pd.DataFrame({"category": [row["c"] for row in rows], "image_path": [row["g"] for row in rows],
                         "score": [row["v"]["vk-2026"] == row["a"][0] for row in rows]})
    rating = use.yes_no.MME_rating(data)
    for name, value in rating.items():
        scores["vk-2026"][{"perception": "perception", "reasoning": "cognition"}.get(name, f"category/{name}")] = float(value)
    write("mme", rows)
    return scores


def ocrbench(rng, use):
    formula = "Handwritten Mathematical Expression Recognition"
    types_ = ["Regular Text Recognition", "Irregular Text Recognition", "Artistic Text Recognition", "Handwriting Recognition",
              "Digit String Recognition", "Non-Semantic Text Recognition", "Scene Text-centric VQA", "Doc-oriented VQA",
              "Key Information Extraction", formula]
    words = ["CENTRE", "centre", "Été", "İZMİR", "STRASSE", "ß", "open 24 h", "$1,000.50", "3.5 kg", "12/03/2019", "東京", "ＡＢＣ", "new york", "A\nB",
             "07700 900123", "Σ", "ΟΔΟΣ", "y_2 = - 1", "\\frac { a } { b }", "x ^ { 2 }", "e.g.", "No", "nan", "None", "100 %", "ﬁne", "Ⅳ", "１２３"]
    rows = []
    for number in range(2100):
        kind = rng.choice(types_)
        answers = rng.sample(words, rng.choice([1, 1, 1, 2, 3]))
        if rng.random() < 0.1:
            answers = [f" {a} " for a in answers]
        said = rng.choice(answers) if rng.random() < 0.6 else rng.choice(words)
        shape = rng.choice(["{}", "{}", "The text says {}.", '"{}" is written', "**{}**", "{}\n", " {}", "It reads:\n{}", "{}！", "答案是{}", "${}$"])
        response = shape.format(said)
        change = rng.random()
        if change < 0.12:
            response = response.upper()
        elif change < 0.24:
            response = response.lower()
        elif change < 0.32:
            response = response.translate(FULL)
        elif change < 0.40:
            response = response.replace(" ", "")
        elif change < 0.46:
            response = " ".join(response)
        elif change < 0.52:
            response = rng.choice(["", " ", "nan", "None", "I cannot read it", "無", "……", "no text"])
        elif change < 0.58:
            response = response.replace(" ", "\n")
        rows.append({"i": str(number), "g": str(number), "c": kind, "s": [kind if kind == formula or "Recognition" not in kind else "Text Recognition"],
                     "o": [], "a": answers, "r": response})
    for row in rows:
        line = pd.DataFrame({"prediction": [row["r"]], "answer": [repr(row["a"])], "category": [row["c"]]})
        row["v"] = {"vk-2026": use.vk_ocr(None, line)["Final Score"]}
        doc = {"answer": row["a"], "dataset": "HME100k" if row["c"] == formula else "other", "question_type": row["c"]}
        row["v"]["lmms-eval"] = use.ocr.ocrbench_process_results(doc, [row["r"]])["ocrbench_accuracy"]["score"]
    line = pd.DataFrame({"prediction": [r["r"] for r in rows], "answer": [repr(r["a"]) for r in rows], "category": [r["c"] for r in rows]})
    scores = {"vk-2026": {"points": use.vk_ocr(None, line)["Final Score"]}}
    results = [{"question_type": row["c"], "score": row["v"]["lmms-eval"]} for row in rows]
    with contextlib.redirect_stdout(io.StringIO()):
        scores["lmms-eval"] = {"points": round(1000 * use.ocr.ocrbench_aggregate_accuracy(results, None))}
    write("ocrbench", rows)
    return scores


def main():
    use = Harnesses(*sys.argv[1:5])
    scores = {}
    for number, make in enumerate((mmbench, ai2d, scienceqa, pope, mme, ocrbench)):
        scores[make.__name__] = {k: {m: float(x) for m, x in v.items()} for k, v in make(random.Random(1000 + number), use).items()}
        print(make.__name__, {k: next(iter(v.values())) for k, v in scores[make.__name__].items()})
    (HERE / "agreement.json").write_text(json.dumps(scores, indent=1, sort_keys=True) + "\n")


main()
