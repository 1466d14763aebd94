"""
Convergence, beside SGDClassifier and LinearSVC
===============================================

Three estimators train a linear support vector machine, and all get closer to the
minimum of its objective the longer they run. Two of them cannot tell how close they
are. HingeSVC checks its duality gap as it goes, stops when that is small enough, and
keeps what each check found in ``history_``.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC
from hingesvm.inspection import ConvergenceDisplay
from hingesvm.losses import Hinge

# %%
# One objective
# -------------
#
# The three treat an intercept differently, so none fits one here. Instead the last
# column is constant, and its weight is an intercept that is penalised like any other
# weight. C is 1 / (alpha n) in SGDClassifier.

C, n_samples = 1.0, 12_000
X, y = make_classification(
    n_samples,
    n_features=40,
    n_informative=10,
    n_redundant=10,
    flip_y=0.1,
    random_state=0,
)
X = np.column_stack([StandardScaler().fit_transform(X), np.ones(n_samples)])
signs = np.where(y == 1, 1.0, -1.0)


def objective(w):
    """Return the penalty plus C times the sum of the hinge losses."""
    return 0.5 * w @ w + C * Hinge().value(signs * (X @ w)).sum()


# %%
# This finds the minimum to ten digits: no weights have an objective below ``lowest``.

exact = HingeSVC(C=C, fit_intercept=False, tol=1e-10).fit(X, y)
lowest = exact.objective_ - exact.dual_gap_
np.testing.assert_allclose(objective(exact.coef_[0]), exact.objective_, rtol=1e-9)
print(f"minimum between {lowest:.6f} and {exact.objective_:.6f}")

# %%
# Fits of more and more passes
# ----------------------------
#
# SGDClassifier and LinearSVC are fitted anew for each number of passes over the rows,
# with no other reason to stop. The excess is how far the objective is above the
# minimum, relative to it.


def run(model):
    """Fit; return seconds and the excess of the objective."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - began
    return seconds, objective(model.coef_[0]) / lowest - 1.0


sgd = {"alpha": 1.0 / (C * n_samples), "fit_intercept": False, "tol": None}
tight = {"loss": "hinge", "C": C, "fit_intercept": False, "tol": 1e-12}
makers = {
    "SGDClassifier": lambda passes: SGDClassifier(
        max_iter=passes, random_state=0, **sgd
    ),
    "SGDClassifier, averaged": lambda passes: SGDClassifier(
        max_iter=passes, average=True, random_state=0, **sgd
    ),
    "LinearSVC": lambda passes: LinearSVC(max_iter=passes, random_state=0, **tight),
}
PASSES = {name: [1, 3, 10, 30, 100] for name in makers}
PASSES["LinearSVC"] = [1, 10, 100, 1000]
curves = {}
print(f"{'':25s}passes    seconds   relative excess")
for name, maker in makers.items():
    curves[name] = np.array([run(maker(passes)) for passes in PASSES[name]]).T
    for passes, seconds, excess in zip(PASSES[name], *curves[name], strict=True):
        print(f"{name:25s}{passes:6d}{seconds:11.3f}{excess:18.1e}")

# %%
# One fit of HingeSVC
# -------------------
#
# This fit has to prove a relative gap of 1e-6. Its duality-gap checks are rows of
# ``history_``, with the lowest objective and gap so far. The fit knows the gap; the
# excess, which only the exact solution shows, is never larger. The time before the
# first check and after the last one is added to all.

model = HingeSVC(C=C, fit_intercept=False, tol=1e-6)
seconds, excess = run(model)
(history,) = model.history_
at = history["seconds"] + (seconds - history["seconds"][-1])
excesses = history["objective"] / lowest - 1.0
gaps = history["gap"] / history["objective"]
print("HingeSVC   iteration    seconds   relative excess   certified")
for row in zip(history["iteration"], at, excesses, gaps, strict=True):
    print("{:20d}{:11.3f}{:18.1e}{:12.1e}".format(*row))
assert np.all(excesses <= gaps + 1e-9)

fig, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.6), layout="constrained")
STYLES = [("^", ":", "C2"), ("D", "-.", "C1"), ("s", "--", "C0")]
for (name, curve), (marker, line, color) in zip(curves.items(), STYLES, strict=True):
    left.plot(*curve, marker=marker, linestyle=line, color=color, label=name)
left.plot(at, excesses, "o-", color="black", label="HingeSVC, one fit")
left.set(
    title=f"{n_samples} rows, {X.shape[1]} columns, C = {C:g}",
    xlabel="seconds of a fit",
    ylabel="excess of the objective, relative to the minimum",
    xscale="log",
    yscale="log",
)
left.grid(alpha=0.3)
left.legend()

ConvergenceDisplay.from_estimator(
    model, name="certified: duality gap", ax=right, line_kwargs={"color": "C3"}
)
right.plot(
    history["seconds"],
    excesses,
    color="black",
    marker="x",
    linestyle="--",
    drawstyle="steps-post",
    label="true: excess of the objective",
)
right.set_ylabel("relative to the objective")
right.legend(loc="lower left")
plt.show()
