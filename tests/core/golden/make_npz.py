"""Arrays as numpy writes them, for npz_test.cpp. `make_npz.py FILE`: instead, check a file that NpzWriter made.

Made with numpy 2.4.
"""
import sys
from pathlib import Path

import numpy as np

here = Path(__file__).parent
matrix = (np.arange(12, dtype=np.float32).reshape(4, 3) - 5) / 8
ids = np.array(["7", "coco_é", "日本", "𝄞"])

if len(sys.argv) > 1:
    loaded = np.load(sys.argv[1])
    assert loaded["sample_ids"].dtype.str == "<U6", loaded["sample_ids"].dtype
    assert list(loaded["sample_ids"]) == list(ids)
    assert loaded["representations"].dtype == np.float32
    assert np.array_equal(loaded["representations"], matrix)
    assert np.array_equal(loaded["counts"], np.array([1, -2, 3]))
    print("numpy reads", sys.argv[1])
    sys.exit()

np.savez(here / "stored.npz", sample_ids=ids, representations=matrix, counts=np.array([1, -2, 3]))
np.savez_compressed(here / "deflated.npz", sample_ids=ids, representations=matrix)
np.savez(here / "types.npz", half=matrix.astype(np.float16), double=matrix.astype(np.float64),
         fortran=np.asfortranarray(matrix), big=matrix.astype(">f4"), short=np.arange(3, dtype=np.int16),
         object=np.array([{}], dtype=object), vector=matrix[0])
np.save(here / "matrix.npy", matrix)
