#!/usr/bin/env python3
"""Feature tables too large for memory: shards of one table, low rank + noise, the same numbers for the same arguments.

    make_shards.py FOLDER [--rows 10000000] [--cols 1024] [--shard-rows 983040] [--dtype float16|float32]

FOLDER/00.npz, 01.npz, ...: `sample_ids` (row numbers of the whole table) and `representations`. Shards are cut at multiples of 65,536 rows, so
that scores by parts are those of one process to the last bit. 64 directions with variances that fall as 1 / j and row lengths that differ,
then noise: each row one of 8,192 noise vectors with a sign and a length of its own (drawing 10^10 numbers would take longer than scoring).
"""
import argparse
import zipfile
from pathlib import Path

import numpy as np

PIECE = 65_536
BANK = 8_192
RANK = 64


def write_array(archive: zipfile.ZipFile, name: str, dtype: np.dtype, shape: tuple, pieces) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
        for piece in pieces:
            member.write(np.ascontiguousarray(piece, dtype).data.cast("B"))


def rows_of(first: int, end: int, cols: int, directions: np.ndarray, bank: np.ndarray):
    for begin in range(first, end, PIECE):
        rng = np.random.default_rng(begin)  # a piece is the same whatever the shards
        count = min(PIECE, end - begin)
        weights = rng.standard_normal((PIECE, RANK), np.float32)[:count]
        lengths = rng.lognormal(sigma=0.5, size=PIECE).astype(np.float32)[:count]
        choice, sign = rng.integers(BANK, size=PIECE)[:count], rng.choice(np.float32([-0.1, 0.1]), PIECE)[:count]
        yield (lengths[:, None] * weights) @ directions + bank[choice] * (sign * lengths)[:, None] + np.float32(0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--cols", type=int, default=1_024)
    parser.add_argument("--shard-rows", type=int, default=15 * PIECE)
    parser.add_argument("--dtype", default="float16")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    basis, _ = np.linalg.qr(rng.standard_normal((asked.cols, RANK)))
    directions = (basis.T / np.sqrt(np.arange(1, RANK + 1))[:, None]).astype(np.float32)
    bank = rng.standard_normal((BANK, asked.cols), np.float32)
    for number, first in enumerate(range(0, asked.rows, asked.shard_rows)):
        end = min(asked.rows, first + asked.shard_rows)
        with zipfile.ZipFile(asked.folder / f"{number:02}.npz", "w", zipfile.ZIP_STORED) as archive:
            ids = np.array([str(row) for row in range(first, end)])
            write_array(archive, "sample_ids", ids.dtype, ids.shape, [ids])
            write_array(archive, "representations", np.dtype(asked.dtype), (end - first, asked.cols),
                        rows_of(first, end, asked.cols, directions, bank))


if __name__ == "__main__":
    main()
