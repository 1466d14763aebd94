"""
Weights of classes and of rows
==============================

Errors need not cost the same. A factor of C for a class, ``class_weight``, or for a
row, ``sample_weight``, makes its losses cost more, and the line moves away from it. A
weight of 2 is exactly the same as the row twice, and 0 the same as the row left out.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.model_selection import train_test_split

from hingesvm import HingeSVC

# %%
# A class whose errors cost more
# ------------------------------
#
# There are two overlapping clouds of points, one of them with four times as many. A
# missed point of the smaller class costs 10, and a false alarm 1. "balanced" gives both
# classes the same total weight, a factor of 4 between their points; here the costs are
# known, and better.

MISS, ALARM = 10.0, 1.0
X, y = make_blobs(
    [2000, 500],
    centers=[[0.0, 0.0], [2.6, 1.6]],
    cluster_std=[1.2, 0.9],
    random_state=0,
)
X, X_test, y, y_test = train_test_split(
    X, y, train_size=250, stratify=y, random_state=0
)
by_class = {
    "no weights": HingeSVC(),
    '"balanced"': HingeSVC(class_weight="balanced"),
    f"{{0: {ALARM:.0f}, 1: {MISS:.0f}}}": HingeSVC(class_weight={0: ALARM, 1: MISS}),
}
print(f"{len(y)} rows to train, {len(y_test)} to test")
print(f"{'class_weight':14s}missed   false alarms   mean cost")
for name, model in by_class.items():
    predicted = model.fit(X, y).predict(X_test)
    missed = np.sum((predicted == 0) & (y_test == 1))
    alarms = np.sum((predicted == 1) & (y_test == 0))
    cost = (MISS * missed + ALARM * alarms) / len(y_test)
    print(f"{name:14s}{missed:6d}{alarms:15d}{cost:12.3f}")

# %%
# Rows that grow old
# ------------------
#
# The line between the classes here has turned by 60 degrees in the last four years.
# With weights that halve with every year of age, a model for today is trained on all
# rows.

rng = np.random.default_rng(0)


def drifting(n_samples, most_years):
    """Return rows, noisy labels, and ages up to so many years."""
    ages = rng.uniform(0.0, most_years, n_samples)
    angles = np.deg2rad(15.0 + 15.0 * ages)
    rows = rng.standard_normal((n_samples, 2))
    scores = rows[:, 0] * np.cos(angles) + rows[:, 1] * np.sin(angles)
    return rows, np.where(scores + rng.normal(0.0, 0.2, n_samples) > 0.0, 1, 0), ages


Z, z, ages = drifting(250, 4.0)
Z_test, z_test, _ = drifting(5000, 0.0)
weights = 0.5**ages
by_row = {
    "no weights": HingeSVC().fit(Z, z),
    "halved each year": HingeSVC().fit(Z, z, sample_weight=weights),
}
print(f"{'sample_weight':18s}angle   accuracy on rows of today")
for name, model in by_row.items():
    angle = np.rad2deg(np.arctan2(*model.coef_[0, ::-1]))
    print(f"{name:18s}{angle:5.1f}{model.score(Z_test, z_test):11.3f}")

# %%
# Weight 2 is the row twice
# -------------------------
#
# This holds exactly: the problem is the same, and both fits certify that they have
# solved it. A class weight is the sample weight of each row of the class.

counts = rng.integers(0, 4, len(y))
twins = {
    "weights 0, 1, 2 or 3": HingeSVC().fit(X, y, sample_weight=counts),
    "so many copies of each": HingeSVC().fit(
        np.repeat(X, counts, axis=0), np.repeat(y, counts)
    ),
    "class_weight={0: 1, 1: 2}": HingeSVC(class_weight={0: 1, 1: 2}).fit(X, y),
    "sample_weight 1 and 2": HingeSVC().fit(X, y, sample_weight=1 + y),
    "rows of class 1 twice": HingeSVC().fit(
        np.repeat(X, 1 + y, axis=0), np.repeat(y, 1 + y)
    ),
}
print(f"{'':27s}weights and intercept                  objective")
for name, model in twins.items():
    (w,), (b,) = model.coef_, model.intercept_
    print(f"{name:27s}{w[0]:.9f} {w[1]:.9f} {b:.9f} {model.objective_:14.9f}")

first, *others = (np.append(model.coef_, model.intercept_) for model in twins.values())
np.testing.assert_allclose(others[0], first, rtol=1e-7)
np.testing.assert_allclose(others[2:], np.tile(others[1], (2, 1)), rtol=1e-7)

# %%
# The lines
# ---------

STYLES = [
    {"color": "black", "linestyle": "-"},
    {"color": "C3", "linestyle": "--"},
    {"color": "C2", "linestyle": "-.", "linewidth": 2.2},
]


def draw(ax, models, rows, labels, sizes):
    """Draw two classes of points and the line of each model."""
    for label, marker in enumerate("os"):
        mine = labels == label
        ax.scatter(
            *rows[mine].T,
            s=sizes[mine],
            marker=marker,
            facecolors=f"C{label}" if label else "none",
            edgecolors="black" if label else "C0",
            linewidths=0.8,
            alpha=0.8,
            label=f"class {label}",
        )
    ends = np.array([rows[:, 1].min(), rows[:, 1].max()])
    for (name, model), style in zip(models.items(), STYLES, strict=False):
        (w,), (b,) = model.coef_, model.intercept_
        ax.plot(-(b + w[1] * ends) / w[0], ends, label=name, **style)
    ax.set(xlabel="first column (no unit)", ylabel="second column (no unit)")
    ax.set_xlim(rows[:, 0].min() - 0.2, rows[:, 0].max() + 0.2)


fig, (left, right) = plt.subplots(1, 2, figsize=(11.0, 5.4), layout="constrained")
draw(left, by_class, X, y, np.full(len(y), 24.0))
left.set_title("class_weight: missing class 1 costs more")
draw(right, by_row, Z, z, 70.0 * weights)
right.set_title("sample_weight: small points are old")
for ax, ncols in ((left, 3), (right, 2)):
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=ncols)
plt.show()
