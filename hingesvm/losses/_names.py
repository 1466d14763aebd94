"""Names that losses have elsewhere, and what is called so here."""

from __future__ import annotations

from difflib import get_close_matches

__all__ = ["hint_of_loss"]

_SMOOTHED = '"smoothed_hinge" or SmoothedHinge(gamma=...)'
_LOGISTIC = (
    "is no hinge loss: sklearn.linear_model.LogisticRegression trains it, and "
    "calibration gives a HingeSVC probabilities"
)
_OF_REGRESSION = "is a loss of regression: see sklearn.svm.LinearSVR"

# What others call each loss, written without "-", "_" and spaces.
_ELSEWHERE = {
    **dict.fromkeys(("l1", "hingeloss", "standardhinge", "l1loss"), 'is "hinge" here'),
    **dict.fromkeys(
        ("l2", "l2loss", "squarehinge", "hingesquared", "sqhinge", "l2hinge"),
        'is "squared_hinge" here',
    ),
    **dict.fromkeys(
        ("smoothhinge", "huberhinge", "huberizedhinge", "huberisedhinge", "hhsvm"),
        f"is {_SMOOTHED} here",
    ),
    "modifiedhuber": (
        "is 4 times SmoothedHinge(gamma=2.0): pass that loss, and 4 times the C"
    ),
    **dict.fromkeys(
        ("log", "logloss", "logistic", "logisticregression", "logit", "deviance"),
        _LOGISTIC,
    ),
    "perceptron": (
        "has no margin: see sklearn.linear_model.Perceptron, or take the hinge"
    ),
    **dict.fromkeys(
        (
            *("squarederror", "squaredloss", "huber", "absoluteerror"),
            *("epsiloninsensitive", "squaredepsiloninsensitive"),
        ),
        _OF_REGRESSION,
    ),
    "crammersinger": (
        'is a loss of all classes together: pass multi_class="crammer_singer"'
    ),
    "westonwatkins": (
        'is a loss of all classes together: pass multi_class="weston_watkins"'
    ),
}
_OURS = ("hinge", "squared_hinge", "smoothed_hinge")


def hint_of_loss(name: str) -> str:
    """Return what to use for a loss that has another name elsewhere; "" if unknown."""
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    same = [ours for ours in _OURS if ours.replace("_", "") == plain]
    if same and same[0] != name:
        return f' {name!r} is "{same[0]}" here.'
    if plain in _ELSEWHERE:
        return f" {name!r} {_ELSEWHERE[plain]}."
    close = get_close_matches(name, _OURS, n=1, cutoff=0.75)
    return f" Did you mean {close[0]!r}?" if close and close[0] != name else ""
