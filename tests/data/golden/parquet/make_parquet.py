#!/usr/bin/env python3
"""Small Parquet pools of the kinds that are published, and what Python reads from them.

NAME.parquet, and NAME.json with `rows`, the text of json.dumps for each row (a picture stands there as the reference
that the reader writes, with FILE for the file's path), and `pictures`, the SHA-256 of each by its reference.

    pip install pyarrow==26.0.1 datasets==5.2.0 pillow duckdb==2.0.1; ./make_parquet.py
"""
import base64
import datetime
import decimal
import hashlib
import io
import json
import pathlib
import random

import datasets
import duckdb
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
WORDS = ["what", "colour", "is", "the", "third", "bar", "naïve", "图表", "🙂", "\"quoted\"", "back\\slash", "tab\t", "\x08\x0c\x01\x7f"]


def png(seed):
    rng = random.Random(seed)
    picture = PIL.Image.new("RGB", (2 + seed % 3, 2), tuple(rng.randrange(256) for _ in range(3)))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def text(seed, words=6):
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) for _ in range(words))


def plain(value):
    """As the reader writes what JSON has no form for."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError(type(value))


def is_picture(kind, name):
    if pa.types.is_struct(kind):
        return sorted(field.name for field in kind) in (["bytes", "path"], ["bytes"])
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    return binary and name in ("image", "images")


def expect(name):
    file = HERE / f"{name}.parquet"
    table = pq.read_table(file)
    rows, pictures = [], {}
    for number, row in enumerate(table.to_pylist()):
        for column, field in enumerate(table.schema):
            many = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
            if not is_picture(field.type.value_type if many else field.type, field.name):
                continue

            def named(value, index):
                if value is None:
                    return None
                kept, path = (value, None) if isinstance(value, bytes) else (value["bytes"], value.get("path"))
                if kept is None:
                    return path
                reference = f"parquet:{number}:{column}:{index}:FILE"
                pictures[reference] = hashlib.sha256(kept).hexdigest()
                return reference

            value = row[field.name]
            if many and value is None and not pa.types.is_struct(field.type.value_type):
                row[field.name] = []  # no list and an empty one are the same to the reader
            elif many and value is not None:
                row[field.name] = [named(item, index) for index, item in enumerate(value)]
            else:
                row[field.name] = named(value, 0)
        rows.append(json.dumps(row, ensure_ascii=False, default=plain))
    with open(HERE / f"{name}.json", "w") as out:
        json.dump({"rows": rows, "pictures": pictures}, out, ensure_ascii=False, indent=0)
        out.write("\n")
    print(name, file.stat().st_size, len(rows), len(pictures), pq.ParquetFile(file).num_row_groups)


def llava():
    """LLaVA-OneVision: one picture or none, `conversations`, written by `datasets`."""
    features = datasets.Features({
        "id": datasets.Value("string"), "image": datasets.Image(),
        "conversations": [{"from": datasets.Value("string"), "value": datasets.Value("string")}],
        "data_source": datasets.Value("string")})
    rows = [{
        "id": f"row_{i}", "image": None if i == 4 else {"bytes": png(i), "path": f"{i}.png"},
        "conversations": [{"from": "human", "value": "<image>\n" + text(i)}, {"from": "gpt", "value": text(100 + i)}],
        "data_source": "made"} for i in range(9)]
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(HERE / "llava.parquet"), batch_size=4)


def finevision():
    """The Cauldron and FineVision: lists of pictures, `texts`, ratings; zstd, pages of the second version."""
    features = datasets.Features({
        "images": datasets.Sequence(datasets.Image()),
        "texts": [{"user": datasets.Value("string"), "assistant": datasets.Value("string")}],
        "source": datasets.Value("string"), "relevance_ratings": datasets.Sequence(datasets.Value("int64")),
        "relevance_min": datasets.Value("int64")})
    rows = [{
        "images": [{"bytes": png(10 * i + j), "path": None} for j in range(i % 4)],
        "texts": [{"user": text(i + j), "assistant": text(50 + i + j)} for j in range(1 + i % 3)], "source": "chartqa",
        "relevance_ratings": [5] * (i % 3), "relevance_min": 5 if i % 3 else None} for i in range(8)]
    made = HERE / "finevision.parquet"
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(made))
    pq.write_table(pq.read_table(made), made, row_group_size=3, compression="zstd", data_page_version="2.0")


def messages():
    """Chat messages whose content is a list of parts, as transformers takes them; no compression."""
    part = pa.struct([("type", pa.string()), ("text", pa.string())])
    message = pa.struct([("role", pa.string()), ("content", pa.list_(part))])
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{
        "messages": [
            {"role": "user", "content": [{"type": "image", "text": None}, {"type": "text", "text": text(i)}]},
            {"role": "assistant", "content": [{"type": "text", "text": text(20 + i)}]}],
        "images": [{"bytes": png(i), "path": None}]} for i in range(4)]
    schema = pa.schema([("messages", pa.list_(message)), ("images", pa.list_(picture))])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), HERE / "messages.parquet", compression="none")


def types():
    """Every type that a column may have."""
    utc = datetime.timezone.utc
    columns = {
        "int8": pa.array([-128, None, 127], pa.int8()), "uint8": pa.array([255, 0, None], pa.uint8()),
        "int64": pa.array([-2**63, 2**63 - 1, None]), "uint64": pa.array([2**64 - 1, 0, None], pa.uint64()),
        "float": pa.array([0.1, float("nan"), None], pa.float32()), "half": pa.array([0.5, -2.0, None], pa.float16()),
        "double": pa.array([1.0, 1e16, float("-inf")]), "double2": pa.array([1e-5, 123456.789, float("inf")]),
        "bool": pa.array([True, False, None]), "null": pa.array([None, None, None], pa.null()),
        "text": pa.array([text(1), "", None]), "large": pa.array([text(2), "x", None], pa.large_string()),
        "view": pa.array([text(3), "a text of more than twelve bytes", None], pa.string_view()),
        "dictionary": pa.array(["a", "b", None]).dictionary_encode(),
        "binary": pa.array([b"\x00\xff", b"", None]), "fixed": pa.array([b"abc", b"def", None], pa.binary(3)),
        "decimal": pa.array([decimal.Decimal("1.50"), decimal.Decimal("-0.07"), None], pa.decimal128(9, 2)),
        "date": pa.array([datetime.date(2024, 2, 29), None, datetime.date(1969, 12, 31)]),
        "timestamp": pa.array([datetime.datetime(2024, 2, 29, 1, 2, 3, 456789), None, None], pa.timestamp("us")),
        "zoned": pa.array([datetime.datetime(2024, 2, 29, 1, 2, 3, 456789, utc), None, None], pa.timestamp("us", "UTC")),
        "time": pa.array([datetime.time(1, 2, 3, 456789), None, None], pa.time64("us")),
        "list": pa.array([[1, None], [], None], pa.list_(pa.int32())),
        "nested": pa.array([[[1.5], None, []], [], None], pa.large_list(pa.list_(pa.float64()))),
        "sized": pa.array([[1, 2], [3, None], None], pa.list_(pa.int16(), 2)),
        "struct": pa.array([{"a": 1, "b": {"c": "x"}}, {"a": None, "b": None}, None]),
        "map": pa.array([[("k", 1), ("l", None)], [], None], pa.map_(pa.string(), pa.int32())),
        "key \"of\" line\n": pa.array([1, 2, 3]),
    }
    pq.write_table(pa.table(columns), HERE / "types.parquet", compression="gzip")


def mixed():
    """Pictures with bytes, with a path alone, and none; bytes without a struct; a struct without paths."""
    both = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    have = lambda i: {"bytes": png(i), "path": None}
    rows = [
        {"one": have(1), "many": [have(2), {"bytes": None, "path": "a/b.png"}], "image": b"jpeg", "images": [b"x", None]},
        {"one": {"bytes": None, "path": "c.png"}, "many": [], "image": None, "images": []},
        {"one": None, "many": None, "image": b"", "images": None},
        {"one": {"bytes": None, "path": None}, "many": [None, have(3), have(4)], "image": b"gif", "images": [b"y", b"z"]},
        {"one": {"bytes": None, "path": "d.png"}, "many": [{"bytes": None, "path": "e.png"}], "image": b"q", "images": [b""]},
    ]
    for row in rows:
        row["bare"] = None if row["one"] is None else {"bytes": row["one"]["bytes"]}
    schema = pa.schema([
        ("one", both), ("many", pa.list_(both)), ("image", pa.large_binary()), ("images", pa.list_(pa.binary())),
        ("bare", pa.struct([("bytes", pa.binary())]))])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), HERE / "mixed.parquet", row_group_size=2)


def pages(name, **options):
    """Many pages in few row groups, and rows of many pictures."""
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rng = random.Random(7)
    some = lambda: {"bytes": rng.randbytes(rng.randrange(40)), "path": None}
    rows = [{"id": i, "image": some(), "images": [some() for _ in range(rng.choice([0, 1, 1, 5]))]} for i in range(90)]
    schema = pa.schema([("id", pa.int32()), ("image", picture), ("images", pa.list_(picture))])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), HERE / f"{name}.parquet", row_group_size=50,
                   data_page_size=64, write_batch_size=3, compression="none", use_dictionary=False, **options)


def old():
    """Lists named as before Parquet's rules for them, timestamps of 96 bits, the first format version."""
    table = pa.table({
        "id": [1, 2, 3], "when": pa.array([datetime.datetime(2020, 5, 17, 1, 2, 3, 456789)] * 3, pa.timestamp("us")),
        "conversations": [[{"from": "human", "value": text(i)}, {"from": "gpt", "value": text(i + 9)}] for i in range(3)]})
    pq.write_table(table, HERE / "old.parquet", use_deprecated_int96_timestamps=True, use_compliant_nested_type=False,
                   version="1.0", store_schema=False, compression="lz4", write_statistics=False)


def duck():
    """A writer that is not Arrow."""
    duckdb.sql(f"""
        copy (select i as id, {{'bytes': encode('picture ' || i), 'path': null::varchar}} as image,
                     [{{'from': 'human', 'value': 'question ' || i}}, {{'from': 'gpt', 'value': 'answer ' || i}}] as conversations,
                     i / 4 as quarter
              from range(6) t(i)) to '{HERE / "duck.parquet"}' (format parquet, row_group_size 4)""")


llava(), finevision(), messages(), types(), mixed(), old(), duck()
pages("pages_v1")
pages("pages_index", write_page_index=True)
pages("pages_v2", data_page_version="2.0")
for golden in sorted(HERE.glob("*.parquet")):
    expect(golden.stem)
