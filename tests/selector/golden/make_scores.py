"""Leverage scores by numpy's float64 SVD after each preparation, for subspace_test.cpp.

The steps (centre, standardise, L2, smallest k that reaches the energy, sum of squares of U's first k columns) are those
of the authors' scoring script. Made with numpy 2.4.
"""
import itertools
import json
from pathlib import Path

import numpy as np

rng = np.random.default_rng(7)
rows, cols = 40, 9
matrix = (rng.normal(size=(rows, 3)) @ rng.normal(size=(3, cols)) * 3 + rng.normal(size=(rows, cols)) + 5).astype(np.float32)
matrix[:, 4] = 2.5  # a constant column
cases = []
for center, standardize, l2, energy in itertools.product([True, False], [True, False], [True, False], [0.5, 0.9, 0.999]):
    z = matrix.astype(np.float64)
    deviation = z.std(axis=0, keepdims=True)
    if center:
        z = z - z.mean(axis=0, keepdims=True)
    if standardize:
        deviation[:, 4] = 1
        z = z / deviation
    if l2:
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    share = np.cumsum(s**2) / np.sum(s**2)
    k = int(np.searchsorted(share, energy) + 1)
    cases.append({"center": center, "standardize": standardize, "l2_normalize": l2, "energy": energy, "k": k,
                  "scores": [float(f"{v:.12g}") for v in np.sum(u[:, :k] ** 2, axis=1)]})
out = {"rows": rows, "cols": cols, "matrix": [float(v) for v in matrix.ravel()], "cases": cases}
Path(__file__).with_name("scores.json").write_text(json.dumps(out) + "\n")
