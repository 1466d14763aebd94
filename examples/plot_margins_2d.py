"""
Margins in the plane
====================

A support vector machine draws a line between two classes, and on either side of it a
line at which the loss begins. C says how much it costs to have rows between these lines
or beyond: with a small C the margin is wide and many rows are support vectors, with a
large C it is narrow. ``MarginDisplay`` draws all of this.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from hingesvm import HingeSVC
from hingesvm.inspection import MarginDisplay

X, y = make_blobs([60, 60], centers=[[0, 0], [3, 2]], cluster_std=1.1, random_state=0)

# %%
# Three values of C
# -----------------
#
# The lines at which the decision is -1 and 1 are ``2 / norm(w)`` apart. A support
# vector is a row on the line of its class or on the wrong side of it; on the wrong side
# it is a margin violation. Beyond the middle line, at decision 0, it is also an error.

fig, axes = plt.subplots(
    1, 3, figsize=(12.0, 4.6), layout="constrained", sharex=True, sharey=True
)
print("     C   margin width   support vectors   violations   errors   gap (relative)")
for ax, C in zip(axes, [0.005, 0.05, 100.0], strict=True):
    clf = HingeSVC(C=C).fit(X, y)
    display = MarginDisplay.from_estimator(
        clf, X, y, legend=False, name=f"C = {C:g}", ax=ax
    )
    ax.label_outer()
    print(
        f"{C:6g}{2 / np.linalg.norm(clf.coef_):15.3f}{display.support.sum():18d}"
        f"{display.n_violations:13d}{np.sum(clf.predict(X) != y):9d}"
        f"{clf.dual_gap_ / clf.objective_:17.1e}"
    )

# One legend for all three, as only the number of support vectors differs.
names = ["class 0", "class 1", "support vectors", "decision 0", "decision -1 and 1"]
fig.legend(display.legend_handles_, names, loc="outside lower center", ncols=5)
plt.show()

# %%
# Without the other rows
# ----------------------
#
# The rows that are no support vectors of the last model can be left out without moving
# the line.

without = HingeSVC(C=C).fit(X[display.support], y[display.support])
print(f"all {len(y)} rows      ", clf.coef_[0], clf.intercept_)
print(f"{display.support.sum()} support vectors", without.coef_[0], without.intercept_)
np.testing.assert_allclose(without.coef_, clf.coef_, rtol=1e-6)
