"""
Rows that stay on the disk
==========================

A table is written to the disk and trained batch by batch: ``fit_batches`` reads all
rows a few times, and has one batch and the rows near the margin in memory. It solves
the problem of all rows, and certifies the answer. ``SGDClassifier.partial_fit`` sees
the same batches.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import SGDClassifier

from hingesvm import HingeSVC
from hingesvm.batches import from_arrays
from hingesvm.losses import Hinge

# %%
# A table in the order of time
# ----------------------------
#
# The file has twelve months of rows, one after the other. The columns drift from month
# to month, and so does the share of the classes, so a batch is unlike the next one.
# Rows are written month by month, as they have to be where they do not fit into memory.

n_months, n_of_month, n_features = 12, 10_000, 30
n_samples = n_months * n_of_month
rng = np.random.default_rng(0)
direction = rng.standard_normal(n_features) / np.sqrt(n_features)

# Windows does not remove files that are still mapped.
folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
path = Path(folder.name) / "X.npy"
X = np.lib.format.open_memmap(
    path, mode="w+", dtype=np.float32, shape=(n_samples, n_features)
)
y = np.empty(n_samples, dtype=np.int8)
for month in range(n_months):
    some = slice(month * n_of_month, (month + 1) * n_of_month)
    X[some] = rng.standard_normal((n_of_month, n_features))
    X[some] += rng.standard_normal(n_features)
    noise = rng.standard_normal() + 0.5 * rng.standard_normal(n_of_month)
    y[some] = np.where(X[some] @ direction + noise > 0.0, 1, -1)
X.flush()
print(f"{path.stat().st_size / 1e6:.0f} MB on the disk, in {n_months} batches")

# %%
# A few passes
# ------------
#
# ``from_arrays`` cuts a memory map into batches. Any other object will do whose
# ``__iter__`` yields ``(X, y)`` from the start again, such as this one, which counts.


class Counted:
    """Batches that count the passes over them."""

    def __init__(self, batches):
        self.batches, self.n_passes = batches, 0

    def __iter__(self):
        self.n_passes += 1
        return iter(self.batches)


batches = Counted(from_arrays(np.load(path, mmap_mode="r"), y, rows=n_of_month))
clf = HingeSVC(random_state=0).fit_batches(batches)
print(
    f"{batches.n_passes} passes: objective {clf.objective_:.6g}, "
    f"at most {clf.dual_gap_ / clf.objective_:.1e} of it above the minimum"
)

in_memory = HingeSVC(random_state=0).fit(X, y)
assert abs(clf.objective_ - in_memory.objective_) <= clf.dual_gap_ + in_memory.dual_gap_

# %%
# Pass by pass
# ------------
#
# The fits of HingeSVC below end at smaller and smaller proven gaps. SGDClassifier goes
# on from batch to batch; of three first step sizes the one is kept that ends lowest.
# Then the same is done with the rows in random order. A file that does not fit into
# memory would have to be shuffled on the disk for that.

exact = HingeSVC(tol=1e-8).fit(X, y)
lowest = exact.objective_ - exact.dual_gap_


def excess(w, b):
    """Return how far the objective is above the minimum, relative to it."""
    margins = y * (X @ w.astype(np.float32) + np.float32(b))
    return (0.5 * w @ w + Hinge().value(margins).sum()) / lowest - 1.0


def certified(batches):
    """Return passes and proven relative gaps of fits to several tolerances."""
    points = []
    for tol in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        counted = Counted(batches)
        model = HingeSVC(tol=tol, random_state=0).fit_batches(counted)
        points.append((counted.n_passes, model.dual_gap_ / model.objective_))
    return np.array(points).T


def by_partial_fit(batches, average, n_passes=11):
    """Return the excess after each batch, with the best of some step sizes."""
    paths = []
    for eta0 in (0.01, 0.1, 1.0):
        model = SGDClassifier(
            alpha=1.0 / n_samples,
            learning_rate="invscaling",
            eta0=eta0,
            average=average,
            random_state=0,
        )
        path = []
        for _ in range(n_passes):
            for rows, labels in batches:
                model.partial_fit(rows, labels, classes=[-1, 1])
                path.append((model.coef_[0].copy(), float(model.intercept_[0])))
        paths.append(path)
    best = min(paths, key=lambda path: excess(*path[-1]))
    return np.array([excess(w, b) for w, b in best])


order = rng.permutation(n_samples)
panels = {
    "Rows in the order of the file": from_arrays(X, y, rows=n_of_month),
    "Rows in random order": from_arrays(X[order], y[order], rows=n_of_month),
}
# Averages begin after the first pass.
PEERS = {"SGDClassifier": False, "SGDClassifier, averaged": n_samples}
STYLES = [("C2", "-"), ("C1", "--")]

fig, axes = plt.subplots(1, 2, figsize=(11.0, 4.6), sharey=True, layout="constrained")
for ax, (title, batches) in zip(axes, panels.items(), strict=True):
    for (name, average), (color, line) in zip(PEERS.items(), STYLES, strict=True):
        curve = by_partial_fit(batches, average)
        passes = np.arange(1, len(curve) + 1) / n_months
        ax.plot(passes, curve, color=color, linestyle=line, label=name)
        print(f"{title}: {name} ends {curve[-1]:.1e} above the minimum")
    passes, gaps = certified(batches)
    ax.plot(passes, gaps, "o", color="black", label="HingeSVC, proven gap of each fit")
    for count, gap in zip(passes, gaps, strict=True):
        print(f"{title}: HingeSVC, {count:.0f} passes, proven {gap:.1e}")
    ax.set(title=title, xlabel="passes over all rows", yscale="log")
    ax.grid(alpha=0.3)
axes[0].set_ylabel("distance to the minimum, relative to it")
axes[0].legend(loc="lower left")
plt.show()
folder.cleanup()
