"""Orders of choice by submodlib, apricot and the authors' code on small random features, for coverage_test.cpp.

  git clone https://github.com/adymaharana/d2pruning A; git clone https://github.com/facebookresearch/SemDeDup B
  git clone https://github.com/laming-chen/fast-map-dpp C
  OMP_NUM_THREADS=1 python3 make_coverage.py A B C

submodlib-py 0.0.3 (facility location, graph cut: naive greedy over a kernel made here), apricot-select 0.6.1 (facility
location, graph cut), fast-map-dpp at 6ab745c (dpp.py), d2pruning at bf1ea46 (core/data/sampling.py,
GraphDensitySampler), SemDeDup (semdedup.py). The repositories are run, not copied.
"""
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch
from apricot import FacilityLocationSelection, GraphCutSelection
from submodlib import FacilityLocationFunction, GraphCutFunction

sys.path.insert(0, sys.argv[3])
from dpp import dpp  # noqa: E402

rng = np.random.default_rng(11)
rows, cols = 80, 6
matrix = np.round(rng.normal(size=(rows, cols)) + rng.normal(size=(4, cols))[rng.integers(4, size=rows)] * 2, 3)
unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
cosine = unit @ unit.T
squares = ((matrix[:, None] - matrix[None]) ** 2).sum(-1)
kernels = {"cosine": cosine, "cosine_shifted": (1 + cosine) / 2, "dot": matrix @ matrix.T, "rbf": np.exp(-0.05 * squares),
           "rbf_default": np.exp(-squares / squares.mean())}


def greedy(function, budget):
    return [int(i) for i, _ in function.maximize(budget=budget, optimizer="NaiveGreedy", stopIfZeroGain=False,
                                                 stopIfNegativeGain=False, show_progress=False)]


def facility(kernel, budget):
    return greedy(FacilityLocationFunction(n=rows, mode="dense", sijs=kernel, separate_rep=False), budget)


out = {"cols": cols, "matrix": matrix.ravel().tolist(), "gamma": 0.05, "facility_location": {}, "graph_cut": {}, "log_det": {}}
for name, kernel in kernels.items():
    # Two rows near each other and nothing else gain alike: apricot takes the first, submodlib another.
    clipped = np.maximum(kernel, 0)
    order = FacilityLocationSelection(20, metric="precomputed", optimizer="naive").fit(clipped).ranking.tolist()
    assert order[:11] == facility(clipped, 11)
    out["facility_location"][name] = order
    out["graph_cut"][name] = greedy(GraphCutFunction(n=rows, mode="dense", lambdaVal=0.4, ggsijs=kernel), 30)
    ridged = kernel.copy() if name == "dot" else np.where(np.eye(rows) == 1, 1, kernel)
    out["log_det"][name] = [int(i) for i in dpp(ridged + 0.01 * np.eye(rows), 20)]
clipped = np.maximum(cosine, 0)
cut = GraphCutSelection(30, metric="precomputed", alpha=1 / 0.4, optimizer="naive").fit(kernels["rbf"])
assert cut.ranking.tolist() == out["graph_cut"]["rbf"]
# Each row's 7 most similar ones, itself included; the others count 0.
sparse = np.zeros_like(clipped)
nearest = np.argsort(-cosine, axis=1)[:, :7]
np.put_along_axis(sparse, nearest, np.take_along_axis(clipped, nearest, 1), 1)
sparse_pick = FacilityLocationSelection(12, metric="precomputed", optimizer="naive").fit(sparse.T)
out["facility_location"]["sparse"] = {"neighbors": 7, "rows": sparse_pick.ranking.tolist()}

sys.path.insert(0, str(Path(sys.argv[1]) / "core/data"))
import sampling  # noqa: E402

loss = np.round(rng.uniform(0.1, 3, size=rows), 3)
out["d2_pruning"] = {"loss": loss.tolist(), "cases": []}
for data, normalize in [(unit, True), (matrix, False)]:
    for neighbors, gamma in [(5, 0.1), (3, 1.0), (10, 0.4)]:
        options = types.SimpleNamespace(graph_mode="sum", graph_sampling_mode="weighted", precomputed_dists=None,
                                        precomputed_neighbors=None, n_neighbor=neighbors)
        sampler = sampling.GraphDensitySampler(data, None, 0, gamma=gamma, importance_scores=torch.tensor(loss), args=options)
        order = []  # select_batch_ keeps a set: ask for one row more each time
        for size in range(1, 26):
            sampler.graph_density = sampler.starting_density.copy()
            order += [int(i) for i in sampler.select_batch_(size) if i not in order]
        out["d2_pruning"]["cases"].append({"normalize": normalize, "neighbors": neighbors, "gamma": gamma, "rows": order})

sys.path.insert(0, sys.argv[2])
submitit = types.ModuleType("submitit")
submitit.helpers = types.SimpleNamespace(Checkpointable=object)
sys.modules["submitit"] = submitit
sys.modules.setdefault("pandas", types.ModuleType("pandas"))
from semdedup import SemDeDupJob  # noqa: E402

# Three far apart bundles, so that k-means finds them from any start; rows stand in order of their cosine distance.
bundles = np.repeat(np.eye(3, cols) * 6, 20, axis=0) + rng.normal(size=(60, cols))
bundles = np.round(bundles, 3)
directions = bundles / np.linalg.norm(bundles, axis=1, keepdims=True)
job = SemDeDupJob(types.SimpleNamespace(seed=1), 0)
likeness = np.zeros(60)
for c in range(3):
    own = np.arange(20 * c, 20 * c + 20)
    center = directions[own].mean(axis=0)
    own = own[np.argsort(directions[own] @ center / np.linalg.norm(center), kind="stable")]
    likeness[own] = job.semdedup(np.stack([own, own], axis=1), torch.tensor(directions[own]), "cpu").numpy()
out["semdedup"] = {"clusters": 3, "matrix": bundles.ravel().tolist(), "likeness": [round(float(v), 9) for v in likeness]}


# Self-Filter's loop (self_filter/stage2.py, dist_filter) reads its features from a file of CLIP vectors; this is the
# paper's update written for arrays, without any index.
def self_filter(difficulty, similarity, neighbors, gamma, budget):
    left, order = dict(enumerate(difficulty)), []
    for _ in range(budget):
        best = max(left, key=lambda i: (left[i], -i))
        penalty = left.pop(best) * gamma
        order.append(best)
        for i in sorted(left, key=lambda i: -similarity[best, i])[:neighbors]:
            left[i] -= penalty * similarity[best, i] ** 2
    return order


hard = loss - 1  # some below 0: those give a bonus
out["self_filter"] = [{"neighbors": k, "gamma": g, "loss": d.tolist(), "rows": self_filter(d, cosine, k, g, 70)}
                      for k, g, d in [(10, 1.0, loss), (3, 1.0, np.round(hard, 3)), (5, 0.5, loss)]]
Path(__file__).with_name("coverage.json").write_text(json.dumps(out) + "\n")
