#!/usr/bin/env python3
"""Goldens of COINCIDE, PRISM, RDS+ and two ScalSelect variants: the papers' formulas, written down as plainly as numpy allows.

    python3 make_paper_methods.py > paper_methods.json        (numpy)

The authors' own lines, run on these numbers, give the same: cluster_transferability.py and cluster_wise_prune.py of
G-JWLee/COINCIDE_code (transferability, density, shares, prototypes), get_top_influences.py ("max") and
get_top_aggregated_influences.py ("max", round robin) of hamishivi/automated-instruction-selection. PRISM's code is not
public.
"""
import json
import math

import numpy as np

rng = np.random.default_rng(20)


def draw(*shape):
    return np.round(rng.normal(size=shape), 3)


def coincide():
    rows, width, layers = 36, 4, 2
    labels = np.array([c for c, n in enumerate([9, 3, 12, 7, 5]) for _ in range(n)])
    rng.shuffle(labels)
    middles = draw(5, 2 * layers, width)
    parts = [np.round(middles[labels, p] + 0.5 * rng.normal(size=(rows, width)), 3) for p in range(2 * layers)]

    def unit(x):
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    joined = np.concatenate([unit(np.tanh(p)) for p in parts], axis=1) / math.sqrt(2 * layers)
    centers = unit(np.stack([joined[labels == c].mean(0) for c in range(5)]))
    language = np.concatenate([centers[:, width * p : width * (p + 1)] for p in range(1, 2 * layers, 2)], axis=1)

    def transfer(x, near):
        cosines = unit(x) @ unit(x).T
        return [np.mean([cosines[a, b] for b in range(5) if b != a and not cosines[a, b] > near]) for a in range(5)]

    kernel = np.array([[math.exp(-np.sum((a - b) ** 2) / 2) for b in joined] for a in joined])
    density = [kernel[np.ix_(labels == c, labels == c)].mean() for c in range(5)]
    score = np.array(transfer(language, 0.9)) / density
    order = list(np.argsort(-score))

    def shares(budget, tau=0.1):
        wanted, quotas = budget, [0] * 5
        for place, c in enumerate(order):
            weights = np.exp(score[order[place:]] / tau)
            quotas[c] = min(round(wanted * weights[0] / weights.sum()), int((labels == c).sum()))
            wanted -= quotas[c]
        assert wanted == 0, "the authors' rule falls short here; choose another budget"
        return quotas

    def prototypes(members, count):
        k = kernel[np.ix_(members, members)]
        chosen = []
        for _ in range(count):
            distance = {}
            for c in range(len(members)):
                if c not in chosen:
                    s = chosen + [c]
                    distance[c] = k.mean() + k[np.ix_(s, s)].mean() - 2 * k[:, s].mean()
            chosen.append(min(distance, key=lambda c: (distance[c], c)))
        return [int(members[c]) for c in chosen]

    quotas = {budget: shares(budget) for budget in (6, 11, 20)}
    return {
        "width": width,
        "parts": [p.ravel().tolist() for p in parts],
        "joined": joined.ravel().tolist(),
        "labels": labels.tolist(),
        "centers": centers.ravel().tolist(),
        "language": language.ravel().tolist(),
        "transfer_language": transfer(language, 0.9),
        "transfer_language_near": transfer(language, 0.4),
        "transfer_all": transfer(centers, 2.0),
        "density": density,
        "score": score.tolist(),
        "quotas": [[budget, q] for budget, q in quotas.items()],
        "prototypes": [prototypes(np.flatnonzero(labels == c), int((labels == c).sum())) for c in range(5)],
        "prototypes_of_all": prototypes(np.arange(rows), 15),
    }


def prism():
    features = draw(30, 6) + np.array([2, 0, -1, 0, 3, 0])

    def redundancy(centred):
        u = centred / np.linalg.norm(centred, axis=1, keepdims=True)
        return [float(np.mean([u[i] @ u[j] for j in range(30) if j != i])) for i in range(30)]

    return {
        "features": features.ravel().tolist(),
        "pool": redundancy(features - features.mean(0)),
        "vector": redundancy(features - features.mean(1, keepdims=True)),
        "none": redundancy(features),
    }


def rds():
    rows, targets = draw(40, 5), draw(7, 5)
    tasks = ["b", "a", "b", "c", "a", "b", "c"]
    cosine = (targets / np.linalg.norm(targets, axis=1, keepdims=True)) @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T

    def round_robin(similarities, budget):
        queues = [sorted(range(40), key=lambda i: -s[i]) for s in similarities]
        taken = {}
        while len(taken) < budget:
            for queue in queues:
                taken[queue.pop(0)] = True
        return list(taken)[:budget]

    best = [cosine[[i for i, t in enumerate(tasks) if t == task]].max(0) for task in ("b", "a", "c")]
    return {
        "rows": rows.ravel().tolist(),
        "targets": targets.ravel().tolist(),
        "tasks": tasks,
        "by_sample": round_robin(cosine, 33),
        "by_task": round_robin(best, 33),
    }


def subspace():
    x = draw(50, 7) * np.array([6, 5, 4, 3, 1, 1, 1])
    z = x - x.mean(0)
    u, s, vt = np.linalg.svd(z, full_matrices=False)
    k = 4
    u = u[:, :k]
    outside = z - z @ vt[:k].T @ vt[:k]
    left, pivots = list(range(50)), []
    while left:
        basis = np.zeros((0, k))
        for _ in range(min(k, len(left))):  # one round: the row farthest from the span of the round's rows so far
            def distance(i):
                if len(basis) == 0:
                    return np.linalg.norm(u[i])
                return np.linalg.norm(u[i] - basis.T @ np.linalg.lstsq(basis.T, u[i], rcond=None)[0])

            far = max(left, key=distance)
            basis = np.vstack([basis, u[far]])
            pivots.append(far)
            left.remove(far)
    return {"x": x.ravel().tolist(), "k": k, "pivots": pivots, "residuals": (outside**2).sum(1).tolist()}


json.dump({"coincide": coincide(), "prism": prism(), "rds": rds(), "subspace": subspace()}, fp=__import__("sys").stdout)
print()
