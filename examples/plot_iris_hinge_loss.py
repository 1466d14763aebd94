"""
The hinge loss of a model of the irises
=======================================

A linear model of three classes of iris is trained on standardised columns, one class
against the rest. Its hinge loss on rows that it has not seen is computed in the three
forms of ``hingesvm.metrics.hinge_loss``, and by scikit-learn.
"""

import matplotlib.pyplot as plt
import numpy as np
import sklearn.metrics
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC
from hingesvm.metrics import hinge_loss

iris = load_iris()
X_train, X_test, y_train, y_test = train_test_split(
    iris.data, iris.target, test_size=0.4, stratify=iris.target, random_state=0
)
model = make_pipeline(StandardScaler(), HingeSVC()).fit(X_train, y_train)
decisions = model.decision_function(X_test)

print(f"{len(y_train)} rows to train, {len(y_test)} to test")
print(f"test accuracy        {model.score(X_test, y_test):.3f}")
print(f"training objective   {model[-1].objective_:.4f}")
print(f"duality gap          {model[-1].dual_gap_:.1e}")

# %%
# The loss of the test rows, in three forms
# -----------------------------------------
#
# "crammer_singer" is the hinge of the lead of the true class over the best other one.
# ``sklearn.metrics.hinge_loss`` computes it too. "weston_watkins" sums the hinges of
# the leads over all other classes. "ovr" sums the hinges of the decisions of each class
# against the rest, which this model was trained to keep low.

FORMS = ["crammer_singer", "weston_watkins", "ovr"]
for form in FORMS:
    print(f"{form:16s}{hinge_loss(y_test, decisions, multi_class=form):8.4f}")
theirs = sklearn.metrics.hinge_loss(y_test, decisions)
print(f"{'scikit-learn':16s}{theirs:8.4f}")
np.testing.assert_allclose(theirs, hinge_loss(y_test, decisions), rtol=1e-12)

# %%
# By class
# --------
#
# Among the rows of one class all others are missing, so ``labels`` has to name all
# classes.

classes = model.classes_
by_class = {
    form: [
        hinge_loss(
            y_test[y_test == label],
            decisions[y_test == label],
            labels=classes,
            multi_class=form,
        )
        for label in classes
    ]
    for form in FORMS
}
print(f"{'':16s}" + "".join(f"{name:>12s}" for name in iris.target_names))
for form, losses in by_class.items():
    print(f"{form:16s}" + "".join(f"{loss:12.4f}" for loss in losses))

# %%
# Versicolor lies between the other two, so no plane has it on one side and both others
# on the other. Its own decisions are poor, which "ovr" shows. The largest decision is
# right nearly always, as the other two forms and the accuracy show.

rows = np.arange(len(y_test))
others = decisions.copy()
others[rows, y_test] = -np.inf
leads = decisions[rows, y_test] - others.max(axis=1)
print(f"{np.sum(leads < 1.0)} rows with a loss, {np.sum(leads <= 0.0)} of them errors")
np.testing.assert_allclose(np.maximum(0.0, 1.0 - leads).mean(), theirs)

fig, (left, right) = plt.subplots(1, 2, figsize=(10.0, 4.2), layout="constrained")
rng = np.random.default_rng(0)
for label, marker in zip(classes, "os^", strict=True):
    mine = leads[y_test == label]
    heights = label + rng.uniform(-0.25, 0.25, mine.size)
    left.plot(mine, heights, marker, markersize=6, alpha=0.75)
left.axvline(0.0, color="black", linewidth=1.0, label="errors lie left of this")
left.axvline(
    1.0, color="black", linestyle="--", linewidth=1.0, label="no loss right of this"
)
left.set(
    title="Each test row (crammer_singer)",
    xlabel="lead of the true class (units of the decision)",
    yticks=classes,
    yticklabels=iris.target_names,
    ylim=(-0.6, 3.3),
)
left.legend(loc="upper right")

styles = [
    {"color": "white", "hatch": "//"},
    {"color": "0.75"},
    {"color": "C0", "hatch": ".."},
]
for place, (form, style) in enumerate(zip(FORMS, styles, strict=True)):
    bars = right.bar(
        classes + 0.27 * (place - 1),
        by_class[form],
        width=0.25,
        edgecolor="black",
        label=form,
        **style,
    )
    right.bar_label(bars, fmt="%.2f", fontsize="small", padding=2)
right.set(
    title="Mean loss of test rows by class",
    ylabel="mean hinge loss",
    xticks=classes,
    xticklabels=iris.target_names,
)
right.margins(y=0.12)
right.legend()
plt.show()
