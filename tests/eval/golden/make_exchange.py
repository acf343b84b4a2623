#!/usr/bin/env python3
"""Writes exchange/: answers as VLMEvalKit, lmms-eval and LLaVA record them, VLMEvalKit's tables of results, and what these
score our exports.

usage: make_exchange.py VLMEVALKIT LMMS_EVAL LLAVA SCALSELECT     (three checkouts, and the built program)

Commits: open-compass/VLMEvalKit e8e78f05, EvolvingLMMs-Lab/lmms-eval 75571cfe, haotian-liu/LLaVA c121f043. Needs pandas,
xlsxwriter, openpyxl, pillow, validators, tqdm, tabulate, sty, loguru, datasets, huggingface_hub, pytz, jinja2, filelock.

Each harness runs its own code on small stand-in benchmarks, with a model that recites prepared answers: VLMEvalKit's
`infer_data_job` and `dump`, the statement of lmms-eval's evaluator that makes a sample and its
`EvaluationTracker.save_results_samples`, and LLaVA's `eval_model` scripts. LibTorch's Python is not needed: a module of
that name with the few things that these touch takes its place. Then our program imports each file and exports it again,
and the harness scores both.
"""
import ast
import base64
import collections
import contextlib
import importlib
import importlib.machinery
import io
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import types

HERE = pathlib.Path(__file__).parent / "exchange"
ODD = ["", "None", "nan", "N/A", "7", "=1+1", "_x000D_", "two\nlines", 'a "quoted"\ttab', "cr\rlf", "答案是A", "ＡＢ", "A" * 300]


# ---- stand-in benchmarks -------------------------------------------------------------------------------------------

def png(number):
    from PIL import Image
    data = io.BytesIO()
    Image.new("RGB", (9, 7), (number * 37 % 256, number * 91 % 256, 200)).save(data, "PNG")
    return data.getvalue()


def b64(number):
    return base64.b64encode(png(number)).decode()


def write_tsv(path, rows):
    import pandas
    pandas.DataFrame(rows).to_csv(path, sep="\t", index=False)


def mmbench_rows():
    choices = [["red", "green", "blue", "grey"], ["a cat", "a dog", "a bird", "a fish"], ["1", "2", "10", "12"],
               ["left", "right", "above", "below"], ["one", "two", "six"], ["up", "down", "still"], ["yes", "no"], ["wet", "dry"]]
    rows = []
    for question, options in enumerate(choices):
        count = len(options)
        for turn in range(count):
            turned = options[turn:] + options[:turn]
            cells = {letter: turned[i] if i < count else None for i, letter in enumerate("ABCD")}
            rows.append({"index": question + 3 + turn * 1000000, "question": f"Which is it in picture {question}?",
                         "hint": 'Look "closely".\nThen answer.' if question == 1 else None, **cells,
                         "answer": "ABCD"[turned.index(options[question % count])],
                         "category": "object_localization" if question % 2 else "attribute_recognition",
                         "image": b64(question) if turn == 0 else str(question + 3), "source": "stand-in",
                         "l2-category": "finegrained_perception (instance-level)" if question % 2 else "coarse_perception",
                         "comment": None, "split": "dev"})
    return rows


def pope_records():
    splits = {"adversarial": "chair", "popular": "person", "random": "zebra"}
    records = {}
    for split, absent in splits.items():
        records[split] = []
        for image in range(7):
            name = f"COCO_val2014_{image:012d}.jpg"
            number = len(records[split])
            records[split].append({"question_id": number + 1, "image": name, "text": "Is there a dog in the image?", "label": "yes"})
            if image % 3 != 2 or split == "random":
                records[split].append({"question_id": number + 2, "image": name, "text": f"Is there a {absent} in the image?",
                                       "label": "no"})
    return records


def pope_rows():
    rows = {}
    for split, records in pope_records().items():
        for record in records:
            key = (record["image"], record["text"])
            image = int(record["image"][-16:-4])
            row = rows.setdefault(key, {"index": len(rows), "category": split, "image_path": record["image"], "question": record["text"],
                                        "answer": record["label"].capitalize(), "image": b64(image)})
            if split not in row["category"].split(","):
                row["category"] += "," + split
    return list(rows.values())


