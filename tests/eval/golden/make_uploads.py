#!/usr/bin/env python3
"""Writes uploads/*: small test sets, answers to them, and what LLaVA's own scripts make of these for the servers.

usage: make_uploads.py LLAVA    (a clone of haotian-liu/LLaVA with its history; needs pandas)

The scripts run as they are at the commit below, beside the one module that they import. Where one writes xlsx, pandas is
asked for TSV.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

COMMIT = "c121f043"
OUT = pathlib.Path(__file__).parent / "uploads"
REQUEST = "\nAnswer the question using a single word or phrase."
INSUFFICIENT = "\nWhen the provided information is insufficient, respond with 'Unanswerable'."


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def main(checkout):
    show = lambda path: subprocess.check_output(["git", "-C", checkout, "show", f"{COMMIT}:{path}"], text=True)
    OUT.mkdir(exist_ok=True)
    responses = ["Stop.", "two", "The Dog's", "", "n/a", "1,000", "Ete \u00e9t\u00e9", "\"quoted\"", "yes\n"]
    test = [{"question_id": 262144000 + i, "image": f"COCO_test2015_{i:012d}.jpg", "text": f"What is {i}?{REQUEST}", "category": "default"}
            for i in range(14)]
    asked = [row for i, row in enumerate(test) if i % 3 != 2][:len(responses)]
    lines(OUT / "llava_vqav2_mscoco_test2015.jsonl", test)
    lines(OUT / "llava_vqav2_mscoco_test-dev2015.jsonl", asked)
    lines(OUT / "vqav2_answers.jsonl", [{"question_id": q["question_id"], "text": r} for q, r in zip(asked, responses)])
    vizwiz = [{"question_id": f"VizWiz_test_{i:08d}.jpg", "image": f"VizWiz_test_{i:08d}.jpg",
               "text": f"Can you read {i}?{INSUFFICIENT}{REQUEST}", "category": "default"} for i in range(len(responses))]
    lines(OUT / "llava_test.jsonl", vizwiz)
    lines(OUT / "vizwiz_answers.jsonl", [{"question_id": q["question_id"], "text": r} for q, r in zip(vizwiz, responses)])
    table = ["index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage\tsource\tl2-category\tcomment\tsplit"]
    picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    for q in range(3):
        for r in range(2):
            table.append(f"{q + r * 1000000}\t\"A \"\"{q}\"\",\nor not?\"\t\tup {q}\tdown\t\t\t{'AB'[r]}\tc\t{picture}\ts\tl\t\ttest")
    (OUT / "mmbench.tsv").write_text("\n".join(table) + "\n")
    options = ["A", "B.", "The answer is\tB", "A\nbecause", "\"B\"", "C"]
    indices = [int(row.split("\t")[0]) for row in table[1:]]
    lines(OUT / "mmbench_answers.jsonl", [{"question_id": i, "text": r} for i, r in zip(indices, options)])
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        for path in ["llava/eval/m4c_evaluator.py", "scripts/convert_vqav2_for_submission.py", "scripts/convert_vizwiz_for_submission.py",
                     "scripts/convert_mmbench_for_submission.py"]:
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(show(path))
        (work / "tqdm.py").write_text("def tqdm(x):\n    return x\n")
        script = work / "scripts/convert_mmbench_for_submission.py"
        script.write_text(script.read_text().replace(".to_excel(", ".to_csv(").replace(".xlsx\"), index=False, engine='openpyxl'",
                                                                                    ".tsv\"), index=False, sep='\\t'"))
        run = lambda *words: subprocess.check_call([sys.executable, *map(str, words)], cwd=work, env={"PYTHONPATH": name}, stdout=subprocess.DEVNULL)
        split = "llava_vqav2_mscoco_test-dev2015"
        folder = work / "vqav2"
        lines(folder / "answers" / split / "m" / "merge.jsonl", [json.loads(l) for l in open(OUT / "vqav2_answers.jsonl")])
        (folder / "llava_vqav2_mscoco_test2015.jsonl").write_text((OUT / "llava_vqav2_mscoco_test2015.jsonl").read_text())
        run("scripts/convert_vqav2_for_submission.py", "--dir", folder, "--ckpt", "m", "--split", split)
        (OUT / "vqav2_upload.json").write_text((folder / "answers_upload" / split / "m.json").read_text())
        run("scripts/convert_vizwiz_for_submission.py", "--annotation-file", OUT / "llava_test.jsonl", "--result-file",
            OUT / "vizwiz_answers.jsonl", "--result-upload-file", work / "vizwiz" / "up.json")
        (OUT / "vizwiz_upload.json").write_text((work / "vizwiz" / "up.json").read_text())
        (work / "m.jsonl").write_text((OUT / "mmbench_answers.jsonl").read_text())
        run("scripts/convert_mmbench_for_submission.py", "--annotation-file", OUT / "mmbench.tsv", "--result-dir", work, "--upload-dir", work,
            "--experiment", "m")
        (OUT / "mmbench_upload.tsv").write_text((work / "m.tsv").read_text())


main(sys.argv[1])
