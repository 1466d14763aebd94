"""
Tuning C along a path
=====================

A search over C fits the same rows again and again. ``HingeSVCCV`` solves the problems
of a fold in ascending order of C, each from the solution of the one before, and takes
folds as lists of row numbers. It finds the same C as ``GridSearchCV`` over
``HingeSVC``, in less time. ``RegularizationPathDisplay`` draws the effects of C.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC
from hingesvm.inspection import RegularizationPathDisplay
from hingesvm.model_selection import HingeSVCCV

data = load_breast_cancer()
X, y = StandardScaler().fit_transform(data.data), data.target
Cs = np.logspace(-3, 1, 9)


def timed(model):
    """Fit; return the model and seconds."""
    began = time.perf_counter()
    model.fit(X, y)
    return model, time.perf_counter() - began


# %%
# The same choice as a search
# ---------------------------
#
# Both compare the accuracy on the rows left out, in ten stratified folds. The search
# solves each fit to rounding, ``HingeSVCCV`` those of the folds to ``tol``, so the
# scores are the same except for a row here and there.

search, searching = timed(GridSearchCV(HingeSVC(), {"C": Cs}, cv=10))
path, following = timed(HingeSVCCV(Cs, cv=10))
print(f"GridSearchCV   C = {search.best_params_['C']:.4f}   {searching:.2f} s")
print(f"HingeSVCCV     C = {path.C_:.4f}   {following:.2f} s")
assert search.best_params_["C"] == path.C_
means = search.cv_results_["mean_test_score"]
np.testing.assert_allclose(path.scores_.mean(axis=0), means, atol=1e-3)

# %%
# What C does
# -----------
#
# On the left is the accuracy of each fold and their mean, with the C of the best mean.
# The objective divided by C can only fall: a larger C means less loss on the training
# rows, which does not mean that it is better on others. On the right are the largest
# weights, which grow with C; some of them change sign.

RegularizationPathDisplay.from_estimator(path, feature_names=data.feature_names)
plt.show()

# %%
# Within one standard error
# -------------------------
#
# The means around the best differ by less than they would between two sets of rows.
# With ``one_standard_error=True`` the smallest C is chosen whose mean is within one
# standard error of the best: a wider margin and smaller weights. Here it is in a
# pipeline, whose scaler is fitted once, on all rows and not in each fold; as it sees no
# labels, that biases the scores little.

model = make_pipeline(StandardScaler(), HingeSVCCV(Cs, cv=10, one_standard_error=True))
careful = model.fit(data.data, y)[-1]
for name, clf in ("best mean", path), ("one standard error", careful):
    print(
        f"{name:20s} C = {clf.C_:.4f}   "
        f"accuracy {clf.scores_.mean(axis=0)[Cs == clf.C_][0]:.4f}   "
        f"norm of the weights {np.linalg.norm(clf.coef_):.3f}"
    )
assert careful.C_ < path.C_
RegularizationPathDisplay.from_estimator(model, feature_names=data.feature_names)
plt.show()
