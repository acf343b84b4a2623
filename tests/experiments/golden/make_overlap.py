"""Means and standard deviations of the overlap of random sets, by scipy: overlap.json.

    pip install scipy && python make_overlap.py
"""

import json
from pathlib import Path

from scipy.stats import hypergeom

CASES = [(10, 4, 5), (100, 16, 16), (665298, 133059, 99794), (1000, 1000, 10), (50, 1, 1), (7, 6, 6)]
golden = [
    {"pool": pool, "a": a, "b": b, "mean": float(hypergeom.mean(pool, a, b)), "std": float(hypergeom.std(pool, a, b))}
    for pool, a, b in CASES
]
Path(__file__).with_name("overlap.json").write_text(json.dumps(golden, indent=1) + "\n")
