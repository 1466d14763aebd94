"""
Probabilities from a hinge
==========================

The score of a support vector machine orders rows, but it is no probability, as the
hinge loss does not estimate one. ``CalibratedClassifierCV(HingeSVC(), ensemble=False)``
learns from the scores of held-out rows what share of them is positive. Its reliability
and Brier score are compared with those of scores that are merely squeezed between 0 and
1, and of a logistic regression.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from hingesvm import HingeSVC

# %%
# Rows of known probability
# -------------------------
#
# The probability of class 1 is a logistic function of one direction, except that a
# tenth of the labels are decided by a coin. So it is never below 5% nor above 95%.

rng = np.random.default_rng(0)
n_samples, n_features, n_train = 12_000, 20, 2000
X = rng.standard_normal((n_samples, n_features))
direction = rng.standard_normal(n_features)
direction /= np.linalg.norm(direction)
truth = 0.05 + 0.9 * expit(4.0 * X @ direction - 3.0)
y = (rng.uniform(size=n_samples) < truth).astype(int)
X_train, X_test = X[:n_train], X[n_train:]
y_train, y_test = y[:n_train], y[n_train:]

# %%
# Scores, squeezed or calibrated
# ------------------------------
#
# With ``ensemble=False`` the calibration is learned from the scores of
# cross-validation, and applied to those of one HingeSVC that is trained on all rows.
# The default method fits a sigmoid to the scores, "isotonic" any curve that does not
# fall.

svc = HingeSVC().fit(X_train, y_train)
scores = svc.decision_function(X_train)
squeezed = (svc.decision_function(X_test) - scores.min()) / np.ptp(scores)
predicted = {"HingeSVC, squeezed": np.clip(squeezed, 0.0, 1.0)}
calibrated = {
    "HingeSVC, sigmoid": CalibratedClassifierCV(HingeSVC(), ensemble=False),
    "HingeSVC, isotonic": CalibratedClassifierCV(
        HingeSVC(), ensemble=False, method="isotonic"
    ),
    "logistic regression": LogisticRegression(),
}
for name, model in calibrated.items():
    predicted[name] = model.fit(X_train, y_train).predict_proba(X_test)[:, 1]

inner = calibrated["HingeSVC, sigmoid"].calibrated_classifiers_[0].estimator
np.testing.assert_array_equal(inner.coef_, svc.coef_)
relative_gap = svc.dual_gap_ / svc.objective_
print(f"{n_train} rows to train, {n_samples - n_train} to test")
print(f"relative duality gap of HingeSVC {relative_gap:.1e}")

# %%
# The Brier score is the mean square of the error of a probability. A sigmoid lowers it
# without changing the order of the rows, on which the area under the ROC curve depends;
# an isotonic curve gives some rows equal values. The last line is the best possible.

predicted_or_known = predicted | {"true probability": truth[n_train:]}
errors = {
    name: brier_score_loss(y_test, values)
    for name, values in predicted_or_known.items()
}
print(f"{'':22s}Brier   accuracy   area under ROC")
for name, values in predicted_or_known.items():
    accuracy = np.mean((values > 0.5) == y_test)
    area = roc_auc_score(y_test, values)
    print(f"{name:22s}{errors[name]:.4f}{accuracy:10.3f}{area:13.4f}")

# %%
# Reliability
# -----------
#
# Of the rows that are given a probability of about 30%, about 30% should be of class 1.
# The rows are put into ten groups of the same size. In the middle, the squeezed scores
# are far too high: a score of 0, where HingeSVC is undecided, is not in the middle of
# their range. Labels decided by a coin do not fit a sigmoid, so its curve bends, as
# does that of the logistic regression. The isotonic one follows them.

STYLES = [("o", ":", "C3"), ("s", "-", "C0"), ("^", "-.", "C2"), ("x", "--", "black")]
fig, (left, right) = plt.subplots(1, 2, figsize=(11.0, 5.0), layout="constrained")
left.plot([0.0, 1.0], [0.0, 1.0], color="0.7", linewidth=3.0, label="reliable")
for (name, values), (marker, line, color) in zip(
    predicted.items(), STYLES, strict=True
):
    shares, means = calibration_curve(y_test, values, n_bins=10, strategy="quantile")
    left.plot(means, shares, marker=marker, linestyle=line, color=color, label=name)
left.set(
    title="Reliability of 10,000 test rows",
    xlabel="mean of the predicted probability in a group",
    ylabel="share of class 1 in the group",
    aspect="equal",
)
left.legend(loc="upper left")

bars = right.barh(list(errors), list(errors.values()), color="0.9", edgecolor="black")
right.bar_label(bars, fmt="%.4f", padding=3)
right.set(title="Brier score: less is better", xlabel="mean squared error (no unit)")
right.margins(x=0.18)
right.invert_yaxis()
plt.show()
