#!/usr/bin/env python3
"""`pool describe` and `select method=length` beside the same work with Hugging Face `datasets`, over growing pools.

    side_by_side.py build/release/scalselect MODEL_DIR [--rows 10000,100000,1000000] [--python .venv/bin/python]

The peer needs Python with datasets, tokenizers and pillow; without --python only the program is measured. Rows are
LLaVA's, with one to three exchanges of English words, and share 500 small pictures. Each job is a process of its own,
begun with an empty cache; a Markdown table says its wall time, rows per second and peak memory. The two must agree on
what they count and on the rows that they choose, or the script fails.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
import struct

PEERS = {
    # Rows, words, pictures and sources, as `pool describe` counts them.
    "describe": """
import collections, sys, datasets
from PIL import Image
pool, images, out = sys.argv[1:4]
rows = datasets.load_dataset("json", data_files=pool, split="train", cache_dir=sys.argv[4])
sources, uses, words, turns = collections.Counter(), collections.Counter(), 0, 0
for row in rows:
    sources[row["source"]] += 1
    uses[row["image"]] += 1
    turns += len(row["conversations"]) // 2
    words += sum(len(turn["value"].replace("<image>", " ").split()) for turn in row["conversations"])
sizes = collections.Counter(Image.open(images + "/" + name).size for name in uses)
print({"rows": len(rows), "sources": dict(sources), "pictures": len(uses), "words": words, "turns": turns, "sizes": len(sizes)}, file=open(out, "w"))
""",
    # The share of rows with the longest answers, in tokens as they stand behind "ASSISTANT:"; ties to the earlier row.
    "length": """
import json, sys, datasets, numpy, tokenizers
pool, model, out, budget = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[5])
rows = datasets.load_dataset("json", data_files=pool, split="train", cache_dir=sys.argv[4])
tokenizer = tokenizers.Tokenizer.from_file(model + "/tokenizer.json")
tokenizer.no_padding(), tokenizer.no_truncation()
header = len("ASSISTANT: ")
def lengths(batch):
    answers = [["ASSISTANT: " + turn["value"] for turn in turns if turn["from"] == "gpt"] for turns in batch["conversations"]]
    flat = tokenizer.encode_batch([text for row in answers for text in row], add_special_tokens=False)
    counts, at = [], 0
    for row in answers:
        counts.append(sum(sum(end > header for _, end in code.offsets) for code in flat[at:at + len(row)]))
        at += len(row)
    return {"length": counts}
counts = numpy.array(rows.map(lengths, batched=True, batch_size=1000, remove_columns=rows.column_names)["length"])
chosen = numpy.sort(numpy.argsort(-counts, kind="stable")[:round(budget * len(counts))])
with open(out, "w") as file:
    for row in chosen: file.write(json.dumps(rows[int(row)]) + "\\n")
""",
}
WORDS = """a the cat dog red blue small large sits on under near left right of window table street two three birds fly over
water mountain people walk with umbrella bright morning shadow long glass bottle green tree behind fence old car parks""".split()


def png(path, shade):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([shade % 256, x * 8, shade // 256]) * 32 for x in range(24))
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 24, 8, 2, 0, 0, 0)) +
                  chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_pool(path, rows):
    draw = random.Random(1)
    text = [" ".join(draw.choices(WORDS, k=draw.randrange(3, 80))) for _ in range(20000)]
    with open(path, "w") as out:
        for row in range(rows):
            turns = []
            for turn in range(draw.randrange(1, 4)):
                turns.append({"from": "human", "value": ("<image>\n" if turn == 0 else "") + draw.choice(text)[:90]})
                turns.append({"from": "gpt", "value": draw.choice(text)})
            out.write(json.dumps({"id": f"{row:09}", "source": f"s{row % 7}", "image": f"{row % 500}.png",
                                  "conversations": turns}) + "\n")


def measure(command, out, log):
    """Exit status, wall s, peak MiB of the largest process of the command."""
    begin = time.monotonic()
    with open(out, "w") as answers, open(log, "w") as errors:
        child = subprocess.Popen(command, stdout=answers, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.monotonic() - begin, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--rows", default="10000,100000,1000000")
    parser.add_argument("--python")
    parser.add_argument("--budget", default="0.16")
    options = parser.parse_args()
    program, model = os.path.abspath(options.program), os.path.abspath(options.model)
    print("| job | rows | program | wall s | rows/s | peak MiB |\n|---|---:|---|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        place = lambda name: os.path.join(folder, name)
        os.mkdir(place("images"))
        for i in range(500):
            png(place(f"images/{i}.png"), i)
        for rows in map(int, options.rows.split(",")):
            write_pool(place("pool.jsonl"), rows)
            ours = {"describe": [program, "pool", "describe", place("pool.jsonl"), "image_root=" + place("images"), "format=json"],
                    "length": [program, "select", "method=length", "model.path=" + model, "pool.path=" + place("pool.jsonl"),
                               "pool.image_root=" + place("images"), "text_only=keep", "budget=" + options.budget,
                               "out=" + place("ours.jsonl"), "cache=" + place("cache")]}
            for job, command in ours.items():
                shutil.rmtree(place("cache"), ignore_errors=True)
                jobs = [("scalselect", command)]
                if options.python:
                    peer = {"describe": [place("images"), place("peer.json"), place("hf")],
                            "length": [model, place("peer.jsonl"), place("hf"), options.budget]}[job]
                    jobs.append(("datasets", [options.python, "-c", PEERS[job], place("pool.jsonl"), *peer]))
                for name, words in jobs:
                    status, wall, peak = measure(words, place(name + ".out"), place(name + ".log"))
                    if status != 0:
                        sys.exit(f"{name} {job}: " + open(place(name + ".log")).read()[-2000:])
                    print(f"| {job} | {rows} | {name} | {wall:.1f} | {rows / wall:.0f} | {peak:.0f} |", flush=True)
                    if name == "datasets":
                        shutil.rmtree(place("hf"), ignore_errors=True)
                if not options.python:
                    continue
                if job == "length" and open(place("ours.jsonl")).read() != open(place("peer.jsonl")).read():
                    sys.exit("the two chose different rows")
                if job == "describe":
                    mine, theirs = json.load(open(place("scalselect.out"))), eval(open(place("peer.json")).read())
                    if mine["rows"] != theirs["rows"] or mine["sources"] != theirs["sources"]:
                        sys.exit(f"the two counted differently: {mine} {theirs}")


if __name__ == "__main__":
    main()
