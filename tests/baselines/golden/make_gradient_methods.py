"""LESS, ICONS and TIVE on small random gradients, by the formulas of the authors' code.

    python -m venv v && v/bin/pip install numpy && v/bin/python make_gradient_methods.py

princeton-nlp/LESS, less/data_selection/matching.py; princetonvisualai/icons, icons/generalist.py and
icons/influence_matrix.py; RUCAIBox/TIVE, select_data_TIVE.py. Target rows stand task by task, equally many each, as LESS
needs them.
"""

import json
import pathlib

import numpy as np

ROWS, WIDTH, TASKS, PER_TASK, EPOCHS, BUDGET = 60, 6, 3, 5, 2, 21
HERE = pathlib.Path(__file__).parent


def normalize(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def less(train, target, weights):
    weights = np.array(weights) / sum(weights)
    influence = sum(w * (normalize(t) @ normalize(v).T) for w, t, v in zip(weights, train, target))
    return influence.reshape(len(influence), TASKS, -1).mean(-1).max(-1)


def icons_influence(train, target):
    return (normalize(train) @ normalize(target).T).reshape(len(train), TASKS, -1).mean(-1)


def icons_votes(influence, top_percent):
    masks = [column >= np.percentile(column, 100 - top_percent) for column in influence.T]
    return np.sum(np.column_stack(masks), axis=1)


def tive(train, norms, labels, budget):
    """Real-valued shares of the budget and each row's influence on its own task."""
    unit = normalize(train)
    means = np.array([norms[labels == task].mean() for task in range(TASKS)])
    influence = np.empty(len(train))
    for task in range(TASKS):
        own = unit[labels == task]
        influence[labels == task] = (own @ own.T).mean(-1)
    return means / means.sum() * budget, influence


def main():
    generator = np.random.default_rng(20)
    train = generator.standard_normal((EPOCHS, ROWS, WIDTH)) * generator.lognormal(0, 1, (1, ROWS, 1))
    centers = np.repeat(generator.standard_normal((EPOCHS, TASKS, WIDTH)), PER_TASK, axis=1)
    target = centers + 0.7 * generator.standard_normal((EPOCHS, TASKS * PER_TASK, WIDTH))
    train, target = train.round(4), target.round(4)
    influence = icons_influence(train[-1], target[-1])
    labels = influence.argmax(-1)
    norms = np.linalg.norm(train[-1], axis=1).round(4)
    shares, values = tive(train[-1], norms, labels, BUDGET)
    (HERE / "gradient_methods.json").write_text(json.dumps({
        "rows": ROWS, "width": WIDTH, "tasks": TASKS, "per_task": PER_TASK, "budget": BUDGET,
        "train": train.reshape(EPOCHS, -1).tolist(), "target": target.reshape(EPOCHS, -1).tolist(),
        "norms": norms.tolist(),
        "less": less(train, target, [3.0, 1.0]).tolist(),
        "icons_votes": icons_votes(influence, 20).tolist(),
        "icons_influence": influence.tolist(),
        "tive_labels": labels.tolist(), "tive_shares": shares.tolist(), "tive_values": values.tolist()}) + "\n")


main()
