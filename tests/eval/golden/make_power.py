#!/usr/bin/env python3
"""Writes power.json: power of paired tests as statsmodels has it, and by simulation where it has no formula.

Needs numpy, scipy and statsmodels.
"""
import json
import pathlib

import numpy as np
import scipy.stats
from statsmodels.stats.power import TTestPower, normal_power

HERE = pathlib.Path(__file__).parent


def t_tests():
    for seeds in (2, 3, 5, 10, 40):
        for difference, deviation, level in [(1, 1, .05), (1, .4, .05), (.3, .5, .01), (2, .7, .1)]:
            power = TTestPower().power(difference / deviation, seeds, level)
            if not np.isfinite(power):  # scipy's noncentral t gives up where the power is all but 1
                continue
            yield {"difference": difference, "seed": deviation, "seeds": seeds, "level": level, "power": float(power)}


def normal_tests():
    for difference, error, level in [(1, .5, .05), (1, 1, .05), (.2, 1, .01), (3, .9, .05)]:
        yield {"difference": difference, "error": error, "level": level,
               "power": float(normal_power(difference, 1, level, sigma=error))}


def detectable():
    for share, questions, power, level in [(.05, 1164, .8, .05), (.10, 3088, .8, .05), (.15, 260, .9, .01)]:
        z = scipy.stats.norm.ppf(1 - level / 2) + scipy.stats.norm.ppf(power)
        yield {"share": share, "questions": questions, "power": power, "level": level,
               "difference": float(z * np.sqrt(share / questions))}


def mixed(replicates=400_000):
    """Both noises: the mean of `seeds` differences that share one draw of questions, tested by Welch and Satterthwaite
    with the question noise known."""
    rng = np.random.default_rng(11)
    for difference, seed, question, seeds in [(1, .5, .3, 3), (1, .4, .6, 3), (2, 1.0, .5, 5)]:
        draws = difference + question * rng.standard_normal((replicates, 1)) + seed * rng.standard_normal((replicates, seeds))
        mean, own = draws.mean(1), draws.var(1, ddof=1) / seeds
        error = own + question ** 2
        freedom = (seeds - 1) * (error / own) ** 2
        p = 2 * scipy.stats.t.sf(np.abs(mean) / np.sqrt(error), freedom)
        yield {"difference": difference, "seed": seed, "question": question, "seeds": seeds,
               "power": float((p < .05).mean())}


def pairs(replicates=20_000):
    """Two models on the same questions, the share `share` of which one of them alone answers; McNemar's mid-p."""
    rng = np.random.default_rng(12)
    for share, questions, difference in [(.12, 1164, .02), (.10, 3088, .0159), (.15, 1000, .03)]:
        first = (share + difference) / 2
        n10 = rng.binomial(questions, first, replicates)
        n01 = rng.binomial(questions - n10, (share - difference) / 2 / (1 - first))
        low, total = np.minimum(n10, n01), n10 + n01
        exact = np.minimum(1, 2 * scipy.stats.binom.cdf(low, total, .5))
        mid = np.minimum(1, exact - scipy.stats.binom.pmf(low, total, .5))
        yield {"share": share, "questions": questions, "difference": difference, "power": float((mid < .05).mean())}


(HERE / "power.json").write_text(json.dumps({
    "t": list(t_tests()), "normal": list(normal_tests()), "detectable": list(detectable()), "mixed": list(mixed()),
    "pairs": list(pairs())}, indent=1, allow_nan=False) + "\n")