MME = ["code_reasoning", "artwork", "celebrity", "numerical_calculation", "text_translation", "position", "count", "color",
       "scene", "landmark", "commonsense_reasoning", "OCR", "existence", "posters"]


def mme_records():
    for number, category in enumerate(MME):
        for image in range(2):
            for truth in ("Yes", "No"):
                blanks = "  " if number == 3 else " "
                thing = f"{category} {image}" if truth == "Yes" else f"another {category}"
                yield {"question_id": f"{category}/{image}.jpg", "category": category, "answer": truth,
                       "question": f"Is this {thing}?{blanks}Please answer yes or no."}


def mme_rows():
    return [{"index": i, "image": b64(i // 2), "image_path": r["question_id"], "question": r["question"], "answer": r["answer"],
             "category": r["category"]} for i, r in enumerate(mme_records())]


def scienceqa():
    problems, test = {}, []
    for number in range(14):
        pid = str(number * 7 + 5)
        choices = [["rock", "sand"], ["solid", "liquid", "gas"], ["north", "south", "east", "west"]][number % 3]
        problems[pid] = {"question": f"Which holds for sample {number}?", "choices": choices, "answer": number % len(choices),
                         "hint": "Look at the table." if number % 2 else "", "image": "image.png" if number % 4 != 3 else None,
                         "task": "closed choice", "grade": "grade4", "subject": "natural science", "topic": f"topic{number % 2}",
                         "category": "c", "skill": "s", "lecture": "", "solution": "", "split": "test"}
        test.append(pid)
    return problems, {"train": [], "val": [], "test": test}


def choice_answers(golds, seed):
    """Answers of a model that is often right, now and then chatty, and sometimes odd."""
    rng = random.Random(seed)
    answers = []
    for number, (gold, options) in enumerate(golds):
        wrong = rng.choice(sorted(options))
        form = rng.choice(["{0}", "{0}", "{0}.", "({0})", "{0}. {1}", "The answer is {0}.", "{1}", "**{0}**", "{0}\n"])
        letter = gold if rng.random() < 0.8 else wrong
        answers.append(form.format(letter, options[letter]))
    for place, odd in zip(rng.sample(range(len(answers)), min(len(ODD), len(answers) // 3)), ODD):
        answers[place] = odd
    return answers


def yes_no_answers(truths, seed):
    rng = random.Random(seed)
    forms = ["{0}", "{0}", "{0}.", "{0}, there is.", "The answer is {1}", "**{0}**", "{2}", "{0} ", "Not sure", "There is not a dog.", "None", ""]
    answers = []
    for truth in truths:
        said = truth if rng.random() < 0.75 else {"yes": "no", "no": "yes"}[truth]
        answers.append(rng.choice(forms[:7] * 3 + forms[7:]).format(said.capitalize(), said, said.upper()))
    return answers


# ---- module stand-ins ----------------------------------------------------------------------------------------------

class Anything(types.ModuleType):
    """A module whose every name is a class that can be made with any arguments."""

    def __init__(self, name):
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)
        self.__path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {"__init__": lambda self, *a, **k: None, "__call__": lambda self, *a, **k: self,
                               "__class_getitem__": classmethod(lambda cls, item: cls)})
        setattr(self, name, made)
        return made


def stand_in(*names):
    for name in names:
        module = sys.modules[name] = Anything(name)
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, module)


def package(name, folder):
    """A package of a checkout without what its __init__ imports."""
    module = types.ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module
    return module


class FakeTensor:
    shape = (1, 1)

    def __getattr__(self, name):
        return lambda *a, **k: self


# ---- VLMEvalKit ----------------------------------------------------------------------------------------------------

class VlmEvalKit:
    def __init__(self, checkout, scratch):
        os.environ["LMUData"] = str(scratch / "lmu")
        (scratch / "lmu").mkdir()
        self.scratch = scratch
        package("vlmeval", checkout / "vlmeval")
        package("vlmeval.dataset", checkout / "vlmeval" / "dataset")
        config = types.ModuleType("vlmeval.config")
        config.supported_VLM = {}
        sys.modules["vlmeval.config"] = config
        sys.path.insert(0, str(checkout))
        self.inference = importlib.import_module("vlmeval.inference")
        self.inference.torch.cuda = types.SimpleNamespace(empty_cache=lambda: None, synchronize=lambda: None)
        self.classes = {"MMBench_DEV_EN": importlib.import_module("vlmeval.dataset.image_mcq").ImageMCQDataset,
                        "POPE": importlib.import_module("vlmeval.dataset.image_yorn").ImageYORNDataset}
        self.classes["MME"] = self.classes["POPE"]
        for one in self.classes.values():
            one.DATASET_MD5 = {}

    def dataset(self, name, table):
        shutil.copy(table, self.scratch / "lmu" / f"{name}.tsv")
        return self.classes[name](name)

    def predict(self, name, table, answers, extension):
        """MODEL_DATASET.EXTENSION, written by infer_data_job."""
        os.environ["PRED_FORMAT"] = extension
        dataset = self.dataset(name, table)
        said = dict(zip(list(dataset.data["index"]), answers))
        asked = iter(list(dataset.data["index"]))
        model = types.SimpleNamespace(set_dump_image=lambda f: None, use_custom_prompt=lambda d: False,
                                      generate=lambda message, dataset: said[next(asked)])
        work = self.scratch / f"vk_{extension}"
        work.mkdir(exist_ok=True)
        self.inference.infer_data_job(model, str(work), "reciter", dataset)
        return work / f"reciter_{name}.{extension}"

    def score(self, name, table, predictions, results=None):
        """The harness's own evaluate(), without a judge, on a copy: it rewrites the file. `results`: where its table of
        results goes."""
        extension = predictions.suffix[1:]
        os.environ["PRED_FORMAT"] = extension
        work = pathlib.Path(tempfile.mkdtemp(dir=self.scratch))
        copied = work / f"reciter_{name}.{extension}"
        shutil.copy(predictions, copied)
        result = self.dataset(name, table).evaluate(str(copied), model="exact_matching", nproc=1)
        if results is not None:
            [written] = [file for file in work.iterdir() if re.search(r"_(result|auxmatch)\.xlsx$", file.name)]
            shutil.copy(written, results)
        return sorted(json.loads(result.to_json(orient="records")), key=lambda row: str(row.get("split")))  # a set's order


# ---- lmms-eval -----------------------------------------------------------------------------------------------------

class LmmsEval:
    def __init__(self, checkout, scratch):
        self.scratch = scratch
        package("lmms_eval", checkout / "lmms_eval")
        package("lmms_eval.tasks", checkout / "lmms_eval" / "tasks")
        package("lmms_eval.loggers", checkout / "lmms_eval" / "loggers")
        package("lmms_eval.models", checkout / "lmms_eval" / "models")
        package("lmms_eval.models.simple", checkout / "lmms_eval" / "models" / "simple")
        self.tracker = importlib.import_module("lmms_eval.loggers.evaluation_tracker")
        self.utils = importlib.import_module("lmms_eval.utils")
        self.instance = importlib.import_module("lmms_eval.api.instance")
        self.tasks = {"pope": importlib.import_module("lmms_eval.tasks.pope.utils"),
                      "scienceqa_img": importlib.import_module("lmms_eval.tasks.scienceqa.utils"),
                      "mme": importlib.import_module("lmms_eval.tasks.mme.utils")}
        self.make_sample = self.sample_code((checkout / "lmms_eval" / "evaluator.py").read_text())

    def sample_code(self, source):
        """The body of `if log_samples:` inside the evaluator's loop over documents, compiled as it stands."""
        for node in ast.walk(ast.parse(source)):
            is_loop = isinstance(node, ast.For) and ast.unparse(node.target) == "(doc_id, doc)"
            for inner in node.body if is_loop else []:
                if isinstance(inner, ast.If) and ast.unparse(inner.test) == "log_samples":
                    return compile(ast.Module(inner.body, []), "evaluator.py", "exec")
        raise SystemExit("lmms-eval's evaluator makes samples elsewhere now")

    def text(self, task, doc):
        prompts = {"pope": "\nAnswer the question using a single word or phrase.", "mme": "\nAnswer the question using a single word or phrase.",
                   "scienceqa_img": "\nAnswer with the option's letter from the given choices directly."}
        kwargs = {"pre_prompt": "", "post_prompt": prompts[task], "format": "default"}
        return {"pope": lambda: self.tasks[task].pope_doc_to_text(doc, kwargs), "mme": lambda: self.tasks[task].mme_doc_to_text(doc, kwargs),
                "scienceqa_img": lambda: self.tasks[task].sqa_doc_to_text(doc, kwargs)}[task]()

    def target(self, task, doc):
        return self.tasks[task].sqa_doc_to_target(doc) if task == "scienceqa_img" else doc["answer"]

    def results(self, task, doc, answer):
        name = {"pope": "pope_process_results", "mme": "mme_process_results", "scienceqa_img": "sqa_process_results"}[task]
        return getattr(self.tasks[task], name)(doc, [answer])

    def samples(self, task, docs, answers):
        output = types.SimpleNamespace(logged_samples=[])
        for doc_id, (doc, answer) in enumerate(zip(docs, answers)):
            request = self.instance.Instance("generate_until", (self.text(task, doc), {"max_new_tokens": 16}, None, doc_id, task, "test"), 0,
                                             {"task": task, "doc_id": doc_id, "repeats": 1})
            request.resps, request.filtered_resps = [answer], {"none": answer}
            request.doc = doc
            scope = dict(vars(self.utils), json=json, task=types.SimpleNamespace(doc_to_target=lambda d: self.target(task, d)), doc=doc,
                         doc_id=doc_id, requests=[request], filter_key="none", metrics=self.results(task, doc, answer), task_output=output,
                         _collect_input_media=lambda doc, arguments: [])
            exec(self.make_sample, scope)
        tracker = self.tracker.EvaluationTracker(output_path=str(self.scratch / "lmms"))
        tracker.general_config_tracker.model_name_sanitized = "reciter"
        tracker.date_id = "20260806_000000"
        tracker.save_results_samples(task, output.logged_samples)
        return self.scratch / "lmms" / "reciter" / f"20260806_000000_samples_{task}.jsonl"

    def replay(self, task, docs, folder):
        """The answers that the model `from_log` gives from our export."""
        accelerate = sys.modules["accelerate"]
        accelerate.Accelerator = lambda: types.SimpleNamespace(num_processes=1, local_process_index=0, device="cpu")
        model = importlib.import_module("lmms_eval.models.simple.from_log").FromLog(logs=str(folder))
        requests = [types.SimpleNamespace(args=(self.text(task, doc), {}, None, doc_id, task, "test")) for doc_id, doc in enumerate(docs)]
        return model.generate_until(requests)

    def score(self, task, docs, answers):
        sums = collections.defaultdict(list)
        for doc, answer in zip(docs, answers):
            for name, value in self.results(task, doc, answer).items():
                sums[name].append(value)
        module = self.tasks[task]
        if task == "pope":
            scores = {"accuracy": module.pope_aggregate_accuracy(sums["pope_accuracy"])}
            for part in ("precision", "recall", "f1_score", "yes_ratio"):
                scores[part] = getattr(module, f"pope_aggregate_{part}")(sums[f"pope_{part}"])
            return scores
        if task == "mme":
            return {name: module.mme_aggregate_results(values) for name, values in sums.items()}
        return {"exact_match": sum(sums["exact_match"]) / len(docs)}


# ---- LLaVA ---------------------------------------------------------------------------------------------------------

class Llava:
    def __init__(self, checkout, scratch):
        self.checkout, self.scratch = checkout, scratch
        package("llava", checkout / "llava")
        torch = sys.modules["torch"]
        torch.inference_mode = contextlib.nullcontext
        torch.stack = lambda items, dim: items[0]
        sys.modules["torch.utils.data"].Dataset = object
        sys.modules["torch.utils.data"].DataLoader = lambda data, **k: (k["collate_fn"]([data[i]]) for i in range(len(data)))
        builder, tools, utils = (types.ModuleType(f"llava.{name}") for name in ("model.builder", "mm_utils", "utils"))
        package("llava.model", checkout / "llava" / "model")
        builder.load_pretrained_model = lambda *a: self.model()
        tools.tokenizer_image_token = lambda *a, **k: FakeTensor()
        tools.process_images = lambda images, *a: [FakeTensor() for _ in images]
        tools.load_image_from_base64 = lambda text: __import__("PIL.Image").Image.open(io.BytesIO(base64.b64decode(text)))
        tools.get_model_name_from_path = lambda path: "llava-reciter"
        utils.disable_torch_init = lambda: None
        sys.modules.update({"llava.model.builder": builder, "llava.mm_utils": tools, "llava.utils": utils})
        numbers = random.Random(5)
        short = types.ModuleType("shortuuid")  # the real one draws from the system's noise
        short.uuid = lambda: "".join(numbers.choice("23456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(22))
        sys.modules["shortuuid"] = short

    def model(self):
        config = types.SimpleNamespace(mm_use_im_start_end=False)
        tokenizer = types.SimpleNamespace(batch_decode=lambda *a, **k: [next(self.answers)])
        return tokenizer, types.SimpleNamespace(config=config, generate=lambda *a, **k: None), None, 2048

    def answer(self, script, questions, images, answers, name, **more):
        self.answers = iter(answers)
        target = self.scratch / "llava" / f"{name}.jsonl"
        args = types.SimpleNamespace(model_path="llava-reciter", model_base=None, image_folder=str(images), question_file=str(questions),
                                     answers_file=str(target), conv_mode="vicuna_v1", num_chunks=1, chunk_idx=0, temperature=0, top_p=None,
                                     num_beams=1, max_new_tokens=128, single_pred_prompt=True, **more)
        scope = {"__name__": script, "args": args}
        source = (self.checkout / "llava" / "eval" / f"{script}.py").read_text()
        exec(compile(source, script, "exec"), scope)
        scope["eval_model"](args)
        return target

    def pope(self, annotations, questions, answers):
        """{category: figures} that eval_pope.py prints."""
        text = subprocess.check_output([sys.executable, self.checkout / "llava/eval/eval_pope.py", "--annotation-dir", annotations,
                                        "--question-file", questions, "--result-file", answers], text=True)
        scores, category = {}, None
        for line in text.splitlines():
            if line.startswith("Category: "):
                category = scores[line.split(" ")[1].rstrip(",")] = {}
            elif ": " in line and not line.startswith("="):
                name, value = line.split(": ")
                category[name] = float(value)
        return scores

    def scienceqa(self, base, answers):
        out = self.scratch / "sqa.json"
        text = subprocess.check_output([sys.executable, self.checkout / "llava/eval/eval_science_qa.py", "--base-dir", base, "--result-file", answers,
                                        "--output-file", self.scratch / "sqa_all.json", "--output-result", out], text=True)
        items = json.load(open(self.scratch / "sqa_all.json"))
        shown = {name: sum(x["is_multimodal"] for x in items[name]) for name in ("correct", "incorrect")}
        return {"printed": text.strip(), "image_accuracy": 100 * shown["correct"] / (shown["correct"] + shown["incorrect"])}


# ---- all of it -----------------------------------------------------------------------------------------------------

def jsonl(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    return path


class Program:
    def __init__(self, program, scratch):
        self.program, self.scratch = program, scratch

    def round_trip(self, foreign, kind, path, format, out, *more):
        """Our export of what we imported, kept in exports/."""
        imported = self.scratch / f"{foreign.name}.predictions.jsonl"
        settings = [f"kind={kind}", f"path={path}", f"cache={self.scratch / 'cache'}", *more]
        done = subprocess.run([self.program, "eval", "import", foreign, *settings, f"out={imported}", f"store={self.scratch / 'runs.sqlite'}"])
        assert done.returncode in (0, 3), foreign  # 3: some answers have no question
        target = HERE / "exports" / out
        target.parent.mkdir(exist_ok=True)
        subprocess.run([self.program, "eval", "export", imported, f"kind={kind}", f"path={path}", f"format={format}", f"out={target}"], check=True)
        return target


def from_vlmevalkit(harness, program, scores):
    tables = {"MMBench_DEV_EN": ("mmbench", mmbench_rows()), "POPE": ("pope", pope_rows()), "MME": ("mme", mme_rows())}
    for name, (kind, rows) in tables.items():
        table = HERE / f"{kind}.tsv"
        write_tsv(table, rows)
        if kind == "mmbench":
            golds = [(row["answer"], {x: row[x] for x in "ABCD" if row[x] is not None}) for row in rows]
            answers = choice_answers(golds, 1)
        else:
            answers = yes_no_answers([row["answer"].lower() for row in rows], 2 if kind == "pope" else 3)
        for extension in ("xlsx", "tsv", "json"):
            written = harness.predict(name, table, answers, extension)
            kept = HERE / f"vlmevalkit_{kind}.{extension}"
            if kind == "mmbench" or extension == "xlsx":
                shutil.copy(written, kept)
            if extension == "json":  # its evaluate() does not take the list that load() makes of JSON
                continue
            results = HERE / f"vlmevalkit_{kind}_results.xlsx" if extension == "xlsx" else None
            scores[f"vlmevalkit {kind} {extension}"] = harness.score(name, table, written, results)
        ours = program.round_trip(HERE / f"vlmevalkit_{kind}.xlsx", kind, table, "vlmevalkit", f"reciter_{name}.tsv")
        scores[f"vlmevalkit {kind} export"] = harness.score(name, table, ours)


def from_llava(harness, program, scores):
    images = harness.scratch / "images"
    names = [f"COCO_val2014_{i:012d}.jpg" for i in range(7)] + [r["question_id"] for r in mme_records()]
    problems, splits = scienceqa()
    names += [f"{pid}/image.png" for pid, problem in problems.items() if problem["image"]]
    for number, name in enumerate(names):
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).write_bytes(png(number))
    request = "\nAnswer the question using a single word or phrase."

    records = [dict(record, category=split) for split, all in pope_records().items() for record in all]
    for split, all in pope_records().items():
        jsonl(HERE / "pope" / f"coco_pope_{split}.json", all)
    questions = jsonl(HERE / "llava_pope_test.jsonl", [{"question_id": i + 1, "image": r["image"], "text": r["text"] + request,
                                                        "category": r["category"]} for i, r in enumerate(records)])
    answers = harness.answer("model_vqa_loader", questions, images, yes_no_answers([r["label"] for r in records], 4), "pope")
    shutil.copy(answers, HERE / "llava_pope.jsonl")
    scores["llava pope"] = harness.pope(HERE / "pope", questions, answers)
    ours = program.round_trip(HERE / "llava_pope.jsonl", "pope", HERE / "pope", "llava", "llava_pope.jsonl", f"images={images}")
    scores["llava pope export"] = harness.pope(HERE / "pope", ours.with_suffix(".questions.jsonl"), ours)

    base = HERE / "scienceqa"
    base.mkdir(exist_ok=True)
    (base / "problems.json").write_text(json.dumps(problems, indent=1))
    (base / "pid_splits.json").write_text(json.dumps(splits))
    items, golds = [], []
    for pid, problem in problems.items():
        lines = [f"{'ABCDE'[i]}. {choice}" for i, choice in enumerate(problem["choices"])]
        text = (f"Context: {problem['hint']}\n" if problem["hint"] else "") + problem["question"] + "\n" + "\n".join(lines)
        item = {"id": pid, "conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": ""}]}
        if problem["image"]:
            item["image"] = f"{pid}/image.png"
            item["conversations"][0]["value"] = "<image>\n" + text
        items.append(item)
        golds.append(("ABCDE"[problem["answer"]], dict(zip("ABCDE", problem["choices"]))))
    questions = harness.scratch / "llava_test_CQM-A.json"
    questions.write_text(json.dumps(items))
    answers = harness.answer("model_vqa_science", questions, images, [a.strip() for a in choice_answers(golds, 6)], "scienceqa")
    shutil.copy(answers, HERE / "llava_scienceqa.jsonl")
    scores["llava scienceqa"] = harness.scienceqa(base, answers)
    ours = program.round_trip(HERE / "llava_scienceqa.jsonl", "scienceqa", base, "llava", "llava_scienceqa.jsonl", f"images={images}")
    scores["llava scienceqa export"] = harness.scienceqa(base, ours)

    questions = jsonl(harness.scratch / "llava_mme.jsonl", [
        {"question_id": r["question_id"], "image": r["question_id"], "category": r["category"],
         "text": r["question"].replace("Please answer yes or no.", "").strip() + request} for r in mme_records()])
    answers = harness.answer("model_vqa_loader", questions, images, yes_no_answers([r["answer"].lower() for r in mme_records()], 7), "mme")
    shutil.copy(answers, HERE / "llava_mme.jsonl")

    legacy = harness.scratch / "mmbench_legacy.tsv"
    rows = mmbench_rows()
    shown = {str(row["index"]): row["image"] for row in rows}
    write_tsv(legacy, [dict(row, image=shown.get(row["image"], row["image"])) for row in rows])
    golds = [(row["answer"], {x: row[x] for x in "ABCD" if row[x] is not None}) for row in rows]
    answers = harness.answer("model_vqa_mmbench", legacy, images, [a.strip() for a in choice_answers(golds, 8)], "mmbench", all_rounds=False,
                             lang="en")
    shutil.copy(answers, HERE / "llava_mmbench.jsonl")


def from_lmms_eval(harness, program, scores):
    pope = [dict(r, id=str(i), question_id=str(r["question_id"]), question=r["text"], answer=r["label"], category=split)
            for split, all in pope_records().items() for i, r in enumerate(all)]
    problems, splits = scienceqa()
    science = [dict(problems[pid]) for pid in splits["test"] if problems[pid]["image"]]
    mme = list(mme_records())
    random.Random(9).shuffle(mme)  # its own ids find the questions, wherever they stand
    golds = [("ABCDE"[p["answer"]], dict(zip("ABCDE", p["choices"]))) for p in science]
    tasks = {"pope": (pope, yes_no_answers([d["answer"] for d in pope], 10), "pope", HERE / "pope"),
             "scienceqa_img": (science, choice_answers(golds, 11), "scienceqa", HERE / "scienceqa"),
             "mme": (mme, yes_no_answers([d["answer"].lower() for d in mme], 12), None, None)}
    for task, (docs, answers, kind, path) in tasks.items():
        written = harness.samples(task, docs, answers)
        kept = HERE / f"lmms_samples_{task}.jsonl"
        shutil.copy(written, kept)
        scores[f"lmms-eval {task}"] = harness.score(task, docs, answers)
        if kind is None:
            continue
        ours = program.round_trip(kept, kind, path, "lmms-eval", f"lmms_{task}.json", f"images={harness.scratch / 'images'}")
        folder = harness.scratch / f"log_{task}"
        folder.mkdir()
        shutil.copy(ours, folder)
        replayed = harness.replay(task, docs, folder)
        assert replayed == answers, task
        scores[f"lmms-eval {task} export"] = harness.score(task, docs, replayed)


def main(vlmevalkit, lmms_eval, llava, program):
    HERE.mkdir(exist_ok=True)
    stand_in("torch", "torch.distributed", "torch.nn", "torch.nn.functional", "torch.utils", "torch.utils.data", "transformers", "accelerate",
             "evaluate")
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        ours = Program(pathlib.Path(program).resolve(), scratch)
        scores = {}
        from_llava(Llava(pathlib.Path(llava), scratch), ours, scores)
        from_lmms_eval(LmmsEval(pathlib.Path(lmms_eval), scratch), ours, scores)
        from_vlmevalkit(VlmEvalKit(pathlib.Path(vlmevalkit), scratch), ours, scores)
        (HERE / "scores.json").write_text(json.dumps(scores, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
