#!/usr/bin/env python3
"""Writes student.json: Student's t for degrees of freedom that are not whole, and geometric means, from SciPy."""
import json
import pathlib

import scipy.stats

HERE = pathlib.Path(__file__).parent
FREEDOM = (1.0, 1.3, 2.0, 2.75, 4.0, 11.5, 60.0, 1e4, 1e8)
RATIOS = ([0.9646, 0.9635, 1.0481, 1.0351, 0.9553], [0.5, 2.0], [1.0, 1.0, 0.0])

golden = {
    "cdf": [[t, n, float(scipy.stats.t.cdf(t, n))] for n in FREEDOM for t in (-40.0, -3.1, -0.2, 0.0, 1e-6, 0.7, 2.0, 9.0)],
    "quantile": [[p, n, float(scipy.stats.t.ppf(p, n))] for n in FREEDOM for p in (1e-6, 0.004, 0.025, 0.3, 0.5, 0.8, 0.975, 0.9999)],
    "geometric": [{"ratios": r, "percent": 100 * float(scipy.stats.gmean(r))} for r in RATIOS]}
(HERE / "student.json").write_text(json.dumps(golden, indent=0) + "\n")
