#!/usr/bin/env python3
"""Writes goldens that come from pandas, scikit-learn, SciPy and statsmodels.

tricky.tsv, tricky.json   a table with every quoting trap, and how pandas.read_csv(sep="\\t") reads it
statistics.json           confusion measures, t quantiles, normal quantiles, McNemar, Holm, sample deviations
"""
import json
import pathlib
import random

import numpy as np
import pandas as pd
import scipy.stats
import sklearn.metrics
import statsmodels.stats.contingency_tables
import statsmodels.stats.multitest

HERE = pathlib.Path(__file__).parent

TRICKY = (
    '\ufeffindex\tquestion\tA\tB\tanswer\r\n'
    '1\t"two\nlines"\tplain\tNone\tA\r\n'
    '2\t"a ""quoted"" word"\tin"side\tN/A\tB\n'
    '\n'
    '3\t"tab\there"\t"quoted"tail\tnull\tA\n'
    '4\t\t  spaces  \tnan\tB\n'
    '5\tshort\n'
    '6\t"x\r\ny"\tNAN\tnone\t#N/A\n'
    '7\tlast\t"a"\t" "\tA')


def tables():
    (HERE / "tricky.tsv").write_bytes(TRICKY.encode())
    raw = pd.read_csv(HERE / "tricky.tsv", sep="\t", dtype=str, keep_default_na=False)
    missing = pd.read_csv(HERE / "tricky.tsv", sep="\t", dtype=str).isna()
    rows = [[None if missing.iloc[i, j] else raw.iloc[i, j] for j in range(raw.shape[1])] for i in range(len(raw))]
    (HERE / "tricky.json").write_text(json.dumps({"columns": list(raw.columns), "rows": rows}, indent=1) + "\n")


def confusion():
    rng = random.Random(3)
    for n in (1, 7, 40, 200):
        truth = [rng.random() < 0.5 for _ in range(n)]
        said = [t if rng.random() < 0.7 else rng.random() < 0.5 for t in truth]
        measures = {
            "accuracy": sklearn.metrics.accuracy_score(truth, said),
            "precision": sklearn.metrics.precision_score(truth, said, zero_division=0),
            "recall": sklearn.metrics.recall_score(truth, said, zero_division=0),
            "f1": sklearn.metrics.f1_score(truth, said, zero_division=0)}
        yield {"truth": [int(x) for x in truth], "said": [int(x) for x in said], **{k: 100 * v for k, v in measures.items()}}


def mcnemar():
    for a, b in [(60, 42), (15, 5), (0, 0), (3, 3), (0, 9), (400, 350)]:
        test = statsmodels.stats.contingency_tables.mcnemar([[0, a], [b, 0]], exact=True)
        middle = test.pvalue - scipy.stats.binom.pmf(min(a, b), a + b, 0.5) if a != b else 1.0
        yield {"n10": a, "n01": b, "exact": min(1.0, float(test.pvalue)), "mid_p": float(middle)}


def statistics():
    samples = [[1.0, 2.0, 4.0], [97.1, 96.4], [3.0, 3.0, 3.0, 5.5, 1.25]]
    p = [0.01, 0.04, 0.03, 0.005, 0.9, 0.04]
    numbers = sorted(float(x) for x in np.random.default_rng(5).normal(size=23))
    golden = {
        "confusion": list(confusion()),
        "mcnemar": list(mcnemar()),
        "t975": [[n, float(scipy.stats.t.ppf(0.975, n))] for n in (1, 2, 3, 4, 9, 10, 11, 15, 30, 100, 1000)],
        "normal": [[q, float(scipy.stats.norm.ppf(q))] for q in (1e-6, 0.001, 0.025, 0.3, 0.5, 0.9, 0.975, 0.999999)],
        "holm": {"p": p, "adjusted": [float(x) for x in statsmodels.stats.multitest.multipletests(p, method="holm")[1]]},
        "std": [{"values": s, "mean": float(np.mean(s)), "std": float(np.std(s, ddof=1))} for s in samples],
        "quantile": {"sorted": numbers, "q": [[q, float(np.quantile(numbers, q))] for q in (0, 0.025, 0.4, 0.975, 1)]}}
    (HERE / "statistics.json").write_text(json.dumps(golden) + "\n")


tables()
statistics()
