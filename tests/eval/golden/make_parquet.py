#!/usr/bin/env python3
"""Writes parquet/KIND/SPLIT-00000-of-0000N.parquet: a few rows in the columns and types of lmms-eval's data sets, as
`datasets` stores pictures (needs pyarrow and Pillow)."""
import io
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = pathlib.Path(__file__).parent / "parquet"
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(level):
    out = io.BytesIO()
    Image.new("RGB", (2, 2), (level, 10, 200)).save(out, "PNG")
    return {"bytes": out.getvalue(), "path": f"{level}.png"}


def write(name, columns, **types):
    (HERE / name).parent.mkdir(parents=True, exist_ok=True)
    arrays = {k: pa.array(v, IMAGE if k == "image" else types.get(k)) for k, v in columns.items()}
    pq.write_table(pa.table(arrays), HERE / name)


def mmbench():
    def rows(index, images):
        count = len(index)
        turned = [i >= 1000000 for i in index]
        return {"index": [str(i) for i in index], "question": ["Q?"] * count, "hint": ["nan", "look"][:count] if count == 2 else ["nan"] * count,
                "answer": ["B" if t else "A" for t in turned], "A": ["dog" if t else "cat" for t in turned],
                "B": ["cat" if t else "dog" for t in turned], "C": ["nan"] * count, "D": [None] * count, "category": ["kind"] * count,
                "image": images, "source": ["s"] * count, "L2-category": ["level"] * count, "comment": [None] * count, "split": ["dev"] * count}
    write("mmbench/dev-00000-of-00002.parquet", rows([7, 8], [picture(1), picture(2)]), D=pa.string(), comment=pa.string())
    write("mmbench/dev-00001-of-00002.parquet", rows([1000007, 1000008], [picture(1), None]), D=pa.string(), comment=pa.string())


def others():
    write("mme/test-00000-of-00001.parquet", {
        "question_id": ["count/1.png"] * 2 + ["OCR/2.png"] * 2, "image": [picture(3)] * 2 + [picture(4)] * 2,
        "question": ["One? Please answer yes or no.", "Two?  Please answer yes or no.", "A? Please answer yes or no.", "B? Please answer yes or no."],
        "answer": ["Yes", "No"] * 2, "category": ["count"] * 2 + ["OCR"] * 2})
    write("pope/test-00000-of-00001.parquet", {
        "id": ["0", "1", "2"], "question_id": ["1", "2", "1"], "question": ["Dog?", "Cat?", "Dog?"], "answer": ["yes", "no", "yes"],
        "image_source": ["COCO_1", "COCO_1", "COCO_1"], "image": [picture(5)] * 3, "category": ["adversarial", "adversarial", "popular"]})
    write("ai2d/test-00000-of-00001.parquet", {
        "question": ["Which?", "What?"], "options": [["a", "b", "c", "d"], ["x", "y", "z", "None"]], "answer": ["1", "7"],
        "image": [picture(6), picture(7)]})
    write("scienceqa/test-00000-of-00001.parquet", {
        "image": [picture(8), None], "question": ["Which?", "No picture?"], "choices": [["a", "b"], ["a", "b"]], "answer": [1, 0],
        "hint": ["See.", ""], "task": ["t"] * 2, "grade": ["g"] * 2, "subject": ["social"] * 2, "topic": ["maps"] * 2, "category": ["c"] * 2,
        "skill": ["s"] * 2, "lecture": [""] * 2, "solution": [""] * 2})
    write("ocrbench/test-00000-of-00001.parquet", {
        "dataset": ["IIIT5K", "HME100k"], "question": ["text?", "formula?"],
        "question_type": ["Regular Text Recognition", "Handwritten Mathematical Expression Recognition"],
        "answer": [["CENTRE", "CENTER"], ["y = 1"]], "image": [picture(9), {"bytes": picture(10)["bytes"][:40], "path": None}]})


mmbench()
others()
