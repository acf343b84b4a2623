"""One small pool in every container, written by other programs than ours: Python's gzip and tarfile, zstandard, webdataset.

    pip install webdataset zstandard pillow && python make_pools.py

pool.json: 12 rows of both spellings, with one picture, two pictures or none. pool.jsonl, .jsonl.gz, .json.zst: the same.
webdataset.tar, gnu.tar, pax.tar: the same with the pictures inside, in the three kinds of headers.
onevision.tar: as the LLaVA-OneVision-1.5 tools write shards ("texts" and "name", and a bare list of turns).
captions.tar: pictures with texts, as img2dataset writes them.
"""
import gzip
import io
import json
import tarfile

import webdataset
import zstandard
from PIL import Image


def picture(number, kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", (3, 2), (number, 40, 200 - number)).save(out, kind)
    return out.getvalue()


def turns(number, pictures):
    tag = "<image>\n" * pictures
    return f"{tag}Question {number} é?", f"Answer \"{number}\"."


rows, members = [], []  # members: one list of (extension, bytes) a row
for number in range(12):
    pictures = [1, 2, 0, 1][number % 4]
    names = [f"{number}_{i}.png" for i in range(pictures)]
    question, answer = turns(number, pictures)
    if number % 3 == 2:
        row = {"id": f"row-{number}", "images": names,
               "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
    else:
        row = {"id": f"row-{number}", "image": names[0] if pictures == 1 else names,
               "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]}
    if not pictures:
        row.pop("image", None)
        row.pop("images", None)
    row["score"] = float("nan") if number == 5 else number / 8
    rows.append(row)
    files = [picture(10 * number + i) for i in range(pictures)]
    extensions = ["png"] if pictures == 1 else [f"{i}.png" for i in range(pictures)]
    members.append([("json", json.dumps(row).encode())] + list(zip(extensions, files)))
    for name, data in zip(names, files):
        open(name, "wb").write(data)

lines = "".join(json.dumps(row) + "\n" for row in rows)
open("pool.json", "w").write(json.dumps(rows, indent=1))
open("pool.jsonl", "w").write(lines)
half = len(lines) // 2
with open("pool.jsonl.gz", "wb") as file:  # two members, as `cat a.gz b.gz` makes them
    file.write(gzip.compress(lines[:half].encode(), mtime=0) + gzip.compress(lines[half:].encode(), mtime=0))
open("pool.json.zst", "wb").write(zstandard.compress(json.dumps(rows, indent=1).encode()))

with webdataset.TarWriter("webdataset.tar", mtime=0, user="u", group="g") as shard:
    for number, parts in enumerate(members):
        shard.write({"__key__": f"{number:06}", **dict(parts)})


def add(tar, name, data, **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))


for name, kind in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
    folder = "a folder with a long name that no header block of a hundred bytes can hold " * 2 + ("é" if name == "pax" else "e")
    with tarfile.open(f"{name}.tar", "w", format=kind) as tar:
        add(tar, folder, b"", type=tarfile.DIRTYPE)
        for number, parts in enumerate(members):
            for extension, data in reversed(parts):  # the picture first
                add(tar, f"{folder}/{number:04}.{extension}", data)
            if number < 2:  # of no interest, and litter
                add(tar, f"{folder}/{number:04}.cls", b"7")
                add(tar, f"{folder}/._{number:04}.json", b"litter")

with tarfile.open("onevision.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
    messages = [{"role": "user", "content": "<image><image>Which?"}, {"role": "assistant", "content": "The second."}]
    content = {"texts": messages, "media": "image", "name": ["0_z.jpg", "1_a.png"]}
    add(tar, "image_0.1_a.png", picture(2))
    add(tar, "image_0.0_z.jpg", picture(1, "JPEG"))
    add(tar, "image_0.json", json.dumps(content).encode())
    add(tar, "coco_1.jpg", picture(3, "JPEG"))
    add(tar, "coco_1.json", json.dumps(messages).encode())
    add(tar, "text_2.json", json.dumps({"texts": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Ho."}], "media": "text"}).encode())
    add(tar, "video_3.mp4", b"no video")
    add(tar, "video_3.json", json.dumps(content).encode())
    add(tar, "lost_4.jpg", picture(4, "JPEG"))
    add(tar, "lost_5.json", json.dumps(rows[0]).encode())

with tarfile.open("captions.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
    add(tar, "0001.jpg", picture(5, "JPEG"))
    add(tar, "0001.txt", "A \"caption\".".encode())
    add(tar, "0002.jpg", picture(6, "JPEG"))
    add(tar, "0002.txt", b"Another.")
    add(tar, "0002.json", json.dumps({"url": "http://x", "key": "0002"}).encode())
