#!/usr/bin/env python3
"""Scores of one all_representations.npz by the authors' scoring script, by `scalselect score` and by a float64 SVD, side by side.

    compare.py SCALSELECT CUR_PY [--rows 50000] [--cols 1024] [--threads 2] [--folder DIR]
    compare.py SCALSELECT CUR_PY --golden DIR     writes the small files of tests/experiments/cli/golden instead

SCALSELECT: our program. CUR_PY: scripts/cur.py of github.com/ChangtiWu/ScalSelect (it needs numpy and tqdm).
All centre only and keep 0.9 of the energy. Wall time and peak memory are those of /usr/bin/time -v around each program,
reading and writing files included; both may use as many threads.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ENERGY = 0.9
SHARE = 0.16


def make_features(folder: Path, rows: int, cols: int, seed: int) -> np.ndarray:
    """Gaussian rows with singular values that fall as 1 / j in a random basis, row lengths that differ, and a mean."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(cols, cols)))
    matrix = rng.normal(size=(rows, cols)) / np.arange(1, cols + 1)
    matrix *= rng.lognormal(sigma=0.5, size=(rows, 1))
    matrix = (matrix @ basis + rng.normal(size=cols)).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "all_representations.npz", representations=matrix,
                        sample_ids=np.array([str(row) for row in range(rows)]))
    return matrix


def measured(command: list, threads: int) -> dict:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "SCALSELECT_THREADS")
    environment = os.environ | {name: str(threads) for name in names}
    run = subprocess.run(["/usr/bin/time", "-v", *map(str, command)], env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{run.stdout}\n{run.stderr}")
    peak = int(re.search(r"Maximum resident set size \(kbytes\): (\d+)", run.stderr).group(1))
    clock = re.search(r"Elapsed .*: ([\d:.]+)\n", run.stderr).group(1)
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    busy = sum(float(value) for value in re.findall(r"(?:User|System) time \(seconds\): ([\d.]+)", run.stderr))
    return {"wall_s": seconds, "cpu_s": busy, "peak_mib": peak / 1024}


def run_authors(script: Path, folder: Path, threads: int) -> dict:
    return measured([sys.executable, script, "--features-dir", folder, "--output", folder / "authors.jsonl", "--sv-threshold",
                     ENERGY, "--no-standardize", "--no-l2-normalize"], threads)


def run_ours(program: Path, folder: Path, threads: int) -> dict:
    return measured([program, "score", f"features={folder / 'all_representations.npz'}", f"out={folder / 'ours.jsonl'}",
                     f"method.subspace.energy={ENERGY}"], threads)


def read_scores(file: Path, rows: int) -> np.ndarray:
    scores = np.full(rows, np.nan)
    for line in file.read_text().splitlines():
        item = json.loads(line)
        scores[int(item["sample_id"])] = item["importance"]
    return scores


def float64_scores(matrix: np.ndarray) -> np.ndarray:
    z = matrix.astype(np.float64)
    z -= z.mean(axis=0)
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    k = int(np.searchsorted(np.cumsum(s**2) / np.sum(s**2), ENERGY)) + 1
    return np.sum(u[:, :k] ** 2, axis=1)


def compare(a: np.ndarray, b: np.ndarray) -> dict:
    """Of b against a: largest |b - a| / a, share of a's best 16 % that b's best 16 % hold too."""
    count = round(SHARE * len(a))
    best = [set(np.argsort(-scores, kind="stable")[:count]) for scores in (a, b)]
    return {"largest_relative_difference": float(np.max(np.abs(b - a) / a)), "overlap": len(best[0] & best[1]) / count}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("authors", type=Path)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--cols", type=int, default=1_024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the data are made and kept (default: a temporary folder)")
    parser.add_argument("--golden", type=Path)
    asked = parser.parse_args()
    if asked.golden:
        make_features(asked.golden, 60, 8, seed=3)
        run_authors(asked.authors, asked.golden, asked.threads)
        (asked.golden / "authors.jsonl").rename(asked.golden / "importance_scores.jsonl")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        matrix = make_features(folder, asked.rows, asked.cols, asked.seed)
        costs = {"authors": run_authors(asked.authors, folder, asked.threads), "ours": run_ours(asked.program, folder, asked.threads)}
        authors, ours = (read_scores(folder / f"{name}.jsonl", asked.rows) for name in ("authors", "ours"))
    exact = float64_scores(matrix)
    print(json.dumps({"rows": asked.rows, "cols": asked.cols, "threads": asked.threads, "numpy": np.__version__, "costs": costs,
                      "ours_against_authors": compare(authors, ours), "ours_against_float64": compare(exact, ours),
                      "authors_against_float64": compare(exact, authors)}, indent=1))


if __name__ == "__main__":
    main()
