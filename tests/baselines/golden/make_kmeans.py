"""k-means of scikit-learn and faiss from given initial centres, for kmeans_test.cpp.

scikit-learn 1.9: KMeans(algorithm="lloyd", init=array, n_init=1, tol=0); the best inertia of KMeans(n_init=10) as the
mark to reach. faiss 1.15: Kmeans(spherical=True) on rows of length 1. OMP_NUM_THREADS=1 python3 make_kmeans.py
"""
import json
from pathlib import Path

import faiss
import numpy as np
from sklearn.cluster import KMeans

rng = np.random.default_rng(5)
rows, cols, clusters = 200, 4, 6
means = rng.normal(size=(10, cols)) * 2 + 20  # far from the origin
matrix = np.round(means[rng.integers(10, size=rows)] + rng.normal(size=(rows, cols)), 3).astype(np.float32)
initial = matrix[rng.choice(rows, clusters, replace=False)]


def lloyd(x, centers, **options):
    fit = KMeans(len(centers), init=centers, n_init=1, tol=0, algorithm="lloyd", **options).fit(x)
    return {"initial": centers.ravel().tolist(), "labels": fit.labels_.tolist(), "inertia": float(fit.inertia_),
            "centers": [round(float(v), 6) for v in fit.cluster_centers_.ravel()], "iterations": int(fit.n_iter_)}


# Two starting centres where no row will ever be nearest.
lost = initial.copy()
lost[1], lost[4] = 500, -500
exact = matrix.astype(np.float64)
unit = (matrix - 20) / np.linalg.norm(matrix - 20, axis=1, keepdims=True)
sphere = faiss.Kmeans(cols, clusters, niter=25, spherical=True, max_points_per_centroid=rows, min_points_per_centroid=1)
sphere.train(unit, init_centroids=unit[:clusters])
similarity, labels = sphere.index.search(unit, 1)
out = {
    "cols": cols,
    "matrix": [round(float(v), 3) for v in matrix.ravel()],
    "lloyd": lloyd(exact, initial.astype(np.float64)),
    "two_steps": lloyd(exact, initial.astype(np.float64), max_iter=2),
    "lost": lloyd(exact, lost.astype(np.float64)),
    "best": [{"clusters": k, "inertia": min(float(KMeans(k, n_init=10, random_state=s).fit(exact).inertia_) for s in range(3))}
             for k in [2, 6, 10, 40]],
    "spherical": {"shift": 20, "labels": labels.ravel().tolist(), "centers": [round(float(v), 6) for v in sphere.centroids.ravel()],
                  "inertia": float(np.sum(1 - similarity))},
}
Path(__file__).with_name("kmeans.json").write_text(json.dumps(out) + "\n")
