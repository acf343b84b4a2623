#!/usr/bin/env python3
"""What 16 bits a number do to a ranking: one table in float32, float16 and bfloat16, scored by `scalselect score`.

    precision.py SCALSELECT FEATURES.npz [--threads 2]          a table in float32, as `extract` writes it
    precision.py SCALSELECT --synthetic [--rows 20000] [--cols 512]

Prints, against float32: the share of the best 16 % that the other table's best 16 % hold too, the largest and the median relative difference
of scores, k, and rows with a value that the precision cannot hold (float16 ends at 65504; `extract` rejects such rows by name, here they are
left out of both). The synthetic table has what makes half precision hard: entries of Student's t with 2.5 degrees of freedom, and four columns
that are a thousand times as large and far from zero, as the massive activations of language models are.
"""
import argparse
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SHARE = 0.16


def synthetic(rows: int, cols: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    basis, _ = np.linalg.qr(rng.standard_normal((cols, cols)))
    table = rng.standard_t(2.5, (rows, cols)) / np.sqrt(np.arange(1, cols + 1)) @ basis
    table[:, :4] = 1000 * table[:, :4] + 5000
    return table.astype(np.float32)


def to_bfloat16(table: np.ndarray) -> np.ndarray:
    """Rounded to nearest even, as float32: NumPy has no such type."""
    bits = table.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def scored(program: Path, table: np.ndarray, folder: Path, threads: int) -> tuple:
    np.savez(folder / "table.npz", sample_ids=np.array([str(row) for row in range(len(table))]), representations=table)
    out = subprocess.run([program, "score", f"features={folder / 'table.npz'}", f"out={folder / 'scores.jsonl'}", f"threads={threads}"],
                         check=True, capture_output=True, text=True, env=os.environ)
    scores = np.full(len(table), np.nan)
    for line in (folder / "scores.jsonl").read_text().splitlines():
        item = json.loads(line)
        scores[int(item["sample_id"])] = item["importance"]
    return scores, int(re.search(r"k = (\d+)", out.stdout).group(1))


def best(scores: np.ndarray) -> set:
    return set(np.argsort(-scores, kind="stable")[:round(SHARE * len(scores))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("features", type=Path, nargs="?")
    parser.add_argument("--synthetic", action="store_true")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--cols", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    if asked.synthetic == (asked.features is not None):
        parser.error("give a table or --synthetic")
    table = synthetic(asked.rows, asked.cols) if asked.synthetic else np.load(asked.features)["representations"]
    assert table.dtype == np.float32
    with np.errstate(over="ignore"):
        others = {"float16": table.astype(np.float16), "bfloat16": to_bfloat16(table)}
    for name, other in others.items():
        kept = np.isfinite(other.astype(np.float32)).all(axis=1)
        with tempfile.TemporaryDirectory() as folder:
            exact, k = scored(asked.program, table[kept], Path(folder), asked.threads)
            rounded, other_k = scored(asked.program, other[kept], Path(folder), asked.threads)
        difference = np.abs(rounded - exact) / exact
        shared = len(best(exact) & best(rounded)) / len(best(exact))
        print(json.dumps({"rows": len(table), "cols": table.shape[1], "precision": name, "cannot_hold": int((~kept).sum()),
                          "overlap": round(shared, 5), "largest": float(f"{difference.max():.2g}"),
                          "median": float(f"{np.median(difference):.2g}"), "k": [k, other_k]}))


if __name__ == "__main__":
    main()
